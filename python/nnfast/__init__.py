"""nnfast: dense neural networks, trained fast, and the same network in NumPy and pure Python."""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from nnfast import datasets, levels, metrics
from nnfast import naming as _naming
from nnfast._core import __version__
from nnfast.arithmetic import walkthrough
from nnfast.callbacks import (
    Callback,
    CSVLogger,
    LambdaCallback,
    LossGoal,
    TimeLimit,
)
from nnfast.checkpoints import Checkpoint
from nnfast.comparison import Comparison, compare
from nnfast.diagnostics import TrainingWarning
from nnfast.exchange import (
    from_fann,
    from_keras,
    from_npz,
    from_onnx,
    from_sklearn,
    from_torch,
)
from nnfast.files import load
from nnfast.formulas import (
    LBFGS,
    SCG,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    LevenbergMarquardt,
    Nadam,
    Quickprop,
    RMSprop,
    Rprop,
)
from nnfast.formulas.schedules import (
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    StepDecay,
)
from nnfast.gradients import gradient_check
from nnfast.history import History
from nnfast.layers import Dense
from nnfast.levels.contract import DivergenceError
from nnfast.monitors import EarlyStopping, ReduceOnPlateau
from nnfast.network import Network
from nnfast.scaling import MinMaxScaler, Standardizer
from nnfast.system import info
from nnfast.tensorfile import FormatError
from nnfast.threads import get_num_threads, set_num_threads

if _TYPE_CHECKING:
    from nnfast import plots

__all__ = [
    "LBFGS",
    "SCG",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "Comparison",
    "CosineDecay",
    "Dense",
    "DivergenceError",
    "EarlyStopping",
    "ExponentialDecay",
    "FormatError",
    "History",
    "InverseTimeDecay",
    "LambdaCallback",
    "LevenbergMarquardt",
    "LossGoal",
    "MinMaxScaler",
    "Nadam",
    "Network",
    "Quickprop",
    "RMSprop",
    "ReduceOnPlateau",
    "Rprop",
    "Standardizer",
    "StepDecay",
    "TimeLimit",
    "TrainingWarning",
    "__version__",
    "compare",
    "datasets",
    "from_fann",
    "from_keras",
    "from_npz",
    "from_onnx",
    "from_sklearn",
    "from_torch",
    "get_num_threads",
    "gradient_check",
    "info",
    "levels",
    "load",
    "metrics",
    "plots",
    "set_num_threads",
    "walkthrough",
]


_LATER = ("plots", "sklearn")  # imported when they are first asked for
_RENAMED: dict[str, str] = {}  # old names: present ones


def __getattr__(name: str) -> _Any:
    """What is imported later, and old names."""
    if name in _LATER:
        return _import_module(f"nnfast.{name}")
    return globals()[_naming.current(name, __name__, __all__, _RENAMED)]


def __dir__() -> list[str]:
    return __all__
