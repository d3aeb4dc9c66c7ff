"""nnfast: dense neural networks, trained fast, and the same network in NumPy and pure Python."""

from nnfast import datasets, levels
from nnfast._core import __version__
from nnfast.comparison import Comparison, compare
from nnfast.diagnostics import TrainingWarning
from nnfast.files import load
from nnfast.formulas import LBFGS, SCG, SGD, Adam, LevenbergMarquardt, Quickprop, Rprop
from nnfast.gradients import gradient_check
from nnfast.layers import Dense
from nnfast.levels.contract import DivergenceError
from nnfast.network import Network
from nnfast.system import info
from nnfast.tensorfile import FormatError
from nnfast.threads import get_num_threads, set_num_threads
from nnfast.training import History

__all__ = [
    "LBFGS",
    "SCG",
    "SGD",
    "Adam",
    "Comparison",
    "Dense",
    "DivergenceError",
    "FormatError",
    "History",
    "LevenbergMarquardt",
    "Network",
    "Quickprop",
    "Rprop",
    "TrainingWarning",
    "__version__",
    "compare",
    "datasets",
    "get_num_threads",
    "gradient_check",
    "info",
    "levels",
    "load",
    "set_num_threads",
]
