"""Dense: one layer as a user describes it, and the reading of a list of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnfast import showing, validation
from nnfast.formulas import ACTIVATIONS
from nnfast.initializers import BIAS_INITIALIZERS, INITIALIZERS
from nnfast.levels.contract import Regularization

DTYPES = ("float32", "float64")

# the options of a layer that are numbers, and what checks them
RULES = {
    "l1": validation.not_negative,
    "l2": validation.not_negative,
    "dropout": validation.fraction,
    "max_norm": validation.positive,
    "learning_rate_factor": validation.not_negative,
}


@dataclass(frozen=True, repr=False)
class Dense:
    """A layer `a = f(x @ W + b)` with `W (inputs, units)` and `b (units,)`.

    units: how many outputs the layer has.
    activation: f, one of "sigmoid" "tanh" "relu" "linear" "softmax" "step" "leaky_relu" "elu"
        "selu" "gelu" "gelu_tanh" "silu" "softplus" "softsign" "hard_sigmoid" "symmetric_sigmoid"
        "exponential".
    bias: False for a layer without b.
    init, bias_init: how W and b start; None takes the network's choice.
    l1, l2: the penalty l1 Σ|w| + l2/2 Σ w² on W, not on b, which `fit` adds to the loss; its
        gradient is l1 sign(w) + l2 w. None takes the network's choice. Keras' `l2(c)` is l2 = 2c,
        PyTorch's weight_decay is l2, scikit-learn's alpha is l2 times the rows of a batch, and the
        lambda of Nielsen (2015) is l2 times those of the training data.
    dropout: the fraction of this layer's outputs that are zero in each row of an update, the others
        being divided by 1 - dropout (Srivastava et al. 2014); not for the last layer.
    max_norm: after an update the weights into a unit are scaled down to this Euclidean length, if
        they are longer (Srivastava et al. 2014). None takes the network's choice.
    trainable: False for W and b that training leaves as they are.
    learning_rate_factor: multiplies every step of W and b.

    Raises ValueError or TypeError for an unknown name, a number of units below 1, or a number that
    is out of range.
    """

    units: int
    activation: str = "sigmoid"
    bias: bool = True
    init: str | None = None
    bias_init: str | None = None
    l1: float | None = None
    l2: float | None = None
    dropout: float = 0.0
    max_norm: float | None = None
    trainable: bool = True
    learning_rate_factor: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", validation.whole_number("Dense: units", self.units))
        validation.choice("activation", self.activation, ACTIVATIONS)
        for name in ("bias", "trainable"):
            value = validation.true_or_false(f"Dense: {name}", getattr(self, name))
            object.__setattr__(self, name, value)
        if self.init is not None:
            validation.choice("init", self.init, INITIALIZERS)
        if self.bias_init is not None:
            validation.choice("bias_init", self.bias_init, BIAS_INITIALIZERS)
        for name, check in RULES.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check(f"Dense: {name}", value))

    def __repr__(self) -> str:
        return showing.expression(self, positional=("activation",))

    def typed(self) -> str:
        """The layer as it stands in a list of layers: a number where that is enough."""
        return str(self.units) if self == Dense(self.units) else repr(self)

    def regularization(self, network: Regularization) -> Regularization:
        """The layer's rules, with the network's where it has none of its own."""
        return Regularization(
            l1=network.l1 if self.l1 is None else self.l1,
            l2=network.l2 if self.l2 is None else self.l2,
            dropout=self.dropout,
            max_norm=network.max_norm if self.max_norm is None else self.max_norm,
        )


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
