"""The compiled core on its own: its stub, and what it refuses."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnfast
from nnfast import _core
from nnfast.formulas import OPTIMIZERS, SGD, hyperparameters
from nnfast.levels import TrainingState
from nnfast.levels.contract import NO_CONTROL

STUB = Path(nnfast.__file__).with_name("_core.pyi")


# The stub


def stub_definitions():
    """{name: its node} of what the stub defines, without type variables and private classes."""
    found = {}
    for node in ast.parse(STUB.read_text()).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            found[node.name] = node
        elif isinstance(node, ast.AnnAssign):
            found[node.target.id] = node
    return found


def argument_names(function):
    """Of a stub's function, or of a compiled one, whose signature opens its docstring."""
    if isinstance(function, ast.FunctionDef):
        return [argument.arg for argument in function.args.args]
    inside = re.search(r"\((.*)\) ->", function.__doc__.splitlines()[0]).group(1)
    return re.findall(r"(?:^|, )(\w+)(?=:)", inside)


def public(names):
    return {name for name in names if not name.startswith("_")} | ({"__version__"} & set(names))


def test_stub_names_what_the_core_has():
    assert public(stub_definitions()) == public(dir(_core))


def test_stub_functions_have_the_arguments_of_the_core():
    for name, node in stub_definitions().items():
        if isinstance(node, ast.FunctionDef):
            assert argument_names(node) == argument_names(getattr(_core, name)), name


@pytest.mark.parametrize("name", ["Network32", "Network64"])
def test_stub_methods_are_those_of_the_core(name):
    nodes = [node for part in ("_Network", name) for node in stub_definitions()[part].body]
    methods = {node.name: node for node in nodes if isinstance(node, ast.FunctionDef)}
    compiled = getattr(_core, name)
    assert public(methods) == public(dir(compiled))
    for method, node in methods.items():
        assert argument_names(node) == argument_names(getattr(compiled, method)), method


def test_version_is_that_of_the_installed_package():
    try:
        installed = importlib.metadata.version("nnfast")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("nnfast is imported from a folder, not installed")
    assert _core.__version__ == installed == nnfast.__version__


# Refusals: what would be read or written out of bounds raises ValueError

SIZES = [3, 4, 2]
COUNT = 3 * 4 + 4 + 4 * 2 + 2


def make_core(compiled_level, dtype, **changes):
    options = {
        "level": compiled_level,
        "sizes": SIZES,
        "activations": ["tanh", "sigmoid"],
        "biases": [True, True],
        "loss": "quadratic",
    }
    network = _core.Network32 if dtype == "float32" else _core.Network64
    return network(**{**options, **changes})


def arrays(dtype):
    shapes = {"parameters": (COUNT,), "x": (5, 3), "y": (5, 2), "weights": (5,)}
    return {name: np.ones(shape, dtype) for name, shape in shapes.items()}


def train(core, given, slots, **changes):
    momentum = SGD(0.1, momentum=0.5)
    options = {"epochs": 1, "batch_size": 2, "shuffle": True, "control": NO_CONTROL, "threads": 1}
    options |= {"optimizer": momentum.name, "hyperparameters": hyperparameters(momentum)}
    return core.train(**given, state=TrainingState(slots, 0, 1), **{**options, **changes})


def misaligned(array):
    memory = np.zeros(array.nbytes + 1, np.uint8)[1:]
    result = memory.view(array.dtype).reshape(array.shape)
    result[:] = array
    return result


WRONG = {
    "other dtype": lambda a: a.astype("float64" if a.dtype == "float32" else "float32"),
    "integers": lambda a: a.astype("int32" if a.dtype == "float32" else "int64"),
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "too long": lambda a: np.concatenate([a, a]),
    "too short": lambda a: a[:-1].copy() if a.ndim == 1 else a[:, :-1].copy(),
    "one more dimension": lambda a: a[None],
    "one dimension": lambda a: np.tile(a.ravel(), 2),
    "no rows": lambda a: a[:0],
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda a: a[..., ::-1],
    "broadcast": lambda a: np.broadcast_to(a.ravel()[0], a.shape),
    "misaligned": misaligned,
}
every_mistake = pytest.mark.parametrize("mistake", WRONG)


@every_mistake
@pytest.mark.parametrize("name", ["parameters", "x", "y", "weights", "slots"])
def test_wrong_arrays_are_refused(compiled_level, dtype, name, mistake):
    core, given = make_core(compiled_level, dtype), arrays(dtype)
    slots = np.zeros((1, COUNT), dtype)
    if name == "slots":
        if mistake == "too long":
            slots = np.zeros((2, COUNT), dtype)
        slots = WRONG[mistake](slots)
    else:
        given[name] = WRONG[mistake](given[name])
    before = given["parameters"].copy()
    with pytest.raises(ValueError, match=r"the compiled core takes|x has no rows"):
        train(core, given, slots)
    np.testing.assert_array_equal(given["parameters"], before)
    if name != "slots" and not (name == "x" and mistake == "too long"):
        with pytest.raises(ValueError, match=r"the compiled core takes|x has no rows"):
            core.loss_and_gradient(**given, threads=1)
    if name in ("parameters", "x") and mistake != "too long":
        with pytest.raises(ValueError, match=r"the compiled core takes|x has no rows"):
            core.forward(given["parameters"], given["x"], 1)


def test_columns_first_is_refused(compiled_level, dtype):
    given = arrays(dtype)
    with pytest.raises(ValueError, match="C-contiguous"):
        make_core(compiled_level, dtype).forward(
            given["parameters"], np.asfortranarray(given["x"]), 1
        )


def test_read_only_arrays_are_read_but_not_written(compiled_level, dtype):
    core, given = make_core(compiled_level, dtype), arrays(dtype)
    for array in given.values():
        array.flags.writeable = False
    core.forward(given["parameters"], given["x"], 1)
    core.loss_and_gradient(**given, threads=1)
    slots = np.zeros((1, COUNT), dtype)
    with pytest.raises(ValueError, match="the compiled core takes"):
        train(core, given, slots)
    given["parameters"] = np.ones(COUNT, dtype)
    train(core, given, slots)
    slots.flags.writeable = False
    with pytest.raises(ValueError, match="the compiled core takes"):
        train(core, given, slots)


def test_lists_are_refused(compiled_level):
    core, given = make_core(compiled_level, "float64"), arrays("float64")
    with pytest.raises(TypeError):
        core.forward(given["parameters"], given["x"].tolist(), 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"level": "mmx"},
        {"sizes": [3]},
        {"sizes": [3, 0, 2]},
        {"sizes": [3, 2]},
        {"activations": ["tanh"]},
        {"activations": ["tanh", "tangent"]},
        {"biases": [True]},
        {"loss": "exponential"},
    ],
    ids=str,
)
def test_impossible_networks_are_refused(compiled_level, dtype, changes):
    with pytest.raises(ValueError, match=r"no level|belong together|no units|has no '"):
        make_core(compiled_level, dtype, **changes)


def test_impossible_trainings_are_refused(compiled_level, dtype):
    core, given = make_core(compiled_level, dtype), arrays(dtype)
    slots = np.zeros((1, COUNT), dtype)
    for changes in ({"optimizer": "lbfgs"}, {"batch_size": 0}):
        with pytest.raises(ValueError, match=r"unknown optimizer|empty batches"):
            train(core, given, slots, **changes)
    assert (given["parameters"] == 1).all()


@pytest.mark.parametrize("x", [np.arange(3), np.ones((2, 2)), np.ones(8)[::2]], ids=str)
def test_evaluate_refuses_other_arrays(compiled_level, x):
    with pytest.raises(ValueError, match="the compiled core takes"):
        _core.evaluate(compiled_level, "exp", x)


CHILD = """
import numpy as np
from nnfast import _core
from nnfast.levels import TrainingState
from nnfast.levels.contract import NO_CONTROL
core = _core.Network64("{level}", [2, 1], ["tanh"], [True], "quadratic")
state = TrainingState(np.zeros(({slots}, 3)), 0, 1)
try:
    core.train(np.ones(3), state, np.ones((2, 2)), np.ones((2, 1)), None, 1, 1, "{name}", [],
               False, NO_CONTROL, 1)
except ValueError:
    print("refused")
"""


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_missing_hyperparameters_are_refused(compiled_level, name):
    """In a process of its own, for the other outcome is a read out of bounds."""
    slots = OPTIMIZERS[name]().slots
    script = CHILD.format(level=compiled_level, name=name, slots=slots)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, b"refused")
