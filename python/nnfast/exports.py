"""Exports: what turns a network into something of another library or language."""

from __future__ import annotations

import os
from typing import Any

from nnfast.structure import Structure


class Exports(Structure):
    """A `Structure` that others can have: the base of `Network`."""

    def to_c(
        self,
        path: str | os.PathLike[str],
        *,
        name: str = "model",
        numbers: str | None = None,
        math: str = "libm",
        data: Any = None,
        self_test: bool = True,
    ) -> None:
        """Write the network as one C99 header, which is C++ too: no library, no allocation.

        It defines `<name>_predict(const float *in, float *out)`, raw inputs in and raw outputs out,
        and `int <name>_predict_class(const float *in)`, the class as `predict_classes` has it,
        where the outputs are not scaled. The comment at its top tells sizes and errors.

        name: what all symbols begin with; several such headers go into one program.
        numbers: "float32", "float64", or None for the network's dtype; or "int8" or "int16", fixed
            point: whole numbers throughout the layers, also as `<name>_predict_q`.
        math: "libm" takes exp and the like from the C library, "own" needs none and is within 3
            units in the last place.
        data: rows (n, inputs) such as those of the training. Fixed point takes the range of every
            layer from them, and reports the error on them; the self-test takes its examples from
            them, else from the normal distribution.
        self_test: add a `main`, compiled where <NAME>_SELF_TEST is defined, which computes a few
            examples, compares them with this network's outputs and returns 0 where all are right.

        The file is complete or unchanged. Raises ValueError or TypeError for options or data that
        do not fit and for parameters that are NaN or infinite, OSError where the file cannot be
        written.
        """
        from nnfast.exchange import c

        options: dict[str, Any] = {"math": math, "data": data, "self_test": self_test}
        c.write(self, path, name=name, numbers=numbers, **options)

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write an ONNX model (opset 17) with the outputs of `predict`.

        Its input "input" is (rows, inputs) and its output "output" (rows, outputs), both in the
        network's dtype and in raw units: the scalers are nodes of the graph. An activation that has
        no operator, or one that onnxruntime knows in float32 only, becomes several operators.
        onnxruntime has no float64 Erf: there a float64 network with "gelu" does not run. The file
        is complete or unchanged.

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
        and output_scale the scalers, where there are any. `numpy.load` opens it without pickle. The
        file is complete or unchanged.

        Raises ValueError for scalers that are not fitted, OSError where the file cannot be written.
        """
        from nnfast.exchange.npz import to_npz

        to_npz(self, path)
