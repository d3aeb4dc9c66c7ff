"""What `fit` does with its options, what its history holds, and what it prints meanwhile."""

import io
import itertools
import re
import sys

import numpy as np
import pytest

import nnfast as nn
from nnfast import progress, training

X = np.random.default_rng(1).standard_normal((7, 3))
LABELS = [0, 1, 1, 0, 1, 0, 0]
HOT = np.eye(2)[LABELS]


def network(**options):
    layers = [3, nn.Dense(4, "tanh"), nn.Dense(2, "softmax")]
    return nn.Network(layers, **{"seed": 3, "dtype": "float64", **options})


# ---- updates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 2, 3, 6, 7, 100, None, np.int32(3)])
def test_every_batch_makes_one_update(level, batch_size):
    """By hand: batches in order, the last one smaller, each measured before its update."""
    net, twin = network(level=level), network(level="numpy")
    rate, epochs = 0.5, 3
    history = net.fit(
        X, LABELS, epochs=epochs, batch_size=batch_size, optimizer=nn.SGD(rate), shuffle=False
    )
    size = len(X) if batch_size is None else int(batch_size)
    losses = []
    for _ in range(epochs):
        total = 0
        for start in range(0, len(X), size):
            x, y = X[start : start + size], HOT[start : start + size]
            loss, gradient = twin.loss_and_gradient(x, y)
            total += len(x) * loss
            twin.parameters[:] -= rate * gradient
        losses.append(total / len(X))
    assert np.allclose(history["loss"], losses, rtol=1e-12)
    assert np.allclose(net.parameters, twin.parameters, rtol=1e-11, atol=1e-14)
    assert net.training_state.step == epochs * -(-len(X) // size)


def test_the_first_loss_is_that_of_the_initial_weights(level, dtype):
    net = network(level=level, dtype=dtype)
    loss = net.evaluate(X, LABELS)["loss"]
    history = net.fit(X, LABELS, epochs=2, batch_size=None)
    assert history["loss"][0] == pytest.approx(loss, rel=1e-6 if dtype == "float32" else 1e-13)
    assert history["loss"][1] < loss
    assert all(type(value) is float for value in history["loss"])


def test_fit_learns(level):
    net = nn.Network([2, nn.Dense(4, "tanh"), 1], seed=1, level=level)
    inputs, outputs = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    net.fit(inputs, outputs, epochs=300, batch_size=None, optimizer=nn.Adam(0.1))
    assert net.predict_classes(inputs).tolist() == outputs
    assert net.evaluate(inputs, outputs)["accuracy"] == 1


def test_shuffling_is_the_same_on_every_level(level):
    def losses(level, shuffle=True):
        options = {"epochs": 3, "batch_size": 2, "optimizer": nn.SGD(0.3)}
        return network(level=level).fit(X, LABELS, shuffle=shuffle, **options)["loss"]

    expected = losses("numpy")
    assert np.allclose(losses(level), expected, rtol=1e-11)
    assert not np.allclose(losses(level, shuffle=False), expected, rtol=1e-6)


@pytest.mark.parametrize(("shuffle", "orders"), [(True, 6), (False, 1)])
def test_every_epoch_has_an_order_of_its_own(level, shuffle, orders):
    """The bias runs towards one target after the other: where it ends tells their order."""
    layers = [3, nn.Dense(1, "linear")]
    net = nn.Network(layers, loss="quadratic", init="zeros", dtype="float64", seed=0, level=level)
    ends = set()
    for _ in range(6):
        net.parameters[:] = 0
        options = {"batch_size": 1, "optimizer": nn.SGD(0.1), "shuffle": shuffle}
        net.fit(0 * X, 4.0 ** np.arange(7), **options)
        ends.add(float(net.weights[0][1][0]))
    assert len(ends) == orders


def test_a_full_batch_is_not_shuffled(level):
    results = []
    for shuffle in (True, False):
        net = network(level=level)
        net.fit(X, LABELS, epochs=3, batch_size=7, optimizer="sgd", shuffle=shuffle)
        results.append((net.parameters.tobytes(), net.training_state.shuffle))
    assert results[0] == results[1]


# ---- going on or starting anew ----------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [nn.SGD(0.1, momentum=0.9), nn.Adam()], ids=["sgd", "adam"])
def test_no_optimizer_goes_on(level, optimizer):
    options = {"batch_size": 2}
    first, second = network(level=level), network(level=level)
    losses = first.fit(X, LABELS, epochs=5, optimizer=optimizer, **options)["loss"]
    parts = second.fit(X, LABELS, epochs=2, optimizer=optimizer, **options)["loss"]
    parts += second.fit(X, LABELS, epochs=3, **options)["loss"]
    assert parts == losses
    assert np.array_equal(first.parameters, second.parameters)
    assert second.optimizer == optimizer
    assert second.training_state.step == 20


def test_an_optimizer_starts_afresh():
    net = network()
    net.fit(X, LABELS, epochs=2, optimizer="adam")
    net.fit(X, LABELS, epochs=3, optimizer=nn.Adam())
    assert net.training_state.step == 3
    other = network()
    other.fit(X, LABELS, epochs=2, optimizer="adam")
    other.fit(X, LABELS, epochs=3)
    assert other.training_state.step == 5
    assert not np.array_equal(net.parameters, other.parameters)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (None, nn.Adam()),
        ("adam", nn.Adam()),
        ("Adam", nn.Adam()),
        ("sgd", nn.SGD()),
        ("SGD", nn.SGD()),
    ],
)
def test_optimizers_by_name(given, meant):
    net, other = network(), network()
    net.fit(X, LABELS, optimizer=given)
    other.fit(X, LABELS, optimizer=meant)
    assert net.optimizer == meant
    assert np.array_equal(net.parameters, other.parameters)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", nn.SGD(0.1, momentum=0.5)], ids=str)
def test_the_size_of_the_pieces_does_not_change_a_bit(level, dtype, optimizer, monkeypatch):
    """How many epochs a level gets at once depends on the clock; the result must not."""
    results = []
    for first, target in ((0, 0.0), (10**9, 1e9)):
        monkeypatch.setattr(training, "MULTIPLICATIONS", first)
        monkeypatch.setattr(training.EpochClock, "TARGET", target)
        net = network(level=level, dtype=dtype)
        losses = net.fit(X, LABELS, epochs=40, batch_size=3, optimizer=optimizer)["loss"]
        results.append((losses, net.parameters.tobytes(), net.training_state.slots.tobytes()))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("seconds", "sizes"),
    [
        (0.0099, [1, 5, 5, 5, 5, 5, 4]),  # per epoch; 50 ms a piece
        (1.0, [1] * 30),
        (1e-9, [1, 16, 13]),
    ],
)
def test_pieces_of_a_training(monkeypatch, seconds, sizes):
    now = 0.0
    monkeypatch.setattr(training.time, "perf_counter", lambda: now)
    clock, taken = training.EpochClock(30, first=1, most=30), []
    while size := clock.next():
        taken.append(size)
        now += seconds * size
        clock.done([0.5] * size)
    assert taken == sizes


# ---- history ----------------------------------------------------------------------------------


def test_history():
    history = network().fit(X, LABELS, epochs=np.int64(3))
    assert isinstance(history, nn.History)
    assert history.epochs == 3 == len(history["loss"])
    assert "loss" in history
    assert "accuracy" not in history
    copied = history.to_dict()
    assert copied == {"loss": history["loss"]}
    copied["loss"].clear()
    assert history.epochs == 3


def test_how_a_history_looks():
    history = nn.History()
    assert repr(history) == "History(0 epochs)"
    history["loss"].append(0.123456)
    assert repr(history) == "History(1 epoch, loss 0.1235)"
    history["loss"].append(2.0)
    assert repr(history) == "History(2 epochs, loss 0.1235 -> 2)"


def test_plot(monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    monkeypatch.setattr(pyplot, "show", lambda: pytest.fail("plot() showed something"))
    history = network().fit(X, LABELS, epochs=4)
    try:
        axes = history.plot()
        (line,) = axes.get_lines()
        assert line.get_ydata().tolist() == history["loss"]
        assert line.get_xdata().tolist() == [0, 1, 2, 3]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss")
        _, given = pyplot.subplots()
        assert history.plot(given) is given
        assert history.plot(ax=given) is given
        assert len(given.get_lines()) == 2
    finally:
        pyplot.close("all")


def test_plot_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'matplotlib; install it with: pip install "nnfast\[pl'):
        nn.History().plot()


# ---- progress ---------------------------------------------------------------------------------

NUMBER = r"\d[\d.]*(e[+-]\d+)?"
TIME = rf"({NUMBER}(us|ms|s)|\d+m\d\ds)"
LINE = rf"epoch \d+/\d+( \[=*\.*\])? {TIME} - {TIME}/epoch - loss {NUMBER}( - eta {TIME})?"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A function that makes stdout a terminal; pytest replaces stdout between fixture and test."""

    def start():
        monkeypatch.setattr(sys, "stdout", Terminal())
        return sys.stdout

    return start


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves: clock.now is its time in seconds."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.mark.parametrize("verbose", [0, "auto"])
def test_silence(capfd, verbose, level, monkeypatch):
    monkeypatch.setattr(progress.Progress, "SILENCE", 0.0)
    monkeypatch.setattr(progress.Progress, "INTERVAL", 0.0)
    network(level=level).fit(X, LABELS, epochs=50, verbose=verbose)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [0, "auto"])
def test_silence_of_a_short_training_on_a_terminal(terminal, verbose):
    stream = terminal()
    network().fit(X, LABELS, epochs=3, verbose=verbose)
    assert stream.getvalue() == ""


def test_lines(capsys):
    network().fit(X, LABELS, epochs=3, verbose=2)
    *_, last = capsys.readouterr().out.splitlines(keepends=True)
    assert re.fullmatch(LINE + "\n", last)
    assert last.startswith("epoch 3/3 ")
    assert "eta" not in last


def test_at_most_ten_lines_a_second(capsys, clock):
    line = progress.Progress(2, 100)
    for epoch in range(1, 101):
        clock.now += 0.03
        line.update(epoch, {"loss": 0.5})
    line.close()
    lines = capsys.readouterr().out.splitlines()
    assert 20 <= len(lines) <= 30
    assert all(re.fullmatch(LINE, line) for line in lines)
    assert lines[-1] == "epoch 100/100 3s - 30ms/epoch - loss 0.5"
    assert lines[0] == "epoch 4/100 120ms - 30ms/epoch - loss 0.5 - eta 2.88s"


def test_a_line_per_slow_epoch(capsys, clock):
    line = progress.Progress(2, 3)
    for epoch in range(1, 4):
        clock.now += 40
        line.update(epoch, {"loss": 1 / 3})
    assert capsys.readouterr().out.splitlines() == [
        "epoch 1/3 40s - 40s/epoch - loss 0.3333 - eta 1m20s",
        "epoch 2/3 1m20s - 40s/epoch - loss 0.3333 - eta 40s",
        "epoch 3/3 2m00s - 40s/epoch - loss 0.3333",
    ]


@pytest.mark.parametrize("verbose", [1, "auto"])
def test_one_line_that_is_rewritten(terminal, clock, verbose):
    stream = terminal()
    line = progress.Progress(verbose, 4)
    losses = [123456.789, 1e-7, 1, 0.25]
    for epoch, loss in enumerate(losses, start=1):
        clock.now += 0.6
        line.update(epoch, {"loss": loss})
    line.close()
    written = stream.getvalue()
    first, *lines = written.split("\r")
    assert first == ""
    assert len(lines) == 4
    assert all(re.fullmatch(LINE + r" *\n?", line) for line in lines)
    assert "[=====...............]" in lines[0]
    assert "[====================]" in lines[3]
    assert written.endswith("\n")
    assert written.count("\n") == 1
    for before, after in itertools.pairwise(lines):  # nothing of the old line is left
        assert len(after.rstrip("\n")) >= len(before.rstrip())


def test_the_line_ends_with_the_training(terminal):
    stream = terminal()
    network().fit(X, LABELS, epochs=3, verbose=1)
    assert re.search(r"\repoch 3/3 [^\n\r]*\n\Z", stream.getvalue())


def test_the_line_ends_with_an_interruption(terminal, monkeypatch):
    stream = terminal()
    monkeypatch.setattr(progress.Progress, "INTERVAL", 0.0)

    def interrupt(self, losses):
        self.size = 1
        self.left -= 1
        if self.left == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "MULTIPLICATIONS", 0)
    monkeypatch.setattr(training.EpochClock, "done", interrupt)
    with pytest.raises(KeyboardInterrupt):
        network().fit(X, LABELS, epochs=3, verbose=1)
    assert re.fullmatch(r"\repoch 1/3 [^\n\r]*\n", stream.getvalue())


def test_a_terminal_that_watches_for_half_a_second(terminal, clock):
    stream = terminal()
    line = progress.Progress("auto", 1000)
    for epoch in range(1, 10):
        clock.now += 0.05
        line.update(epoch, {"loss": 1.0})
    assert stream.getvalue() == ""
    clock.now += 0.1
    line.update(10, {"loss": 1.0})
    assert stream.getvalue().startswith("\repoch 10/1000 ")


def test_a_notebook_watches_too(monkeypatch, clock):
    kind = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    monkeypatch.setattr(sys, "stdout", kind())
    line = progress.Progress("auto", 2)
    clock.now += 1
    line.update(1, {"loss": 1.0})
    assert sys.stdout.getvalue().startswith("\repoch 1/2")


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
def test_without_a_console(monkeypatch, verbose):
    monkeypatch.setattr(sys, "stdout", None)
    assert network().fit(X, LABELS, epochs=2, verbose=verbose).epochs == 2


def test_a_stdout_that_can_only_write(monkeypatch):
    class Log:
        text = ""

        def write(self, text):
            Log.text += text

        def flush(self):
            pass

    monkeypatch.setattr(sys, "stdout", Log())
    network().fit(X, LABELS, epochs=2)
    assert Log.text == ""
    network().fit(X, LABELS, epochs=2, verbose=2)
    assert Log.text.startswith("epoch 2/2")


def test_a_stdout_that_fails_leaves_the_network_usable(monkeypatch):
    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    net, other = network(), network()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Broken())
        with pytest.raises(BrokenPipeError):
            net.fit(X, LABELS, verbose=2)
    other.fit(X, LABELS)
    assert net.fit(X, LABELS)["loss"] == other.fit(X, LABELS)["loss"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0us"),
        (4.2e-6, "4.2us"),
        (0.0009999, "1ms"),
        (0.25, "250ms"),
        (0.9999, "1s"),
        (59.9, "59.9s"),
        (59.96, "1m00s"),
        (119.7, "2m00s"),
        (3725, "62m05s"),
    ],
)
def test_durations(capsys, clock, seconds, text):
    line = progress.Progress(2, 1)
    clock.now += seconds
    line.start = clock.now - seconds
    line.update(1, {"loss": 1.0})
    assert capsys.readouterr().out.startswith(f"epoch 1/1 {text} - {text}/epoch")


# Divergence


def test_divergence_is_said_and_undone(level, dtype):
    """The network is back at the weights of an epoch whose loss was finite."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
    net = nn.Network([3, nn.Dense(1, "linear")], seed=0, dtype=dtype, level=level)
    twin = net.copy()
    with pytest.raises(
        nn.DivergenceError, match=r"diverged in epoch \d+; the last .* loss was"
    ) as caught:
        net.fit(X, y, epochs=1000, batch_size=None, optimizer=nn.SGD(5.0))
    losses = caught.value.losses
    assert np.isfinite(losses).all()
    assert len(losses) > 3
    twin.fit(X, y, epochs=len(losses), batch_size=None, optimizer=nn.SGD(5.0))
    np.testing.assert_array_equal(net.parameters, twin.parameters)
    assert np.isfinite(net.evaluate(X, y)["loss"])
    assert net.training_state.step == len(losses)


def test_nan_found_in_training_changes_nothing(level):
    net = nn.Network([3, nn.Dense(1, "linear")], level=level)
    X, y = np.ones((8, 3)), np.ones((8, 1))
    net.fit(X, y, optimizer=nn.SGD(0.1, momentum=0.5))
    before, state = net.parameters.copy(), net.training_state
    for bad in (np.nan, np.inf):
        X[3, 1] = bad
        with pytest.raises(ValueError, match=r"X\[3, 1\] is"):
            net.fit(X, y, epochs=5, optimizer="adam")
    np.testing.assert_array_equal(net.parameters, before)
    assert net.training_state is state
    assert net.optimizer == nn.SGD(0.1, momentum=0.5)
