"""nnfast: dense neural networks, trained fast, and the same network in NumPy and pure Python."""

from nnfast import datasets, levels
from nnfast._core import __version__
from nnfast.files import load
from nnfast.formulas import SGD, Adam
from nnfast.network import Dense, Network
from nnfast.tensorfile import FormatError
from nnfast.threads import get_num_threads, set_num_threads
from nnfast.training import History

__all__ = [
    "SGD",
    "Adam",
    "Dense",
    "FormatError",
    "History",
    "Network",
    "__version__",
    "datasets",
    "get_num_threads",
    "levels",
    "load",
    "set_num_threads",
]
