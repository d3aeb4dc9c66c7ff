"""Reading the graph of an ONNX model as a chain of dense layers."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np

from nnfast.exchange import chain
from nnfast.exchange.chain import Chain
from nnfast.exchange.onnx_activations import COMPOSED, OPERATORS, Step
from nnfast.levels.contract import Array

COMMUTATIVE = ("Add", "Mul", "Max", "Min")
MOST_READERS = 4  # of one value, in any form of an activation


class Walk:
    """The way of a row of inputs through a graph, from its input to one output.

    Constants are evaluated first. Then, from value to value, the node that takes it, or the nodes
    that together are an activation, give their step to a `Chain`.
    """

    def __init__(self, onnx: Any, graph: Any, output: str | None) -> None:
        self.onnx, self.steps = onnx, Chain()
        self.constants: dict[str, Array] = {}
        self.weights: list[Array] = []
        for tensor in graph.initializer:
            self.constants[tensor.name] = self._array(tensor)
        nodes = [node for node in graph.node if not self._is_constant(node)]
        inputs = [value for value in graph.input if value.name not in self.constants]
        if len(inputs) != 1:
            raise ValueError(f"it has {len(inputs)} inputs; a dense network has one.")
        self.input = inputs[0]
        names = [value.name for value in graph.output]
        if output is None and len(names) > 1:
            raise ValueError(f"it has the outputs {', '.join(names)}; choose one with output=.")
        self.output = names[0] if output is None else output
        if self.output not in names:
            raise ValueError(f"it has no output {output!r}, but {', '.join(names)}.")
        self.nodes = self._needed(nodes)
        self.readers: dict[str, list[Any]] = defaultdict(list)
        for node in self.nodes:
            for name in set(node.input):
                self.readers[name].append(node)

    def read(self) -> Chain:
        """The steps of the whole graph."""
        value, used = self.input.name, 0
        while value != self.output:
            value, count = self._step(value)
            used += count
        if used != len(self.nodes):
            raise ValueError("its values meet again on another way; a dense network is one chain.")
        width, inputs = self._input_width(), self.steps.inputs
        if inputs is not None and width not in (None, inputs):
            raise ValueError(f"its input has {width} numbers per row; its first layer {inputs}.")
        return self.steps

    @property
    def dtype(self) -> str:
        """That of the weights read."""
        return chain.dtype_of(self.weights)

    def _array(self, tensor: Any) -> Array:
        """The numbers of a tensor in the file."""
        try:
            array: Array = self.onnx.numpy_helper.to_array(tensor)
        except (KeyError, TypeError) as error:
            raise ValueError(f"its constant {tensor.name!r} cannot be read: {error}") from error
        if array.dtype.kind in "OSUc":
            raise ValueError(f"its constant {tensor.name!r} holds no real numbers.")
        return array

    def _is_constant(self, node: Any) -> bool:
        """Keep the result of a node that depends on no input; all are views, or in the file."""
        if node.op_type == "Constant":
            tensor = self.attributes(node).get("value")
            if tensor is None:
                return False
            self.constants[node.output[0]] = self._array(tensor)
        elif node.op_type in ("Identity", "Transpose", "Cast") and node.input[0] in self.constants:
            array = self.constants[node.input[0]]
            if node.op_type == "Transpose":
                array = array.transpose(self.attributes(node).get("perm"))
            self.constants[node.output[0]] = array
        else:
            return False
        return True

    def _needed(self, nodes: list[Any]) -> list[Any]:
        """The nodes that the output depends on; a graph names its nodes in order."""
        wanted, needed = {self.output}, []
        for node in reversed(nodes):
            if wanted.intersection(node.output):
                wanted.update(node.input)
                needed.append(node)
        return needed[::-1]

    def _input_width(self) -> int | None:
        """Numbers per row, where the file says so."""
        sizes = [d.dim_value for d in self.input.type.tensor_type.shape.dim][1:]
        return math.prod(sizes) if sizes and all(sizes) else None

    def attributes(self, node: Any) -> dict[str, Any]:
        """The attributes of a node by name."""
        return {a.name: self.onnx.helper.get_attribute_value(a) for a in node.attribute}

    # ---- one step ---------------------------------------------------------------------------

    def _step(self, value: str) -> tuple[str, int]:
        """The value after this one, and how many nodes lie between."""
        nodes = self.readers[value]
        self.steps.place = f"value {value!r}"
        if len(nodes) <= MOST_READERS:
            for name, forms in COMPOSED.items():
                for form in forms:
                    if (result := self._match(form, value)) is not None:
                        self.steps.activation(name)
                        return result, len(form)
        if len(nodes) != 1:
            operators = ", ".join(sorted({node.op_type for node in nodes})) or "no node"
            self.steps.refuse(f"{operators} take it; in a dense network one node does.")
        node = nodes[0]
        self.steps.place = f"node {node.name or node.output[0]!r} ({node.op_type})"
        domains = ("ai.onnx.ml",) if node.op_type == "Scaler" else ("", "ai.onnx")
        if node.domain not in domains or node.op_type not in READERS:
            self.steps.refuse("a dense network has no such operator.")
        READERS[node.op_type](self, node, value)
        return node.output[0], 1

    def _match(self, form: tuple[Step, ...], z: str) -> str | None:
        """The result of the nodes that are this form of an activation of z, if they are there."""
        results: list[str] = []
        for operator, *operands in form:
            wanted = [z if o == "z" else results[o] if isinstance(o, int) else o for o in operands]
            known = next(name for name in wanted if isinstance(name, str))
            found = [n for n in self.readers[known][:MOST_READERS] if self._is(n, operator, wanted)]
            if not found:
                return None
            results.append(found[0].output[0])
        return results[-1]

    def _is(self, node: Any, operator: str, wanted: list[Any]) -> bool:
        if node.op_type != operator or len(node.input) != len(wanted):
            return False
        orders = permutations(wanted) if operator in COMMUTATIVE else [wanted]
        return any(all(map(self._same, node.input, order)) for order in orders)

    def _same(self, name: str, wanted: Any) -> bool:
        if isinstance(wanted, str):
            return name == wanted
        array = self.constants.get(name)
        return (
            array is not None
            and array.size == 1
            and math.isclose(array.item(), wanted, rel_tol=1e-6)
        )

    def operand(self, node: Any, place: int) -> Array:
        """The constant that a node takes as its input at this place."""
        name = node.input[place] if place < len(node.input) else ""
        if name not in self.constants:
            self.steps.refuse(f"its input {name!r} is no constant of the file.")
        return self.constants[name]

    # ---- operators --------------------------------------------------------------------------

    def linear(self, node: Any, value: str) -> None:
        """Gemm and MatMul."""
        given = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0, **self.attributes(node)}
        if node.input[0] != value or given["transA"]:
            self.steps.refuse("it multiplies from the other side.")
        W = self.operand(node, 1)
        self.weights.append(W)
        b = self.operand(node, 2) * given["beta"] if len(node.input) > 2 else None
        self.steps.linear((W.T if given["transB"] else W) * given["alpha"], b)

    def arithmetic(self, node: Any, value: str) -> None:
        """Add, Sub, Mul and Div with a constant."""
        first = node.input[0] == value
        constant = np.asarray(self.operand(node, 1 if first else 0), np.float64)
        if constant.size != math.prod(constant.shape[-1:]):
            self.steps.refuse(f"a constant of shape {constant.shape} is not one for every row.")
        constant = constant.ravel()
        if node.op_type == "Add":
            self.steps.affine(1.0, constant)
        elif node.op_type == "Mul":
            self.steps.affine(constant, 0.0)
        elif node.op_type == "Sub":
            self.steps.affine(1.0, -constant) if first else self.steps.affine(-1.0, constant)
        elif first:
            self.steps.scale(0.0, constant)
        else:
            self.steps.refuse("a constant is divided by the value.")

    def scaler(self, node: Any, value: str) -> None:
        """(x - offset) · scale, as scikit-learn's models have it."""
        given = self.attributes(node)
        self.steps.affine(1.0, -np.asarray(given.get("offset", 0.0), np.float64))
        self.steps.affine(given.get("scale", 1.0), 0.0)

    def batch_normalization(self, node: Any, value: str) -> None:
        """(x - mean) / √(variance + ε) · gain + offset, with constants for all."""
        gain, offset, mean, variance = (self.operand(node, k) for k in range(1, 5))
        epsilon = self.attributes(node).get("epsilon", 1e-5)
        self.steps.scale(mean, np.sqrt(np.asarray(variance, np.float64) + epsilon))
        self.steps.affine(gain, offset)

    def activation(self, node: Any, value: str) -> None:
        """An operator that is one of ours, if its numbers are the same."""
        given = self.attributes(node)
        name = next(name for name, (kind, _) in OPERATORS.items() if kind == node.op_type)
        wanted = OPERATORS[name][1]
        if name == "softmax" and given.get("axis", -1) in (-1, 1):
            wanted = given = {}
        if any(not math.isclose(given.get(k, v), v, rel_tol=1e-6) for k, v in wanted.items()):
            self.steps.refuse(f"it has {given}; {name} has {wanted}.")
        self.steps.activation(name)

    def hard_sigmoid(self, node: Any, value: str) -> None:
        """min(max(alpha z + beta, 0), 1) is ours of 6 alpha z + 6 beta - 3."""
        given = {"alpha": 0.2, "beta": 0.5, **self.attributes(node)}
        if not math.isclose(given["alpha"], 1 / 6, rel_tol=1e-6) or given["beta"] != 0.5:
            self.steps.affine(6 * given["alpha"], 6 * given["beta"] - 3)
        self.steps.activation("hard_sigmoid")

    def gelu(self, node: Any, value: str) -> None:
        """Both forms of it."""
        tanh = self.attributes(node).get("approximate") == b"tanh"
        self.steps.activation("gelu_tanh" if tanh else "gelu")

    def same(self, node: Any, value: str) -> None:
        """Dropout, which does nothing here, and Cast between kinds of floating-point numbers."""
        kinds = self.onnx.TensorProto
        floats = (None, kinds.FLOAT, kinds.DOUBLE, kinds.FLOAT16)
        if self.attributes(node).get("to") not in floats:
            self.steps.refuse("it does not turn numbers into floating-point numbers.")

    def shape(self, node: Any, value: str) -> None:
        """Flatten and Reshape, if a row stays a row."""
        width = self.steps.units or self._input_width()
        if node.op_type == "Flatten":
            if self.attributes(node).get("axis", 1) != 1:
                self.steps.refuse("it does not keep the rows.")
            return
        new = self.operand(node, 1).tolist()
        last = -1 if new == [-1] and width == 1 else new[-1] if len(new) == 2 else None
        # a file may be made for one number of rows
        rows = [-1, 0, *(d.dim_value for d in self.input.type.tensor_type.shape.dim[:1])]
        if last is None or new[0] not in rows or (last != -1 and width not in (None, last)):
            self.steps.refuse(f"the shape {new} does not keep the rows.")


Reader = Callable[[Walk, Any, str], None]
READERS: dict[str, Reader] = {
    **{operator: Walk.activation for operator, _ in OPERATORS.values()},
    "Gemm": Walk.linear,
    "MatMul": Walk.linear,
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), Walk.arithmetic),
    "Scaler": Walk.scaler,
    "BatchNormalization": Walk.batch_normalization,
    "HardSigmoid": Walk.hard_sigmoid,
    "Gelu": Walk.gelu,
    "Dropout": Walk.same,
    "Cast": Walk.same,
    "Flatten": Walk.shape,
    "Reshape": Walk.shape,
}
