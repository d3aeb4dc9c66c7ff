"""C headers: compiled with every warning, and compared with the network, output by output."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnfast as nn
from nnfast.exchange import c_float, c_math, fixed_point
from nnfast.exchange.fixed_point import LIMITS, Border
from nnfast.exchange.fixed_rounding import round_network
from nnfast.formulas import ACTIVATIONS

GCC, GPP, ARM_GCC, ARM_RUN = (
    shutil.which(name) for name in ("gcc", "g++", "arm-linux-gnueabihf-gcc", "qemu-arm")
)
if sys.platform == "win32":  # its stdin is not binary
    GCC = GPP = None
needs_gcc = pytest.mark.skipif(GCC is None, reason="no gcc, or Windows")
needs_gpp = pytest.mark.skipif(GPP is None, reason="no g++, or Windows")
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


def build(folder, names, compiler, *flags, classes=True):
    """A program of the headers in the folder; without classes, all labels are 0."""
    branches = ""
    for name in names:
        numbers = MODELS[name]["numbers"]
        words = {"name": name, "NAME": name.upper(), "real": c_float.TYPES.get(numbers, "float")}
        fixed = BRANCH_FIXED.format(**words, value=f"{numbers}_t") if name in FIXED else ""
        branches += BRANCH.format(**words, fixed=fixed)
    if not classes:
        branches = re.sub(r"\w+_predict_class\w*\(\w+\)", "0", branches)
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
    weights = net.architecture.views(net.parameters.astype(np.float64))
    scaled = X if net.input_scaler is None else net.input_scaler(X)
    fixed = round_network(net.architecture, weights, scaled.astype(np.float64), numbers)
    inputs, outputs = (
        Border.of(grid, None if scaler is None else (scaler.shift, scaler.scale))
        for grid, scaler in ((fixed.inputs, net.input_scaler), (fixed.outputs, net.output_scaler))
    )
    whole = fixed_point.simulate(fixed, inputs.quantize(X if rows is None else rows))
    return outputs.dequantize(whole), whole


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
    """All headers of all activations are one C++ program, and one of them computes."""
    includes = ""
    for activation in ACTIVATIONS:
        net, X = make(activation)
        for name, options in MODELS.items():
            file = f"{activation}_{name}.h"
            net.to_c(tmp_path / file, name=f"{activation}_{name}", data=X, **options)
            includes += f'#include "{file}"\n'
    (tmp_path / "all.cpp").write_text(includes + "int main() { return 0; }\n")
    subprocess.run([GPP, *CPP, "-fsyntax-only", tmp_path / "all.cpp"], check=True)
    net, X = make("gelu", output="softmax")
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


# ---- scales and classes -------------------------------------------------------------------------


@needs_gcc
@pytest.mark.parametrize("dtype", c_float.TYPES)
def test_scalers(dtype, tmp_path):
    """Raw numbers in and out, each column of a size of its own."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 5)) * [1e-3, 1, 10, 1e3, 1e4] + [0, 5, -10, 1e3, 2e4]
    X = X.astype(dtype)
    Y = np.stack([X[:, 0] * 1e5 + 300, np.tanh(X[:, 2]) * 1e-3], axis=1)
    layers = [5, nn.Dense(8, "tanh"), nn.Dense(2, "linear")]
    scalers = {"input_scaler": "standard", "output_scaler": "minmax"}
    net = nn.Network(layers, dtype=dtype, seed=2, **scalers)
    with pytest.raises(ValueError, match="the network's input_scaler is not fitted yet"):
        net.to_c(tmp_path / "model.h")
    net.fit(X, Y, epochs=20, verbose=0)
    export(net, X, tmp_path)
    assert "predict_class" not in (tmp_path / "f32.h").read_text()
    command = build(tmp_path, MODELS, GCC, *C99, *UNDEFINED, classes=False)
    expected = net.predict(X)
    spread = np.ptp(expected, axis=0)
    for name, bound in (
        *{"f32": 1e-5, "own32": 1e-5, "q8": 0.05, "q16": 1e-3}.items(),
        *dict.fromkeys(["f64", "own64"], 1e-5 if dtype == "float32" else 1e-12).items(),
    ):
        y, _, q = compute(command, name, X, 2)
        assert (abs(y - expected) / spread).max() <= bound
        if name in FIXED:
            simulated, whole = simulate(net, X, MODELS[name]["numbers"])
            assert (q == whole).all()
            np.testing.assert_allclose(y, simulated, rtol=1e-5, atol=1e-6 * spread.min())
    for name in ("f32", "q8"):
        flags = [*C99, f"-D{name.upper()}_SELF_TEST", f"{name}.h", "-lm", "-o", "test"]
        subprocess.run([GCC, *flags], cwd=tmp_path, check=True)
        subprocess.run([tmp_path / "test"], capture_output=True, check=True)


@needs_gcc
def test_names_of_classes(tmp_path):
    names = ['say "a"', "b\\n", "ü??/", "7"]
    net = nn.Network([2, nn.Dense(4, "softmax")], classes=names, seed=0)
    net.to_c(tmp_path / "model.h")
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "model.h"\nint main(void)\n'
        "{ for (int k = 0; k < 4; ++k) puts(model_class_name(k)); return 0; }\n"
    )
    for compiler, flags in ((GCC, C99), (GPP or GCC, CPP if GPP else C99)):
        command = [compiler, *flags, "main.c", "-lm", "-o", "main"]
        subprocess.run(command, cwd=tmp_path, check=True)
        done = subprocess.run([tmp_path / "main"], capture_output=True, check=True)
        assert done.stdout.decode().splitlines() == names


# ---- one output, self-test, math ------------------------------------------------------------


@needs_gcc
@pytest.mark.parametrize(
    ("activation", "loss"), [("sigmoid", None), ("tanh", "hinge"), ("step", None)]
)
def test_class_of_one_output(activation, loss, tmp_path):
    net = nn.Network([5, 4, nn.Dense(1, activation)], loss=loss, seed=1, dtype="float64")
    X = np.random.default_rng(5).normal(size=(300, 5))
    net.weights[-1][1][:] = -np.median((net.activations(X)[0]) @ net.weights[-1][0])
    export(net, X, tmp_path)
    command = build(tmp_path, MODELS, GCC, *C99, *UNDEFINED)
    for name in MODELS:
        y, label, _ = compute(command, name, X, 1)
        threshold = 0.0 if loss == "hinge" else 0.5
        assert (label == (y[:, 0] >= threshold)).all()
        assert (label == net.predict_classes(X)).mean() > (0.95 if name == "q8" else 0.99)
        assert 0.2 < label.mean() < 0.8


@needs_gcc
def test_no_output_is_a_yes(tmp_path):
    """A threshold that is beyond all outputs, which must not make the compiler warn."""
    net = nn.Network([5, nn.Dense(1, "linear")], bias_init="zeros", dtype="float64", seed=1)
    net.parameters[:] *= 1e-3
    X = np.random.default_rng(5).normal(size=(50, 5))
    export(net, X, tmp_path)
    command = build(tmp_path, MODELS, GCC, *C99)
    for name in MODELS:
        assert not compute(command, name, X, 1)[1].any()


@needs_gcc
@pytest.mark.parametrize("name", MODELS)
def test_self_test(name, tmp_path):
    net, X = make("tanh", dtype="float32")
    options = MODELS[name] if name in FLOATS else {**MODELS[name], "data": X}
    net.to_c(tmp_path / "header.h", **options)

    def run_test():
        command = [GCC, *C99, "-DMODEL_SELF_TEST", "header.h", "-lm", "-o", "test"]
        subprocess.run(command, cwd=tmp_path, check=True)
        done = subprocess.run([tmp_path / "test"], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    assert run_test() == (0, "model: 4 of 4 test vectors right\n")
    text = (tmp_path / "header.h").read_text()
    first = re.search(r"model_W1[^{]*\{[\s{]*(-?\d[\d.e-]*)", text)
    broken = text[: first.start(1)] + ("9.0" if name in FLOATS else "99") + text[first.end(1) :]
    (tmp_path / "header.h").write_text(broken)
    code, printed = run_test()
    assert code == 1
    assert printed.startswith("model: ")
    net.to_c(tmp_path / "header.h", **options, self_test=False)
    assert "SELF_TEST" not in (tmp_path / "header.h").read_text()


@needs_gcc
@pytest.mark.parametrize("numbers", c_float.TYPES)
def test_own_math(numbers, tmp_path):
    """Within 3 units in the last place, and exact where it overflows."""
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(0)
    sign = rng.choice([-1, 1], 4000)
    large = {"float32": 2.2, "float64": 2.9}[numbers]
    size = 10.0 ** rng.uniform(-8, large, 4000)
    domains = {
        "exp": sign * size,
        "expm1": -size,
        "tanh": sign * size,
        "log1p": 10.0 ** rng.uniform(-9, 0, 4000),
        "erf": sign * 10.0 ** rng.uniform(-8, 1, 4000),
    }
    real = c_float.TYPES[numbers]
    functions = " ".join(f"${name}" for name in domains)
    source = "#include <stdint.h>\n#include <string.h>\n#include <stdio.h>\n"
    source += c_math.definitions([functions], "own", numbers)
    calls = "".join(f"y[{i}] = own_{name}(x[{i}]);" for i, name in enumerate(domains))
    source += f"int main(void) {{ {real} x[5], y[5]; while (fread(x, sizeof x, 1, stdin) == 1)"
    source += f"{{ {calls} fwrite(y, sizeof y, 1, stdout); }} return 0; }}\n"
    (tmp_path / "math.c").write_text(source)
    subprocess.run([GCC, *C99, *UNDEFINED, "math.c", "-o", "math"], cwd=tmp_path, check=True)
    x = np.stack(list(domains.values()), axis=1).astype(numbers)
    done = subprocess.run([tmp_path / "math"], input=x.tobytes(), capture_output=True, check=True)
    y = np.frombuffer(done.stdout, numbers).reshape(x.shape)
    for i, name in enumerate(domains):
        function = getattr(mpmath, name)
        with mpmath.workdps(30):
            true = [function(mpmath.mpf(float(v))) for v in x[:, i]]
            with np.errstate(over="ignore"):
                rounded = np.array(true, np.float64).astype(numbers)
            ulps = np.spacing(abs(rounded))
            for value, exact, near, ulp in zip(y[:, i], true, rounded, ulps, strict=True):
                if np.isinf(near):
                    assert value == near
                else:
                    assert abs(mpmath.mpf(float(value)) - exact) <= 3 * float(ulp)


@needs_gcc
def test_example_of_the_docs(tmp_path):
    net = nn.Network([64, 4, 10], seed=0)
    net.to_c(tmp_path / "model.h")
    page = Path(__file__).parents[1] / "docs" / "c_export.md"
    code = re.search(r"```c\n(#include.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "main.c").write_text(code[1])
    subprocess.run([GCC, *C99, "main.c", "-lm", "-o", "main"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    outputs = net.predict(np.zeros((1, 64)))[0]
    label, first = done.stdout.split(", ")
    assert int(label) == outputs.argmax()
    assert float(first) == pytest.approx(outputs[0], rel=1e-5)


# ---- fixed point --------------------------------------------------------------------------------


@needs_gcc
@pytest.mark.parametrize("bias", [0.0, 1e6])
@pytest.mark.parametrize("name", FIXED)
def test_no_sum_overflows(name, bias, tmp_path):
    """Weights of one sign and inputs at the ends of their range, under UBSan."""
    net = nn.Network([5000, nn.Dense(2, "linear"), nn.Dense(3, "linear")], dtype="float64", seed=0)
    net.weights[0][0][:] = [1.0, -1e-9]
    net.weights[0][1][:] = bias
    X = np.stack([np.ones(5000), -np.ones(5000), np.linspace(-1, 1, 5000)])
    export(net, X, tmp_path, [name])
    command = build(tmp_path, [name], GCC, *C99, *UNDEFINED)
    check_fixed(net, X, tmp_path, command, [name])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("numbers", "bound"), [("int8", 0.02), ("int16", 3e-4)])
def test_error_of_fixed_point(activation, numbers, bound):
    """Of the outputs' range; a step may be on either side of its edge."""
    net, X = make(activation)
    expected = net.predict(X)
    errors = abs(simulate(net, X, numbers)[0] - expected)
    if activation == "step":
        assert (errors > 0).mean() < 0.01
    else:
        assert errors.max() <= bound * np.ptp(expected)


@pytest.mark.parametrize("numbers", LIMITS)
def test_layers_that_say_nothing(numbers, tmp_path):
    """Weights of zero, and data of one value."""
    net = nn.Network([2, nn.Dense(3, "relu"), nn.Dense(2, "linear")], init="zeros", seed=0)
    X = np.full((3, 2), 5.0)
    found, _ = simulate(net, X, numbers)
    assert abs(found).max() < 1e-4
    net.to_c(tmp_path / "model.h", numbers=numbers, data=X)


@pytest.mark.parametrize(("numbers", "lost"), [("int8", 0.01), ("int16", 0.001)])
def test_accuracy_on_digits(numbers, lost):
    X, y = nn.datasets.digits()
    net = nn.Network([64, nn.Dense(32, "relu"), nn.Dense(10, "softmax")], seed=0)
    net.fit(X, y, epochs=20, verbose=0)
    before = (net.predict_classes(X) == y).mean()
    after = (simulate(net, X, numbers)[0].argmax(axis=1) == y).mean()
    assert before > 0.95
    assert after > before - lost


def test_32_bits_where_they_suffice(tmp_path):
    net, X = make("tanh")
    for numbers, kind in (("int8", "int32_t"), ("int16", "int64_t")):
        net.to_c(tmp_path / "model.h", numbers=numbers, data=X)
        assert f"static inline {kind} model_sum(" in (tmp_path / "model.h").read_text()


# ---- the file and the options -------------------------------------------------------------------


def test_dtype_is_the_default(tmp_path):
    for dtype, real in c_float.TYPES.items():
        net, _ = make("tanh", dtype=dtype)
        net.to_c(tmp_path / "model.h")
        assert (
            f"void model_predict(const {real} *in, {real} *out);"
            in (tmp_path / "model.h").read_text()
        )


def test_layers_of_fixed_point_have_no_floats(tmp_path):
    net, X = make("gelu", output="softmax")
    for numbers in LIMITS:
        net.to_c(tmp_path / "model.h", numbers=numbers, data=X)
        text = (tmp_path / "model.h").read_text()
        layers = text[text.index('extern "C"') : text.rindex("/* the nearest")]
        assert "model_predict_q" in layers
        assert not re.search(r"\bfloat\b|\bdouble\b|\d\.\d", layers)


def test_comment(tmp_path):
    net, X = make("tanh")
    net.to_c(tmp_path / "model.h", numbers="int8", data=X, name="gate")
    text = (tmp_path / "model.h").read_text()
    comment = text[: text.index("*/")]
    for part in (
        f"gate: a neural network, written by nnfast {nn.__version__}",
        "5 inputs -> 7 tanh (no bias) -> 6 tanh -> 3 tanh",
        "104 parameters",
        "on 300 rows of data: at most ",
        " % of the classes are the same",
        "-DGATE_SELF_TEST -x c model.h && ./a.out",
    ):
        assert part in comment
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"numbers": "int4"}, ValueError, "unknown numbers 'int4' (did you mean 'int8'?);"),
        ({"numbers": 8}, TypeError, "unknown numbers 8; choose from"),
        ({"math": "fast"}, ValueError, "unknown math 'fast'; choose from libm, own"),
        ({"numbers": "int8"}, ValueError, "numbers='int8' needs data: rows such as"),
        ({"numbers": "int8", "math": "own"}, ValueError, "is for floating-point numbers; int8 has"),
        ({"name": "2nd"}, ValueError, "name is '2nd'; expected a C identifier"),
        ({"name": "a__b"}, ValueError, "name is 'a__b'; expected a C identifier"),
        ({"name": "größe"}, ValueError, "name is 'größe'; expected a C identifier"),
        ({"name": None}, TypeError, "name is None; expected a C identifier"),
        ({"self_test": 1}, TypeError, "self_test is 1; expected True or False"),
        ({"data": [[1.0]]}, ValueError, "X has shape (1, 1); expected (rows, 5)"),
        ({"data": [[np.nan] * 5]}, ValueError, "X[0, 0] is nan"),
    ],
)
def test_wrong_options(options, error, sentence, tmp_path):
    net, X = make("tanh")
    path = tmp_path / "model.h"
    path.write_text("as before")
    if options.get("math") == "own":
        options = {**options, "data": X}
    with pytest.raises(error, match=re.escape(sentence)):
        net.to_c(path, **options)
    assert path.read_text() == "as before"


def test_numbers_that_cannot_be_written(tmp_path):
    net, X = make("exponential")
    net.parameters[:] *= 40
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="infinite"):
        net.to_c(tmp_path / "model.h", numbers="int8", data=X)
    net.parameters[0] = 1e39
    with pytest.raises(ValueError, match="beyond the range of float32; choose"):
        net.to_c(tmp_path / "model.h", numbers="float32")
    net.parameters[0] = np.inf
    with pytest.raises(ValueError, match="is inf"):
        net.to_c(tmp_path / "model.h")
    net, X = make("tanh")
    with pytest.raises(ValueError, match="infinite as float32"):
        net.to_c(tmp_path / "model.h", numbers="int8", data=1e300 * X)
    X[1] *= 1e300  # a row that is not an example of the self-test
    with pytest.raises(ValueError, match="beyond the range of float32, which fixed point"):
        net.to_c(tmp_path / "model.h", numbers="int8", data=X)
    assert not (tmp_path / "model.h").exists()


def test_file_is_complete_or_unchanged(tmp_path):
    net, _ = make("tanh")
    with pytest.raises(OSError, match="cannot save"):
        net.to_c(tmp_path / "nowhere" / "model.h")
    with pytest.raises(OSError, match="cannot save"):
        net.to_c(tmp_path)
    net.to_c(tmp_path / "model.h")
    assert [file.name for file in tmp_path.iterdir()] == ["model.h"]
