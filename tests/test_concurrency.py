"""Ctrl-C, threads, fork, and what is left behind: nothing."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import nnfast as nn

LEVELS = nn.levels.available()
TASKS = Path("/proc/self/task")
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
linux = pytest.mark.skipif(not TASKS.exists(), reason="needs /proc")
forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def start(code, *arguments, **options):
    """A Python that runs this code."""
    # OpenBLAS keeps threads of its own, which are not the ones under test
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(Path(nn.__file__).parents[1])
    command = [sys.executable, "-c", code, *map(str, arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen(command, env=environment, **options)


def output(code, *arguments):
    child = start(code, *arguments)
    try:
        out, errors = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 0, errors
    assert errors == ""
    return out


def network(**options):
    """Large enough for the compiled levels to share its work among threads."""
    layers = [100, nn.Dense(200, "relu"), nn.Dense(10, "softmax")]
    return nn.Network(layers, **{"seed": 0, **options})


def small(**options):
    return nn.Network([3, nn.Dense(4, "tanh"), 2], **{"seed": 0, **options})


def data(net, rows):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, net.sizes[0])).astype(net.dtype)
    return X, np.eye(net.sizes[-1], dtype=net.dtype)[np.arange(rows) % net.sizes[-1]]


# ---- Ctrl-C -----------------------------------------------------------------------------------

INTERRUPTED = """
import signal, sys
import numpy as np, nnfast as nn
signal.signal(signal.SIGINT, signal.default_int_handler)
level, rows, batch_size, *sizes = sys.argv[1], *map(int, sys.argv[2:])
X = np.random.default_rng(0).random((rows, sizes[0]), np.float32)
y = np.arange(rows) % sizes[-1]
net = nn.Network([*sizes[:-1], nn.Dense(sizes[-1], "softmax")], seed=0, level=level)
before, updates, steps = net.parameters.copy(), -(-rows // batch_size), []
for _ in range(3):
    print("ready", flush=True)
    try:
        net.fit(X, y, epochs=10**9, batch_size=batch_size)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    steps.append(net.training_state.step)
assert updates < 10 or any(step % updates for step in steps), "only after whole epochs"
assert np.isfinite(net.parameters).all()
assert (net.parameters != before).any()
assert np.isfinite(net.training_state.slots).all() and net.training_state.step > 0
assert net.fit(X[:50], y[:50]).epochs == 1
assert np.isfinite(net.predict(X[:5])).all()
print("well")
"""
MANY_EPOCHS = (4, 2, 2, 4, 2)  # rows, batch_size, sizes
LONG_EPOCHS = (30_000, 32, 784, 512, 512, 10)


@posix
@pytest.mark.parametrize(
    ("level", "job"),
    [
        *((level, MANY_EPOCHS) for level in LEVELS),
        ("python", (200, 8, 30, 40, 2)),
        ("numpy", LONG_EPOCHS),
        (LEVELS[2], LONG_EPOCHS),
        (LEVELS[-1], LONG_EPOCHS),
    ],
    ids=str,
)
def test_ctrl_c(level, job):
    child = start(INTERRUPTED, level, *job)
    try:
        for _ in range(3):
            assert child.stdout.readline() == "ready\n", child.communicate()[1]
            time.sleep(0.3)
            child.send_signal(signal.SIGINT)
            assert child.stdout.readline() == "interrupted\n"
        assert child.stdout.readline() == "well\n"  # communicate would miss what is buffered
        assert child.communicate(timeout=30)[1] == ""
    finally:
        child.kill()
        child.wait()


class StopError(Exception):
    pass


@pytest.fixture
def handler():
    """A function that has `action` handle SIGUSR1 while the test lasts."""
    before = signal.getsignal(signal.SIGUSR1)
    yield lambda action: signal.signal(signal.SIGUSR1, action)
    signal.signal(signal.SIGUSR1, before)


@posix
def test_the_exception_of_any_signal(level, handler):
    def stop(*arguments):
        raise StopError

    handler(stop)
    net = small(level=level)
    X, Y = data(net, 8)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    with pytest.raises(StopError):
        net.fit(X, Y, epochs=10**9)
    timer.join()
    step = net.training_state.step
    assert step > 0
    assert net.fit(X, Y, epochs=2).epochs == 2
    assert net.training_state.step == step + 2


@posix
def test_a_signal_without_exception_changes_nothing(handler):
    seen = []
    handler(lambda *arguments: seen.append(1))
    net, other = network(), network()
    X, Y = data(net, 500)
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    history = net.fit(X, Y, epochs=30)
    timer.join()
    assert seen
    assert other.fit(X, Y, epochs=30)["loss"] == history["loss"]
    assert np.array_equal(net.parameters, other.parameters)


# ---- threads ----------------------------------------------------------------------------------


class Door:
    """A stdout that holds the thread that writes to it: a training that lasts as long as wanted."""

    def __init__(self):
        self.reached, self.open = threading.Event(), threading.Event()

    def write(self, text):
        self.reached.set()
        assert self.open.wait(20)

    def flush(self):
        pass


def test_a_second_fit_is_refused(level, monkeypatch):
    net, other = small(level=level), small(level=level)
    X, Y = data(net, 8)
    door = Door()
    with ThreadPoolExecutor() as pool, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", door)
        training = pool.submit(net.fit, X, Y, epochs=1, verbose=2)
        assert door.reached.wait(20)
        parameters = net.parameters.copy()
        with pytest.raises(RuntimeError, match=r"trained by another thread; train a net\.copy\(\)"):
            net.fit(X, Y, optimizer="sgd")
        assert np.array_equal(net.parameters, parameters)
        assert net.optimizer == nn.Adam()
        assert np.array_equal(net.predict(X), net.copy().predict(X))
        assert net.copy().fit(X, Y).epochs == 1
        door.open.set()
        history = training.result(20)
    assert history["loss"] == other.fit(X, Y)["loss"]
    assert net.fit(X, Y)["loss"] == other.fit(X, Y)["loss"]
    assert np.array_equal(net.parameters, other.parameters)


def test_many_fits_at_once(compiled_level):
    net = network(level=compiled_level)
    X, Y = data(net, 300)
    barrier = threading.Barrier(8)

    def fit(_):
        barrier.wait(20)
        try:
            return net.fit(X, Y, epochs=3, batch_size=100).epochs
        except RuntimeError:
            return 0

    with ThreadPoolExecutor(8) as pool:
        epochs = sum(pool.map(fit, range(8)))
    assert epochs >= 3
    assert net.training_state.step == 3 * epochs
    assert np.isfinite(net.parameters).all()


def test_predictions_of_eight_threads(level):
    net = small(level=level) if level == "python" else network(level=level)
    X, _ = data(net, 300)
    parts = [X[first : first + size] for first in range(0, 64, 4) for size in (1, 7, 130)]
    serial = [net.predict(part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(net.predict, parts * 4))
    assert all(np.array_equal(a, b) for a, b in zip(serial * 4, parallel, strict=True))


def test_trainings_of_eight_threads(level):
    X, Y = data(small(), 20)

    def train(seed):
        net = small(level=level, seed=seed)
        return net.fit(X, Y, epochs=3, batch_size=6)["loss"], net.parameters.tobytes()

    serial = [train(seed) for seed in range(16)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(train, range(16))) == serial


@pytest.mark.parametrize("method", ["fit", "predict"])
def test_other_threads_run_meanwhile(threads, compiled_level, method):
    threads(1)
    net = network(level=compiled_level)
    X, Y = data(net, 2000)
    call = (lambda: net.fit(X, Y)) if method == "fit" else (lambda: net.predict(X))
    ticks, took = 0, 0.0
    # longer and longer calls into the core: with the interpreter's lock kept, none allows more than
    # a few ticks
    while ticks <= 20 and took < 2:
        X, Y = np.tile(X, (2, 1)), np.tile(Y, (2, 1))
        ticks, done = 0, threading.Event()

        def count(done=done):
            nonlocal ticks
            while not done.wait(0.002):
                ticks += 1

        counter = threading.Thread(target=count)
        counter.start()
        took = -time.perf_counter()
        call()
        took += time.perf_counter()
        done.set()
        counter.join()
    assert ticks > 20


TEAM = """
import sys, threading, time
from pathlib import Path
import numpy as np, nnfast as nn

def count():
    return len(list(Path("/proc/self/task").iterdir()))

def work():
    limit = time.monotonic() + 30
    while most <= before + 1 and time.monotonic() < limit:  # others may need the processors
        net.fit(X, y, epochs=50, batch_size=500)
    net.predict(X)
    net.loss_and_gradient(X, y)

nn.set_num_threads(4)
layers = [100, nn.Dense(200, "relu"), nn.Dense(10, "softmax")]
net = nn.Network(layers, seed=0, level=sys.argv[1])
X, y = np.random.default_rng(0).standard_normal((2000, 100)), np.arange(2000) % 10
before, most = count(), 0
worker = threading.Thread(target=work)
worker.start()
while worker.is_alive():
    most = max(most, count())
worker.join()
deadline = time.monotonic() + 5  # a thread that has ended is listed a moment longer
while count() > before and time.monotonic() < deadline:
    time.sleep(0.01)
print(most > before + 1, count() - before)
"""


@linux
def test_no_thread_is_left(compiled_level):
    assert output(TEAM, compiled_level) == "True 0\n"


# ---- fork -------------------------------------------------------------------------------------

FORK = """
import multiprocessing, os, signal, threading, warnings
import numpy as np, nnfast as nn
warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads, Python 3.12

X = np.random.default_rng(0).standard_normal((600, 100)).astype(np.float32)
y = np.arange(600) % 10
nn.set_num_threads(3)

def network():
    return nn.Network([100, nn.Dense(200, "relu"), nn.Dense(10, "softmax")], seed=0)

def train(net):
    net.fit(X, y, epochs=2, batch_size=256, optimizer="adam")
    return net.parameters.tobytes() + net.predict(X).tobytes()

def check(net):
    signal.alarm(20)
    os._exit(0 if train(net) == expected else 1)

def forked(net):
    child = os.fork()
    if child == 0:
        check(net)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

expected = train(network())
used = network()
used.fit(X, y, batch_size=None)
used.reset()
print(forked(network()), forked(used))

process = multiprocessing.get_context("fork").Process(target=check, args=(used,))
process.start()
process.join(25)
print(process.exitcode)

busy = network()
def work():
    try:
        busy.fit(X, y, epochs=10**9)
    except BaseException:
        pass
threading.Thread(target=work, daemon=True).start()
while not busy.training_state or busy.training_state.step == 0:
    pass
print([forked(network()) for _ in range(3)])
print(train(network()) == expected, flush=True)
os._exit(0)
"""


@forking
def test_forks():
    assert output(FORK).splitlines() == ["0 0", "0", "[0, 0, 0]", "True"]


EXIT = """
import sys, threading, time
import numpy as np, nnfast as nn
X, y = np.zeros((2000, 100)), np.zeros(2000)
net = nn.Network([100, nn.Dense(200, "relu"), 1], seed=0, level=sys.argv[1])
threading.Thread(target=net.fit, args=(X, y), kwargs={"epochs": 10**9}, daemon=True).start()
while not net.training_state:
    time.sleep(0.01)
time.sleep(0.1)

class Last:  # keeps the end of the interpreter going for a while
    def __del__(self, sleep=time.sleep):
        sleep(0.3)

last = Last()
print("end")
"""


@pytest.mark.parametrize("level", LEVELS[1:])
def test_the_interpreter_ends_during_a_training_in_a_daemon(level):
    assert output(EXIT, level) == "end\n"


# ---- memory -----------------------------------------------------------------------------------

LEAK = """
import gc, sys
import numpy as np, nnfast as nn
from pathlib import Path
page = 4096
X = np.random.default_rng(0).standard_normal((40, 32)).astype(np.float32)
y = np.zeros(40)

def cycles(count):
    for seed in range(count):
        net = nn.Network([32, 64, 1], seed=seed, level=sys.argv[1])
        net.fit(X, y, batch_size=10, optimizer="adam")
        net.predict(X)
        net.loss_and_gradient(X, y)
        net.level = sys.argv[1]
        for bad in (X[:, :3], "x"):
            try:
                net.predict(bad)
            except (ValueError, TypeError):
                pass
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * page

cycles(300)
first = cycles(100)
print(cycles(2000) - first)
"""


@linux
@pytest.mark.parametrize("level", LEVELS[1:])
def test_memory_does_not_grow(level):
    # the parameters of one network are 8.7 kB: 17 MB if all of them stayed
    assert int(output(LEAK, level)) < 3e6


def test_a_network_dies_with_its_last_reference(level):
    net = small(level=level)
    X, Y = data(net, 8)
    kept = net.predict(X), net.loss_and_gradient(X, Y)[1], net.fit(X, Y)
    gc.disable()
    try:
        reference, view = weakref.ref(net), net.weights[0][0]
        del net
        assert reference() is None
    finally:
        gc.enable()
    assert np.isfinite(view).all()
    assert kept[2].epochs == 1


def test_no_reference_to_data_is_kept(level):
    net = small(level=level)
    X, Y = data(net, 8)
    net.fit(X, Y)
    before = sys.getrefcount(X), sys.getrefcount(Y)
    for _ in range(10):
        net.fit(X, Y)
        net.predict(X)
        net.evaluate(X, Y)
    assert (sys.getrefcount(X), sys.getrefcount(Y)) == before
