"""Networks to and from ONNX: the outputs of onnxruntime, or a sentence."""

import contextlib

import numpy as np
import pytest

import nnfast as nn
from nnfast.exchange.onnx_activations import COMPOSED, OPERATORS
from nnfast.formulas import ACTIVATIONS

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}


@pytest.fixture
def onnx():
    return pytest.importorskip("onnx")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.onnx"


@pytest.fixture(name="X")
def make_inputs(rng, dtype):
    return rng.normal(size=(20, 3)).astype(dtype)


def outputs(path, X, *, reference=False):
    """The first output, of onnxruntime or of the reference that onnx has."""
    if reference:
        session = pytest.importorskip("onnx.reference").ReferenceEvaluator(str(path))
        return session.run(None, {session.input_names[0]: X})[0]
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(
        str(path),
        providers=["CPUExecutionProvider"],
        disabled_optimizers=["QuickGeluFusion"],  # up to 1.23 it breaks a silu of float64
    )
    return session.run(None, {session.get_inputs()[0].name: X})[0]


def assert_same(network, path, X, tolerance=None, **options):
    expected, given = network.predict(X), outputs(path, X, **options)
    assert given.dtype == expected.dtype
    tolerance = tolerance or TOLERANCE[network.dtype]
    np.testing.assert_allclose(
        given, expected, rtol=tolerance, atol=tolerance * abs(expected).max()
    )


def test_every_activation_has_operators():
    assert {*OPERATORS, *COMPOSED, "symmetric_sigmoid"} == set(ACTIVATIONS)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_there_and_back(onnx, random_network, path, activation, dtype, bias, X):
    layers = [nn.Dense(5, activation, bias=bias), nn.Dense(2, activation, bias=bias)]
    network = random_network(layers, dtype=dtype)
    network.to_onnx(path)
    onnx.checker.check_model(str(path), full_check=True)
    if activation == "gelu" and dtype == "float64":
        # onnxruntime has no Erf in float64, and that of the reference is rounded to float32
        assert_same(network, path, X, tolerance=1e-6, reference=True)
    else:
        assert_same(network, path, X)
    back = nn.from_onnx(path)
    assert back.dtype == dtype
    np.testing.assert_allclose(back.predict(X), network.predict(X), rtol=TOLERANCE[dtype])
    if activation != "symmetric_sigmoid":
        assert [layer.activation for layer in back.layers] == [activation, activation]
        assert back.loss == network.loss
        np.testing.assert_array_equal(back.parameters, network.parameters)


def test_one_layer(onnx, random_network, path, dtype, X):
    network = random_network([nn.Dense(1, "linear")], dtype=dtype)
    network.to_onnx(path)
    assert_same(network, path, X)
    np.testing.assert_array_equal(nn.from_onnx(path).parameters, network.parameters)


def test_scalers(onnx, random_network, path, dtype, X):
    network = random_network([nn.Dense(5, "elu"), nn.Dense(2, "linear")], dtype=dtype, scaled=True)
    network.to_onnx(path)
    assert_same(network, path, X)
    back = nn.from_onnx(path)
    tolerance = 10 * TOLERANCE[dtype]
    np.testing.assert_allclose(back.predict(X), network.predict(X), rtol=tolerance, atol=tolerance)
    for side in ("input_scaler", "output_scaler"):
        given, expected = getattr(back, side), getattr(network, side)
        np.testing.assert_allclose(given.shift, expected.shift, rtol=tolerance)
        np.testing.assert_allclose(given.scale, expected.scale, rtol=tolerance)


# ---- graphs that others write -----------------------------------------------------------------


class Graph:
    """A graph by hand: g("Op", "x", 2.0, attribute=1) adds a node and returns its result."""

    def __init__(self, onnx, path, dtype="float32", shape=("n", 3), opset=17):
        self.onnx, self.path, self.dtype, self.opset = onnx, path, dtype, opset
        self.shape, self.nodes, self.arrays = shape, [], []

    def constant(self, value, dtype=None):
        name = f"c{len(self.arrays)}"
        array = np.array(value, dtype or self.dtype)
        self.arrays.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def __call__(self, operator, *inputs, **attributes):
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        result = f"v{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operator, names, [result], **attributes))
        return result

    def model(self, *results):
        helper = self.onnx.helper
        own = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        graph = helper.make_graph(
            self.nodes,
            "g",
            [helper.make_tensor_value_info("x", own, self.shape)],
            [helper.make_tensor_value_info(name, own, ["n", "m"]) for name in results],
            self.arrays,
        )
        opset = [helper.make_opsetid("", self.opset), helper.make_opsetid("ai.onnx.ml", 1)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8)

    def read(self, *results, **options):
        self.path.write_bytes(self.model(*results).SerializeToString())
        return nn.from_onnx(self.path, **options)


@pytest.fixture
def graph(onnx, path):
    return lambda **options: Graph(onnx, path, **options)


def weights(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_gemm_as_pytorch_writes_it(graph, path, X, dtype):
    g = graph(dtype=dtype)
    hidden = g("Relu", g("Gemm", "x", weights(5, 3), weights(5), transB=1, alpha=0.5, beta=2.0))
    result = g("Softmax", g("Gemm", hidden, weights(4, 5), weights(1, 4), transB=1), axis=1)
    network = g.read(result)
    assert network.sizes == (3, 5, 4)
    assert network.loss == "cross_entropy"
    assert_same(network, path, X)


def test_matmul_and_add_as_keras_writes_it(graph, path, X, dtype, onnx):
    g = graph(dtype=dtype)
    start = g("Cast", "x", to=getattr(onnx.TensorProto, {"float32": "FLOAT"}.get(dtype, "DOUBLE")))
    hidden = g("Tanh", g("Add", weights(5), g("MatMul", start, weights(3, 5))))
    hidden = g("Dropout", g("Identity", hidden))
    transposed = g("Transpose", g.constant(weights(2, 5)), perm=[1, 0])
    network = g.read(g("Sigmoid", g("Add", g("MatMul", hidden, transposed), weights(2))))
    assert network.loss == "binary_cross_entropy"
    assert_same(network, path, X)


def test_scalers_and_shapes_as_scikit_learn_writes_them(graph, path, X, dtype):
    g = graph(dtype=dtype)
    scaled = g("Div", g("Sub", "x", weights(3)), np.abs(weights(3, seed=1)) + 1)
    hidden = g("Relu", g("Add", g("MatMul", scaled, weights(3, 5)), weights(1, 5)))
    value = g("Add", g("MatMul", hidden, weights(5, 1)), weights(1, 1))
    network = g.read(g("Reshape", value, g.constant([-1, 1], "int64")))
    assert network.input_scaler is not None
    assert_same(network, path, X)


def test_one_output_of_several(graph, X):
    g = graph()
    probability = g("Softmax", g("Gemm", "x", weights(3, 4), weights(4)), axis=-1)
    label = g("ArgMax", probability, axis=1)
    with pytest.raises(nn.FormatError, match="the outputs v2, v1; choose one with output="):
        g.read(label, probability)
    assert g.read(label, probability, output=probability).sizes == (3, 4)
    with pytest.raises(nn.FormatError, match="node 'v2' \\(ArgMax\\): a dense network has no such"):
        g.read(label, probability, output=label)
    with pytest.raises(nn.FormatError, match="it has no output 'y', but v2, v1"):
        g.read(label, probability, output="y")


def test_images_and_normalisation(graph, path, rng, dtype):
    g = graph(dtype=dtype, shape=("n", 2, 3))
    norm = [np.abs(weights(6, seed=k)) for k in range(4)]
    hidden = g("MatMul", g("BatchNormalization", g("Flatten", "x"), *norm), weights(6, 4))
    norm = [np.abs(weights(4, seed=k)) for k in range(4)]
    network = g.read(g("Elu", g("BatchNormalization", hidden, *norm, epsilon=0.01)))
    X = rng.normal(size=(7, 2, 3)).astype(dtype)
    reference = {"reference": True} if dtype == "float64" else {}
    np.testing.assert_allclose(
        network.predict(X.reshape(7, 6)), outputs(path, X, **reference), rtol=1e-4, atol=1e-6
    )


def test_other_signs_and_slopes(graph, path, X):
    g = graph(dtype="float32")
    hidden = g("HardSigmoid", g("Sub", weights(4), g("Gemm", g("Sub", 1.0, "x"), weights(3, 4))))
    hidden = g("Mul", g("Add", hidden, weights(4, seed=2)), weights(4, seed=3))
    network = g.read(g("Mul", g("Identity", g("Gemm", hidden, weights(4, 2))), [2.0, 3.0]))
    assert [layer.activation for layer in network.layers] == ["hard_sigmoid", "linear"]
    np.testing.assert_array_equal(network.output_scaler.scale, [2, 3])
    assert_same(network, path, X.astype("float32"))


def test_files_for_one_number_of_rows(graph):
    g = graph(shape=(7, 1, 3))
    network = g.read(g("Gemm", g("Reshape", "x", g.constant([7, 3], "int64")), weights(3, 2)))
    assert network.sizes == (3, 2)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_as_one_operator(graph, path, X, approximate):
    g = graph(opset=20)
    network = g.read(g("Gelu", g("Gemm", "x", weights(3, 4)), approximate=approximate))
    assert_same(network, path, X.astype("float32"))


def test_gelu_of_pytorch(graph, path, X):
    g = graph()
    z = g("Gemm", "x", weights(3, 4), weights(4))
    normal = g("Add", g("Erf", g("Div", z, np.sqrt(2))), 1.0)
    network = g.read(g("Mul", g("Mul", z, normal), 0.5))
    assert network.layers[0].activation == "gelu"
    assert_same(network, path, X.astype("float32"))


def test_softplus_of_pytorch(graph, path, X):
    g = graph()
    z = g("Gemm", "x", weights(3, 4), weights(4))
    network = g.read(g("Where", g("Greater", z, 20.0), z, g("Softplus", z)))
    assert network.layers[0].activation == "softplus"
    assert_same(network, path, X.astype("float32"))


def test_scaler_of_scikit_learn(graph, X, rng):
    g = graph()
    shift, factor, W = weights(3), abs(weights(3, seed=1)) + 1, weights(3, 2)
    scaled = g("Scaler", "x", domain="ai.onnx.ml", offset=shift, scale=factor)
    network = g.read(g("Gemm", scaled, W))
    np.testing.assert_allclose(network.input_scaler.shift, shift, rtol=1e-6)
    np.testing.assert_allclose(network.input_scaler.scale, 1 / factor, rtol=1e-6)
    with pytest.raises(nn.FormatError, match=r"\(Binarizer\): a dense network has no such"):
        g.read(g("Gemm", g("Binarizer", "x", domain="ai.onnx.ml"), W))


def test_weights_in_a_file_beside_it(onnx, random_network, path, X, dtype):
    network = random_network([nn.Dense(500, "tanh"), nn.Dense(2)], dtype=dtype)
    network.to_onnx(path)
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights", size_threshold=0)
    np.testing.assert_array_equal(nn.from_onnx(path).parameters, network.parameters)
    (path.parent / "weights").unlink()
    with pytest.raises((OSError, nn.FormatError)):
        nn.from_onnx(path)


def residual(g):
    z = g("Gemm", "x", weights(3, 3), weights(3))
    return g("Add", z, g("Relu", z))


BAD = {
    "operator": (lambda g: g("Sin", g("Gemm", "x", weights(3, 2))), r"node 'v1' \(Sin\): a dense"),
    "slope": (
        lambda g: g("LeakyRelu", g("Gemm", "x", weights(3, 2)), alpha=0.3),
        r"node 'v1' \(LeakyRelu\): it has {'alpha': 0.3.*}; leaky_relu has {'alpha': 0.01}",
    ),
    "axis": (lambda g: g("Softmax", g("Gemm", "x", weights(3, 2)), axis=0), "it has {'axis': 0}"),
    "side": (lambda g: g("MatMul", weights(2, 3), "x"), "it multiplies from the other side"),
    "two inputs": (lambda g: g("MatMul", "x", "x"), "its input 'x' is no constant of the file"),
    "residual": (residual, r"value 'v0': Add, Relu take it; in a dense network one node does"),
    "again": (
        lambda g: g("Mul", g("Gemm", "x", weights(3, 3)), g("Sigmoid", "x")),
        "Gemm, Sigmoid take it",
    ),
    "first": (lambda g: g("Tanh", "x"), "'tanh' has no linear map before it"),
    "twice": (
        lambda g: g("Tanh", g("Relu", g("Gemm", "x", weights(3, 2)))),
        "'tanh' follows another",
    ),
    "axes": (
        lambda g: g("Add", g("Gemm", "x", weights(3, 2)), weights(4, 2)),
        r"a constant of shape \(4, 2\) is not one for every row",
    ),
    "divided": (lambda g: g("Div", 1.0, g("Gemm", "x", weights(3, 2))), "a constant is divided by"),
    "complex": (
        lambda g: g("MatMul", "x", g.constant(weights(3, 2), "complex64")),
        "its constant 'c0' holds no real numbers",
    ),
    "by zero": (lambda g: g("Gemm", g("Div", "x", 0.0), weights(3, 2)), "it divides by 0"),
    "sizes": (
        lambda g: g("Gemm", g("Gemm", "x", weights(3, 2)), weights(3, 2)),
        "W has 3 rows, .* 2 units",
    ),
    "scaled": (
        lambda g: g("Gemm", g("Mul", g("Sub", "x", weights(3)), weights(4)), weights(3, 2)),
        r"arrays of the shapes \[\(3,\), \(4,\)\] meet the same numbers",
    ),
    "width": (
        lambda g: g("Gemm", "x", weights(4, 2)),
        "its input has 3 numbers per row; .* layer 4",
    ),
    "bias": (
        lambda g: g("Gemm", "x", weights(3, 2), weights(5)),
        r"an array of shape \(5,\) meets rows of 2 numbers",
    ),
    "reshaped": (
        lambda g: g("Gemm", g("Reshape", "x", g.constant([-1, 6], "int64")), weights(6, 2)),
        r"the shape \[-1, 6\] does not keep the rows",
    ),
    "flat": (
        lambda g: g("Gemm", g("Flatten", "x", axis=0), weights(3, 2)),
        "does not keep the rows",
    ),
    "cast": (lambda g: g("Gemm", g("Cast", "x", to=7), weights(3, 2)), "floating-point numbers"),
    "number": (lambda g: g("Gemm", "x", weights(3, 2) * np.nan), r"weights\[0\]: W\[0, 0\] is nan"),
    "nothing": (lambda g: g("Identity", "x"), "there is no layer in it"),
    "constant": (lambda g: g("Identity", g.constant(weights(2, 2))), "no node take it"),
}


@pytest.mark.parametrize("name", BAD)
def test_other_graphs_are_described(graph, name):
    build, sentence = BAD[name]
    g = graph()
    with pytest.raises(nn.FormatError, match=f"cannot read '.*network.onnx': .*{sentence}"):
        g.read(build(g))


@pytest.mark.parametrize("content", [b"", b"\0" * 99, b"PK\3\4" * 99, b"\x08\x08" * 9999])
def test_other_files(onnx, path, content):
    path.write_bytes(content)
    with pytest.raises(nn.FormatError, match=r"it is no valid ONNX model|inputs"):
        nn.from_onnx(path)


def test_damaged_files(onnx, random_network, path, rng):
    network = random_network([nn.Dense(4, "elu"), nn.Dense(2, "tanh")], scaled=True)
    network.to_onnx(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(nn.FormatError):
            nn.from_onnx(path)
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(nn.FormatError, OSError):
            nn.from_onnx(path)


def test_many_nodes(graph):
    g = graph()
    value = g("Gemm", "x", weights(3, 2))
    for _ in range(3000):
        value = g("Identity", value)
    constant = g.constant(weights(2, 2))
    for _ in range(3000):
        constant = g("Identity", constant)
    assert g.read(g("Gemm", value, constant)).sizes == (3, 2, 2)


def test_without_onnx(random_network, no_module, path):
    no_module("onnx")
    network = random_network([nn.Dense(1)])
    for call in (lambda: network.to_onnx(path), lambda: nn.from_onnx(path)):
        with pytest.raises(ImportError, match=r'onnx needs onnx; .* pip install "nnfast\[onnx\]"'):
            call()
