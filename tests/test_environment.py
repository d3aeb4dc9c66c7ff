"""Environment variables, importing from anywhere, and the global state that stays untouched."""

import os
import random
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import nnfast as nn
from nnfast import levels, threads

LEVELS = nn.levels.available()
VARIABLES = ("NNFAST_LEVEL", "NNFAST_NUM_THREADS", "OMP_NUM_THREADS")


def run(code, *options, cwd=None, **variables):
    """What a new Python prints that runs this code in a clean environment."""
    environment = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    environment |= {"PYTHONPATH": str(Path(nn.__file__).parents[1]), **variables}
    result = subprocess.run(
        [sys.executable, *options, "-c", code],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout.strip()


# ---- NNFAST_LEVEL -----------------------------------------------------------------------------

USE = """
import numpy as np, nnfast as nn
net = nn.Network([2, 3, 1], seed=0)
net.fit(np.ones((4, 2)), np.ones(4), epochs=2)
print(net.level, np.isfinite(net.parameters).all())
"""


@pytest.mark.parametrize("value", [*LEVELS, "fastest", "", f" {LEVELS[1]} "])
def test_the_level_of_the_environment(value):
    expected = value.strip() if value.strip() in LEVELS else LEVELS[-1]
    assert run(USE, NNFAST_LEVEL=value) == f"{expected} True"


def test_the_level_of_the_environment_is_a_default_only(monkeypatch):
    monkeypatch.setenv("NNFAST_LEVEL", "numpy")
    assert nn.Network([2, 1]).level == "numpy"
    assert nn.Network([2, 1], level="python").level == "python"
    assert nn.Network([2, 1], level="python").copy().level == "python"
    assert nn.levels.resolve() == "numpy"
    assert nn.levels.available() == LEVELS


REFUSED = """
import nnfast as nn
try:
    nn.Network([2, 1])
except ValueError as error:
    print(error)
print(nn.Network([2, 1], level="numpy").level)
"""


def test_an_unknown_level_of_the_environment():
    sentence, level = run(REFUSED, NNFAST_LEVEL="avx1024").splitlines()
    assert sentence == (
        "the environment variable NNFAST_LEVEL is 'avx1024', which is no level of this build; "
        f"choose from {', '.join(LEVELS)}, or 'fastest'."
    )
    assert level == "numpy"


@pytest.mark.parametrize("where", ["argument", "environment"])
def test_a_level_that_this_processor_cannot_run(monkeypatch, where):
    monkeypatch.setitem(levels.LEVELS, "sve", levels.LEVELS["numpy"])
    monkeypatch.setitem(levels.SUPPORTED, "sve", False)
    assert nn.levels.available() == LEVELS
    source, options = "level", {"level": "sve"}
    if where == "environment":
        source, options = "the environment variable NNFAST_LEVEL", {}
        monkeypatch.setenv("NNFAST_LEVEL", "sve")
    with pytest.raises(ValueError, match="this processor does not have") as caught:
        nn.Network([2, 1], **options)
    assert str(caught.value) == (
        f"{source} is 'sve', but this processor does not have these instructions; "
        f"choose from {', '.join(LEVELS)}, or 'fastest'."
    )


# ---- threads ----------------------------------------------------------------------------------

PROCESSORS = threads._processors()
DEFAULT = min(PROCESSORS, threads._quota())
THREADS = [
    ({}, DEFAULT),
    ({"NNFAST_NUM_THREADS": "1"}, 1),
    ({"OMP_NUM_THREADS": "1"}, 1),
    ({"OMP_NUM_THREADS": "1,4"}, 1),
    ({"OMP_NUM_THREADS": " 1 "}, 1),
    ({"NNFAST_NUM_THREADS": "1", "OMP_NUM_THREADS": "64"}, 1),
    ({"NNFAST_NUM_THREADS": "64", "OMP_NUM_THREADS": "1"}, DEFAULT),
    ({"NNFAST_NUM_THREADS": "", "OMP_NUM_THREADS": "1"}, 1),
    *(({"NNFAST_NUM_THREADS": text}, DEFAULT) for text in ("0", "-1", "1.5", "many", "", "²")),
    ({"NNFAST_NUM_THREADS": "9" * 30}, DEFAULT),
]


@pytest.fixture
def clean(monkeypatch):
    """As in a new process without the variables, until the test ends."""
    monkeypatch.setattr(threads, "_chosen", None)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(("variables", "expected"), THREADS, ids=lambda v: str(v)[:60])
def test_numbers_of_threads(clean, variables, expected):
    for name, value in variables.items():
        clean.setenv(name, value)
    assert nn.get_num_threads() == expected
    nn.set_num_threads(5)
    assert nn.get_num_threads() == 5


def test_the_number_of_threads_of_a_new_process():
    code = "import nnfast as nn; print(nn.get_num_threads())"
    assert run(code) == str(DEFAULT)
    assert run(code, NNFAST_NUM_THREADS="1") == "1"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs sched_setaffinity")
def test_the_processors_that_a_process_may_use():
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
    assert run(code + "import nnfast as nn; print(nn.get_num_threads())") == "1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("100000 100000", 1), ("150000 100000", 2), ("50000 100000", 1), ("max 100000", None)],
)
def test_the_quota_of_a_container(clean, text, expected):
    clean.setattr(threads.Path, "read_text", lambda path: text + "\n")
    clean.setattr(threads, "_processors", lambda: 7)
    assert nn.get_num_threads() == (expected or 7)


# ---- importing --------------------------------------------------------------------------------


def test_importing_from_any_folder(tmp_path):
    for name in ("formulas", "levels", "network", "training", "threads"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('the wrong file')\n")
    for folder in ("/", tmp_path):
        assert run("import nnfast; print(nnfast.__version__)", cwd=folder) == nn.__version__
        assert run(USE, cwd=folder) == f"{LEVELS[-1]} True"


@pytest.mark.parametrize("options", [("-O",), ("-OO",), ("-X", "dev", "-W", "error"), ("-E", "-B")])
def test_other_ways_to_start_python(options):
    code = f"import sys; sys.path.insert(0, {str(Path(nn.__file__).parents[1])!r})\n"
    assert run(code + USE, *options) == f"{LEVELS[-1]} True"


def test_importing_takes_along_numpy_only():
    code = """
import sys
import numpy
before = set(sys.modules)
import nnfast
new = set(sys.modules) - before
packages = {name.partition(".")[0] for name in new} - {"numpy", "nnfast"}
print(*sorted(packages - set(sys.stdlib_module_names)))
slow = {"asyncio", "concurrent.futures", "decimal", "difflib", "email", "hashlib", "http",
        "importlib.metadata", "importlib.resources", "logging", "multiprocessing", "numpy.random",
        "secrets", "socket", "ssl", "statistics", "subprocess", "tempfile", "tkinter", "unittest"}
print(*sorted(new & slow))
"""
    assert run(code).split() == []


def test_info():
    info = nn.info()
    assert (info["version"], info["levels"]) == (nn.__version__, LEVELS)
    assert info["fastest_level"] == nn.levels.resolve()
    assert info["threads"] == nn.get_num_threads()
    assert info["numpy"] == np.__version__
    assert set(LEVELS[2:]) <= set(info["instruction_sets"])


QUIET = """
import sys
seen = []
WATCHED = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.putenv",
           "os.remove", "os.rename", "os.mkdir", "urllib.", "http.", "ctypes.")

def hook(event, arguments):
    writes = event == "open" and set("wax+") & set(str(arguments[1] or "r"))
    if watching and (writes or event.startswith(WATCHED)):
        seen.append((event, arguments))

watching = False
sys.addaudithook(hook)
import numpy as np
watching = True
import nnfast as nn
net = nn.Network([2, 3, 1], seed=0)
net.fit(np.ones((4, 2)), np.ones(4), epochs=2)
net.predict(np.ones((4, 2)))
watching = False
print(seen)
"""


def test_nothing_is_sent_or_written():
    assert run(QUIET, "-B") == "[]"


# ---- global state -----------------------------------------------------------------------------

STATE = """
import locale, os, random, signal, sys, threading, warnings
import numpy as np

def state():
    return (
        list(warnings.filters), random.getstate(), repr(np.random.get_state()), np.geterr(),
        np.get_printoptions(), dict(os.environ), os.getcwd(), list(sys.path), sys.stdout,
        signal.getsignal(signal.SIGINT), locale.setlocale(locale.LC_ALL), sys.getswitchinterval(),
        sys.getrecursionlimit(), threading.active_count(), os.times()[0] * 0, sys.excepthook,
    )

before = state()
import nnfast
after = state()
print([k for k, (a, b) in enumerate(zip(before, after)) if a != b])
"""


def test_importing_changes_no_global_state():
    assert run(STATE) == "[]"


def test_using_changes_no_global_state(level):
    def state():
        return (
            list(warnings.filters),
            random.getstate(),
            repr(np.random.get_state()),
            np.geterr(),
            dict(os.environ),
            signal.getsignal(signal.SIGINT),
            threading.active_count(),
            sys.stdout,
        )

    before = state()
    net = nn.Network([2, 3, 1], level=level)
    X, y = np.random.default_rng(0).standard_normal((9, 2)), np.zeros(9)
    net.fit(X, y, epochs=3, batch_size=2)
    net.predict(X.astype(object))
    net.evaluate(X, y)
    net.reset()
    net.copy()
    with pytest.raises(ValueError, match="NaN"):
        net.predict(X * np.nan)
    assert state() == before


def test_numpy_s_generator_has_no_say():
    np.random.seed(0)
    first = nn.Network([2, 3, 1]).parameters.copy()
    np.random.seed(0)
    assert not np.array_equal(first, nn.Network([2, 3, 1]).parameters)


def test_dir_has_the_public_names():
    assert dir(nn) == sorted(nn.__all__)


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(AttributeError, match="no attribute 'Netwrok'; did you mean 'Network'"):
        _ = nn.Netwrok
    with pytest.raises(AttributeError, match=r"no attribute 'xyz'$"):
        _ = nn.xyz


def test_an_old_name_warns_and_works(monkeypatch):
    monkeypatch.setitem(nn._RENAMED, "Net", "Network")
    with pytest.warns(FutureWarning, match=r"nnfast\.Net is now called nnfast\.Network"):
        assert nn.Net is nn.Network


@pytest.mark.parametrize(
    ("make", "meant"),
    [
        (lambda: nn.Dense(3, "sigmod"), "sigmoid"),
        (lambda: nn.Dense(3, "ReLU"), "relu"),
        (lambda: nn.Network([2, 1], loss="mean_square_error"), "mean_squared_error"),
        (lambda: nn.Network([2, 1], init="glorot"), "glorot_normal"),
    ],
)
def test_an_unknown_choice_is_told_the_nearest(make, meant):
    with pytest.raises(ValueError, match=rf"\(did you mean '{meant}'\?\); choose from"):
        make()
