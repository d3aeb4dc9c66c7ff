"""Networks to and from .npz: the same network, or a sentence."""

import numpy as np
import pytest

import nnfast as nn
from nnfast.formulas import ACTIVATIONS


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.npz"


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_there_and_back(random_network, path, activation, dtype, bias):
    layers = [nn.Dense(4, activation, bias=bias), nn.Dense(2, activation, bias=bias)]
    network = random_network(layers, dtype=dtype)
    network.to_npz(path)
    back = nn.from_npz(path)
    assert back.layers == network.layers
    assert (back.dtype, back.loss) == (network.dtype, network.loss)
    np.testing.assert_array_equal(back.parameters, network.parameters)


def test_scalers(random_network, path, rng, dtype):
    layers = [nn.Dense(4, "tanh"), nn.Dense(2, "linear")]
    network = random_network(layers, dtype=dtype, scaled=True)
    network.to_npz(path)
    X = rng.normal(size=(9, 3))
    back = nn.from_npz(path)
    tolerance = {"float32": 1e-6, "float64": 1e-13}[dtype]
    np.testing.assert_allclose(back.predict(X), network.predict(X), rtol=tolerance, atol=tolerance)


def test_what_is_in_it(random_network, path):
    network = random_network([nn.Dense(4, "relu", bias=False), nn.Dense(2, "softmax")])
    network.to_npz(path)
    with np.load(path, allow_pickle=False) as arrays:
        assert sorted(arrays) == ["W1", "W2", "activations", "b2"]
        assert arrays["W1"].shape == (3, 4)
        assert arrays["activations"].tolist() == ["relu", "softmax"]


def test_arrays_of_others(path, rng):
    W = [rng.normal(size=shape) for shape in ((3, 4), (4, 2))]
    np.savez_compressed(path, W1=W[0], W2=W[1], b1=[0, 1, 2, 3], b2=np.ones((1, 2)), note="mine")
    network = nn.from_npz(path, ["tanh", "linear"], loss="huber")
    assert network.loss == "huber"
    np.testing.assert_array_equal(network.weights[1][0], W[1])
    np.testing.assert_array_equal(network.weights[1][1], [1, 1])
    assert [layer.activation for layer in nn.from_npz(path, "relu").layers] == ["relu", "relu"]


@pytest.mark.parametrize(
    ("arrays", "activations", "error", "sentence"),
    [
        ({"a": [1.0]}, "tanh", ValueError, "there is no array 'W1'"),
        ({"W1": np.ones((2, 3))}, None, ValueError, "no array 'activations'; give activations="),
        ({"W1": np.ones((2, 3))}, ["relu"] * 2, ValueError, "there are 2 activations for 1 layers"),
        (
            {"W1": np.ones((2, 3))},
            "rela",
            ValueError,
            "'rela' .did you mean 'relu'",
        ),
        ({"W1": np.ones((2, 3))}, [3], TypeError, "unknown activation 3; choose from"),
        ({"W1": np.ones(3)}, "relu", ValueError, r"W1: W has shape \(3,\); expected \(inputs, un"),
        ({"W1": np.ones((2, 3)), "W2": np.ones((4, 1))}, "relu", ValueError, "W2: W has 4 rows"),
        ({"W1": np.ones((2, 3)), "b1": np.ones(2)}, "relu", ValueError, r"W1: .*\(2,\) meets rows"),
        ({"W1": np.full((2, 3), np.nan)}, "relu", ValueError, r"weights\[0\]: W\[0, 0\] is nan"),
        ({"W1": np.ones((2, 3), object)}, "relu", ValueError, "pickled Python objects"),
        ({"W1": np.ones((2, 3)), "activations": [3]}, None, ValueError, "activations.*int64"),
    ],
)
def test_other_archives(path, arrays, activations, error, sentence):
    np.savez(path, **arrays)
    with pytest.raises(error, match=sentence):
        nn.from_npz(path, activations)


def test_damaged_files(random_network, path):
    random_network([nn.Dense(4), nn.Dense(2)]).to_npz(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 50):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"network\.npz"):
            nn.from_npz(path)


def test_scalers_that_wait_for_data(path):
    network = nn.Network([2, 1], input_scaler="standard")
    with pytest.raises(ValueError, match="the network's input_scaler is not fitted yet"):
        network.to_npz(path)
    assert not path.exists()


def test_no_file(path):
    with pytest.raises(FileNotFoundError):
        nn.from_npz(path)
