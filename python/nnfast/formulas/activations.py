"""Activations, each written once; see `nnfast.formulas`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnfast.formulas.elementary import Number, clip, erf, exp, where


@dataclass(frozen=True)
class Activation:
    """An activation `a = value(z)` and its slope `da/dz`.

    The slope is written with the output: `slope(a)`. Where it cannot be, because two z have the
    same a, `needs_z` is true, and it is `slope(z)`.

    Where `normalise` is true, a level first subtracts from every row of `z` its log-sum-exp, so
    that `value = exp` makes the outputs of a row add up to 1 (softmax). Its derivative is then the
    Jacobian `da_i/dz_j = a_i (δ_ij - a_j)` and `slope` is not used.

    `formula` and `slope_formula` are the same as a textbook sets them, for people: Python
    expressions of z and a, perhaps after assignments ended by `;`. S is the sum of a row's e^z.
    """

    value: Callable[[Number, Any], Number]
    slope: Callable[[Number, Any], Number]
    needs_z: bool = False
    normalise: bool = False
    formula: str = ""
    slope_formula: str = ""


LEAK = 0.01
STEEPNESS = 0.5
# fixed points of mean 0 and variance 1
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
# 1 + tanh(a z (1 + b z²)) instead of 1 + erf(z/√2); beyond |z| = 10 it is 0 or 2
GELU_A, GELU_B, GELU_MAX = math.sqrt(2 / math.pi), 0.044715, 10.0


def _sigmoid(z: Number, xp: Any) -> Number:
    """1 / (1 + exp(-z)), in the form that cannot overflow."""
    return 0.5 + 0.5 * xp.tanh(0.5 * z)


def _elu(z: Number, scale: float, alpha: float, xp: Any) -> Number:
    return where(z > 0, scale * z, scale * alpha * xp.expm1(where(z > 0, 0.0, z)))


def _normal(z: Number, xp: Any) -> Number:
    """The probability that a standard normal number is at most z."""
    return 0.5 + 0.5 * erf(math.sqrt(0.5) * z, xp)


def _gelu_slope(z: Number, xp: Any) -> Number:
    return _normal(z, xp) + z * xp.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


def _gelu_tanh(z: Number, xp: Any) -> Number:
    z = clip(z, -GELU_MAX, GELU_MAX)
    return xp.tanh(GELU_A * (z + GELU_B * z * z * z))


def _gelu_tanh_slope(z: Number, xp: Any) -> Number:
    t, z = _gelu_tanh(z, xp), clip(z, -GELU_MAX, GELU_MAX)
    return 0.5 + 0.5 * t + 0.5 * GELU_A * z * (1 - t * t) * (1 + 3 * GELU_B * z * z)


def _silu_slope(z: Number, xp: Any) -> Number:
    s = _sigmoid(z, xp)
    return s * (1 + z * (1 - s))


ACTIVATIONS: dict[str, Activation] = {
    "sigmoid": Activation(
        _sigmoid,
        lambda a, xp: a * (1 - a),
        formula="1 / (1 + exp(-z))",
        slope_formula="a * (1 - a)",
    ),
    "tanh": Activation(
        lambda z, xp: xp.tanh(z),
        lambda a, xp: 1 - a * a,
        formula="tanh(z)",
        slope_formula="1 - a**2",
    ),
    "relu": Activation(
        lambda z, xp: z * (z > 0),
        lambda a, xp: a > 0,
        formula="max(0, z)",
        slope_formula="1 if z > 0 else 0",
    ),
    "linear": Activation(lambda z, xp: z, lambda a, xp: 0 * a + 1, formula="z", slope_formula="1"),
    "softmax": Activation(
        lambda z, xp: xp.exp(z), lambda a, xp: 0 * a + 1, normalise=True, formula="exp(z) / S"
    ),
    # Rosenblatt's threshold: 0 at exactly zero
    "step": Activation(
        lambda z, xp: (z > 0) * 1.0,
        lambda a, xp: 0 * a,
        formula="1 if z > 0 else 0",
        slope_formula="0",
    ),
    # Maas, Hannun & Ng 2013
    "leaky_relu": Activation(
        lambda z, xp: where(z > 0, z, LEAK * z),
        lambda a, xp: where(a > 0, 1.0, 0 * a + LEAK),
        formula=f"z if z > 0 else {LEAK} * z",
        slope_formula=f"1 if z > 0 else {LEAK}",
    ),
    # Clevert, Unterthiner & Hochreiter 2016
    "elu": Activation(
        lambda z, xp: _elu(z, 1.0, 1.0, xp),
        lambda a, xp: where(a > 0, 1.0, a + 1),
        formula="z if z > 0 else exp(z) - 1",
        slope_formula="1 if z > 0 else a + 1",
    ),
    # Klambauer et al. 2017
    "selu": Activation(
        lambda z, xp: _elu(z, SELU_SCALE, SELU_ALPHA, xp),
        lambda a, xp: where(a > 0, SELU_SCALE, a + SELU_SCALE * SELU_ALPHA),
        formula=f"{SELU_SCALE} * z if z > 0 else {SELU_SCALE} * {SELU_ALPHA} * (exp(z) - 1)",
        slope_formula=f"{SELU_SCALE} if z > 0 else a + {SELU_SCALE} * {SELU_ALPHA}",
    ),
    # Hendrycks & Gimpel 2016: z times the normal distribution's function, and an approximation
    "gelu": Activation(
        lambda z, xp: z * _normal(z, xp),
        _gelu_slope,
        needs_z=True,
        formula="z * Phi(z)",
        slope_formula="Phi(z) + z * exp(-z**2 / 2) / sqrt(2 * pi)",
    ),
    "gelu_tanh": Activation(
        lambda z, xp: z * (0.5 + 0.5 * _gelu_tanh(z, xp)),
        _gelu_tanh_slope,
        needs_z=True,
        formula=f"t = tanh(sqrt(2 / pi) * (z + {GELU_B} * z**3)); z * (1 + t) / 2",
        slope_formula=f"t = tanh(sqrt(2 / pi) * (z + {GELU_B} * z**3)); "
        f"d = sqrt(2 / pi) * (1 - t**2) * (1 + {3 * GELU_B:.6f} * z**2); (1 + t + z * d) / 2",
    ),
    # Elfwing, Uchibe & Doya 2018
    "silu": Activation(
        lambda z, xp: z * _sigmoid(z, xp),
        _silu_slope,
        needs_z=True,
        formula="z * sigmoid(z)",
        slope_formula="sigmoid(z) * (1 + z * (1 - sigmoid(z)))",
    ),
    # Dugas et al. 2001: log(1 + e^z), in the form that cannot overflow
    "softplus": Activation(
        lambda z, xp: 0.5 * z + 0.5 * abs(z) + xp.log1p(xp.exp(-abs(z))),
        lambda a, xp: -xp.expm1(-a),
        formula="log(1 + exp(z))",
        slope_formula="1 - exp(-a)",
    ),
    # Turian, Bergstra & Bengio 2009
    "softsign": Activation(
        lambda z, xp: z / (1 + abs(z)),
        lambda a, xp: (1 - abs(a)) * (1 - abs(a)),
        formula="z / (1 + abs(z))",
        slope_formula="(1 - abs(a))**2",
    ),
    "hard_sigmoid": Activation(
        lambda z, xp: clip(z + 3, 0.0, 6.0) / 6,
        lambda a, xp: where((a > 0) & (a < 1), 1 / 6, 0 * a),
        formula="min(max(z + 3, 0), 6) / 6",
        slope_formula="1 / 6 if 0 < a < 1 else 0",
    ),
    # FANN's, with its steepness s: 2 / (1 + exp(-2 s z)) - 1
    "symmetric_sigmoid": Activation(
        lambda z, xp: xp.tanh(STEEPNESS * z),
        lambda a, xp: STEEPNESS * (1 - a * a),
        formula=f"tanh({STEEPNESS} * z)",
        slope_formula=f"{STEEPNESS} * (1 - a**2)",
    ),
    # rates and counts: the inverse of the logarithmic link of a generalised linear model
    "exponential": Activation(exp, lambda a, xp: a, formula="exp(z)", slope_formula="a"),
}
