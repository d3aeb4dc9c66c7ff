"""Other processors, by emulation: 64-bit Arm, and x86-64 without AVX-512 or any AVX."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest

import nnfast as nn
from nnfast import levels
from nnfast.formulas import BATCH_METHODS, BatchMethod, hyperparameters
from nnfast.levels.compiled import SUPPORTED
from nnfast.levels.contract import Regularization

ROOT = Path(__file__).parents[1]
WITH_FMA = [name for name in levels.available() if name in SUPPORTED and name != "baseline"]


def tool(name):
    found = shutil.which(name)
    if not found:
        pytest.skip(f"needs {name}")
    return found


def cmake(pattern):
    path = ROOT / "CMakeLists.txt"
    if not path.exists():
        pytest.skip("needs the source tree")
    return re.search(pattern, path.read_text(encoding="utf-8"))[1].split()


# ---- 64-bit Arm: the core without Python, compiled for it ---------------------------------------


@pytest.fixture(scope="module")
def arm(tmp_path_factory):
    """A function that answers a request as `driver.cpp` does on an Arm processor."""
    compiler, emulator = tool("aarch64-linux-gnu-g++"), tool("qemu-aarch64")
    folder = tmp_path_factory.mktemp("arm")
    options = ["-std=gnu++17", "-O2", *cmake(r"set\(nnfast_options ([^)]*)\)")]
    sources = cmake(r"pybind11_add_module\(_core MODULE ([^)]*)\)")
    sources = [ROOT / source for source in sources if not re.search("bindings|predictor", source)]
    sources.append(ROOT / "tests" / "processors" / "driver.cpp")

    def compile_into(name, *arguments):
        return subprocess.Popen([compiler, *options, *arguments, "-o", folder / name])

    kernels = ROOT / "cpp" / "kernels" / "kernels.cpp"
    running = [compile_into("kernels.o", "-DNNFAST_ISA=neon", "-c", kernels)]
    running.append(compile_into("core.o", "-r", *sources))
    assert [process.wait() for process in running] == [0, 0]
    objects = [folder / "kernels.o", folder / "core.o"]
    assert compile_into("driver", "-static", *objects, "-lpthread").wait() == 0

    def answer(request):
        done = subprocess.run(
            [emulator, folder / "driver"], input=request, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return answer


def counted(items):
    words = [str(item) for item in items]
    return " ".join([str(len(words)), *words])


def line(case, optimizer, epochs, batch_size):
    """The words that the driver reads before the arrays."""
    a = case.architecture
    controlled = any(rule != Regularization() for rule in a.regularization)
    rules = [n for rule in a.regularization for n in astuple(rule)] if controlled else []
    batch_method = isinstance(optimizer, BatchMethod)
    state = levels.TrainingState.fresh(a, optimizer, case.shuffle_seed)
    settings = optimizer.settings if batch_method else hyperparameters(optimizer)
    words = [
        a.dtype, counted(a.sizes), counted(a.activations), a.loss, counted(map(float, rules)),
        len(case.X), optimizer.name, counted(map(float, settings)), epochs,
        0 if batch_method else batch_size, state.shuffle, state.noise,
    ]  # fmt: skip
    return " ".join(map(str, words))


def request(case, *task):
    arrays = (np.ascontiguousarray(x).tobytes() for x in (case.parameters, case.X, case.Y))
    return line(case, *task).encode() + b"\n" + b"".join(arrays)


def expected(case, optimizer, epochs, batch_size):
    """The same results, of an instruction set of this processor."""
    outputs = case.forward(WITH_FMA[0])
    if isinstance(optimizer, BatchMethod):
        state = levels.TrainingState.fresh(case.architecture, optimizer, case.shuffle_seed)
        parameters = case.parameters.copy()
        losses, _ = case.on(WITH_FMA[0]).minimise(
            parameters, state, case.X, case.Y, method=optimizer, iterations=epochs
        )
    else:
        parameters, state, losses = case.train(
            WITH_FMA[0], optimizer, calls=(epochs,), batch_size=batch_size
        )
    assert np.isfinite(parameters).all()
    return outputs, parameters, state.slots, np.asarray(losses, np.float64)


SHAPES = [(2, 4, 1), (2, 2, 1), (3, 5, 7, 3), (33, 40, 17, 9), (16, 16, 4), (5, 70, 3)]


def every_pairing(problem, pairings, optimizers, dtype):
    for i, (hidden, output, loss) in enumerate(pairings):
        sizes = SHAPES[2 + i % 4]
        activations = (hidden,) * (len(sizes) - 2) + (output,)
        case = problem(sizes, activations, loss, rows=23, dtype=dtype, seed=i)
        yield case, nn.SGD(0.01), 2, (1, 5, 23)[i % 3]


def many_rows(problem, pairings, optimizers, dtype):
    for i, (hidden, output, loss) in enumerate(pairings):
        sizes = SHAPES[2 + i % 3]
        activations = (hidden,) * (len(sizes) - 2) + (output,)
        case = problem(sizes, activations, loss, rows=300, dtype=dtype, seed=i)
        yield case, nn.SGD(0.01), 1, (270, 300)[i % 2]


def every_optimizer(problem, pairings, optimizers, dtype):
    for optimizer in optimizers:
        for i, sizes in enumerate(SHAPES):
            case = problem(sizes, "tanh", "quadratic", rows=50, dtype=dtype)
            for batch_size in (1, 4, 7, 50)[i % 2 :: 2]:
                yield case, optimizer, 3, batch_size


def every_batch_method(problem, pairings, optimizers, dtype):
    if dtype != "float64":
        pytest.skip("computed in float64")
    for cls in BATCH_METHODS.values():
        for sizes in SHAPES[:3]:
            activations = ("sigmoid", "tanh", "linear")[1 - len(sizes) :]
            case = problem(sizes, activations, "quadratic", rows=30, dtype=dtype)
            yield case, cls(), 6, None


def controlled(problem, pairings, optimizers, dtype):
    rule = Regularization(l1=1e-3, l2=1e-2, dropout=0.25, max_norm=1.5)
    for sizes in SHAPES:
        case = problem(sizes, "tanh", "quadratic", rows=20, dtype=dtype)
        rules = (rule,) * (len(sizes) - 2) + (replace(rule, dropout=0.0),)
        architecture = replace(case.architecture, regularization=rules)
        yield replace(case, architecture=architecture), nn.Adam(0.01), 2, 6


def subnormal(problem, pairings, optimizers, dtype):
    """Weights, inputs and slopes around the smallest normal number."""
    tiny = np.finfo(dtype).tiny
    for i, sizes in enumerate(SHAPES):
        for name in ("tanh", "sigmoid", "linear", "softplus"):
            case = problem(sizes, name, "quadratic", rows=20, dtype=dtype, seed=i)
            case.parameters[::3] *= tiny * 4
            case.X[:, ::2] *= tiny
            yield case, nn.SGD(0.01, momentum=0.9), 3, (1, 6)[i % 2]
            yield case, nn.Adam(0.01), 3, (6, 1)[i % 2]


def bits(array):
    return np.ascontiguousarray(array).view(f"i{array.itemsize}").ravel()


@pytest.mark.timeout(900)  # compiles the core
@pytest.mark.skipif(not WITH_FMA, reason="needs an instruction set with fma")
@pytest.mark.parametrize(
    "cases", [every_pairing, many_rows, every_optimizer, every_batch_method, controlled, subnormal]
)
def test_arm_gives_the_same_bits(arm, problem, dtype, pairings, optimizers, cases):
    tasks = list(cases(problem, pairings, optimizers, dtype))
    answer = arm(b"".join(request(*task) for task in tasks))
    start = 0
    for task in tasks:
        for array in expected(*task):
            found = np.frombuffer(answer, array.dtype, array.size, start)
            np.testing.assert_array_equal(bits(found), bits(array), err_msg=line(*task))
            start += array.nbytes
    assert start == len(answer)


# ---- x86-64 without newer instructions ----------------------------------------------------------

TRAIN = """
import numpy as np
import nnfast as nn

X = np.random.default_rng(0).standard_normal((60, 5))
for level in nn.levels.available()[1:]:
    net = nn.Network([5, nn.Dense(17, "tanh"), 3], dtype="float64", seed=0, level=level)
    net.fit(X, X[:, :3] > 0, epochs=3, batch_size=7, optimizer=nn.Adam(0.01), verbose=0)
    if level == "numpy":
        reference = net.parameters
    else:
        np.testing.assert_allclose(net.parameters, reference, rtol=1e-9, atol=1e-12)
        print(level, net.parameters.tobytes().hex())
"""


@pytest.mark.skipif("baseline" not in SUPPORTED, reason="x86-64 only")
@pytest.mark.parametrize(("processor", "level"), [("Nehalem", "baseline"), ("Haswell", "avx2")])
def test_older_processors(processor, level):
    emulator = tool("qemu-x86_64")
    if not SUPPORTED[level]:
        pytest.skip(f"needs {level}, to compare with")
    environment = {k: v for k, v in os.environ.items() if k != "NNFAST_LEVEL"}
    environment["PYTHONPATH"] = str(Path(nn.__file__).parents[1])

    def bits_by_level(*command):
        done = subprocess.run(
            [*command, sys.executable, "-c", TRAIN], capture_output=True, text=True,
            check=False, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return dict(words.split() for words in done.stdout.splitlines())

    emulated = bits_by_level(emulator, "-cpu", processor)
    assert list(emulated)[-1] == level
    assert emulated.items() <= bits_by_level().items()
