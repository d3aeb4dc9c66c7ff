"""The page of mathematics: slopes and deltas against differences, and the compiled page."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnfast import _core
from nnfast.formulas import (
    ACTIVATIONS,
    DEFAULT_LOSS,
    LOSSES,
    OPTIMIZERS,
    SGD,
    Adam,
    hyperparameters,
    losses_for,
)

POINTS = [-30.0, -3.1, -0.7, -0.01, 0.02, 0.5, 2.2, 25.0]  # none at a kink
STEP = 1e-6
BY_ONE = [name for name, f in ACTIVATIONS.items() if not f.normalise]
NORMALISED = [name for name, f in ACTIVATIONS.items() if f.normalise]
TARGETS = {"any": [-1.5, 0.0, 2.0], "unit": [0.0, 0.3, 1.0], "binary": [0.0, 1.0]}


def difference(f, x):
    return (f(x + STEP) - f(x - STEP)) / (2 * STEP)


def log_softmax(z):
    top = z.max()
    return z - top - np.log(np.exp(z - top).sum())


@pytest.mark.parametrize("z", POINTS)
@pytest.mark.parametrize("name", BY_ONE)
def test_slope_is_the_derivative_of_value(name, z):
    f = ACTIVATIONS[name]
    expected = difference(lambda v: f.value(v, math), z)
    assert f.slope(f.value(z, math)) == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_of_an_array_is_that_of_its_numbers(name, dtype):
    f = ACTIVATIONS[name]
    z = np.array([-3.1, -0.7, 0.0, 0.5, 2.2], dtype)
    a = np.asarray(f.value(z, np)).astype(dtype)
    tolerance = 1e-6 if dtype == "float32" else 1e-15
    assert a.tolist() == pytest.approx([f.value(v, math) for v in z.tolist()], rel=tolerance)
    slopes = np.broadcast_to(f.slope(a), a.shape).tolist()
    assert slopes == pytest.approx([f.slope(v) for v in a.tolist()], rel=0, abs=tolerance)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slope_does_not_widen_float32(name):
    f = ACTIVATIONS[name]
    z = np.linspace(-1, 1, 5, dtype="float32")
    a = f.value(z, np).astype("float32")
    assert (z * f.slope(a)).dtype == "float32"


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "step"])
def test_saturated_activation_stays_in_range(name):
    for z in (0.0, -1e30, 1e30, -1e308, 1e308):
        assert -1 <= ACTIVATIONS[name].value(z, math) <= 1
    assert ACTIVATIONS["sigmoid"].value(-1e30, math) == 0


def losses_of_one_activation():
    return [
        (loss, name)
        for name in BY_ONE
        for loss in losses_for(name)
        if LOSSES[loss].targets in TARGETS
    ]


@pytest.mark.parametrize("z", [-3.1, -0.7, 0.5, 2.2])
@pytest.mark.parametrize(("name", "activation"), losses_of_one_activation())
def test_delta_is_the_derivative_of_the_loss(name, activation, z):
    """d value / dz; where the loss is not paired, by the chain rule."""
    loss, f = LOSSES[name], ACTIVATIONS[activation]
    for y in TARGETS[loss.targets]:
        a = f.value(z, math)
        slope = 1 if loss.paired else f.slope(a)
        expected = difference(lambda v, y=y: loss.value(v, f.value(v, math), y, math), z)
        assert loss.delta(a, y) * slope == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    "name", [name for name, loss in LOSSES.items() if loss.paired in NORMALISED]
)
def test_delta_of_a_normalised_output_is_the_derivative_of_the_sum(name, rng):
    """The loss of a row as a function of all its logits."""
    loss = LOSSES[name]
    f = ACTIVATIONS[loss.paired]
    z, y = rng.standard_normal(4), rng.dirichlet(np.ones(4))

    def total(logits):
        normal = log_softmax(logits)
        return loss.value(normal, f.value(normal, np), y, np).sum()

    expected = [difference(lambda h, e=e: total(z + h * e), 0.0) for e in np.eye(4)]
    np.testing.assert_allclose(loss.delta(f.value(log_softmax(z), np), y), expected, atol=1e-8)


def test_normalised_value_adds_up_to_one(rng):
    z = log_softmax(30 * rng.standard_normal(7))
    for name in NORMALISED:
        assert ACTIVATIONS[name].value(z, np).sum() == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize("z", [0.0, 1e3, -1e3, 1e30, -1e30])
@pytest.mark.parametrize("y", [0.0, 0.25, 1.0])
def test_binary_cross_entropy_is_finite_and_exact_for_any_logit(z, y):
    a = ACTIVATIONS["sigmoid"].value(z, math)
    value = LOSSES["binary_cross_entropy"].value(z, a, y, math)
    # beyond |z| = 1000, log(1 + e^-|z|) is zero
    expected = math.log(2) if z == 0 else max(z, 0) - z * y
    assert math.isfinite(value)
    assert value == pytest.approx(expected, rel=1e-14)


def test_perceptron_criterion_is_the_distance_of_wrong_outputs_only():
    """max(0, -z (2 y - 1)): Rosenblatt's criterion with targets 0 and 1."""
    loss, f = LOSSES["perceptron"], ACTIVATIONS["step"]
    for z in (-2.5, -0.1, 0.1, 4.0):
        for y in (0, 1):
            assert loss.value(z, f.value(z, math), y, math) == max(0, -z * (2 * y - 1))


# The tables


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_has_losses_and_a_default_among_them(activation):
    assert DEFAULT_LOSS[activation] in losses_for(activation)
    paired = [name for name, loss in LOSSES.items() if loss.paired == activation]
    assert DEFAULT_LOSS[activation] in (paired or ["mean_squared_error"])


def test_every_loss_goes_with_its_activation_or_with_all_but_step():
    assert set(DEFAULT_LOSS) == set(ACTIVATIONS)
    for name, loss in LOSSES.items():
        expected = {loss.paired} if loss.paired else set(ACTIVATIONS) - {"step"}
        assert {f for f in ACTIVATIONS if name in losses_for(f)} == expected


def test_compiled_page_has_the_same_names(compiled_level):
    compiled = _core.formulas(compiled_level)
    assert compiled["activations"] == list(ACTIVATIONS)
    assert compiled["losses"] == list(LOSSES)
    # one name may stand for several compiled forms
    assert set(compiled["optimizers"]) == set(OPTIMIZERS)


# Optimizers


def steps(optimizer, p, gradients):
    """The parameter after each update."""
    state = (0.0,) * optimizer.slots
    path = []
    for t, g in enumerate(gradients, start=1):
        p, *state = optimizer.update(p, g, tuple(state), t, math)
        path.append(p)
    return path


def test_sgd_by_hand():
    # 1 - 0.1 * 2, then - 0.1 * -4
    assert steps(SGD(0.1), 1.0, [2.0, -4.0]) == pytest.approx([0.8, 1.2], rel=1e-15)


def test_momentum_by_hand():
    # v = -0.2, then 0.5 * -0.2 - 0.1 * 2 = -0.3, then 0.5 * -0.3 + 0.4 = 0.25
    path = steps(SGD(0.1, momentum=0.5), 1.0, [2.0, 2.0, -4.0])
    assert path == pytest.approx([0.8, 0.5, 0.75], rel=1e-15)


def test_nesterov_by_hand():
    # v as above; p moves by 0.5 v - 0.1 g: -0.1 - 0.2, then -0.15 - 0.2, then 0.125 + 0.4
    path = steps(SGD(0.1, momentum=0.5, nesterov=True), 1.0, [2.0, 2.0, -4.0])
    assert path == pytest.approx([0.7, 0.35, 0.875], rel=1e-14)


def test_adam_by_hand():
    adam = Adam(0.1, beta1=0.5, beta2=0.75, epsilon=0.5)
    # t=1: m = 1, v = 1, bias-corrected 2 and 4: p = 1 - 0.1 * 2 / (2 + 0.5)
    # t=2: m = -1.5, v = 4.75, bias-corrected -2 and 76/7
    first = 1 - 0.1 * 2 / 2.5
    second = first + 0.1 * 2 / (math.sqrt(76 / 7) + 0.5)
    assert steps(adam, 1.0, [2.0, -4.0]) == pytest.approx([first, second], rel=1e-14)


def test_first_step_of_adam_has_the_length_of_the_learning_rate():
    for g in (3e-3, -7.0, 1e4):
        (p,) = steps(Adam(0.01, epsilon=1e-12), 0.0, [g])
        assert p == pytest.approx(-math.copysign(0.01, g), rel=1e-8)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_update_of_an_array_is_that_of_its_numbers(name, rng):
    optimizer = OPTIMIZERS[name]()
    p, g = rng.standard_normal((2, 5))
    state = tuple(rng.random((optimizer.slots, 5)))
    together = optimizer.update(p, g, state, 3, np)
    assert len(together) == 1 + optimizer.slots
    for i in range(5):
        alone = optimizer.update(p[i], g[i], tuple(s[i] for s in state), 3, math)
        np.testing.assert_allclose([array[i] for array in together], alone, rtol=1e-15)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_no_gradient_no_change(name):
    assert steps(OPTIMIZERS[name](), 1.25, [0.0, 0.0]) == [1.25, 1.25]


def test_hyperparameters_stand_in_the_order_of_the_fields():
    assert hyperparameters(SGD(0.5, 0.25, nesterov=True)) == (0.5, 0.25, 1.0)
    assert hyperparameters(Adam(0.5, 0.1, 0.2, 0.3)) == (0.5, 0.1, 0.2, 0.3)


@pytest.mark.parametrize("value", [0, -0.1, math.nan, math.inf])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_learning_rate_is_a_positive_number(name, value):
    with pytest.raises(ValueError, match=r"learning_rate is .*; expected a positive number"):
        OPTIMIZERS[name](learning_rate=value)


@pytest.mark.parametrize("value", ["fast", None, [1, 2]])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_learning_rate_is_a_number(name, value):
    with pytest.raises(TypeError, match=r"learning_rate is .*; expected a number"):
        OPTIMIZERS[name](learning_rate=value)


@pytest.mark.parametrize("value", [-0.1, 1, 1.5, math.nan])
@pytest.mark.parametrize(
    ("optimizer", "field"), [(SGD, "momentum"), (Adam, "beta1"), (Adam, "beta2")]
)
def test_decay_is_a_fraction(optimizer, field, value):
    with pytest.raises(ValueError, match=rf"{optimizer.__name__}: {field} is .*from 0 up to"):
        optimizer(**{field: value})


def test_epsilon_is_positive():
    with pytest.raises(ValueError, match=r"Adam: epsilon is 0\.0; expected a positive number"):
        Adam(epsilon=0)


def test_nesterov_needs_momentum():
    with pytest.raises(ValueError, match=r"give a momentum, such as 0\.9"):
        SGD(nesterov=True)
    with pytest.raises(TypeError, match="nesterov is 1; expected True or False"):
        SGD(momentum=0.5, nesterov=1)
