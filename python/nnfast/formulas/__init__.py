"""The pages of mathematics: activations, losses and optimizers, each formula written once.

Every formula is elementwise and serves plain numbers as well as arrays: `xp` is the module that
evaluates it, `math` or `numpy`. The headers of the same names in `cpp/kernels` are the same pages
for the compiled levels, and a test holds the two together.

    x  input of a layer        z  x @ W + b       a  f(z), output of the layer
    y  target                  g  gradient        p  parameter
"""

from nnfast.formulas.activations import ACTIVATIONS, Activation
from nnfast.formulas.batch_methods import (
    BATCH_METHODS,
    LBFGS,
    SCG,
    BatchMethod,
    LevenbergMarquardt,
    Quickprop,
    Rprop,
    stop_reason,
)
from nnfast.formulas.losses import DEFAULT_LOSS, LOSSES, Loss, losses_for
from nnfast.formulas.optimizers import OPTIMIZERS, SGD, Adam, Optimizer, hyperparameters

__all__ = [
    "ACTIVATIONS",
    "BATCH_METHODS",
    "DEFAULT_LOSS",
    "LBFGS",
    "LOSSES",
    "OPTIMIZERS",
    "SCG",
    "SGD",
    "Activation",
    "Adam",
    "BatchMethod",
    "LevenbergMarquardt",
    "Loss",
    "Optimizer",
    "Quickprop",
    "Rprop",
    "hyperparameters",
    "losses_for",
    "stop_reason",
]
