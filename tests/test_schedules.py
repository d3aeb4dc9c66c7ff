"""Schedules: their values, and that every update gets the one of its time."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

import nnfast as nn
from nnfast.formulas import OPTIMIZERS, SCHEDULES, read_schedule
from nnfast.formulas.schedules import Schedule

X = np.random.default_rng(0).standard_normal((10, 3))
Y = np.random.default_rng(1).standard_normal((10, 2))
EXAMPLES = [
    nn.StepDecay(0.2, factor=0.1, epochs=3),
    nn.ExponentialDecay(0.2, factor=0.3, epochs=2),
    nn.InverseTimeDecay(0.2, epochs=2),
    nn.CosineDecay(0.2, epochs=4, end=0.01),
    nn.CosineDecay(0.2, epochs=4, end=0.01, warmup=1.5),
]
FIRST_ORDER = [kind for kind in OPTIMIZERS.values() if hasattr(kind(), "learning_rate")]


def network(**options):
    layers = [3, nn.Dense(4, "tanh"), nn.Dense(2, "linear")]
    return nn.Network(layers, **{"seed": 0, "dtype": "float64", **options})


def test_every_schedule_is_tried():
    assert {type(schedule) for schedule in EXAMPLES} == set(SCHEDULES.values())


CLOSED = {
    "step": (nn.StepDecay(0.5, 0.1, 2), lambda t: 0.5 * 0.1 ** (t // 2)),
    "exponential": (nn.ExponentialDecay(0.5, 0.25, 2), lambda t: 0.5 * 0.25 ** (t / 2)),
    "inverse": (nn.InverseTimeDecay(0.5, 4), lambda t: 0.5 / (1 + t / 4)),
    "cosine": (
        nn.CosineDecay(0.5, 8, end=0.1),
        lambda t: 0.1 + 0.2 * (1 + math.cos(math.pi * min(t / 8, 1))),
    ),
    "warm": (
        nn.CosineDecay(0.5, 8, warmup=2),
        lambda t: 0.25 * t if t < 2 else 0.25 * (1 + math.cos(math.pi * min((t - 2) / 6, 1))),
    ),
}


@pytest.mark.parametrize("name", CLOSED)
def test_values(name):
    schedule, expected = CLOSED[name]
    times = np.array([0, 0.25, 1, 1.75, 2, 3, 3.99, 4, 7.5, 8, 100])
    rates = schedule(times)
    assert rates.dtype == np.float64
    assert np.allclose(rates, [expected(t) for t in times], rtol=1e-14, atol=1e-16)
    assert (rates >= 0).all()


def torch_rates(make, epochs):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    rates = []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        (nn.StepDecay(0.5, 0.1, 3), lambda lr, o: lr.StepLR(o, 3, 0.1)),
        (nn.ExponentialDecay(0.5, 0.9, 1), lambda lr, o: lr.ExponentialLR(o, 0.9)),
        (nn.CosineDecay(0.5, 10, end=0.1), lambda lr, o: lr.CosineAnnealingLR(o, 10, 0.1)),
    ],
    ids=["step", "exponential", "cosine"],
)
def test_values_of_torch(schedule, make):
    rates = torch_rates(make, 10)
    assert np.allclose(schedule(np.arange(10.0)), rates, rtol=1e-12)


@pytest.mark.parametrize("schedule", EXAMPLES, ids=repr)
def test_every_update_has_its_rate(level, schedule):
    """By hand: update u of the U in epoch e is plain gradient descent with the rate at e + u/U."""
    net, twin = network(level=level), network(level="numpy")
    net.fit(X, Y, epochs=5, batch_size=4, shuffle=False, optimizer=nn.SGD(schedule))
    for epoch, update in itertools.product(range(5), range(3)):
        rows = slice(4 * update, 4 * update + 4)
        _, gradient = twin.loss_and_gradient(X[rows], Y[rows])
        twin.parameters[:] -= schedule(np.array([epoch + update / 3]))[0] * gradient
    assert np.allclose(net.parameters, twin.parameters, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("kind", FIRST_ORDER)
def test_every_optimizer_takes_a_schedule(level, kind):
    """A schedule that hardly changes is a constant rate; one that changes is not."""
    results = []
    for rate in (0.01, nn.StepDecay(0.01, 0.5, 100), nn.StepDecay(0.01, 0.5, 1)):
        net = network(level=level)
        net.fit(X, Y, epochs=4, batch_size=4, optimizer=kind(learning_rate=rate))
        results.append(net.parameters.copy())
    assert np.allclose(results[0], results[1], rtol=1e-12, atol=1e-14)
    assert not np.allclose(results[0], results[2], rtol=1e-4)


def test_time_goes_on(level, tmp_path):
    """Over calls of fit, a copy, and a file; a new optimizer begins anew."""
    schedule = nn.CosineDecay(0.2, epochs=6, warmup=1)
    options = {"batch_size": 3}
    whole, parts = network(level=level), network(level=level)
    whole.fit(X, Y, epochs=6, optimizer=nn.Adam(schedule), **options)
    parts.fit(X, Y, epochs=2, optimizer=nn.Adam(schedule), **options)
    parts = parts.copy()
    parts.fit(X, Y, epochs=1, **options)
    parts.save(tmp_path / "net")
    parts = nn.load(tmp_path / "net", level=level)
    assert parts.optimizer == nn.Adam(schedule)
    parts.fit(X, Y, epochs=3, **options)
    assert np.array_equal(whole.parameters, parts.parameters)
    assert whole.training_state.epoch == parts.training_state.epoch == 6
    parts.fit(X, Y, epochs=2, optimizer=nn.Adam(schedule), **options)
    assert parts.training_state.epoch == 2


def test_the_size_of_the_pieces_does_not_change_a_bit(level, monkeypatch):
    results = []
    for first, target in ((0, 0.0), (10**9, 1e9)):
        monkeypatch.setattr(nn.training, "MULTIPLICATIONS", first)
        monkeypatch.setattr(nn.training.EpochClock, "TARGET", target)
        net = network(level=level)
        net.fit(X, Y, epochs=20, batch_size=3, optimizer=nn.Adam(nn.InverseTimeDecay(0.1, 3)))
        results.append(net.parameters.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("schedule", EXAMPLES, ids=repr)
def test_typed_back_and_stored(schedule):
    optimizer = nn.SGD(schedule, momentum=0.5)
    assert eval(repr(optimizer), vars(nn)) == optimizer
    assert read_schedule(schedule.to_dict()) == schedule
    assert hash(schedule) == hash(replace(schedule))


@pytest.mark.parametrize("kind", SCHEDULES.values())
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "fast", None, True])
def test_arguments_out_of_range(kind, value):
    with pytest.raises((ValueError, TypeError), match=rf"{kind.__name__}: start is .*expected"):
        kind(value)
    with pytest.raises((ValueError, TypeError), match=rf"{kind.__name__}: epochs is .*expected"):
        kind(0.1, epochs=value)


def test_a_warm_up_without_an_end():
    with pytest.raises(ValueError, match=r"warmup is 5\.0, of 5\.0 epochs in all; expected less"):
        nn.CosineDecay(0.1, epochs=5, warmup=5)
    with pytest.raises(ValueError, match=r"factor is 1\.5"):
        nn.StepDecay(0.1, factor=1.5)


@pytest.mark.parametrize("kind", FIRST_ORDER)
def test_rates_that_are_no_schedules(kind):
    with pytest.raises(TypeError, match="learning_rate is <class"):
        kind(learning_rate=Schedule)
    with pytest.raises(ValueError, match="learning_rate is -1"):
        kind(learning_rate=-1)


def test_after_an_interruption_inside_an_epoch():
    """The epoch that was interrupted counts as not begun."""

    def stop(*arguments):
        raise KeyboardInterrupt

    net = network()
    net.fit(X, Y, epochs=3, optimizer=nn.SGD(EXAMPLES[0]))
    callback = nn.LambdaCallback(lambda epoch, logs: epoch == 1 and stop())
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, Y, epochs=5, callbacks=[callback])
    assert net.training_state.epoch == 5
