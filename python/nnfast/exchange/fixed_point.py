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
    softmax  z in steps of ln 2 / 2^16: e^(z - max z) is a power of 2, of whose exponent 16 bits are
             looked up in a table and the others are a shift; divided by their sum

Scales of each unit, and a 32-bit multiplier with a shift instead of a real factor, are those of
Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference (2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnfast.levels.contract import Array

LIMITS = {"int8": 127, "int16": 32767}
OUTPUT_LIMIT = 32767  # the network's outputs have 16 bits in both
SOFTMAX_LIMIT = 2**29  # of z in its steps; differences have 32 bits


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
        return max(bounds(self.weights, self.biases, self.inputs.limit))


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


def bounds(weights: Array, biases: Array, limit: int) -> list[int]:
    """|bias| + (limit + 1) Σ|w| of each unit: the type of q goes to -limit - 1."""
    sums = (limit + 1) * abs(weights).sum(axis=0) + abs(biases)
    return [int(bound) for bound in sums]


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
    distance = z.max(axis=1, keepdims=True) - z
    halvings = np.minimum(distance >> 16, 16)
    half = (1 << halvings) >> 1
    powers = (_look_up(layer.form.table, distance & (2**16 - 1)) + half) >> halvings
    total = powers.sum(axis=1, keepdims=True)
    limit = layer.form.outputs.limit
    values: Array = (powers * (2 * limit) + total // 2) // total - limit
    return values


_FORMS = {"line": _line, "table": _interpolated, "step": _step, "softmax": _softmax}


# ---- the border ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Border:
    """Between floats x and q, in float32: x = shift + step q.

    shift and step: one for all inputs or outputs, or one for each.
    """

    shift: Array
    step: Array
    limit: int

    @classmethod
    def of(cls, grid: Grid, scaler: tuple[Array, Array] | None) -> Border:
        """That of scaled numbers (x - shift) / scale on the grid.

        Raises ValueError where x is beyond the range of float32.
        """
        shift, scale = scaler or (np.zeros(()), np.ones(()))
        with np.errstate(over="ignore"):
            border = cls(
                np.float32(shift + scale * grid.centre), np.float32(scale * grid.step), grid.limit
            )
        fits = np.isfinite(border.shift) & np.isfinite(border.step) & (border.step > 0)
        if not fits.all():
            raise ValueError(
                "inputs or outputs are beyond the range of float32, which fixed point starts from "
                'and ends with. Scale the data, or choose numbers="float64".'
            )
        return border

    def quantize(self, X: Array) -> Array:
        """q (n, inputs), int64, halves away from 0, NaN as the least."""
        with np.errstate(all="ignore"):
            x = (X.astype(np.float32) - self.shift) / self.step
        x = np.where(x > -self.limit, np.minimum(x, self.limit), -self.limit).astype(np.float32)
        q: Array = np.trunc(x + np.copysign(np.float32(0.5), x)).astype(np.int64)
        return q

    def dequantize(self, q: Array) -> Array:
        """The numbers of whole q, float32."""
        x: Array = self.shift + self.step * q.astype(np.float32)
        return x
