"""A dense network as a chain of steps, which is how all other libraries describe it.

Readers give their steps to a `Chain`, which makes a Network of them; writers go through `layers`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from nnfast import scaling
from nnfast.formulas import losses_for
from nnfast.layers import Dense
from nnfast.levels.contract import Array
from nnfast.network import Network
from nnfast.scaling import Standardizer
from nnfast.structure import Structure
from nnfast.tensorfile import FormatError

# f(c z) = c f(z) for c > 0: dropout before them is dropout after them
HOMOGENEOUS = ("linear", "relu", "leaky_relu")


@dataclass
class Layer:
    """a = activation(x @ W + b): W (inputs, units), b (units,) or None; float64 in a `Chain`.

    An activation of None is not known yet; it may still come with the next step.
    """

    W: Array
    b: Array | None
    activation: str | None = None
    dropout: float = 0.0


def layers(network: Structure) -> Iterator[Layer]:
    """The layers of a network, in activations that others have too.

    tanh(z / 2), "symmetric_sigmoid", becomes "tanh" of half the weights, which is exact.
    """
    for layer, (W, b) in zip(network.layers, network.weights, strict=True):
        activation = layer.activation
        if activation == "symmetric_sigmoid":
            activation, W, b = "tanh", W / 2, None if b is None else b / 2
        yield Layer(W, b, activation, layer.dropout)


def require_fitted(network: Structure) -> None:
    """Refuse a network whose scalers wait for their first data."""
    for name in ("input_scaler", "output_scaler"):
        if (scaler := getattr(network, name)) is not None:
            scaling.require_fitted(name, scaler)


def unsupported(library: str, layer: Layer, place: int) -> NoReturn:
    """Raise the ValueError of a layer that a library has no activation for."""
    raise ValueError(
        f"layer {place} has the activation {layer.activation!r}, which {library} does not have as "
        "a part of its own; choose another activation, or write the network to ONNX."
    )


@contextmanager
def reading(path: Any) -> Iterator[None]:
    """Turn what is said about the content of a file into a FormatError that names the file."""
    try:
        # what overflows is refused as infinite where it is used
        with np.errstate(over="ignore", invalid="ignore"):
            yield
    except ValueError as error:
        raise FormatError(f"cannot read '{path}': {error}") from error


class Chain:
    """The steps of a network, in the order in which a row of inputs passes through them.

    place: where the reader is, such as "module 2 (ReLU)"; errors start with it.

    A map x * gain + offset of every number becomes part of the linear map that it stands beside.
    Ahead of all layers, or behind the last activation, it becomes the network's scaler.
    """

    def __init__(self) -> None:
        self.place = ""
        self._layers: list[Layer] = []
        self._gain: Any = 1.0  # what the last activation's outputs, or the inputs, go through
        self._offset: Any = 0.0
        self._input: tuple[Any, Any] = (1.0, 0.0)
        self._input_dropout = 0.0

    def refuse(self, sentence: str) -> NoReturn:
        """Raise ValueError: there is no such network."""
        raise ValueError(f"{self.place}: {sentence}" if self.place else sentence)

    @property
    def units(self) -> int | None:
        """How many numbers a row has here; None ahead of the first layer."""
        return self._layers[-1].W.shape[1] if self._layers else None

    @property
    def inputs(self) -> int | None:
        """How many inputs the first layer has; None ahead of it."""
        return len(self._layers[0].W) if self._layers else None

    @property
    def activations(self) -> list[str]:
        """Those of all layers so far."""
        return [layer.activation or "linear" for layer in self._layers]

    # ---- steps ------------------------------------------------------------------------------

    def linear(self, W: Any, b: Any = None) -> None:
        """A layer x @ W + b: W (inputs, units), b (units,) or None."""
        W = np.array(W, np.float64)
        if W.ndim != 2 or 0 in W.shape:
            self.refuse(f"W has shape {W.shape}; expected (inputs, units).")
        if self.units not in (None, len(W)):
            self.refuse(f"W has {len(W)} rows, but the layer before has {self.units} units.")
        gain, offset = self._vector(self._gain, len(W)), self._vector(self._offset, len(W))
        self._gain, self._offset = 1.0, 0.0
        if self._layers:
            self._layers[-1].activation = self.activations[-1]
            layer = Layer(gain[:, None] * W, offset @ W if offset.any() else None)
        else:
            self._input = gain, offset
            layer = Layer(W, None)
        self._layers.append(layer)
        if b is not None:
            layer.b = self._vector(0.0 if layer.b is None else layer.b, W.shape[1])
            layer.b += self._vector(b, W.shape[1])

    def affine(self, gain: Any = 1.0, offset: Any = 0.0) -> None:
        """x * gain + offset: one number for all, or one for each."""
        gain, offset = (np.squeeze(np.asarray(part, np.float64)) for part in (gain, offset))
        if not self._layers or self._layers[-1].activation is not None:
            shapes = {np.shape(part) for part in (gain, offset, self._gain, self._offset)} - {()}
            if len(shapes) > 1 or any(len(shape) > 1 for shape in shapes):
                self.refuse(f"arrays of the shapes {sorted(shapes)} meet the same numbers.")
            self._gain, self._offset = self._gain * gain, self._offset * gain + offset
            return
        layer, units = self._layers[-1], self._layers[-1].W.shape[1]
        gain, offset = self._vector(gain, units), self._vector(offset, units)
        layer.W *= gain
        if layer.b is not None or offset.any():
            layer.b = (np.zeros(units) if layer.b is None else layer.b) * gain + offset

    def scale(self, shift: Any, scale: Any) -> None:
        """(x - shift) / scale, as scalers do it."""
        shift, scale = np.asarray(shift, np.float64), np.asarray(scale, np.float64)
        if not scale.all():
            self.refuse("it divides by 0.")
        self.affine(1 / scale, -shift / scale)

    def activation(self, name: str) -> None:
        """One of `ACTIVATIONS`; "linear" changes nothing."""
        if not self._layers:
            if name != "linear":
                self.refuse(f"the activation {name!r} has no linear map before it.")
            return
        layer = self._layers[-1]
        if layer.activation not in (None, "linear"):
            if name != "linear":
                self.refuse(f"the activation {name!r} follows another one, {layer.activation!r}.")
            return
        if layer.activation == "linear" and name != "linear":
            gain, offset, self._gain, self._offset = self._gain, self._offset, 1.0, 0.0
            layer.activation = None
            self.affine(gain, offset)
        if layer.dropout and name not in HOMOGENEOUS:
            self.refuse(f"dropout stands before the activation {name!r}; here it comes after it.")
        layer.activation = name

    def dropout(self, rate: float) -> None:
        """Leave out this fraction of the numbers in training."""
        if self._layers:
            layer = self._layers[-1]
            layer.dropout = 1 - (1 - layer.dropout) * (1 - rate)
        else:
            self._input_dropout = 1 - (1 - self._input_dropout) * (1 - rate)

    def _vector(self, value: Any, length: int) -> Array:
        array = np.squeeze(np.array(value, np.float64))
        if array.ndim > 1 or array.size not in (1, length):
            self.refuse(f"an array of shape {np.shape(value)} meets rows of {length} numbers.")
        vector: Array = np.broadcast_to(array, length).copy()
        return vector

    # ---- the network ------------------------------------------------------------------------

    def network(self, *, dtype: str, loss: str | None = None, **options: Any) -> Network:
        """The network of all steps; options: other arguments of `Network`."""
        self.place = ""
        if not self._layers:
            self.refuse("there is no layer in it.")
        first, last = self._layers[0], self._layers[-1]
        gain, offset = self._input
        if (gain <= 0).any():  # no scale of a scaler
            first.b = offset @ first.W + (0 if first.b is None else first.b)
            first.W *= gain[:, None]
        elif (gain != 1).any() or offset.any():
            options["input_scaler"] = Standardizer(shift=-offset / gain, scale=1 / gain)
        gain, offset = (self._vector(map, last.W.shape[1]) for map in (self._gain, self._offset))
        if (gain != 1).any() or offset.any():
            if last.activation == "step" or (gain <= 0).any():
                self.refuse("what comes after the last activation is no scaling of the outputs.")
            options["output_scaler"] = Standardizer(shift=offset, scale=gain)
            loss = loss or "mean_squared_error"
        dense = [
            Dense(x.W.shape[1], activation, bias=x.b is not None, dropout=x.dropout)
            for x, activation in zip(self._layers, self.activations, strict=True)
        ]
        options |= {"loss": loss, "dtype": dtype, "input_dropout": self._input_dropout}
        network = Network([len(first.W), *dense], **options)
        network.set_weights([(layer.W, layer.b) for layer in self._layers])
        return network


def known_loss(name: str | None, activation: str) -> str | None:
    """`name`, if it is one of our losses and goes with the last activation; None otherwise."""
    return name if name in losses_for(activation) else None


def dtype_of(arrays: Sequence[Any]) -> str:
    """The dtype of a network with these parameters: "float64" if one is, else "float32"."""
    return "float64" if any("float64" in str(array.dtype) for array in arrays) else "float32"
