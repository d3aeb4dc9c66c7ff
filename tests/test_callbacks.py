"""Callbacks: when they are called, what they see, and what they do."""

import csv
import itertools
import time

import numpy as np
import pytest

import nnfast as nn
from nnfast import callbacks, training

RNG = np.random.default_rng(3)
X, Y = RNG.standard_normal((20, 3)), RNG.standard_normal((20, 2))
HELD_OUT = RNG.standard_normal((9, 3)), RNG.standard_normal((9, 2))


def network(**options):
    layers = [3, nn.Dense(6, "tanh"), nn.Dense(2, "linear")]
    return nn.Network(layers, **{"seed": 2, **options})


class Recorder(nn.Callback):
    def __init__(self):
        self.calls = []

    def on_train_begin(self, logs):
        self.calls.append(("begin", logs))

    def on_train_end(self, logs):
        self.calls.append(("end", logs))

    def on_epoch_begin(self, epoch, logs):
        self.calls.append((epoch, self.network.training_state.epoch))

    def on_epoch_end(self, epoch, logs):
        self.calls.append((epoch, logs))


class Values(nn.Callback):
    """Puts numbers of its own in the logs, for those that follow."""

    def __init__(self, name, values):
        self.name, self.values = name, values

    def on_epoch_end(self, epoch, logs):
        logs[self.name] = self.values[epoch]


def test_when_and_with_what(level):
    recorder = Recorder()
    net = network(level=level)
    history = net.fit(X, Y, epochs=3, validation_data=HELD_OUT, callbacks=[recorder])
    logs = [{"loss": a, "val_loss": b} for a, b in zip(*history.to_dict().values(), strict=True)]
    assert recorder.calls == [
        ("begin", {}),
        *itertools.chain(*(((k, k), (k, logs[k])) for k in range(3))),
        ("end", logs[-1]),
    ]
    assert recorder.network is net
    assert recorder.training.history is history is net.history
    assert history.stop_reason == "All epochs are done: 3."


def test_callbacks_do_not_change_the_training(level):
    one, other = network(level=level), network(level=level)
    losses = one.fit(X, Y, epochs=5, callbacks=Recorder())["loss"]
    assert other.fit(X, Y, epochs=5)["loss"] == losses
    assert one.parameters.tobytes() == other.parameters.tobytes()


@pytest.mark.parametrize("result", [True, np.True_])
def test_true_ends_the_training(result):
    stop = nn.LambdaCallback(lambda epoch, logs: result if epoch == 2 else None)
    after = Recorder()
    history = network().fit(X, Y, epochs=9, callbacks=[stop, after])
    assert history.epochs == 3
    assert history.stop_reason == "LambdaCallback ended the training."
    assert after.calls[-1][0] == "end"
    assert after.calls[-2][0] == 2


@pytest.mark.parametrize("result", [1, 0.5, "stop", None, False, np.False_])
def test_nothing_else_does(result):
    history = network().fit(X, Y, epochs=3, callbacks=nn.LambdaCallback(lambda *given: result))
    assert history.epochs == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_exception_leaves_network_and_history(level, error):
    def fail(epoch, logs):
        if epoch == 2:
            raise error

    net, twin = network(level=level), network(level=level)
    recorder = Recorder()
    with pytest.raises(error):
        net.fit(X, Y, epochs=9, callbacks=[recorder, nn.LambdaCallback(fail)])
    expected = twin.fit(X, Y, epochs=3)
    assert net.history["loss"] == expected["loss"]
    assert net.history.stop_reason == f"{error.__name__} ended it in epoch 4."
    assert np.array_equal(net.parameters, twin.parameters)
    assert recorder.calls[-1][0] == 2  # as in Keras, the training has not ended but broken off
    assert net.fit(X, Y)["loss"] == twin.fit(X, Y)["loss"]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (3, TypeError, "callbacks is 3; expected a list"),
        ([print], TypeError, "expected instances of nnfast.Callback"),
        ([nn.EarlyStopping], TypeError, "expected instances of nnfast.Callback"),
        ([nn.EarlyStopping()], ValueError, "monitors 'val_loss', but this training records loss;"),
        ([nn.ReduceOnPlateau("auc")], ValueError, "monitors 'auc'"),
    ],
)
def test_callbacks_that_do_not_fit(given, error, words):
    net = network()
    with pytest.raises(error, match=words):
        net.fit(X, Y, callbacks=given)
    assert net.training_state is None


# ---- early stopping -----------------------------------------------------------------------------


def follow(callback, name, values):
    """Run `callback` on made-up values of a record; the network and the history."""
    net = network()
    weights = []
    record = nn.LambdaCallback(lambda *given: weights.append(net.parameters.copy()))
    history = net.fit(
        X, Y, epochs=len(values), metrics="mae", callbacks=[record, Values(name, values), callback]
    )
    return net, history, weights


@pytest.mark.parametrize(
    ("values", "options", "epochs", "best"),
    [
        ([5, 4, 3, 4, 4, 2], {"patience": 2}, 5, 2),
        ([5, 4, 3, 4, 2, 4, 4, 4], {"patience": 2}, 7, 4),
        ([5, 4, 3, 3, 3], {"patience": 1}, 4, 2),
        ([5, 4, 3.9, 3.8, 3.7], {"patience": 2, "min_delta": 0.5}, 4, 1),
        ([1, 2, 3, 2, 2, 9], {"patience": 2, "mode": "max"}, 5, 2),
        ([5, 4, 6, 3], {"patience": 0}, 3, 1),
        ([np.nan, 3, np.nan, np.inf, 5], {"patience": 2}, 4, 1),
        ([5, 4, 3, 2], {"patience": 2}, 4, 3),
    ],
)
def test_early_stopping(values, options, epochs, best):
    stopping = nn.EarlyStopping("loss", **options)
    net, history, weights = follow(stopping, "loss", values)
    assert history.epochs == epochs
    assert (stopping.best_epoch, stopping.best) == (best, values[best])
    assert np.array_equal(net.parameters, weights[best])
    if epochs < len(values):
        assert f"after epoch {best + 1}." in history.stop_reason
    _, _, weights = follow(stopping, "loss", values)  # nothing is left of the first training
    assert len(weights) == epochs


def test_without_the_best_weights():
    stopping = nn.EarlyStopping("loss", patience=1, restore_best=False)
    net, _, weights = follow(stopping, "loss", [1, 2, 3])
    assert np.array_equal(net.parameters, weights[1])


def test_never_a_number():
    _, history, _ = follow(nn.EarlyStopping("loss", patience=2), "loss", [np.nan] * 5)
    assert history.stop_reason == "loss was not finite for 2 epochs."


def test_the_direction_is_known():
    assert nn.EarlyStopping("val_loss").mode == "min"
    assert nn.EarlyStopping("val_accuracy").mode == "max"
    assert nn.EarlyStopping("top_3_accuracy").mode == "max"
    assert nn.EarlyStopping("mae").mode == "min"
    with pytest.raises(ValueError, match="whether 'profit' should fall or rise is not known"):
        nn.EarlyStopping("profit")


# ---- the others ---------------------------------------------------------------------------------


def test_reduce_on_plateau():
    rates = []
    plateau = nn.ReduceOnPlateau("loss", factor=0.5, patience=2, cooldown=1, min_factor=0.2)
    net = network()
    look = nn.LambdaCallback(lambda *given: rates.append(net.training_state.rate_factor))
    values = [5, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4]
    net.fit(X, Y, epochs=11, optimizer="sgd", callbacks=[Values("loss", values), plateau, look])
    assert rates == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2]
    assert net.optimizer == nn.SGD()
    assert net.copy().training_state.rate_factor == 0.2
    net.fit(X, Y, optimizer="sgd")
    assert net.training_state.rate_factor == 1


@pytest.mark.parametrize("rate", [0.1, nn.CosineDecay(0.1, 5)])
def test_a_reduced_rate_is_that_rate(level, rate):
    one, other = network(level=level), network(level=level)
    one.fit(X, Y, epochs=2, optimizer=nn.SGD(rate, momentum=0.5))
    other.resume(one.optimizer, one.copy().training_state)
    other.parameters[:] = one.parameters
    one.training_state.rate_factor = 0.5
    half = 0.05 if rate == 0.1 else nn.CosineDecay(0.05, 5)
    other.resume(nn.SGD(half, momentum=0.5), other.training_state)
    one.fit(X, Y, epochs=3)
    other.fit(X, Y, epochs=3)
    assert np.array_equal(one.parameters, other.parameters)


def test_loss_goal():
    losses = network().fit(X, Y, epochs=50)["loss"]
    history = network().fit(X, Y, epochs=50, callbacks=nn.LossGoal(losses[30]))
    assert history["loss"] == losses[:31]
    assert "has reached the goal" in history.stop_reason


def test_time_limit(level):
    begun = time.monotonic()
    history = network(level=level).fit(X, Y, epochs=10**9, callbacks=nn.TimeLimit(0.3))
    assert time.monotonic() - begun >= 0.3
    assert history.stop_reason == "The time limit of 0.3 s is over."


def test_a_time_limit_lets_short_epochs_pass(monkeypatch):
    calls = []
    advance = training.Training._advance
    monkeypatch.setattr(
        training.Training, "_advance", lambda self, n: calls.append(n) or advance(self, n)
    )
    network().fit(X, Y, epochs=2000, callbacks=nn.TimeLimit(60))
    assert len(calls) < 100
    assert sum(calls) == 2000
    calls.clear()
    network().fit(X, Y, epochs=20, callbacks=[nn.TimeLimit(60), Recorder()])
    assert calls == [1] * 20


def test_csv(tmp_path):
    logger = nn.CSVLogger(tmp_path / "log.csv")
    for epochs in (2, 4):
        history = network().fit(X, Y, epochs=epochs, validation_data=HELD_OUT, callbacks=logger)
        with open(tmp_path / "log.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["epoch"]) for row in rows] == list(range(epochs))
        for name in ("loss", "val_loss"):
            assert [float(row[name]) for row in rows] == history[name]


def test_functions():
    seen = []
    callback = nn.LambdaCallback(
        on_train_begin=lambda logs: seen.append("a"),
        on_epoch_begin=lambda epoch, logs: seen.append("b"),
        on_epoch_end=lambda epoch, logs: seen.append("c"),
        on_train_end=lambda logs: seen.append("d"),
    )
    network().fit(X, Y, epochs=2, callbacks=callback)
    assert seen == list("abcbcd")
    with pytest.raises(TypeError, match="on_epoch_end is 3; expected a function"):
        nn.LambdaCallback(3)


WRONG = [
    (nn.EarlyStopping, {"patience": -1}, "patience is -1"),
    (nn.EarlyStopping, {"patience": 1.5}, r"patience is 1\.5"),
    (nn.EarlyStopping, {"mode": "up"}, "unknown mode 'up'"),
    (nn.EarlyStopping, {"min_delta": -1}, "min_delta is -1"),
    (nn.EarlyStopping, {"restore_best": 1}, "restore_best is 1"),
    (nn.ReduceOnPlateau, {"factor": 1}, "factor is 1"),
    (nn.ReduceOnPlateau, {"factor": 0}, "factor is 0"),
    (nn.ReduceOnPlateau, {"cooldown": -1}, "cooldown is -1"),
    (nn.TimeLimit, {"seconds": -1}, "seconds is -1"),
    (nn.LossGoal, {"loss": "low"}, "loss is 'low'"),
    (nn.Checkpoint, {"path": "a", "every": 0}, "every is 0"),
    (nn.Checkpoint, {"path": "a", "keep": 0}, "keep is 0"),
    (nn.Checkpoint, {"path": "{step}"}, "path is '{step}'"),
    (nn.Checkpoint, {"path": "{}"}, "path is '{}'"),
]


@pytest.mark.parametrize(("kind", "options", "words"), WRONG)
def test_arguments_out_of_range(kind, options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        kind(**options)


def test_no_shared_state():
    assert "stop_reason" not in vars(nn.EarlyStopping())
    one, other = nn.EarlyStopping("loss", patience=1), nn.EarlyStopping("loss", patience=1)
    follow(one, "loss", [1, 2, 3])
    assert other.best is None
    assert other.stop_reason == callbacks.Callback.stop_reason == ""


# ---- histograms ---------------------------------------------------------------------------------


def test_histograms(level):
    net = network(level=level)
    history = net.fit(X, Y, epochs=3, record=("weights", "gradients"))
    _, gradient = net.loss_and_gradient(X, Y)
    for name, values in (("weights", net.parameters), ("gradients", gradient)):
        assert len(history[name]) == 3
        for part, (counts, edges) in zip(np.split(values, [24]), history[name][-1], strict=True):
            assert counts.sum() == len(part)
            assert (counts.shape, edges.shape) == ((30,), (31,))
            assert edges[[0, -1]] == pytest.approx([part.min(), part.max()], rel=1e-5)
    weight = 1.0 + np.arange(20)
    history = net.fit(X, Y, record="gradients", sample_weight=weight)
    _, gradient = net.loss_and_gradient(X, Y, weight)
    assert history["gradients"][0][0][1][-1] == pytest.approx(gradient[:24].max(), rel=1e-5)
    assert history.logs().keys() == {"loss"}
    history = net.fit(X, Y, epochs=3, record=("weights", "gradients"))
    assert history.to_dict()["weights"][0][0][0] == history["weights"][0][0][0].tolist()
    with pytest.raises(ValueError, match="unknown record 'biases'; choose from weights, gradients"):
        net.fit(X, Y, record="biases")


# ---- showing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "LossGoal(0.1)",
        "TimeLimit(2.5)",
        "CSVLogger('log.csv')",
        "Checkpoint('net-{epoch}.nnfast', keep=2)",
        "EarlyStopping(monitor='val_f1', patience=3, mode='max', restore_best=False)",
        "ReduceOnPlateau(factor=0.5, mode='min')",
        "Callback()",
    ],
)
def test_typed_back(text):
    assert repr(eval(text, vars(nn))) == text


def test_how_a_callback_with_other_attributes_looks():
    class Mine(nn.Callback):
        def __init__(self, goal):
            self.target = goal

    assert " object at " in repr(Mine(1))
    assert "LambdaCallback(on_epoch_end=<" in repr(nn.LambdaCallback(print))
