"""Networks from FANN's .net files, with FANN itself as the witness where it is installed."""

import ctypes
import ctypes.util
import re

import numpy as np
import pytest

import nnfast as nn
from nnfast.exchange.fann import ACTIVATIONS

KNOWN = [kind.name for kind in ACTIVATIONS if kind.ours]
EXACT = [name for name in KNOWN if "STEPWISE" not in name]
NUMBER = {kind.name: k for k, kind in enumerate(ACTIVATIONS)}


class Fann:
    """What the tests need of FANN, double or fixed."""

    def __init__(self, name, number):
        found = ctypes.util.find_library(name)
        if found is None:
            pytest.skip(f"{name} is not installed")
        self.library, self.number = ctypes.CDLL(found), number
        for function, result in (
            ("create_standard_array", ctypes.c_void_p),
            ("create_sparse_array", ctypes.c_void_p),
            ("create_shortcut_array", ctypes.c_void_p),
            ("create_from_file", ctypes.c_void_p),
            ("create_train", ctypes.c_void_p),
            ("run", ctypes.POINTER(number)),
        ):
            getattr(self.library, f"fann_{function}").restype = result

    def __getattr__(self, name):
        return getattr(self.library, f"fann_{name}")

    def create(self, *sizes, kind="standard", rate=None):
        array = (ctypes.c_uint * len(sizes))(*sizes)
        first = () if rate is None else (ctypes.c_float(rate),)
        make = getattr(self, f"create_{kind}_array")
        return ctypes.c_void_p(make(*first, len(sizes), array))

    def randomize(self, ann, size=1.0):
        self.randomize_weights(ann, self.number(-size), self.number(size))

    def run_rows(self, ann, X, outputs, raw=False):
        rows = []
        for x in X:
            values = (self.number * len(x))(*x.tolist())
            if raw:
                self.scale_input(ann, values)
            result = self.run(ann, values)
            if raw:
                self.descale_output(ann, result)
            rows.append([result[k] for k in range(outputs)])
        return np.array(rows, float)

    def save_to(self, ann, path):
        self.save(ann, str(path).encode())
        return path


@pytest.fixture
def fann():
    return Fann("doublefann", ctypes.c_double)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fann.net"


def assert_same(network, expected, X, dtype):
    tolerance = {"float32": 5e-6, "float64": 1e-14}[dtype]
    np.testing.assert_allclose(network.predict(X), expected, rtol=tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("kind", EXACT)
def test_the_outputs_are_those_of_fann(fann, kind, dtype, path, rng):
    X = rng.normal(size=(30, 3))
    output = "LINEAR" if kind == "THRESHOLD_SYMMETRIC" else kind
    ann = fann.create(3, 5, 4, 2)
    fann.set_activation_function_hidden(ann, NUMBER[kind])
    fann.set_activation_function_output(ann, NUMBER[output])
    for layer, units in ((1, 5), (2, 4), (3, 2)):
        for k in range(units):  # a steepness for each neuron
            fann.set_activation_steepness(ann, ctypes.c_double(rng.uniform(0.2, 2)), layer, k)
    fann.randomize(ann)
    network = nn.from_fann(fann.save_to(ann, path), dtype=dtype)
    again = ctypes.c_void_p(fann.create_from_file(str(path).encode()))
    assert_same(network, fann.run_rows(again, X, 2), X, dtype)
    assert network.loss == ("perceptron" if kind == "THRESHOLD" else "mean_squared_error")
    assert not network.frozen.any()


@pytest.mark.parametrize("kind", ["SIGMOID_STEPWISE", "SIGMOID_SYMMETRIC_STEPWISE"])
def test_straight_lines_become_what_they_stand_for(fann, kind, path, rng):
    X = rng.normal(size=(200, 3))
    ann = fann.create(3, 1)
    fann.set_activation_function_output(ann, NUMBER[kind])
    fann.randomize(ann, 5)
    with pytest.warns(UserWarning, match=f"FANN calculates {kind} of this file"):
        network = nn.from_fann(fann.save_to(ann, path))
    error = abs(network.predict(X) - fann.run_rows(ann, X, 1)).max()
    assert 1e-3 < error < 0.07


def test_weights_of_the_usual_steepness_stay_as_they_are(fann, path):
    ann = fann.create(2, 3, 1)
    for part in ("hidden", "output"):
        getattr(fann, f"set_activation_function_{part}")(ann, NUMBER["SIGMOID_SYMMETRIC"])
    network = nn.from_fann(fann.save_to(ann, path), dtype="float64")
    assert [layer.activation for layer in network.layers] == ["symmetric_sigmoid"] * 2
    written = [float(w) for w in re.findall(r"\(\d+, (\S+)\)", path.read_text())]
    assert sorted(network.parameters) == sorted(written)


def test_sparse_networks_keep_their_zeros(fann, path, rng):
    X = rng.normal(size=(30, 6))
    ann = fann.create(6, 8, 2, kind="sparse", rate=0.4)
    for part in ("hidden", "output"):
        getattr(fann, f"set_activation_function_{part}")(ann, NUMBER["LINEAR_PIECE"])
    fann.randomize(ann)
    network = nn.from_fann(fann.save_to(ann, path), dtype="float64")
    assert_same(network, fann.run_rows(ann, X, 2), X, "float64")
    connections = len(re.findall(r"\(\d+, \S+\)", path.read_text()))
    assert np.count_nonzero(~network.frozen) == connections
    network.fit(X, rng.random((30, 2)), epochs=3, verbose=0)
    assert np.count_nonzero(network.weights[0][0]) == np.count_nonzero(
        ~network.frozen[: 6 * 8].reshape(6, 8)
    )


def test_scaling_parameters_become_scalers(fann, path, rng):
    X, Y = rng.normal(5, 3, (40, 3)), rng.normal(-20, 7, (40, 2))
    ann = fann.create(3, 4, 2)
    for part in ("hidden", "output"):
        getattr(fann, f"set_activation_function_{part}")(ann, NUMBER["SIGMOID_SYMMETRIC"])
    fann.randomize(ann)
    data = path.with_suffix(".data")
    rows = "\n".join(
        " ".join(map(repr, row.tolist())) for pair in zip(X, Y, strict=True) for row in pair
    )
    data.write_text(f"40 3 2\n{rows}\n")
    fann.read_train_from_file.restype = ctypes.c_void_p
    train = ctypes.c_void_p(fann.read_train_from_file(str(data).encode()))
    fann.set_scaling_params(ann, train, *map(ctypes.c_float, (-1, 1, -0.5, 0.9)))
    network = nn.from_fann(fann.save_to(ann, path), dtype="float64")
    assert network.input_scaler is not None
    again = ctypes.c_void_p(fann.create_from_file(str(path).encode()))
    expected = fann.run_rows(again, X, 2, raw=True)
    # FANN keeps the parameters in float32
    np.testing.assert_allclose(network.predict(X), expected, rtol=1e-5)


def test_fixed_point_networks(fann, path, rng):
    fixed = Fann("fixedfann", ctypes.c_int)
    X = rng.uniform(-1, 1, (30, 3))
    ann = fann.create(3, 5, 1)
    fann.randomize(ann)
    point = fann.save_to_fixed(ann, str(path).encode())
    with pytest.warns(UserWarning, match="SIGMOID"):
        network = nn.from_fann(path)
    again = ctypes.c_void_p(fixed.create_from_file(str(path).encode()))
    expected = fixed.run_rows(again, np.round(X * 2**point).astype(int), 1) / 2**point
    np.testing.assert_allclose(network.predict(X), expected, atol=0.05)


def test_shortcut_networks_are_refused(fann, path):
    ann = fann.create(3, 5, 1, kind="shortcut")
    with pytest.raises(nn.FormatError, match=r"line 5: it is a shortcut network"):
        nn.from_fann(fann.save_to(ann, path))


# ---- files without FANN ---------------------------------------------------------------------

EXAMPLE = "\n".join(
    [
        "FANN_FLO_2.1",
        "num_layers=2",
        "network_type=0",
        "layer_sizes=3 2 ",
        "scale_included=0",
        "neurons (num_inputs, activation_function, activation_steepness)="
        "(0, 0, 0.0) (0, 0, 0.0) (0, 0, 0.0) (3, 3, 0.5) (0, 3, 0.0) ",
        "connections (connected_to_neuron, weight)=(0, 2.0) (1, -3.0) (2, 0.5) ",
        "",
    ]
)


def read(path, text, **options):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return nn.from_fann(path, **options)


def test_a_file(path, dtype):
    for text in (EXAMPLE, EXAMPLE.replace("2.1", "2.0").replace("scale_included=0\n", "")):
        network = read(path, text, dtype=dtype)
        assert network.sizes == (2, 1)
        assert network.dtype == dtype
        np.testing.assert_array_equal(network.parameters, [2, -3, 0.5])
        assert network.layers[0].activation == "sigmoid"


def test_networks_without_bias(path):
    text = EXAMPLE.replace("(3, 3, 0.5)", "(2, 3, 0.5)").replace("(2, 0.5) ", "")
    network = read(path, text)
    assert network.weights[0][1] is None
    assert not network.frozen.any()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("FANN_FLO_2.1", "FANN_FLO_1.1", "line 1: it starts with 'FANN_FLO_1.1"),
        ("FANN", "", "line 1: it starts with"),
        ("num_layers=2", "num_layers=3", "line 4: it has 2 sizes; expected num_layers"),
        ("num_layers=2", "num_layers=two", "line 2: num_layers is 'two'; expected a whole number"),
        ("network_type=0\n", "", "it has no line 'network_type'"),
        ("network_type=0", "network_type=1", "line 3: it is a shortcut network"),
        ("=3 2 ", "=3 2.5 ", "line 4: expected whole numbers from 2 up"),
        ("=3 2 ", "=3 1e300 ", "line 4: expected whole numbers"),
        ("=3 2 ", "=3 nan ", "line 4: it holds something that is no finite number"),
        ("=3 2 ", "=3 three ", "line 4: it holds something that is no finite number"),
        ("=3 2 ", "=2 2 ", "line 6: it has 5 neurons; layer_sizes add to 4"),
        ("=3 2 ", "=2 3 ", "line 6: all but inputs and biases need connections"),
        ("=3 2 ", "=", "line 4: it has 0 sizes"),
        ("(3, 3, 0.5)", "(4, 3, 0.5)", "line 7: it has 3 connections; the neurons have 4"),
        (
            "(3, 3, 0.5)",
            "(3, 7, 0.5)",
            "line 6: layer 1 has the activation GAUSSIAN; known are LIN",
        ),
        ("(3, 3, 0.5)", "(3, 99, 0.5)", "line 6: FANN has no activation of the number 99"),
        ("(3, 3, 0.5)", "(3, 3)", r"line 6: '\(3, 3\).*is not what FANN writes there"),
        ("(3, 3, 0.5)", "(3, -1, 0.5)", "line 6: expected whole numbers from 0 up"),
        ("(3, 3, 0.5)", "(3, 3, inf)", "line 6: it holds something that is no finite number"),
        ("(1, -3.0)", "(7, -3.0)", "line 7: there is a connection from another than the layer"),
        ("(1, -3.0)", "(3, -3.0)", "line 7: there is a connection from another than the layer"),
        ("(1, -3.0)", "(1, 1e999)", "line 7: it holds something that is no finite number"),
        ("(1, -3.0)", "(1, 0x10)", "line 7: it holds something that is no finite number"),
        ("(1, -3.0)", "", "line 7: it has 2 connections; the neurons have 3"),
        ("connections", "connection", r"it has no line 'connections \(connected"),
    ],
)
def test_damaged_files(path, old, new, sentence):
    with pytest.raises(nn.FormatError, match=f"cannot read '.*fann.net': {sentence}"):
        read(path, EXAMPLE.replace(old, new))


def test_thresholds_of_both_signs_are_no_outputs(path):
    with pytest.raises(nn.FormatError, match="no scaling of the outputs"):
        read(path, EXAMPLE.replace("(3, 3, 0.5)", "(3, 2, 0.5)"))


def test_layers_of_mixed_neurons(path):
    text = EXAMPLE.replace("=3 2 ", "=3 3 ").replace("(3, 3, 0.5)", "(1, 3, 0.5) (2, 5, 0.5)")
    with pytest.raises(nn.FormatError, match="line 6: the neurons of layer 1 have different act"):
        read(path, text)


def test_small_files_make_no_large_networks(path):
    sizes = "=40001 40001 "
    neurons = "(0, 0, 0.0) " * 40001 + "(1, 3, 0.5) " * 40000 + "(0, 3, 0.0) "
    text = EXAMPLE.replace("=3 2 ", sizes)
    text = re.sub(r"(steepness\)=).*", rf"\g<1>{neurons}", text)
    text = re.sub(r"(weight\)=).*", rf"\g<1>{'(0, 1) ' * 40000}", text)
    with pytest.raises(nn.FormatError, match="of 1600040000 weights only 40000 are there"):
        read(path, text)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"\xff\xfe" * 999, b"FANN_FLO_2.1\n" + b"=" * 999]
)
def test_other_files(path, content):
    with pytest.raises(nn.FormatError, match="cannot read"):
        read(path, content)


def test_every_shorter_file_is_refused(path):
    end = EXAMPLE.rindex(")")
    for length in range(end):
        with pytest.raises(nn.FormatError):
            read(path, EXAMPLE[:length])


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        nn.from_fann(tmp_path / "none.net")
    with pytest.raises(TypeError, match="path must be"):
        nn.from_fann(3)
