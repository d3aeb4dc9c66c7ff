"""Losses, each written once; see `nnfast.formulas`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnfast.formulas.activations import ACTIVATIONS, Number


@dataclass(frozen=True)
class Loss:
    """The loss of one output, and its derivative.

    The loss of a sample is the sum of `value` over its outputs (the mean where `mean` is true), the
    loss of a batch is the mean over its samples. `delta` is `d value / da`; for a loss that belongs
    to one output activation (`paired`) it is `d value / dz`, in which the slope has cancelled.
    `targets` names what y may hold: "any" finite number, "unit" [0, 1], "binary" 0 or 1, and
    "distribution" rows that are not negative and add up to 1. `curvature` is the expected
    `d² value / da²` of a loss that is a negative log-likelihood, for Gauss-Newton methods.
    """

    value: Callable[[Number, Number, Number, Any], Number]  # value(z, a, y, xp)
    delta: Callable[[Number, Number], Number]  # delta(a, y)
    paired: str | None = None
    mean: bool = False
    targets: str = "any"
    curvature: Callable[[Number], Number] | None = None


LOSSES: dict[str, Loss] = {
    "mean_squared_error": Loss(
        lambda z, a, y, xp: (a - y) * (a - y),
        lambda a, y: 2 * (a - y),
        mean=True,
        curvature=lambda a: 2 + 0 * a,
    ),
    "quadratic": Loss(
        lambda z, a, y, xp: 0.5 * (a - y) * (a - y),
        lambda a, y: a - y,
        curvature=lambda a: 1 + 0 * a,
    ),
    # -y log a - (1 - y) log(1 - a) with a = sigmoid(z): max(z, 0) - z y + log(1 + e^-|z|)
    "binary_cross_entropy": Loss(
        lambda z, a, y, xp: 0.5 * z + 0.5 * abs(z) - z * y + xp.log1p(xp.exp(-abs(z))),
        lambda a, y: a - y,
        paired="sigmoid",
        targets="unit",
        curvature=lambda a: 1 / (a * (1 - a)),
    ),
    # -y log a, where the normalised z is log a
    "cross_entropy": Loss(
        lambda z, a, y, xp: -y * z,
        lambda a, y: a - y,
        paired="softmax",
        targets="distribution",
        curvature=lambda a: 1 / a,
    ),
    # the perceptron criterion (Rosenblatt 1958): |z| where the output is wrong
    "perceptron": Loss(
        lambda z, a, y, xp: (a - y) * z, lambda a, y: a - y, paired="step", targets="binary"
    ),
}

# the loss that `loss=None` takes, by the activation of the last layer
DEFAULT_LOSS: dict[str, str] = {
    **dict.fromkeys(ACTIVATIONS, "mean_squared_error"),
    **{loss.paired: name for name, loss in LOSSES.items() if loss.paired},
}


def losses_for(activation: str) -> list[str]:
    """Names of the losses that a network with this activation in its last layer can have."""
    if activation == "step":  # its slope is zero: a squared loss could not learn
        return ["perceptron"]
    return [name for name, loss in LOSSES.items() if loss.paired in (None, activation)]
