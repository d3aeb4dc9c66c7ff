"""C headers: compiled with every warning, and compared with the network, output by output."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest

import nnfast as nn
from nnfast.exchange import c_float, c_math
from nnfast.exchange.fixed_point import LIMITS
from nnfast.formulas import ACTIVATIONS

GCC, GPP, ARM_GCC, ARM_RUN = (
    shutil.which(name) for name in ("gcc", "g++", "arm-linux-gnueabihf-gcc", "qemu-arm")
)
needs_gcc = pytest.mark.skipif(GCC is None, reason="no gcc")
needs_gpp = pytest.mark.skipif(GPP is None, reason="no g++")
needs_arm = pytest.mark.skipif(
    ARM_GCC is None or ARM_RUN is None, reason="no arm-linux-gnueabihf-gcc, or no qemu-arm"
)
STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion"]
C99, CPP = ["-std=c99", "-x", "c", *STRICT], ["-std=c++11", "-x", "c++", *STRICT]
UNDEFINED = ["-fsanitize=undefined,address,float-cast-overflow", "-fno-sanitize-recover=all"]

# name of the model: its options
MODELS = {
    "f32": {"numbers": "float32"},
    "f64": {"numbers": "float64"},
    "own32": {"numbers": "float32", "math": "own"},
    "own64": {"numbers": "float64", "math": "own"},
    "q8": {"numbers": "int8"},
    "q16": {"numbers": "int16"},
}
FLOATS = [name for name in MODELS if name[0] != "q"]
FIXED = [name for name in MODELS if name[0] == "q"]

# reads rows of a model's numbers, and writes the outputs, the class, and the whole outputs
PROGRAM = """
#include <stdio.h>
#include <string.h>
{includes}
int main(int count, char **names)
{{
    if (count < 2) return 1;
{branches}
    return 1;
}}
"""
BRANCH = """
    if (!strcmp(names[1], "{name}")) {{
        {real} in[{NAME}_INPUTS], out[{NAME}_OUTPUTS];
        while (fread(in, sizeof in, 1, stdin) == 1) {{
            const int label = {name}_predict_class(in);
            {name}_predict(in, out);
            fwrite(out, sizeof out, 1, stdout);
            fwrite(&label, sizeof label, 1, stdout);
            {fixed}
        }}
        return 0;
    }}
"""
BRANCH_FIXED = """{{
                {value} q[{NAME}_INPUTS];
                int16_t whole[{NAME}_OUTPUTS];
                {name}_quantize(in, q);
                {name}_predict_q(q, whole);
                if ({name}_predict_class_q(q) != label) return 2;
                fwrite(whole, sizeof whole, 1, stdout);
            }}"""


def build(folder, names, compiler, *flags):
    """A program of the headers in the folder."""
    branches = ""
    for name in names:
        numbers = MODELS[name]["numbers"]
        words = {"name": name, "NAME": name.upper(), "real": c_float.TYPES.get(numbers, "float")}
        fixed = BRANCH_FIXED.format(**words, value=f"{numbers}_t") if name in FIXED else ""
        branches += BRANCH.format(**words, fixed=fixed)
    includes = "\n".join(f'#include "{name}.h"' for name in names)
    source = folder / "program.c"
    source.write_text(PROGRAM.format(includes=includes, branches=branches))
    program = folder / "program"
    command = [compiler, *flags, str(source), "-lm", "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [str(program)]


def compute(command, name, X, outputs):
    """(outputs, classes, whole outputs) of a model of a program."""
    dtype = "float64" if MODELS[name]["numbers"] == "float64" else "float32"
    fields = [("y", dtype, (outputs,)), ("label", np.int32)]
    if name in FIXED:
        fields.append(("q", np.int16, (outputs,)))
    rows = X.astype(dtype).tobytes()
    done = subprocess.run([*command, name], input=rows, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found = np.frombuffer(done.stdout, np.dtype(fields))
    assert len(found) == len(X)
    return found["y"], found["label"], found["q"] if name in FIXED else None


def make(activation, *, dtype="float64", outputs=3, output=None):
    """A network with `activation` in every layer, and rows."""
    layers = [5, nn.Dense(7, activation, bias=False), nn.Dense(6, activation)]
    layers.append(nn.Dense(outputs, output or activation))
    net = nn.Network(layers, bias_init="normal", dtype=dtype, seed=3)
    if activation == "exponential":
        net.parameters[:] /= 4
    X = np.random.default_rng(5).normal(size=(300, 5)).astype(dtype)
    return net, X


def extremes(columns):
    """Rows with numbers that no network is trained for."""
    hard = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 1e-40, 0.0, 1.0])
    return np.random.default_rng(0).choice(hard, (200, columns))


def export(net, X, folder, names=tuple(MODELS)):
    for name in names:
        net.to_c(folder / f"{name}.h", name=name, data=X, **MODELS[name])


def printed_error(path):
    """The largest error that the comment tells."""
    return float(re.search(r"at most ([\d.e+-]+), ", path.read_text())[1])


def check_floats(net, X, command, names=FLOATS):
    for name in names:
        double = MODELS[name]["numbers"] == "float64"
        y, label, _ = compute(command, name, X, net.sizes[-1])
        expected = net.predict(X)
        size = max(1.0, abs(expected).max())
        ulps = 32 * np.finfo(np.float64 if double else np.float32).eps
        assert abs(y - expected).max() <= ulps * size
        near = np.sort(expected, axis=1)
        clear = near[:, -1] - near[:, -2] > 2 * ulps * size
        assert (label == net.predict_classes(X))[clear].all()


def check_fixed(net, X, folder, command, names=FIXED):
    """Bits are those of the simulation, whose error is the one that the header tells."""
    for name in names:
        y, label, q = compute(command, name, X, net.sizes[-1])
        simulated, whole = simulate(net, X, MODELS[name]["numbers"])
        assert (q == whole).all()
        np.testing.assert_allclose(y, simulated, rtol=1e-6, atol=1e-7 * abs(simulated).max())
        assert (label == whole.argmax(axis=1)).all()
        largest = printed_error(folder / f"{name}.h")
        assert abs(simulated - net.predict(X)).max() == pytest.approx(largest, rel=0.01)


def simulate(net, X, numbers, rows=None):
    """(outputs, whole outputs) for rows, the ranges being those of X."""
    from nnfast.exchange.fixed_point import Border, simulate
    from nnfast.exchange.fixed_rounding import round_network

    weights = net.architecture.views(net.parameters.astype(np.float64))
    fixed = round_network(net.architecture, weights, X.astype(np.float64), numbers)
    whole = simulate(fixed, Border.of(fixed.inputs, None).quantize(X if rows is None else rows))
    return Border.of(fixed.outputs, None).dequantize(whole), whole


def test_every_activation_has_an_expression():
    assert c_float.EXPRESSIONS.keys() == ACTIVATIONS.keys()


@needs_gcc
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_all_numbers(activation, tmp_path):
    net, X = make(activation)
    export(net, X, tmp_path)
    command = build(tmp_path, MODELS, GCC, *C99, *UNDEFINED)
    check_floats(net, X, command)
    check_fixed(net, X, tmp_path, command)
    hard = extremes(5)
    for name in FLOATS:
        compute(command, name, hard, 3)
    for name in FIXED:
        _, _, q = compute(command, name, hard, 3)
        assert (q == simulate(net, X, MODELS[name]["numbers"], hard)[1]).all()


@needs_gpp
def test_cpp(tmp_path):
    """Every activation once, in the halves of a program that includes all headers."""
    for activation in ACTIVATIONS:
        net, X = make(activation)
        export(net, X, tmp_path)
        command = build(tmp_path, MODELS, GPP, *CPP)
    check_floats(net, X, command)
    check_fixed(net, X, tmp_path, command)


@needs_arm
@pytest.mark.parametrize("activation", ["sigmoid", "gelu", "softmax"])
def test_32_bit_arm(activation, tmp_path):
    net, X = make(activation)
    export(net, X, tmp_path)
    program = build(tmp_path, MODELS, ARM_GCC, *C99, "-static")
    command = [ARM_RUN, *program]
    check_floats(net, X, command)
    check_fixed(net, X, tmp_path, command)
