"""A network in whole numbers: how it is rounded, and what it then computes, bit for bit.

The values between the layers are x = centre + step q with whole q of -limit ... limit. The weights
of a unit are W = s w with whole w of at most `limit`, each unit with a scale s of its own. So

    z = x W + b = s step (q w + bias),    bias = (b + centre s Σw) / (s step), rounded,

where the centre meets the rounded weights and is therefore exact. The sum q w + bias becomes the
next layer's q in one of four ways:

    line     linear, relu, hard_sigmoid: sum · multiplier / 2^shift; where q saturates at ±limit, so
             does the function
    table    any function of z alone: z as 16 bits, of which 8 choose an interval of a table of 257
             values, and 8 interpolate between its ends
    step     the sign of the sum
    softmax  z as a multiple of 2^-12; e^-(max z - z) from a table over [0, 16], divided by its sum

Scales of each unit, and a 32-bit multiplier with a shift instead of a real factor, are those of
Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nnfast import validation
from nnfast.formulas import ACTIVATIONS
from nnfast.levels.contract import Architecture, Array, Pair
from nnfast.levels.numpy_arrays import NumpyArrays

LIMITS = {"int8": 127, "int16": 32767}
OUTPUT_LIMIT = 32767  # the network's outputs have 16 bits in both
LARGEST_BIAS = {"int8": 2.0**29, "int16": 2.0**44}
LINES = {"linear": (1.0, 0.0), "relu": (1.0, 0.0), "hard_sigmoid": (1 / 6, 0.5)}  # slope, offset
INTERVALS = 256
SOFTMAX_STEP, SOFTMAX_RANGE = 2.0**-12, 16.0
SOFTMAX_LIMIT = 2**29  # of z in these steps; differences have 32 bits
SOFTMAX_OUTPUTS = 65536  # as many exponentials of 15 bits can be added, and divided, in 32 bits


@dataclass(frozen=True)
class Grid:
    """The numbers centre + step q, q = -limit ... limit."""

    centre: float
    step: float
    limit: int

    @classmethod
    def over(cls, low: float, high: float, limit: int) -> Grid:
        """From `low` to `high`; around them, where they are the same."""
        half = (high - low) / 2 or 1.0
        return cls((low + high) / 2, half / limit, limit)

    def round(self, values: Array) -> Array:
        """The nearest q, int64."""
        q = np.rint((values - self.centre) / self.step)
        whole: Array = np.clip(q, -self.limit, self.limit).astype(np.int64)
        return whole


@dataclass(frozen=True)
class Form:
    """How z becomes the next q: z / unit, after an offset was added to it, and then by `name`.

    outputs: the grid of that q; table: that of the name "table", (257,) int64.
    """

    name: str
    outputs: Grid
    unit: float = 1.0
    offset: float = 0.0
    table: Array | None = None


@dataclass(frozen=True)
class FixedLayer:
    """weights (inputs, units), biases and multipliers (units,), all int64."""

    form: Form
    inputs: Grid
    weights: Array
    biases: Array
    multipliers: Array
    shift: int

    @property
    def bound(self) -> int:
        """No sum exceeds it, whatever the inputs; nor do those on the way to it."""
        return max(_bounds(self.weights, self.biases, self.inputs.limit))


@dataclass(frozen=True)
class FixedNetwork:
    """The layers, of which the first takes the inputs."""

    layers: tuple[FixedLayer, ...]

    @property
    def inputs(self) -> Grid:
        """The grid of the inputs."""
        return self.layers[0].inputs

    @property
    def outputs(self) -> Grid:
        """The grid of the outputs."""
        return self.layers[-1].form.outputs

    @property
    def wide(self) -> bool:
        """Whether a sum may need more than 32 bits."""
        return any(layer.bound >= 2**31 for layer in self.layers)


@dataclass(frozen=True)
class Border:
    """Between floats and q, in float32: one number for all, or one for each input or output.

    q is (x - in_shift) / in_step rounded, halves away from 0; y is out_shift + out_step q.
    """

    in_shift: Array
    in_step: Array
    out_shift: Array
    out_step: Array
    limit: int

    @classmethod
    def of(cls, network: FixedNetwork, inputs: Pair | None, outputs: Pair | None) -> Border:
        """With the network's scalers (shift, scale) where it has them."""
        pairs = []
        for grid, scaler in ((network.inputs, inputs), (network.outputs, outputs)):
            shift, scale = scaler or (0.0, 1.0)
            with np.errstate(over="ignore"):
                pair = np.float32(shift + scale * grid.centre), np.float32(scale * grid.step)
            if not (np.isfinite(pair[0]).all() and np.isfinite(pair[1]).all()):
                raise ValueError(
                    "inputs or outputs are too large for float32, which fixed point starts from "
                    'and ends with. Scale the data, or choose numbers="float64".'
                )
            pairs += pair
        return cls(*pairs, network.inputs.limit)

    def quantize(self, X: Array) -> Array:
        """q (n, inputs), int64, of numbers as they are."""
        with np.errstate(all="ignore"):
            x = (X.astype(np.float32) - self.in_shift) / self.in_step
        x = np.where(x > -self.limit, np.minimum(x, self.limit), -self.limit).astype(np.float32)
        q: Array = np.trunc(x + np.copysign(np.float32(0.5), x)).astype(np.int64)
        return q

    def dequantize(self, q: Array) -> Array:
        """The outputs, float32."""
        outputs: Array = self.out_shift + self.out_step * q.astype(np.float32)
        return outputs


# ---- rounding -----------------------------------------------------------------------------------


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
        with np.errstate(all="ignore"):
            logits, _, _ = level.run(list(weights), piece)
        low = [min(a, float(z.min())) for a, z in zip(low, logits, strict=True)]
        high = [max(a, float(z.max())) for a, z in zip(high, logits, strict=True)]
    return list(zip(low, high, strict=True))


def _form(name: str, low: float, high: float, limit: int) -> Form:
    """The form of the activation `name` for z of `low` to `high`."""
    if name in LINES:
        slope, offset = LINES[name]
        ends = ACTIVATIONS[name].value(np.array([low, high]), np)
        outputs = Grid.over(*ends, limit)
        return Form("line", outputs, outputs.step / slope, (offset - outputs.centre) / slope)
    if name == "step":
        return Form("step", Grid.over(0.0, 1.0, limit))
    if ACTIVATIONS[name].normalise:
        distance = np.arange(INTERVALS + 1) * (SOFTMAX_RANGE / INTERVALS)
        table = np.rint(32767 * np.exp(-distance)).astype(np.int64)
        return Form("softmax", Grid.over(0.0, 1.0, limit), SOFTMAX_STEP, table=table)
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
        scale * inputs.step / form.unit, _bounds(weights, biases, limit)
    )
    return FixedLayer(form, inputs, weights, biases, multipliers, shift)


def _bounds(weights: Array, biases: Array, limit: int) -> list[int]:
    """|bias| + limit Σ|w| of each unit."""
    sums = limit * abs(weights).sum(axis=0) + abs(biases)
    return [int(bound) for bound in sums]


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


# ---- the arithmetic of the C code ---------------------------------------------------------------


def simulate(network: FixedNetwork, q: Array) -> Array:
    """The outputs (n, outputs), int64, for inputs q (n, inputs), as the C code computes them."""
    for layer in network.layers:
        sums = q @ layer.weights + layer.biases
        q = _FORMS[layer.form.name](sums, layer)
    return q


def _scaled(sums: Array, layer: FixedLayer, low: int, high: int) -> Array:
    """sums · multipliers / 2^shift, rounded, halves up."""
    half = 1 << (layer.shift - 1)
    scaled: Array = np.clip((sums * layer.multipliers + half) >> layer.shift, low, high)
    return scaled


def _line(sums: Array, layer: FixedLayer) -> Array:
    limit = layer.form.outputs.limit
    return _scaled(sums, layer, -limit, limit)


def _interpolated(sums: Array, layer: FixedLayer) -> Array:
    return _look_up(layer.form.table, _scaled(sums, layer, -(2**15), 2**15 - 1) + 2**15)


def _look_up(table: Array | None, place: Array) -> Array:
    """Between two entries of the table: 8 bits of `place` count entries, 8 parts of them."""
    assert table is not None
    i, part = place >> 8, place & 255
    values: Array = table[i] + (((table[i + 1] - table[i]) * part + 128) >> 8)
    return values


def _step(sums: Array, layer: FixedLayer) -> Array:
    limit = layer.form.outputs.limit
    return np.where(sums > 0, limit, -limit)


def _softmax(sums: Array, layer: FixedLayer) -> Array:
    z = _scaled(sums, layer, -SOFTMAX_LIMIT, SOFTMAX_LIMIT)
    distance = np.minimum(z.max(axis=1, keepdims=True) - z, 2**16 - 1)
    powers = _look_up(layer.form.table, distance)
    total = powers.sum(axis=1, keepdims=True)
    limit = layer.form.outputs.limit
    values: Array = (powers * (2 * limit) + total // 2) // total - limit
    return values


_FORMS = {"line": _line, "table": _interpolated, "step": _step, "softmax": _softmax}
