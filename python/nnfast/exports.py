"""Exports: what turns a network into something of another library."""

from __future__ import annotations

import os
from typing import Any

from nnfast.structure import Structure


class Exports(Structure):
    """A `Structure` that other libraries can have: the base of `Network`."""

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write an ONNX model (opset 17) with the outputs of `predict`.

        Its input "input" is (rows, inputs) and its output "output" (rows, outputs), both in the
        network's dtype and in raw units: the scalers are nodes of the graph. An activation that has
        no operator, or one that onnxruntime knows in float32 only, becomes several operators.
        onnxruntime has no float64 Erf: there a float64 network with "gelu" does not run.

        Raises ValueError for scalers that are not fitted, ImportError where onnx is missing
        (`pip install "nnfast[onnx]"`) and OSError where the file cannot be written.
        """
        from nnfast.exchange.onnx import to_onnx

        to_onnx(self, path)

    def to_torch(self) -> Any:
        """A `torch.nn.Sequential` with the outputs of `predict`, in the same dtype, in eval mode.

        It consists of torch's own modules: Linear, activations and Dropout. Scalers are Linear
        modules, which do not require gradients. Call its `train()` to have the dropout.

        Raises ValueError for an activation that torch has no module for ("step", "exponential") and
        for scalers that are not fitted, ImportError where torch is missing
        (`pip install "nnfast[torch]"`).
        """
        from nnfast.exchange.torch import to_torch

        return to_torch(self)

    def to_keras(self) -> Any:
        """A Keras 3 `Sequential` with the outputs of `predict`, in the same dtype, not compiled.

        It consists of Keras' own layers: Dense, LeakyReLU and Dropout, and Rescaling for scalers.

        Raises ValueError for an activation that Keras has no name for ("step", "gelu_tanh") and for
        scalers that are not fitted, ImportError where Keras is missing
        (`pip install "nnfast[keras]"`, and a backend such as torch).
        """
        from nnfast.exchange.keras import to_keras

        return to_keras(self)

    def to_npz(self, path: str | os.PathLike[str]) -> None:
        """Write the weights to NumPy's .npz: W1 (inputs, units), b1 (units,), W2, b2, ...

        `activations` are the names of the activations, and input_shift, input_scale, output_shift
        and output_scale the scalers, where there are any. `numpy.load` opens it without pickle.

        Raises ValueError for scalers that are not fitted, OSError where the file cannot be written.
        """
        from nnfast.exchange.npz import to_npz

        to_npz(self, path)
