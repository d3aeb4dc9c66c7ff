"""Networks from the .net files of FANN, the Fast Artificial Neural Network Library.

The file is text: a line with the version, then lines "name=value". Neurons are numbered from 0,
layer by layer, and each layer ends with a neuron that is always 1, the bias. A neuron computes
f(s Σ w x) with a steepness s of its own (Nissen, Implementation of a Fast Artificial Neural Network
Library, 2003).
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from nnfast.datasets._reading import existing_file
from nnfast.exchange import chain
from nnfast.exchange.chain import Chain
from nnfast.levels.contract import Array
from nnfast.network import Network

NEURONS = "neurons (num_inputs, activation_function, activation_steepness)"
CONNECTIONS = "connections (connected_to_neuron, weight)"
TUPLE = r"\(([^(),]*), ([^(),]*), ([^(),]*)\)\s*"
PAIR = r"\(([^(),]*), ([^(),]*)\)\s*"
DENSE = 10_000_000  # weights; with more, one in a hundred has to be there


@dataclass(frozen=True)
class Activation:
    """FANN's f(x) = gain · g(slope · x + shift) + offset, where g is an activation of ours."""

    name: str
    ours: str | None = None
    slope: float = 1.0
    shift: float = 0.0
    gain: float = 1.0
    offset: float = 0.0


# in the order of FANN's numbers
ACTIVATIONS = (
    Activation("LINEAR", "linear"),
    Activation("THRESHOLD", "step"),
    Activation("THRESHOLD_SYMMETRIC", "step", gain=2, offset=-1),
    Activation("SIGMOID", "sigmoid", slope=2),
    Activation("SIGMOID_STEPWISE", "sigmoid", slope=2),
    Activation("SIGMOID_SYMMETRIC", "symmetric_sigmoid", slope=2),
    Activation("SIGMOID_SYMMETRIC_STEPWISE", "symmetric_sigmoid", slope=2),
    Activation("GAUSSIAN"),
    Activation("GAUSSIAN_SYMMETRIC"),
    Activation("GAUSSIAN_STEPWISE"),
    Activation("ELLIOT", "softsign", gain=0.5, offset=0.5),
    Activation("ELLIOT_SYMMETRIC", "softsign"),
    Activation("LINEAR_PIECE", "hard_sigmoid", slope=6, shift=-3),
    Activation("LINEAR_PIECE_SYMMETRIC", "hard_sigmoid", slope=3, gain=2, offset=-1),
    Activation("SIN_SYMMETRIC"),
    Activation("COS_SYMMETRIC"),
    Activation("SIN"),
    Activation("COS"),
)


def from_fann(path: str | os.PathLike[str], *, dtype: str = "float32") -> Network:
    """The network of a .net file that FANN wrote: FANN_FLO or FANN_FIX, of version 2.0 or 2.1.

    path: a layered network, with connections from each layer to the next. Connections that are not
        there become weights of 0 that training leaves as they are, as `Network.freeze` does it. The
        steepness of each neuron becomes part of its weights. Scaling parameters become the
        network's `input_scaler` and `output_scaler`, so that it takes and gives raw numbers without
        `fann_scale_input` and `fann_descale_output`.
    dtype: "float32" or "float64".

    The loss is "mean_squared_error", which FANN minimises, or "perceptron" where the outputs are
    thresholds. Where FANN calculates a piecewise linear sigmoid, as in all networks of fixed-point
    numbers, a UserWarning says that the outputs differ, by up to 0.03 for a sigmoid and 0.07 for a
    symmetric one. FANN's thresholds are 1 at exactly zero, the step here is 0.

    Raises FormatError, a ValueError, that names the line, for a damaged file and for a network that
    is not layered or has other activations; OSError where the file cannot be read.
    """
    file = existing_file(path)
    with chain.reading(path):
        with open(file, encoding="utf-8", errors="replace") as stream:
            first, *lines = [stream.readline(13), *stream]
        source = Source(lines)
        if re.fullmatch(r"FANN_(FLO|FIX)_2\.[01]\n", first) is None:
            source.refuse(0, f"it starts with {first!r}; expected FANN_FLO_2.1 or FANN_FIX_2.1")
        return _network(source, fixed="FIX" in first, dtype=dtype)


class Source:
    """The lines "name=value" of a file, and what is said about them."""

    def __init__(self, lines: list[str]) -> None:
        self._lines: dict[str, tuple[int, str]] = {}
        for number, line in enumerate(lines, start=2):
            name, _, value = line.partition("=")
            self._lines[name] = number, value

    def __contains__(self, name: str) -> bool:
        return name in self._lines

    def refuse(self, name: str | int, sentence: str) -> NoReturn:
        """Raise ValueError; name: that of the line, or its number less one."""
        number = name + 1 if isinstance(name, int) else self._lines[name][0]
        raise ValueError(f"line {number}: {sentence}.")

    def text(self, name: str) -> str:
        """The value of a line."""
        if name not in self._lines:
            raise ValueError(f"it has no line {name!r}; it is cut short or damaged.")
        return self._lines[name][1]

    def numbers(self, name: str, pattern: str = r"(\S+)\s*") -> Array:
        """The numbers in a line, float64, a row for each match of the pattern."""
        text = self.text(name)
        fields, end = [], 0
        for match in re.finditer(pattern, text):
            if match.start() != end:
                break
            fields.append(match.groups())
            end = match.end()
        if text[end:].strip():
            self.refuse(name, f"{text[end : end + 20]!r} is not what FANN writes there")
        try:
            values = np.array([[float(field) for field in row] for row in fields])
        except ValueError:
            values = np.array(np.nan)
        if not np.isfinite(values).all():
            self.refuse(name, "it holds something that is no finite number")
        return values.reshape(len(fields), re.compile(pattern).groups)

    def column(self, name: str) -> Array:
        """The numbers in a line, (numbers,)."""
        return self.numbers(name)[:, 0]

    def require_whole(self, name: str, values: Array, least: int = 0) -> Array:
        """The numbers of a line as int64, which they have to be."""
        if (values != np.floor(values)).any() or (values < least).any() or (values > 1e9).any():
            self.refuse(name, f"expected whole numbers from {least} up")
        return values.astype(np.int64)

    def whole(self, name: str, least: int = 0) -> int:
        """The whole number in a line."""
        text = self.text(name).strip()
        if not re.fullmatch("[0-9]{1,9}", text) or int(text) < least:
            self.refuse(name, f"{name} is {text[:20]!r}; expected a whole number from {least} up")
        return int(text)


def _network(source: Source, fixed: bool, dtype: str) -> Network:
    if source.whole("network_type") != 0:
        source.refuse(
            "network_type",
            "it is a shortcut network, in which layers take the outputs of all layers before; "
            "only layered networks can be read",
        )
    unit = 2.0 ** -source.whole("decimal_point") if fixed else 1.0
    layers = list(_layers(source))
    kinds = [layer.activation(source, k) for k, layer in enumerate(layers, start=1)]
    steps = Chain()
    scaled = "scale_included" in source and source.whole("scale_included") == 1
    if scaled:
        mean, deviation, least, factor = _scaling(source, "in")
        steps.scale(mean, deviation)
        steps.affine(factor, factor + least)
    for layer, kind in zip(layers, kinds, strict=True):
        bias = layer.W[-1] * unit if layer.present[-1].any() else None
        steps.linear(layer.W[:-1] * unit, bias)
        steps.affine(kind.slope * layer.steepness * unit, kind.shift)
        steps.activation(str(kind.ours))
        steps.affine(kind.gain, kind.offset)
    if scaled:
        mean, deviation, least, factor = _scaling(source, "out")
        steps.scale(least, factor)
        steps.affine(deviation, mean - deviation)
    loss = None if kinds[-1].ours == "step" else "mean_squared_error"
    network = steps.network(loss=loss, dtype=dtype)
    _freeze_absent(network, layers)
    _warn_of_lines(kinds, fixed)
    return network


def _freeze_absent(network: Network, layers: list[Layer]) -> None:
    """Keep the connections that are not in the file at 0."""
    masks = [
        (~layer.present[:-1], None if b is None else ~layer.present[-1])
        for layer, (_, b) in zip(layers, network.weights, strict=True)
    ]
    if any(mask is not None and mask.any() for pair in masks for mask in pair):
        network.freeze(masks)


def _warn_of_lines(kinds: list[Activation], fixed: bool) -> None:
    """Say where FANN's outputs are those of straight lines instead of a sigmoid."""
    lines = [x.name for x in kinds if "SIGMOID" in x.name and (fixed or "STEPWISE" in x.name)]
    if lines:
        warnings.warn(
            f"FANN calculates {lines[-1]} of this file from straight lines; the network here has "
            "the smooth function, and its outputs differ.",
            stacklevel=4,
        )


def _scaling(source: Source, side: str) -> Iterator[Array]:
    """FANN's ((x - mean) / deviation + 1) · factor + least of the inputs or outputs."""
    for name in ("mean", "deviation", "new_min", "factor"):
        yield source.column(f"scale_{name}_{side}")


@dataclass
class Layer:
    """W (inputs + 1, units) with the bias in its last row, and which of it is in the file."""

    W: Array
    present: Array
    kinds: Array  # (units,)
    steepness: Array  # (units,)

    def activation(self, source: Source, place: int) -> Activation:
        """The one activation of the layer."""
        if (self.kinds != self.kinds[0]).any():
            source.refuse(NEURONS, f"the neurons of layer {place} have different activations")
        if self.kinds[0] >= len(ACTIVATIONS):
            source.refuse(NEURONS, f"FANN has no activation of the number {self.kinds[0]}")
        activation = ACTIVATIONS[self.kinds[0]]
        if activation.ours is None:
            own = ", ".join(kind.name for kind in ACTIVATIONS if kind.ours)
            source.refuse(
                NEURONS, f"layer {place} has the activation {activation.name}; known are {own}"
            )
        return activation


def _layers(source: Source) -> Iterator[Layer]:
    """The layers after the inputs."""
    sizes = source.require_whole("layer_sizes", source.column("layer_sizes"), least=2)
    if len(sizes) < 2 or len(sizes) != source.whole("num_layers"):
        source.refuse("layer_sizes", f"it has {len(sizes)} sizes; expected num_layers, at least 2")
    neurons = source.numbers(NEURONS, TUPLE)
    if len(neurons) != sizes.sum():
        source.refuse(NEURONS, f"it has {len(neurons)} neurons; layer_sizes add to {sizes.sum()}")
    counts, kinds = source.require_whole(NEURONS, neurons[:, :2]).T
    connections = source.numbers(CONNECTIONS, PAIR)
    if len(connections) != counts.sum():
        source.refuse(
            CONNECTIONS, f"it has {len(connections)} connections; the neurons have {counts.sum()}"
        )
    dense = int((sizes[:-1] * (sizes[1:] - 1)).sum())
    if dense > max(DENSE, 100 * len(connections)):
        source.refuse("layer_sizes", f"of {dense} weights only {len(connections)} are there")
    origins = source.require_whole(CONNECTIONS, connections[:, 0])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    ends = np.cumsum(counts)  # of each neuron's connections
    for before, first, last in zip(starts, starts[1:], starts[2:] - 1, strict=False):
        if counts[last] or counts[: starts[1]].any() or not counts[first:last].all():
            source.refuse(
                NEURONS, "all but inputs and biases need connections, and these have none"
            )
        own = slice(ends[first - 1], ends[last - 1])
        origin = origins[own] - before
        if ((origin < 0) | (origin >= first - before)).any():
            source.refuse(CONNECTIONS, "there is a connection from another than the layer before")
        W = np.zeros((first - before, last - first))
        place = origin, np.repeat(np.arange(last - first), counts[first:last])
        np.add.at(W, place, connections[own, 1])
        present = np.zeros(W.shape, bool)
        present[place] = True
        yield Layer(W, present, kinds[first:last], neurons[first:last, 2])
