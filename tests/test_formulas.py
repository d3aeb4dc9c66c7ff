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
    Adagrad,
    Adam,
    AdamW,
    Nadam,
    RMSprop,
    hyperparameters,
    losses_for,
)

POINTS = [-30.0, -9.5, -3.1, -0.7, -0.01, 0.02, 0.5, 2.2, 25.0]  # none at a kink
STEP = 1e-6
BY_ONE = [name for name, f in ACTIVATIONS.items() if not f.normalise]
NORMALISED = [name for name, f in ACTIVATIONS.items() if f.normalise]
TARGETS = {
    "any": [-1.5, 0.0, 2.0],
    "positive": [0.0, 0.3, 5.0],
    "unit": [0.0, 0.3, 1.0],
    "binary": [0.0, 1.0],
}


def slope_at(f, z, xp=math):
    """da/dz of an activation at z."""
    return f.slope(z if f.needs_z else f.value(z, xp), xp)


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
    assert slope_at(f, z) == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_of_an_array_is_that_of_its_numbers(name, dtype):
    f = ACTIVATIONS[name]
    z = np.array([-3.1, -0.7, 0.0, 0.5, 2.2], dtype)
    a = np.asarray(f.value(z, np)).astype(dtype)
    tolerance = 1e-6 if dtype == "float32" else 1e-15
    expected = [f.value(v, math) for v in z.tolist()]
    assert a.tolist() == pytest.approx(expected, rel=tolerance, abs=tolerance)
    known = z if f.needs_z else a
    slopes = np.broadcast_to(f.slope(known, np), a.shape).tolist()
    expected = [f.slope(v, math) for v in known.tolist()]
    assert slopes == pytest.approx(expected, rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slope_does_not_widen_float32(name):
    f = ACTIVATIONS[name]
    z = np.linspace(-1, 1, 5, dtype="float32")
    a = f.value(z, np).astype("float32")
    assert (z * f.slope(z if f.needs_z else a, np)).dtype == "float32"


@pytest.mark.parametrize("name", BY_ONE)
def test_activations_are_finite_for_large_numbers(name):
    """Of float32; e^z is infinite, on every level."""
    f = ACTIVATIONS[name]
    for z in (-80.0, 80.0, -1e4, 1e4, -1e18, 1e18):
        for xp, v in ((math, z), (np, np.array([z])), (np, np.array([z], "float32"))):
            a, slope = np.asarray(f.value(v, xp)), np.asarray(slope_at(f, v, xp))
            assert not np.isnan(a).any()
            assert not np.isnan(slope).any()
            assert np.isfinite([a, slope]).all() or (name == "exponential" and z > 80)


@pytest.mark.parametrize("name", [name for name in BY_ONE if name not in ("relu", "step")])
def test_nan_stays_nan(name):
    f = ACTIVATIONS[name]
    assert math.isnan(f.value(math.nan, math))
    assert np.isnan(f.value(np.array([math.nan]), np)).all()


@pytest.mark.parametrize("name", ["elu", "selu", "softplus", "gelu", "silu"])
def test_near_zero_and_far_below_it_nothing_cancels(name):
    mp = pytest.importorskip("mpmath")
    exact = {
        "elu": mp.expm1,
        "selu": lambda z: mp.mpf("1.0507009873554805") * mp.mpf("1.6732632423543772") * mp.expm1(z),
        "softplus": lambda z: mp.log1p(mp.exp(z)),
        "gelu": lambda z: z * mp.ncdf(z),
        "silu": lambda z: z / (1 + mp.exp(-z)),
    }[name]
    for z in (-1e-9, -1e-5, -0.3):
        value = ACTIVATIONS[name].value(z, math)
        assert value == pytest.approx(float(exact(mp.mpf(z))), rel=1e-14)


@pytest.mark.parametrize(
    "name", ["sigmoid", "tanh", "step", "softsign", "hard_sigmoid", "symmetric_sigmoid"]
)
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
        slope = 1 if loss.paired else slope_at(f, z)
        expected = difference(lambda v, y=y: loss.value(v, f.value(v, math), y, math), z)
        assert loss.delta(z, a, y, math) * slope == pytest.approx(expected, rel=1e-6, abs=1e-8)


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
    normal = log_softmax(z)
    a = f.value(normal, np)
    delta = loss.delta(normal, a, y, np)
    if loss.logarithmic:
        delta = delta - a * delta.sum()
    np.testing.assert_allclose(delta, expected, atol=1e-8)


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


def test_focal_loss_is_exact_where_the_output_underflows():
    """-y (1 - a)² log a with a = 0 and log a = z, and its derivative by log a."""
    loss = LOSSES["categorical_focal"]
    for z in (-1e3, -1e30):
        assert loss.value(z, 0.0, 1.0, math) == -z
        assert loss.delta(z, 0.0, 1.0, math) == -1


def test_poisson_is_exact_with_exponential_outputs():
    """a - y log a with log a = z, and its derivative by z, a - y."""
    loss, f = LOSSES["poisson"], ACTIVATIONS["exponential"]
    for z in (-20.0, -3.0, 0.0, 2.5):
        a = f.value(z, math)
        for y in (0.0, 1.0, 7.0):
            assert loss.value(z, a, y, math) == pytest.approx(a - y * z, rel=1e-14)
            delta = loss.delta(z, a, y, math) * f.slope(a, math)
            assert delta == pytest.approx(a - y, rel=1e-14, abs=1e-15)


def test_poisson_is_finite_where_the_output_is_zero():
    for dtype in ("float32", "float64"):
        a, y = np.zeros(3, dtype), np.array([0, 1, 1e6], dtype)
        assert np.isfinite(LOSSES["poisson"].value(a, a, y, np)).all()
        assert np.isfinite(LOSSES["poisson"].delta(a, a, y, np)).all()


@pytest.mark.parametrize("d", [0.0, 1e-8, 1e-3, 0.7, 3.0, 50.0, 1e4, 1e300])
def test_log_cosh(d):
    mp = pytest.importorskip("mpmath")
    with mp.workdps(40):
        exact = float(mp.log(mp.cosh(d))) if d < 1e5 else d
    value = LOSSES["log_cosh"].value(0.0, d, 0.0, math)
    assert value == pytest.approx(exact, rel=1e-12, abs=4e-16 * min(d, 1))
    assert LOSSES["log_cosh"].value(0.0, 0.0, d, math) == value


@pytest.mark.parametrize("name", ["mean_absolute_error", "huber", "log_cosh"])
def test_no_distance_no_slope(name):
    for xp, a in ((math, 0.3), (np, np.array([0.3]))):
        assert LOSSES[name].delta(a, a, a, xp) == 0


def test_huber_by_hand():
    """d²/2 up to a distance of 1, |d| - 1/2 beyond."""
    huber = LOSSES["huber"]
    assert [huber.value(0.0, a, 0.0, math) for a in (0.5, -1.0, 3.0)] == [0.125, 0.5, 2.5]
    assert [huber.delta(0.0, a, 0.0, math) for a in (0.5, -1.0, -3.0)] == [0.5, -1.0, -1.0]


def test_hinge_by_hand():
    """max(0, 1 - s a), s = 2 y - 1, with no slope at the margin."""
    hinge = LOSSES["hinge"]
    assert [hinge.value(0.0, a, 1.0, math) for a in (-1.0, 0.5, 1.0, 2.0)] == [2.0, 0.5, 0.0, 0.0]
    assert [hinge.delta(0.0, a, 0.0, math) for a in (0.0, -1.0, -2.0)] == [1.0, 0.0, 0.0]


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
    default = "poisson" if activation == "exponential" else "mean_squared_error"
    assert DEFAULT_LOSS[activation] == (paired[0] if paired else default)


def test_every_loss_goes_with_its_activations_or_with_all_but_step():
    assert set(DEFAULT_LOSS) == set(ACTIVATIONS)
    for name, loss in LOSSES.items():
        expected = set(loss.outputs or ACTIVATIONS) - {"step"}
        expected = {loss.paired} if loss.paired else expected
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


def test_amsgrad_by_hand():
    adam = Adam(0.1, beta1=0.5, beta2=0.5, epsilon=0.5, amsgrad=True)
    # t=1: m = 2, v = 8; t=2: m = 1, v = 4 and the largest 8, bias-corrected 4/3 and 32/3
    first = 1 - 0.1 * 4 / (4 + 0.5)
    second = first - 0.1 * (4 / 3) / (math.sqrt(32 / 3) + 0.5)
    assert steps(adam, 1.0, [4.0, 0.0]) == pytest.approx([first, second], rel=1e-14)


def test_adamw_is_adam_after_decay():
    # 2 (1 - 0.1 * 0.5), then the first step of Adam, which has the length of the learning rate
    path = steps(AdamW(0.1, epsilon=1e-12, weight_decay=0.5), 2.0, [3.0])
    assert path == pytest.approx([1.9 - 0.1], rel=1e-10)


def test_adagrad_by_hand():
    # s = 9, then 25
    path = steps(Adagrad(0.1, epsilon=1.0), 1.0, [3.0, -4.0])
    assert path == pytest.approx([1 - 0.3 / 4, 1 - 0.3 / 4 + 0.4 / 6], rel=1e-14)


def test_rmsprop_by_hand():
    # v = 9, then 16 + 9/4; d = 3/4
    plain = steps(RMSprop(0.1, rho=0.75, epsilon=1.0), 1.0, [6.0])
    assert plain == pytest.approx([1 - 0.1 * 6 / 4], rel=1e-14)
    d = [6 / 4, 0.0]
    path = steps(RMSprop(0.1, rho=0.75, momentum=0.5, epsilon=1.0), 1.0, [6.0, 0.0])
    assert path == pytest.approx([1 - 0.1 * d[0], 1 - 0.1 * d[0] - 0.05 * d[0]], rel=1e-14)


def test_nadam_by_hand():
    # no decay of the momentum: mu = beta1 / 2 = 0.25 always; c = 0.75, then 0.9375
    # t=1: m = 2, v = 16/4, bias-corrected 16: the look-ahead is 0.25 * 2 / 0.9375 + 0.75 * 4 / 0.75
    nadam = Nadam(0.1, beta1=0.5, beta2=0.75, epsilon=1.0, momentum_decay=0)
    look_ahead = 0.25 * 2 / 0.9375 + 4
    assert steps(nadam, 1.0, [4.0]) == pytest.approx([1 - 0.1 * look_ahead / 5], rel=1e-14)


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
    decay = {"weight_decay": 0} if name == "adamw" else {}
    assert steps(OPTIMIZERS[name](**decay), 1.25, [0.0, 0.0]) == [1.25, 1.25]


def test_hyperparameters_stand_in_the_order_of_the_fields():
    assert hyperparameters(SGD(0.5, 0.25, nesterov=True)) == (0.5, 0.25, 1.0)
    assert hyperparameters(Adam(0.5, 0.1, 0.2, 0.3)) == (0.5, 0.1, 0.2, 0.3, 0.0)
    assert hyperparameters(AdamW(0.5, 0.1, 0.2, 0.3, True, 0.4)) == (0.5, 0.1, 0.2, 0.3, 1.0, 0.4)


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
