"""Losses, each written once; see `nnfast.formulas`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnfast.formulas.activations import ACTIVATIONS
from nnfast.formulas.elementary import Number, clip, where


@dataclass(frozen=True)
class Loss:
    """The loss of one output, and its derivative.

    The loss of a sample is the sum of `value` over its outputs (the mean where `mean` is true), the
    loss of a batch is the mean over its samples. `delta` is `d value / da`, 0 at a kink; for a
    loss that belongs to one output activation (`paired`) it is `d value / dz`, in which the slope
    has cancelled, or, where `logarithmic` is true, `d value / d log a` of a softmax output, in
    which no 1/a is left.

    `outputs` names the activations of the last layer that an unpaired loss is meant for; None is
    all but "step", whose slope of zero could not learn.
    `targets` names what y may hold: "any" finite number, "positive" ones and zero, "unit" [0, 1],
    "binary" 0 or 1, and "distribution" rows that are not negative and add up to 1; where `signs` is
    true, y may also hold -1 and 1, which become 0 and 1 at the door. An output of at least
    `threshold` counts as a yes.
    `curvature` is the expected `d² value / da²` of a loss that is a negative log-likelihood, for
    Gauss-Newton methods.
    `formula` and `delta_formula` are `value` and `delta` as a textbook sets them, for people:
    Python expressions of z, a and y.
    """

    value: Callable[[Number, Number, Number, Any], Number]  # value(z, a, y, xp)
    delta: Callable[[Number, Number, Number, Any], Number]  # delta(z, a, y, xp)
    paired: str | None = None
    logarithmic: bool = False
    mean: bool = False
    outputs: tuple[str, ...] | None = None
    targets: str = "any"
    signs: bool = False
    threshold: float = 0.5
    curvature: Callable[[Number], Number] | None = None
    formula: str = ""
    delta_formula: str = ""


HUBER_DELTA = 1.0
POISSON_EPSILON = 1e-30  # makes log a finite where a is zero; nothing in the sum where it is not


def _huber(distance: Number) -> Number:
    near = clip(distance, 0.0, HUBER_DELTA)
    return near * (distance - 0.5 * near)


def _log_cosh(distance: Number, xp: Any) -> Number:
    """log((e^d + e^-d) / 2), in the form that cannot overflow."""
    return distance + xp.log1p(0.5 * xp.expm1(-2 * distance))


LOSSES: dict[str, Loss] = {
    "mean_squared_error": Loss(
        lambda z, a, y, xp: (a - y) * (a - y),
        lambda z, a, y, xp: 2 * (a - y),
        mean=True,
        curvature=lambda a: 2 + 0 * a,
        formula="(a - y)**2",
        delta_formula="2 * (a - y)",
    ),
    "quadratic": Loss(
        lambda z, a, y, xp: 0.5 * (a - y) * (a - y),
        lambda z, a, y, xp: a - y,
        curvature=lambda a: 1 + 0 * a,
        formula="(a - y)**2 / 2",
        delta_formula="a - y",
    ),
    # -y log a - (1 - y) log(1 - a) with a = sigmoid(z): max(z, 0) - z y + log(1 + e^-|z|)
    "binary_cross_entropy": Loss(
        lambda z, a, y, xp: 0.5 * z + 0.5 * abs(z) - z * y + xp.log1p(xp.exp(-abs(z))),
        lambda z, a, y, xp: a - y,
        paired="sigmoid",
        targets="unit",
        curvature=lambda a: 1 / (a * (1 - a)),
        formula="-y * log(a) - (1 - y) * log(1 - a)",
        delta_formula="a - y",
    ),
    # -y log a, where the normalised z is log a
    "cross_entropy": Loss(
        lambda z, a, y, xp: -y * z,
        lambda z, a, y, xp: a - y,
        paired="softmax",
        targets="distribution",
        curvature=lambda a: 1 / a,
        formula="-y * log(a)",
        delta_formula="a - y",
    ),
    # the perceptron criterion (Rosenblatt 1958): |z| where the output is wrong
    "perceptron": Loss(
        lambda z, a, y, xp: (a - y) * z,
        lambda z, a, y, xp: a - y,
        paired="step",
        targets="binary",
        formula="(a - y) * z",
        delta_formula="a - y",
    ),
    "mean_absolute_error": Loss(
        lambda z, a, y, xp: abs(a - y),
        lambda z, a, y, xp: where(a > y, 1.0, where(a < y, -1.0, a - y)),
        mean=True,
        formula="abs(a - y)",
        delta_formula="1 if a > y else -1 if a < y else 0",
    ),
    # Huber 1964
    "huber": Loss(
        lambda z, a, y, xp: _huber(abs(a - y)),
        lambda z, a, y, xp: clip(a - y, -HUBER_DELTA, HUBER_DELTA),
        mean=True,
        formula="(a - y)**2 / 2 if abs(a - y) <= 1 else abs(a - y) - 1 / 2",
        delta_formula="max(-1, min(1, a - y))",
    ),
    "log_cosh": Loss(
        lambda z, a, y, xp: _log_cosh(abs(a - y), xp),
        lambda z, a, y, xp: xp.tanh(a - y),
        mean=True,
        formula="log(cosh(a - y))",
        delta_formula="tanh(a - y)",
    ),
    # -log of the Poisson distribution with mean a, less log y!, which depends on no parameter
    "poisson": Loss(
        lambda z, a, y, xp: a - y * xp.log(a + POISSON_EPSILON),
        lambda z, a, y, xp: 1 - y / (a + POISSON_EPSILON),
        outputs=("exponential", "softplus", "relu", "sigmoid", "hard_sigmoid", "softmax"),
        targets="positive",
        formula=f"a - y * log(a + {POISSON_EPSILON})",
        delta_formula=f"1 - y / (a + {POISSON_EPSILON})",
    ),
    # Cortes & Vapnik 1995: the distance to the right side of the margin, which is 1 for y = 1 and
    # -1 for y = 0
    "hinge": Loss(
        lambda z, a, y, xp: where((2 * y - 1) * a < 1, 1 - (2 * y - 1) * a, 0.0 * a),
        lambda z, a, y, xp: where((2 * y - 1) * a < 1, 1 - 2 * y, 0.0 * a),
        mean=True,
        outputs=("linear", "tanh", "softsign", "symmetric_sigmoid"),
        targets="binary",
        signs=True,
        threshold=0.0,
        formula="max(0, 1 - (2 * y - 1) * a)",
        delta_formula="1 - 2 * y if (2 * y - 1) * a < 1 else 0",
    ),
    # Lin et al. 2017, gamma = 2: -y (1 - a)² log a, where the normalised z is log a
    "categorical_focal": Loss(
        lambda z, a, y, xp: -y * (1 - a) * (1 - a) * z,
        lambda z, a, y, xp: y * (1 - a) * (2 * a * z - (1 - a)),
        paired="softmax",
        logarithmic=True,
        targets="distribution",
        formula="-y * (1 - a)**2 * log(a)",
        delta_formula="y * (1 - a) * (2 * a * log(a) - (1 - a))",
    ),
}

# the loss that `loss=None` takes, by the activation of the last layer
DEFAULT_LOSS: dict[str, str] = {
    **dict.fromkeys(ACTIVATIONS, "mean_squared_error"),
    "sigmoid": "binary_cross_entropy",
    "softmax": "cross_entropy",
    "step": "perceptron",
    "exponential": "poisson",
}


def losses_for(activation: str) -> list[str]:
    """Names of the losses that a network with this activation in its last layer can have."""
    return [name for name, loss in LOSSES.items() if _fits(loss, activation)]


def _fits(loss: Loss, activation: str) -> bool:
    if loss.paired:
        return activation == loss.paired
    return activation != "step" if loss.outputs is None else activation in loss.outputs
