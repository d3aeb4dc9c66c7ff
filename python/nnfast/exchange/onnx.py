"""Networks to and from ONNX files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from nnfast import extras, tensorfile
from nnfast.datasets._reading import existing_file
from nnfast.exchange import chain
from nnfast.exchange.onnx_activations import COMPOSED, OPERATORS
from nnfast.exchange.onnx_graph import Walk
from nnfast.network import Network
from nnfast.structure import Structure
from nnfast.tensorfile import FormatError

OPSET, IR_VERSION = 17, 8  # of 2022: what tools of small machines read


def to_onnx(network: Structure, path: str | os.PathLike[str]) -> None:
    """What `Network.to_onnx` describes."""
    onnx = extras.load("onnx", extra="onnx", purpose="to_onnx")
    chain.require_fitted(network)
    graph = Graph(onnx, network.dtype)
    if (scaler := network.input_scaler) is not None:
        graph.node("Sub", graph.value, graph.array("input_shift", scaler.shift))
        graph.node("Div", graph.value, graph.array("input_scale", scaler.scale))
    for k, layer in enumerate(chain.layers(network), start=1):
        W = graph.array(f"W{k}", layer.W)
        if layer.b is None:
            graph.node("MatMul", graph.value, W)
        else:
            graph.node("Gemm", graph.value, W, graph.array(f"b{k}", layer.b))
        graph.activation(str(layer.activation))
    if (scaler := network.output_scaler) is not None:
        graph.node("Mul", graph.value, graph.array("output_scale", scaler.scale))
        graph.node("Add", graph.value, graph.array("output_shift", scaler.shift))
    model = graph.model(network.sizes[0], network.sizes[-1])
    tensorfile.replace(path, [model.SerializeToString()])


def from_onnx(
    path: str | os.PathLike[str], *, output: str | None = None, loss: str | None = None
) -> Network:
    """The network of an ONNX file whose graph is a chain of dense layers.

    path: a model as `Network.to_onnx` and the exporters of PyTorch, Keras and scikit-learn write
        it: Gemm, MatMul, Add, Sub, Mul and Div with constants, BatchNormalization, activations that
        are ours with the same numbers; Cast, Identity, Dropout, and Flatten and Reshape that keep a
        row a row. What scales the inputs or the outputs becomes the network's scalers. Weights in a
        file beside it are read too.
    output: the name of the graph's output, where it has several.
    loss: as for `Network`.

    The dtype is float64 where weights are, else float32. Nothing in the file is executed, and the
    memory needed is a few times that of the file.

    Raises FormatError, a ValueError, for a damaged file, and for other graphs, with the name of the
    node; OSError where the file cannot be read, ImportError where onnx is missing.
    """
    onnx = extras.load("onnx", extra="onnx", purpose="from_onnx")
    file = existing_file(path)
    try:
        model = onnx.load(file, format="protobuf")
        onnx.checker.check_model(model)
    except OSError:
        raise
    except Exception as error:  # protobuf, onnx and its checker have no class in common
        raise FormatError(f"cannot read '{path}': it is no valid ONNX model: {error}") from error
    with chain.reading(path):
        walk = Walk(onnx, model.graph, output)
        steps = walk.read()
        return steps.network(loss=loss, dtype=walk.dtype)


class Graph:
    """An ONNX graph that grows along one value."""

    def __init__(self, onnx: Any, dtype: str) -> None:
        self.onnx, self.dtype = onnx, dtype
        self.type = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.nodes: list[Any] = []
        self.arrays: dict[str, Any] = {}
        self.value = "input"

    def array(self, name: str, values: Any) -> str:
        """A constant of this name; numbers of one name are the same."""
        self.arrays[name] = self.onnx.numpy_helper.from_array(np.array(values, self.dtype), name)
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """An operator, whose result is the value that follows."""
        self.value = f"{operator.lower()}_{len(self.nodes) + 1}"
        node = self.onnx.helper.make_node(operator, inputs, [self.value], **attributes)
        self.nodes.append(node)
        return self.value

    def activation(self, name: str) -> None:
        """The operator of an activation; or several, where ONNX has none.

        onnxruntime calculates many operators in float32 only: `COMPOSED` is for float64.
        """
        if name in OPERATORS and (self.dtype == "float32" or name not in COMPOSED):
            operator, attributes = OPERATORS[name]
            self.node(operator, self.value, **attributes)
            return
        results: list[str] = []
        z = self.value
        for operator, *operands in COMPOSED[name][0]:
            inputs = [
                z
                if operand == "z"
                else results[operand]
                if isinstance(operand, int)
                else self.array(f"{operand:.9g}", operand)
                for operand in operands
            ]
            results.append(self.node(operator, *inputs))

    def model(self, inputs: int, outputs: int) -> Any:
        """The checked model."""
        helper = self.onnx.helper
        self.nodes[-1].output[0] = "output"
        graph = helper.make_graph(
            self.nodes,
            "nnfast",
            [helper.make_tensor_value_info("input", self.type, ["rows", inputs])],
            [helper.make_tensor_value_info("output", self.type, ["rows", outputs])],
            list(self.arrays.values()),
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(
            graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="nnfast"
        )
        self.onnx.checker.check_model(model, full_check=True)
        return model
