"""C text of a network in floating-point numbers."""

from __future__ import annotations

import math

import numpy as np

from nnfast.exchange import c_math
from nnfast.exchange.c_text import (
    Model,
    Part,
    array,
    buffers,
    class_function,
    fill,
    literals,
    number,
)
from nnfast.formulas import ACTIVATIONS
from nnfast.formulas.activations import (
    GELU_A,
    GELU_B,
    LEAK,
    SELU_ALPHA,
    SELU_SCALE,
    STEEPNESS,
)
from nnfast.levels.contract import Array

TYPES = {"float32": "float", "float64": "double"}
TOLERANCES = {"float32": 1e-4, "float64": 1e-10}  # of the self-test, beside the largest output

# every activation as in `nnfast.formulas`; numbers in <> become constants of the type
EXPRESSIONS = {
    "sigmoid": "<1> / (<1> + $exp(-z))",
    "tanh": "$tanh(z)",
    "relu": "z < 0 ? <0> : z",
    "linear": "z",
    "softmax": "$exp(z)",
    "step": "z > 0 ? <1> : <0>",
    "leaky_relu": f"z > 0 ? z : <{LEAK}> * z",
    "elu": "z > 0 ? z : $expm1(z)",
    "selu": f"z > 0 ? <{SELU_SCALE}> * z : <{SELU_SCALE * SELU_ALPHA}> * $expm1(z)",
    "gelu": f"z * (<0.5> + <0.5> * $erf(<{math.sqrt(0.5)}> * z))",
    "gelu_tanh": f"z * (<0.5> + <0.5> * $tanh(<{GELU_A}> * z * (<1> + <{GELU_B}> * z * z)))",
    "silu": "z / (<1> + $exp(-z))",
    "softplus": "(z > 0 ? z : <0>) + $log1p($exp(z > 0 ? -z : z))",
    "softsign": "z / (<1> + (z < 0 ? -z : z))",
    "hard_sigmoid": "(z < -3 ? <0> : z > 3 ? <6> : z + 3) / 6",
    "symmetric_sigmoid": f"$tanh(<{STEEPNESS}> * z)",
    "exponential": "$exp(z)",
}

DENSE = """
/* y = W x + b, W of m rows and n columns */
static inline void ${name}_dense(const $real *W, const $real *b, const $real *x, int n, $real *y,
                                 int m)
{
    for (int j = 0; j < m; ++j, W += n) {
        $real sum = b ? b[j] : 0;
        for (int i = 0; i < n; ++i) sum += W[i] * x[i];
        y[j] = sum;
    }
}
"""

EACH = """
static inline void ${name}_apply_$activation($real *a, int n)
{
    for (int i = 0; i < n; ++i) {
        const $real z = a[i];
        a[i] = $expression;
    }
}
"""

NORMALISED = """
/* e^(z - max z), divided by their sum */
static inline void ${name}_apply_$activation($real *a, int n)
{
    $real largest = a[0], sum = 0;
    for (int i = 1; i < n; ++i)
        if (a[i] > largest) largest = a[i];
    for (int i = 0; i < n; ++i) {
        const $real z = a[i] - largest;
        a[i] = $expression;
        sum += a[i];
    }
    for (int i = 0; i < n; ++i) a[i] /= sum;
}
"""

PREDICT = """
static inline void ${name}_predict(const $real *in, $real *out)
{
$statements}
"""

TEST = """\
$arrays
    int right = 0;
    for (int t = 0; t < $count; ++t) {
        $real out[$outputs];
        int good = 1;
        ${name}_predict(inputs[t], out);
        for (int j = 0; j < $outputs; ++j) {
            const $real error = out[j] - expected[t][j];
            if (!(error >= -$tolerance && error <= $tolerance)) good = 0;
        }
        right += good;
    }"""


def part(model: Model, numbers: str, math_kind: str) -> Part:
    """The network in "float32" or "float64", with functions of `c_math`."""
    real, kind = TYPES[numbers], np.dtype(numbers).type
    words = {**model.words, "real": real}
    code = _arrays(model, numbers) + _functions(model, numbers, math_kind)
    statements, stack = _predict(model, real)
    code += fill(PREDICT, **words, statements=statements)
    functions = [f"void {model.name}_predict(const {real} *in, {real} *out);"]
    if model.output_scaler is None:
        threshold = number(kind(model.threshold))
        code += class_function(model, "", threshold, input=real, output=real, wide=real)
        functions.append(f"int {model.name}_predict_class(const {real} *in);")
    size = kind().itemsize
    notes = [
        f"numbers  {numbers}; exp and the like: {c_math.NOTES[math_kind]}",
        f"flash    {size * _constants(model):,} bytes of constants",
        f"stack    {size * stack:,} bytes between the layers",
        "error    that of rounding: products are added in the order of the inputs",
    ]
    return Part(functions, notes, c_math.INCLUDES[math_kind], code, _test(model, numbers))


def _constants(model: Model) -> int:
    scaled = (model.input_scaler, 0), (model.output_scaler, -1)
    scalers = sum(2 * model.architecture.sizes[k] for scaler, k in scaled if scaler)
    return model.architecture.parameter_count + scalers


def _arrays(model: Model, numbers: str) -> str:
    """Weights, one row for each unit, biases and scalers."""
    arrays: dict[str, Array | None] = {}
    for k, (W, b) in enumerate(model.weights, start=1):
        arrays |= {f"W{k}": W.T.ravel(), f"b{k}": b}
    for side, scaler in (("input", model.input_scaler), ("output", model.output_scaler)):
        if scaler is not None:
            arrays |= {f"{side}_shift": scaler[0], f"{side}_scale": scaler[1]}
    return "\n".join(
        array(TYPES[numbers], f"{model.name}_{name}", values.astype(numbers))
        for name, values in arrays.items()
        if values is not None
    )


def _functions(model: Model, numbers: str, math_kind: str) -> str:
    """What the layers call."""
    words = {**model.words, "real": TYPES[numbers]}
    used = [name for name in dict.fromkeys(model.architecture.activations) if name != "linear"]
    text = ""
    if math_kind == "own":
        text = c_math.definitions([EXPRESSIONS[name] for name in used], model.name, numbers)
    text += fill(DENSE, **words)
    names = c_math.names(math_kind, model.name, numbers)
    for name in used:
        loop = NORMALISED if ACTIVATIONS[name].normalise else EACH
        expression = literals(fill(EXPRESSIONS[name], **names), numbers)
        text += fill(loop, **words, activation=name, expression=expression)
    return text


def _predict(model: Model, real: str) -> tuple[str, int]:
    """The statements of `predict`, and the number of values they keep."""
    sizes, name, source = model.architecture.sizes, model.name, "in"
    kept = sizes[:-1] if model.input_scaler else sizes[1:-1]
    places, text, stack = buffers(real, kept)
    if model.input_scaler:
        source = places.pop(0)
        text += (
            f"    for (int i = 0; i < {sizes[0]}; ++i)\n"
            f"        {source}[i] = (in[i] - {name}_input_shift[i]) / {name}_input_scale[i];\n"
        )
    for k, (place, activation) in enumerate(
        zip([*places, "out"], model.architecture.activations, strict=True), start=1
    ):
        n, m = sizes[k - 1 : k + 1]
        bias = "0" if model.weights[k - 1][1] is None else f"{name}_b{k}"
        text += f"    {name}_dense({name}_W{k}, {bias}, {source}, {n}, {place}, {m});\n"
        if activation != "linear":
            text += f"    {name}_apply_{activation}({place}, {m});\n"
        source = place
    if model.output_scaler:
        text += (
            f"    for (int j = 0; j < {sizes[-1]}; ++j)\n"
            f"        out[j] = out[j] * {name}_output_scale[j] + {name}_output_shift[j];\n"
        )
    return text, stack


def _test(model: Model, numbers: str) -> str:
    real, (inputs, expected) = TYPES[numbers], model.examples
    arrays = array(real, "inputs", inputs.astype(numbers), "    ")
    arrays += array(real, "expected", expected.astype(numbers), "    ")
    coarser = "float64" if numbers == model.architecture.dtype == "float64" else "float32"
    tolerance = TOLERANCES[coarser] * max(1.0, float(abs(expected).max()))
    return fill(
        TEST,
        **model.words,
        real=real,
        arrays=arrays,
        tolerance=number(np.dtype(numbers).type(f"{tolerance:.3g}")),
    )
