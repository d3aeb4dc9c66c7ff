"""Networks to and from other libraries and languages: a module for each; `chain` is common."""

from nnfast.exchange.fann import from_fann
from nnfast.exchange.keras import from_keras
from nnfast.exchange.npz import from_npz
from nnfast.exchange.onnx import from_onnx
from nnfast.exchange.sklearn import from_sklearn
from nnfast.exchange.torch import from_torch

__all__ = ["from_fann", "from_keras", "from_npz", "from_onnx", "from_sklearn", "from_torch"]
