"""Data sets to learn from: truth tables, synthetic sets, small real sets and file readers.

Every set is a pair ``(X, y)`` of arrays with one row per example, ready for training.
"""

from ._columns import Table
from .arff import load_arff
from .embedded import IRIS_CLASSES, digits, iris, people, ten_points
from .fann import load_fann
from .generators import blobs, checkerboard, circles, moons, spirals
from .idx import load_idx, load_mnist
from .libsvm import load_libsvm
from .logic import GATES, adder, gate, parity
from .npz import load_npz
from .proben1 import load_proben1
from .table import load_csv
from .tools import one_hot, standardize, train_test_split

__all__ = [
    "GATES",
    "IRIS_CLASSES",
    "Table",
    "adder",
    "blobs",
    "checkerboard",
    "circles",
    "digits",
    "gate",
    "iris",
    "load_arff",
    "load_csv",
    "load_fann",
    "load_idx",
    "load_libsvm",
    "load_mnist",
    "load_npz",
    "load_proben1",
    "moons",
    "one_hot",
    "parity",
    "people",
    "spirals",
    "standardize",
    "ten_points",
    "train_test_split",
]
