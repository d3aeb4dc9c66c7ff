"""A trained network becomes one of whole numbers: `fixed_point.FixedNetwork`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nnfast import validation
from nnfast.exchange.fixed_point import (
    LIMITS,
    OUTPUT_LIMIT,
    FixedLayer,
    FixedNetwork,
    Form,
    Grid,
    bounds,
)
from nnfast.formulas import ACTIVATIONS
from nnfast.levels.contract import Architecture, Array, Pair
from nnfast.levels.numpy_arrays import NumpyArrays

LARGEST_BIAS = {"int8": 2.0**29, "int16": 2.0**44}
LINES = {"linear": (1.0, 0.0), "relu": (1.0, 0.0), "hard_sigmoid": (1 / 6, 0.5)}  # slope, offset
INTERVALS = 256
SOFTMAX_OUTPUTS = 65536  # as many exponentials of 15 bits can be added, and divided, in 32 bits


@np.errstate(all="ignore")  # what is infinite is refused
def round_network(
    architecture: Architecture, weights: Sequence[Pair], X: Array, numbers: str
) -> FixedNetwork:
    """The network in `numbers`, with the ranges that the rows X (n, inputs) have in every layer.

    weights: (W, b) of every layer, float64, as X is.

    Raises ValueError where a range is not finite, or a softmax has too many outputs to be added.
    """
    low, high = float(X.min()), float(X.max())
    inputs = Grid.over(low, high, LIMITS[numbers])
    layers: list[FixedLayer] = []
    for k, (low, high) in enumerate(_ranges(architecture, weights, X)):
        name, units = architecture.activations[k], architecture.sizes[k + 1]
        if not np.isfinite([low, high]).all():
            raise ValueError(
                f"layer {k + 1} ({name}) has infinite values for these data; fixed point needs "
                "finite ranges. Scale the data, or choose floating-point numbers."
            )
        if name == "softmax" and units > SOFTMAX_OUTPUTS:
            raise ValueError(
                f"a softmax of {units} outputs; fixed point takes at most {SOFTMAX_OUTPUTS}. "
                "Choose floating-point numbers."
            )
        limit = OUTPUT_LIMIT if k == len(weights) - 1 else LIMITS[numbers]
        form = _form(name, low, high, limit)
        if not np.isfinite([form.outputs.centre, form.outputs.step]).all():
            raise ValueError(
                f"{name} is infinite in the range of layer {k + 1}, {low:g} to {high:g}; fixed "
                "point needs finite ranges. Scale the data, or choose floating-point numbers."
            )
        layers.append(_layer(*weights[k], form, inputs, numbers))
        inputs = form.outputs
    return FixedNetwork(tuple(layers))


def _ranges(
    architecture: Architecture, weights: Sequence[Pair], X: Array
) -> list[tuple[float, float]]:
    """The least and the largest z of every layer."""
    level = NumpyArrays(replace(architecture, dtype="float64"))
    low, high = [np.inf] * len(weights), [-np.inf] * len(weights)
    for _, piece in validation.pieces(X):
        logits, _, _ = level.run(list(weights), piece)
        low = [min(a, float(z.min())) for a, z in zip(low, logits, strict=True)]
        high = [max(a, float(z.max())) for a, z in zip(high, logits, strict=True)]
    return list(zip(low, high, strict=True))


def _form(name: str, low: float, high: float, limit: int) -> Form:
    """The form of the activation `name` for z of `low` to `high`."""
    if name in LINES:
        slope, offset = LINES[name]
        ends = ACTIVATIONS[name].value(np.array([low, high]), np)
        outputs = Grid.over(ends[0], ends[1], limit)
        return Form("line", outputs, outputs.step / slope, (offset - outputs.centre) / slope)
    if name == "step":
        return Form("step", Grid.over(0.0, 1.0, limit))
    if ACTIVATIONS[name].normalise:
        table = np.rint(32767 * 0.5 ** (np.arange(INTERVALS + 1) / INTERVALS)).astype(np.int64)
        return Form("softmax", Grid.over(0.0, 1.0, limit), math.log(2) / 2**16, table=table)
    reach = _reach(name, low, high)
    knots = _knots(name, reach)
    outputs = Grid.over(knots.min(), knots.max(), limit)
    return Form("table", outputs, reach / 2**15, table=outputs.round(knots))


def _knots(name: str, reach: float) -> Array:
    """The function at 257 places from -reach to reach, 0 one of them, where it may have a kink."""
    half = INTERVALS // 2
    values: Array = ACTIVATIONS[name].value(reach * np.arange(-half, half + 1) / half, np)
    return values


def _reach(name: str, low: float, high: float) -> float:
    """How far from 0 the table is best to go: at most as far as z, less where that is finer.

    Best is the smallest error on `low` ... `high`, where a shorter table goes on with its ends.
    """
    z = np.linspace(low, high, 10001)
    true = ACTIVATIONS[name].value(z, np)
    farthest = max(abs(low), abs(high)) or 1.0

    def error(reach: float) -> float:
        places = np.linspace(-reach, reach, INTERVALS + 1)
        return float(abs(np.interp(z, places, _knots(name, reach)) - true).max())

    return float(min(farthest / 2.0 ** np.arange(12), key=error))


def _layer(W: Array, b: Array | None, form: Form, inputs: Grid, numbers: str) -> FixedLayer:
    """Round weights, biases and the factors from a sum to z / unit."""
    limit = LIMITS[numbers]
    bias = form.offset + (np.zeros(W.shape[1]) if b is None else b)
    largest = abs(bias) + abs(inputs.centre) * abs(W).sum(axis=0)
    # a unit with a bias that is large beside its weights has coarser weights
    scale = np.maximum(abs(W).max(axis=0) / limit, largest / (inputs.step * LARGEST_BIAS[numbers]))
    scale[scale == 0] = 1.0
    weights = np.rint(W / scale).astype(np.int64)
    bias = (bias / scale + inputs.centre * weights.sum(axis=0)) / inputs.step
    biases = np.rint(bias).astype(np.int64)
    multipliers, shift = _multipliers(
        scale * inputs.step / form.unit, bounds(weights, biases, limit)
    )
    return FixedLayer(form, inputs, weights, biases, multipliers, shift)


def _multipliers(factors: Array, bounds: list[int]) -> tuple[Array, int]:
    """Whole m with m / 2^shift = factors, as exactly as they can be: below 2^31, and no sum times m
    exceeds 2^62, so that it and the half that rounds it are within 64 bits.
    """
    caps = [min(2**31 - 1, 2**62 // max(bound, 1)) for bound in bounds]
    for shift in range(62, 0, -1):
        multipliers = [round(m) for m in np.minimum(factors * 2.0**shift, 2.0**62)]
        if all(m <= cap for m, cap in zip(multipliers, caps, strict=True)):
            break
    capped = [min(m, cap) for m, cap in zip(multipliers, caps, strict=True)]
    return np.array(capped, np.int64), shift
