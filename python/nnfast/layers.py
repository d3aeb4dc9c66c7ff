"""Dense: one layer as a user describes it, and the reading of a list of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnfast import validation
from nnfast.formulas import ACTIVATIONS
from nnfast.initializers import BIAS_INITIALIZERS, INITIALIZERS

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Dense:
    """A layer `a = f(x @ W + b)` with `W (inputs, units)` and `b (units,)`.

    units: how many outputs the layer has.
    activation: f, one of "sigmoid" "tanh" "relu" "linear" "softmax" "step".
    bias: False for a layer without b.
    init, bias_init: how W and b start; None takes the network's choice.

    Raises ValueError or TypeError for an unknown name or a number of units below 1.
    """

    units: int
    activation: str = "sigmoid"
    bias: bool = True
    init: str | None = None
    bias_init: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", validation.whole_number("Dense: units", self.units))
        validation.choice("activation", self.activation, ACTIVATIONS)
        if not isinstance(self.bias, (bool, np.bool_)):
            raise TypeError(f"Dense: bias is {self.bias!r}; expected True or False.")
        object.__setattr__(self, "bias", bool(self.bias))
        if self.init is not None:
            validation.choice("init", self.init, INITIALIZERS)
        if self.bias_init is not None:
            validation.choice("bias_init", self.bias_init, BIAS_INITIALIZERS)


def dtype_name(dtype: Any) -> Any:
    """NumPy's dtype objects and types are welcome under their names."""
    if dtype is None or isinstance(dtype, str):
        return dtype
    try:
        return np.dtype(dtype).name
    except TypeError:
        return dtype


def read_layers(layers: Sequence[int | Dense]) -> tuple[int, tuple[Dense, ...]]:
    """The number of inputs, and the layers after them with plain numbers turned into `Dense`."""
    if isinstance(layers, (str, bytes)) or not isinstance(layers, Sequence | np.ndarray):
        raise TypeError(
            f"layers is {layers!r}; expected a list such as [2, 4, 1]: the number of inputs, then "
            "the layers."
        )
    if len(layers) < 2:
        raise ValueError(
            f"layers has {len(layers)} entries; expected the number of inputs and at least one "
            "layer, as in [2, 1]."
        )
    if isinstance(layers[0], Dense):
        raise TypeError("layers[0] is a Dense; the first entry is the number of inputs.")
    inputs = validation.whole_number("layers[0]", layers[0])
    dense = []
    for k, layer in enumerate(layers[1:], start=1):
        if not isinstance(layer, Dense):
            layer = Dense(validation.whole_number(f"layers[{k}]", layer))
        dense.append(layer)
    return inputs, tuple(dense)
