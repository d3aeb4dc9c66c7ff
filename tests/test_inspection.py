"""What a network shows of its inside: activations, input gradients, checks, learning rates."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nnfast as nn
from nnfast import levels
from nnfast.formulas import ACTIVATIONS, LOSSES, OPTIMIZERS
from nnfast.range_test import LearningRateRange

WITH_LEARNING_RATE = [name for name, kind in OPTIMIZERS.items() if hasattr(kind(), "learning_rate")]


def make(ending, level, *, hidden="tanh", dtype="float64", seed=0, units=(3, 5, 4), bias=True):
    output, loss = ending
    layers = [units[0]]
    layers += [nn.Dense(count, hidden, bias=bias) for count in units[1:]]
    layers.append(nn.Dense(2, output, bias=bias))
    return nn.Network(layers, loss=loss, dtype=dtype, seed=seed, bias_init="normal", level=level)


def data(net, rows, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, net.sizes[0]))
    outputs = net.sizes[-1]
    kind = LOSSES[net.loss].targets
    if kind == "any":
        return X, rng.standard_normal((rows, outputs))
    if kind == "distribution":
        return X, np.eye(outputs)[rng.integers(0, outputs, rows)]
    return X, rng.integers(0, 2, (rows, outputs)).astype(float)


# ---- activations --------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_activations_of_every_layer(level, dtype, hidden):
    net = make(("linear", "quadratic"), level, hidden=hidden, dtype=dtype)
    X, _ = data(net, 7)
    outputs = net.activations(X)
    assert [a.shape for a in outputs] == [(7, 5), (7, 4), (7, 2)]
    assert {a.dtype.name for a in outputs} == {dtype}
    np.testing.assert_array_equal(outputs[-1], net.predict(X))
    below = X
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for (W, b), a, layer in zip(net.weights, outputs, net.layers, strict=True):
        z = below @ W.astype(np.float64) + b
        f = ACTIVATIONS[layer.activation]
        if f.normalise:
            z -= np.log(np.exp(z).sum(axis=1, keepdims=True))
        np.testing.assert_allclose(a, f.value(z, np), rtol=tolerance, atol=tolerance)
        below = a.astype(np.float64)


def test_activations_of_one_layer_are_the_prediction(level):
    net = nn.Network([3, nn.Dense(2, bias=False)], seed=0, level=level)
    X, _ = data(net, 4)
    (only,) = net.activations(X)
    np.testing.assert_array_equal(only, net.predict(X))


def test_activations_refuse_other_shapes():
    with pytest.raises(ValueError, match="one column per input"):
        nn.Network([3, 1]).activations([[1.0, 2.0]])


# ---- input gradients ----------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", ["tanh", "softmax"])
def test_input_gradient_is_that_of_each_rows_own_loss(level, ending, hidden):
    net = make(ending, level, hidden=hidden)
    X, y = data(net, 5)
    gradient = net.input_gradient(X, y)
    assert gradient.shape == X.shape
    step = 1e-6
    for i, j in itertools.product(range(5), range(3)):
        ahead, behind = X[i : i + 1].copy(), X[i : i + 1].copy()
        ahead[0, j] += step
        behind[0, j] -= step
        losses = [net.loss_and_gradient(x, y[i : i + 1])[0] for x in (ahead, behind)]
        difference = (losses[0] - losses[1]) / (2 * step)
        assert gradient[i, j] == pytest.approx(difference, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_input_gradient_agrees_between_levels(compiled_level, hidden, dtype):
    net = make(("softmax", "cross_entropy"), compiled_level, hidden=hidden, dtype=dtype)
    X, y = data(net, 9)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(
        net.input_gradient(X, y),
        net.copy("numpy").input_gradient(X, y),
        rtol=tolerance,
        atol=tolerance,
    )


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 130])
def test_input_gradient_of_many_rows(compiled_level, rows, dtype):
    net = make(("linear", "mean_squared_error"), compiled_level, dtype=dtype, bias=False)
    X, y = data(net, rows)
    gradient = net.input_gradient(X, y)
    assert gradient.dtype.name == dtype
    for i in {0, rows // 2, rows - 1}:
        alone = net.input_gradient(X[i : i + 1], y[i : i + 1])[0]
        np.testing.assert_allclose(gradient[i], alone, rtol=1e-5 if dtype == "float32" else 1e-13)


def test_looking_inside_changes_nothing(level, dtype):
    net = make(("sigmoid", "binary_cross_entropy"), level, dtype=dtype)
    X, y = data(net, 6)
    before = net.parameters.copy(), X.copy(), y.copy()
    net.activations(X)
    net.input_gradient(X, y)
    net.gradient_check(X, y)
    net.find_learning_rate(X, y, steps=5)
    for old, new in zip(before, (net.parameters, X, y), strict=True):
        np.testing.assert_array_equal(old, new)
    assert net.training_state is None
    assert net.optimizer is None


def test_rules_of_training_are_no_part_of_it(level):
    plain = nn.Network([3, nn.Dense(6, "tanh"), 2], seed=0, level=level)
    ruled = nn.Network(
        [3, nn.Dense(6, "tanh", dropout=0.5, l2=0.1), nn.Dense(2, l1=0.1)],
        seed=0,
        level=level,
        input_dropout=0.2,
        input_noise=1.0,
    )
    X, y = data(plain, 8)
    np.testing.assert_array_equal(ruled.input_gradient(X, y), plain.input_gradient(X, y))
    for a, b in zip(ruled.activations(X), plain.activations(X), strict=True):
        np.testing.assert_array_equal(a, b)


# ---- gradient check -----------------------------------------------------------------------------


def test_gradient_check_passes(level, ending, dtype):
    hidden = list(ACTIVATIONS)[sum(map(ord, "".join(ending))) % len(ACTIVATIONS)]
    net = make(ending, level, hidden=hidden, dtype=dtype, units=(3, 4))
    check = nn.gradient_check(net, *data(net, 6))
    assert check.ok, check
    assert check.checked == check.parameters == len(net.parameters)


def test_gradient_check_is_that_of_the_objective(level, dtype):
    net = nn.Network(
        [3, nn.Dense(6, "tanh", l1=0.02, dropout=0.5), nn.Dense(2, l2=0.3)],
        seed=0,
        dtype=dtype,
        level=level,
    )
    check = net.gradient_check(*data(net, 6))
    assert check.ok, check


@pytest.mark.parametrize("size", [1e-3, 1.0, 200.0])
def test_gradient_check_takes_inputs_of_any_size(size, dtype):
    net = make(("linear", "mean_squared_error"), "numpy", hidden="relu", dtype=dtype)
    X, y = data(net, 50)
    check = net.gradient_check(size * X, y)
    assert check.ok, check


@pytest.mark.parametrize("entry", [0, 3, 17, 19, 25])
def test_gradient_check_finds_a_planted_error(level, entry, monkeypatch):
    net = make(("sigmoid", "binary_cross_entropy"), level, units=(3, 4))
    X, y = data(net, 10)
    kind = type(levels.LEVELS[level](net.architecture))
    right = kind.loss_and_gradient

    def wrong(*arguments, **options):
        loss, gradient = right(*arguments, **options)
        gradient[entry] *= 1.001
        return loss, gradient

    monkeypatch.setattr(kind, "loss_and_gradient", wrong)
    check = nn.gradient_check(net, X, y)
    assert not check.ok
    numbers = net.architecture.views(np.arange(len(net.parameters)))
    view = numbers[check.layer]["Wb".index(check.name)]
    assert view[check.index] == entry
    assert check.relative_error == pytest.approx(1e-3, rel=0.01)
    assert check.analytic == pytest.approx(1.001 * check.numeric, rel=1e-5)
    assert f"FAILED: 26 of 26 entries checked. The worst is weights[{check.layer}]" in repr(check)


def test_gradient_check_finds_an_error_of_float32_alone(monkeypatch):
    net = make(("sigmoid", "binary_cross_entropy"), "numpy", dtype="float32")
    X, y = data(net, 10)
    kind = type(levels.LEVELS["numpy"](net.architecture))
    right = kind.loss_and_gradient

    def wrong(level, parameters, *arguments, **options):
        loss, gradient = right(level, parameters, *arguments, **options)
        if parameters.dtype == np.float32:
            gradient[7] += 0.1
        return loss, gradient

    monkeypatch.setattr(kind, "loss_and_gradient", wrong)
    check = nn.gradient_check(net, X, y)
    assert not check.ok
    assert (check.layer, check.name, check.index) == (0, "W", (1, 2))
    assert check.precision == "float32"


def test_gradient_check_says_that_it_met_kinks(level):
    X, y = nn.datasets.gate("xor")  # the row (0, 0) leaves every relu at exactly 0
    check = nn.Network([2, nn.Dense(6, "relu"), 1], seed=0, level=level).gradient_check(X, y)
    assert check.ok
    assert check.kinks > 0
    assert "the loss has a kink" in repr(check)


def test_gradient_check_steps_past_kinks_nearby():
    net = nn.Network([1, nn.Dense(1, "relu"), nn.Dense(1, "linear")], dtype="float64")
    net.set_weights([([[1.0]], [-1.0]), ([[2.0]], [0.5])])
    check = net.gradient_check([[1 + 1e-4], [1 - 1e-6], [3.0]], [0.0, 2.0, 1.0])
    assert check.ok
    assert check.kinks == 0


def test_a_wrong_gradient_at_a_kink_is_no_kink(monkeypatch):
    X, y = nn.datasets.gate("xor")
    net = nn.Network([2, nn.Dense(3, "relu"), 1], seed=0, level="numpy")
    kind = type(levels.LEVELS["numpy"](net.architecture))
    right = kind.loss_and_gradient

    def wrong(*arguments, **options):
        loss, gradient = right(*arguments, **options)
        gradient[6] += 1.0  # a bias of the first layer
        return loss, gradient

    monkeypatch.setattr(kind, "loss_and_gradient", wrong)
    check = net.gradient_check(X, y)
    assert not check.ok
    assert (check.layer, check.name, check.index) == (0, "b", (0,))


def test_gradient_check_of_some_entries():
    net = nn.Network([20, 30, 1], seed=3)
    X, y = data(net, 5)
    check = net.gradient_check(X, y, entries=10)
    assert check.ok
    assert (check.checked, check.parameters) == (10, 661)
    assert repr(check) == repr(net.gradient_check(X, y, entries=10))
    with pytest.raises(ValueError, match="entries is 0"):
        net.gradient_check(X, y, entries=0)


# ---- learning rates -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", WITH_LEARNING_RATE)
def test_a_learning_rate_that_works_is_found(name):
    X, y = nn.datasets.digits()
    net = nn.Network([64, nn.Dense(32, "relu"), nn.Dense(10, "softmax")], seed=0)
    found = net.find_learning_rate(X, y, optimizer=name)
    assert found.suggestion is not None
    assert 1e-6 < found.suggestion < 10
    assert f"suggestion {found.suggestion:.2g}" in repr(found)
    before = net.evaluate(X, y)["loss"]
    net.fit(X, y, epochs=3, optimizer=OPTIMIZERS[name](learning_rate=found.suggestion))
    assert net.evaluate(X, y)["loss"] < 0.7 * before


def test_the_range_test_stops_where_the_loss_diverges(level):
    X, y = nn.datasets.ten_points()
    net = nn.Network([2, nn.Dense(2, "linear")], seed=0, level=level)
    found = net.find_learning_rate(X, y, optimizer="sgd", highest=1e6, batch_size=None)
    assert len(found.rates) == len(found.losses) == len(found.raw_losses) < 100
    assert np.isfinite(found.raw_losses).all()
    assert found.raw_losses[0] == pytest.approx(net.evaluate(X, y)["loss"], rel=1e-6)


def test_every_batch_is_a_part_of_the_rows():
    X, y = np.arange(10.0).reshape(10, 1) / 10, np.zeros(10)
    net = nn.Network([1, nn.Dense(1, "linear", bias=False)], seed=0, dtype="float64")
    net.set_weights([([[1.0]], None)])
    found = net.find_learning_rate(
        X, y, optimizer="sgd", lowest=1e-12, highest=1e-11, steps=10, batch_size=1
    )
    np.testing.assert_allclose(np.sort(found.raw_losses), X[:, 0] ** 2, atol=1e-9)


def test_the_range_test_goes_on_from_the_present_optimizer():
    X, y = nn.datasets.gate("xor")
    net = nn.Network([2, 4, 1], seed=0)
    net.fit(X, y, optimizer=nn.SGD(0.1, momentum=0.5))
    slots = net.training_state.slots.copy()
    found = net.find_learning_rate(X, y, steps=20)
    named = net.find_learning_rate(X, y, steps=20, optimizer=nn.SGD(7.0, momentum=0.5))
    np.testing.assert_array_equal(found.raw_losses, named.raw_losses)
    np.testing.assert_array_equal(net.training_state.slots, slots)
    assert net.optimizer == nn.SGD(0.1, momentum=0.5)


def test_no_suggestion_where_the_loss_never_falls():
    found = LearningRateRange(np.geomspace(1, 4, 3), np.arange(1.0, 4.0), np.arange(1.0, 4.0))
    assert found.suggestion is None
    assert "the loss never fell" in repr(found)


def test_the_suggestion_is_the_rate_of_the_steepest_fall():
    losses = np.array([3.0, 2.9, 2.0, 1.9, 5.0, 1.0, 9.0])
    found = LearningRateRange(np.arange(1.0, 8.0), losses[:4], losses[:4])
    assert found.suggestion == 2.0  # the update with it brought 2.9 to 2.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lowest": 0.0}, "expected 0 < lowest < highest"),
        ({"lowest": 2.0, "highest": 1.0}, "expected 0 < lowest < highest"),
        ({"highest": float("inf")}, "expected 0 < lowest < highest"),
        ({"steps": 1}, "steps is 1"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"optimizer": "adma"}, "unknown optimizer"),
    ],
)
def test_the_range_test_refuses(options, message):
    X, y = nn.datasets.gate("xor")
    with pytest.raises(ValueError, match=message):
        nn.Network([2, 4, 1]).find_learning_rate(X, y, **options)


def test_the_range_test_is_drawn():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    X, y = nn.datasets.gate("xor")
    found = nn.Network([2, 4, 1], seed=0).find_learning_rate(X, y, optimizer="sgd")
    ax = found.plot()
    assert ax.get_xlabel() == "learning rate"
    assert ax.get_xscale() == "log"
    assert len(ax.lines) == 3
    assert found.plot(ax) is ax
    pyplot.close("all")
