"""C text of a network in whole numbers; the arithmetic is that of `fixed_point.simulate`."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnfast import validation
from nnfast.exchange import c_fixed_text as templates
from nnfast.exchange.c_text import Model, Part, array, buffers, class_function, fill, number
from nnfast.exchange.fixed_point import (
    OUTPUT_LIMIT,
    SOFTMAX_LIMIT,
    Border,
    FixedNetwork,
    simulate,
)
from nnfast.exchange.fixed_rounding import round_network
from nnfast.levels.contract import Array
from nnfast.metrics import classes

OUTPUT = "int16_t"
BYTES = {"int8_t": 1, "int16_t": 2, "int32_t": 4, "int64_t": 8, "float": 4}
Borders = tuple[Border, Border]  # of the inputs and of the outputs
Definition = tuple[str, str, Array]  # type, name, values


def part(model: Model, numbers: str, rows: Array, outputs: Array) -> Part:
    """The network in "int8" or "int16", its ranges and errors those of the rows.

    rows: (n, inputs), outputs: what the network makes of them.
    """
    scaled = rows.astype(np.float64)
    if model.input_scaler is not None:
        scaled = (scaled - model.input_scaler[0]) / model.input_scaler[1]
    network = round_network(model.architecture, model.weights, scaled, numbers)
    borders = (
        Border.of(network.inputs, model.input_scaler),
        Border.of(network.outputs, model.output_scaler),
    )
    words = {
        **model.words,
        "value": f"{numbers}_t",
        "sum": "int64_t" if network.wide else "int32_t",
        "limit": network.inputs.limit,
    }
    arrays = _arrays(model, network, borders, words)
    statements, stack = _statements(model, network, words)
    code = "\n".join(array(*definition) for definition in arrays) + _functions(network, words)
    code += fill(templates.PREDICT, **words, statements=statements)
    code += fill(templates.BORDER, **words, **_border_words(model, borders))
    code += fill(templates.PREDICT_FLOAT, **words)
    functions = [
        f"void {model.name}_predict(const float *in, float *out);",
        f"void {model.name}_predict_q(const {words['value']} *in, {OUTPUT} *out);",
        f"void {model.name}_quantize(const float *in, {words['value']} *q);",
        f"void {model.name}_dequantize(const {OUTPUT} *q, float *out);",
    ]
    found = _simulated(network, borders, rows)
    notes = [
        f"numbers  {numbers}: weights and values; {words['sum']}: sums, none exceeds "
        f"{max(layer.bound for layer in network.layers):,}",
        f"flash    {sum(_bytes(*definition) for definition in arrays):,} bytes of constants",
        f"stack    {stack:,} bytes between the layers",
        *_errors(model, found, outputs),
    ]
    if model.output_scaler is None:
        threshold = str(_threshold(borders[1], model.threshold))
        types = {"input": words["value"], "output": OUTPUT, "wide": "int32_t"}
        code += class_function(model, "_q", threshold, **types)
        code += fill(templates.CLASS_FLOAT, **words)
        functions.append(f"int {model.name}_predict_class(const float *in);")
        functions.append(f"int {model.name}_predict_class_q(const {words['value']} *in);")
    return Part(functions, notes, ["stdint.h"], code, _test(model, network, borders[0], words))


def _functions(network: FixedNetwork, words: dict[str, Any]) -> str:
    """What the layers call."""
    forms = {layer.form.name for layer in network.layers}
    code = fill(templates.SUM, **words)
    if forms & {"table", "softmax"}:
        code += fill(templates.TABLE, **words)
    if "softmax" in forms:
        code += fill(templates.SOFTMAX, **words)
    return code


def _simulated(network: FixedNetwork, borders: Borders, rows: Array) -> Array:
    """The outputs (n, outputs), float32, that the C code gives."""
    found = [
        borders[1].dequantize(simulate(network, borders[0].quantize(piece)))
        for _, piece in validation.pieces(rows)
    ]
    return np.concatenate(found)


def _errors(model: Model, found: Array, outputs: Array) -> list[str]:
    """How far the outputs found are from those of the network."""
    errors = abs(found.astype(np.float64) - outputs)
    lines = [
        f"error    on {len(outputs):,} rows of data: at most {errors.max():.3g}, "
        f"{errors.mean():.3g} on average"
    ]
    if model.output_scaler is None:
        same = classes(found, model.threshold) == classes(outputs, model.threshold)
        lines.append(f"         {100 * same.mean():.2f} % of the classes are the same")
    return lines


def _threshold(border: Border, threshold: float) -> int:
    """The least output that is a yes, one more than any where none is."""
    q = np.arange(-OUTPUT_LIMIT, OUTPUT_LIMIT + 1)
    yes = border.dequantize(q) >= np.float32(threshold)
    return int(q[yes][0]) if yes.any() else OUTPUT_LIMIT + 1


def _arrays(
    model: Model, network: FixedNetwork, borders: Borders, words: dict[str, Any]
) -> list[Definition]:
    """Weights, one row for each unit, biases, multipliers, tables, and scales of the border."""
    arrays: list[Definition] = []
    for k, layer in enumerate(network.layers, start=1):
        arrays.append((words["value"], f"{model.name}_W{k}", layer.weights.T))
        arrays.append((words["sum"], f"{model.name}_b{k}", layer.biases))
        if layer.form.name != "step":
            arrays.append(("int32_t", f"{model.name}_m{k}", layer.multipliers))
        if layer.form.table is not None:
            arrays.append(("int16_t", f"{model.name}_t{k}", layer.form.table))
    arrays += [
        ("float", f"{model.name}_{name}", values)
        for name, values in _border_values(borders).items()
        if values.ndim
    ]
    return arrays


def _bytes(ctype: str, _: str, values: Array) -> int:
    return BYTES[ctype] * values.size


def _border_values(borders: Borders) -> dict[str, Array]:
    return {
        f"{side}_{name}": np.asarray(getattr(border, name))
        for side, border in zip(("in", "out"), borders, strict=True)
        for name in ("shift", "step")
    }


def _border_words(model: Model, borders: Borders) -> dict[str, str]:
    """The constants of the borders, or the entries of their arrays."""
    index = {"in": "i", "out": "j"}
    words = {}
    for name, values in _border_values(borders).items():
        entry = f"{model.name}_{name}[{index[name.partition('_')[0]]}]"
        words[name] = entry if values.ndim else number(values[()])
    return words


def _statements(model: Model, network: FixedNetwork, words: dict[str, Any]) -> tuple[str, int]:
    """The statements of `predict_q`, and the bytes of stack for the values they keep."""
    sizes, source = model.architecture.sizes, "in"
    places, code, stack = buffers(words["value"], sizes[1:-1])
    for k, (layer, place) in enumerate(zip(network.layers, [*places, "out"], strict=True), start=1):
        local = {
            **words,
            **{"k": k, "n": sizes[k - 1], "m": sizes[k], "source": source, "place": place},
            "type": OUTPUT if place == "out" else words["value"],
            "shift": layer.shift,
            "limit": layer.form.outputs.limit,
            "far": SOFTMAX_LIMIT,
        }
        local["sum_of_unit"] = fill(templates.SUM_OF_UNIT, **local)
        local["expression"] = fill(templates.FORMS[layer.form.name], **local)
        whole_row = layer.form.name == "softmax"
        code += fill(templates.ROW if whole_row else templates.EACH, **local)
        source = place
    rows = [4 * len(x.biases) for x in network.layers if x.form.name == "softmax"]
    return code, BYTES[words["value"]] * stack + max(rows, default=0)


def _test(model: Model, network: FixedNetwork, border: Border, words: dict[str, Any]) -> str:
    inputs, _ = model.examples
    expected = simulate(network, border.quantize(inputs))
    arrays = array("float", "inputs", inputs.astype(np.float32), "    ")
    arrays += array(OUTPUT, "expected", expected, "    ")
    return fill(templates.TEST, **words, arrays=arrays)
