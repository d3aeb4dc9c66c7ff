"""The pages of mathematics: activations, losses, optimizers, schedules, each formula written once.

Every formula is elementwise and serves plain numbers as well as arrays: `xp` is the module that
evaluates it, `math` or `numpy`. The headers of the same names in `cpp/kernels` are the same pages
for the compiled levels, and a test holds the two together. (A level knows no schedules: it is
given the rates.)

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
from nnfast.formulas.optimizers import (
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Nadam,
    Optimizer,
    RMSprop,
    at_rate,
    hyperparameters,
    steady,
)
from nnfast.formulas.schedules import SCHEDULES, Schedule, read_schedule

__all__ = [
    "ACTIVATIONS",
    "BATCH_METHODS",
    "DEFAULT_LOSS",
    "LBFGS",
    "LOSSES",
    "OPTIMIZERS",
    "SCG",
    "SCHEDULES",
    "SGD",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "BatchMethod",
    "LevenbergMarquardt",
    "Loss",
    "Nadam",
    "Optimizer",
    "Quickprop",
    "RMSprop",
    "Rprop",
    "Schedule",
    "at_rate",
    "hyperparameters",
    "losses_for",
    "read_schedule",
    "steady",
    "stop_reason",
]
