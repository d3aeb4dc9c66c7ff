"""Activations as operators of ONNX."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from nnfast.formulas.activations import (
    GELU_A,
    GELU_B,
    LEAK,
    SELU_ALPHA,
    SELU_SCALE,
)

# operator, and its operands: "z", a number, or which step of these it takes the result of
Step: TypeAlias = tuple[Any, ...]

# one operator
OPERATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "relu": ("Relu", {}),
    "linear": ("Identity", {}),
    "softmax": ("Softmax", {"axis": -1}),
    "leaky_relu": ("LeakyRelu", {"alpha": LEAK}),
    "elu": ("Elu", {"alpha": 1.0}),
    "selu": ("Selu", {"alpha": SELU_ALPHA, "gamma": SELU_SCALE}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "exponential": ("Exp", {}),
}

# Several operators; the first form is written, all are read. None begins or ends with a product
# with a number that needs float64: onnxruntime makes it a float32 factor of a MatMul beside it.
COMPOSED: dict[str, tuple[tuple[Step, ...], ...]] = {
    # the sign is -1, 0 or 1
    "step": ((("Sign", "z"), ("Relu", 0)),),
    "leaky_relu": ((("Mul", "z", LEAK), ("Max", "z", 0)),),
    "elu": ((("Min", "z", 0.0), ("Exp", 0), ("Sub", 1, 1.0), ("Relu", "z"), ("Add", 2, 3)),),
    "selu": (
        (
            ("Min", "z", 0.0),
            ("Exp", 0),
            ("Sub", 1, 1.0),
            ("Mul", 2, SELU_SCALE * SELU_ALPHA),
            ("Relu", "z"),
            ("Mul", 4, SELU_SCALE),
            ("Add", 3, 5),
        ),
    ),
    "gelu": (
        (
            ("Mul", "z", math.sqrt(0.5)),
            ("Erf", 0),
            ("Add", 1, 1.0),
            ("Mul", 2, 0.5),
            ("Mul", "z", 3),
        ),
        # PyTorch's and TensorFlow's
        (
            ("Div", "z", math.sqrt(2)),
            ("Erf", 0),
            ("Add", 1, 1.0),
            ("Mul", "z", 2),
            ("Mul", 3, 0.5),
        ),
    ),
    "gelu_tanh": (
        (
            ("Mul", "z", "z"),
            ("Mul", 0, GELU_A * GELU_B),
            ("Add", 1, GELU_A),
            ("Mul", "z", 2),
            ("Tanh", 3),
            ("Add", 4, 1.0),
            ("Mul", 5, 0.5),
            ("Mul", "z", 6),
        ),
    ),
    "silu": ((("Sigmoid", "z"), ("Mul", "z", 0)),),
    "softplus": (
        (
            ("Abs", "z"),
            ("Neg", 0),
            ("Exp", 1),
            ("Add", 2, 1.0),
            ("Log", 3),
            ("Relu", "z"),
            ("Add", 4, 5),
        ),
        # PyTorch's, with its threshold
        (("Softplus", "z"), ("Greater", "z", 20.0), ("Where", 1, "z", 0)),
    ),
    "softsign": ((("Abs", "z"), ("Add", 0, 1.0), ("Div", "z", 1)),),
    "hard_sigmoid": (
        (
            ("Add", "z", 3.0),
            ("Mul", 0, 1 / 6),
            ("Max", 1, 0.0),
            ("Min", 2, 1.0),
        ),
    ),
}
