"""Activations, each written once; see `nnfast.formulas`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Number = Any  # a float, or a NumPy array of any shape


@dataclass(frozen=True)
class Activation:
    """An activation `a = value(z)` and its slope `da/dz`, written with the output `a`.

    Where `normalise` is true, a level first subtracts from every row of `z` its log-sum-exp, so
    that `value = exp` makes the outputs of a row add up to 1 (softmax). Its derivative is then the
    Jacobian `da_i/dz_j = a_i (δ_ij - a_j)` and `slope` is not used.
    """

    value: Callable[[Number, Any], Number]
    slope: Callable[[Number], Number]
    normalise: bool = False


ACTIVATIONS: dict[str, Activation] = {
    # 1 / (1 + exp(-z)), in the form that cannot overflow
    "sigmoid": Activation(lambda z, xp: 0.5 + 0.5 * xp.tanh(0.5 * z), lambda a: a * (1 - a)),
    "tanh": Activation(lambda z, xp: xp.tanh(z), lambda a: 1 - a * a),
    "relu": Activation(lambda z, xp: z * (z > 0), lambda a: a > 0),
    "linear": Activation(lambda z, xp: z, lambda a: 0 * a + 1),
    "softmax": Activation(lambda z, xp: xp.exp(z), lambda a: 0 * a + 1, normalise=True),
    # Rosenblatt's threshold: 0 at exactly zero
    "step": Activation(lambda z, xp: (z > 0) * 1.0, lambda a: 0 * a),
}
