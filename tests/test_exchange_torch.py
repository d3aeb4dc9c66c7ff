"""Networks to and from torch.nn.Sequential: the same outputs, or a sentence."""

import numpy as np
import pytest

import nnfast as nn
from nnfast.exchange.torch import ACTIVATIONS as MODULES
from nnfast.formulas import ACTIVATIONS

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
# tanh of half the weights
CONVERTED = {*MODULES, "symmetric_sigmoid"}


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(name="X")
def make_inputs(rng, dtype):
    return rng.normal(0, 2, (20, 3)).astype(dtype)


def outputs(torch, module, X):
    with torch.no_grad():
        return module(torch.from_numpy(X)).numpy()


def assert_same(torch, network, module, X):
    expected = network.predict(X)
    given = outputs(torch, module, X)
    assert given.dtype == expected.dtype
    tolerance = TOLERANCE[network.dtype]
    np.testing.assert_allclose(
        given, expected, rtol=tolerance, atol=tolerance * abs(expected).max()
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", sorted(CONVERTED))
def test_there_and_back(torch, random_network, activation, dtype, bias, X):
    layers = [nn.Dense(5, activation, bias=bias), nn.Dense(2, activation, bias=bias)]
    network = random_network(layers, dtype=dtype)
    module = network.to_torch()
    assert_same(torch, network, module, X)
    back = nn.from_torch(module)
    assert back.dtype == dtype
    assert_same(torch, back, module, X)
    if activation != "symmetric_sigmoid":
        assert [layer.activation for layer in back.layers] == [activation, activation]
        assert back.loss == network.loss
        np.testing.assert_array_equal(back.parameters, network.parameters)


@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - CONVERTED))
def test_activations_without_a_module(torch, random_network, activation):
    network = random_network([nn.Dense(2, "tanh"), nn.Dense(2, activation)])
    with pytest.raises(
        ValueError, match=rf"layer 2 has the activation '{activation}', which torch"
    ):
        network.to_torch()


def test_one_layer(torch, random_network, dtype, X):
    network = random_network([nn.Dense(1, "linear")], dtype=dtype)
    module = network.to_torch()
    assert_same(torch, network, module, X)
    np.testing.assert_array_equal(nn.from_torch(module[0]).parameters, network.parameters)


def test_scalers(torch, random_network, dtype, X):
    layers = [nn.Dense(5, "tanh"), nn.Dense(2, "linear")]
    network = random_network(layers, dtype=dtype, scaled=True)
    module = network.to_torch()
    assert_same(torch, network, module, X)
    assert_same(torch, nn.from_torch(module), module, X)
    linear = [part for part in module if type(part) is torch.nn.Linear]
    assert [part.weight.requires_grad for part in linear] == [False, True, True, False]


def test_dropout_is_that_of_the_layer_before(torch, random_network):
    layers = [nn.Dense(5, "tanh", dropout=0.25), nn.Dense(2, "linear")]
    network = random_network(layers, input_dropout=0.5)
    module = network.to_torch()
    assert not module.training
    assert [part.p for part in module if type(part) is torch.nn.Dropout] == [0.5, 0.25]
    back = nn.from_torch(module)
    assert back.architecture.input_dropout == 0.5
    assert [layer.dropout for layer in back.layers] == [0.25, 0]


def test_modules_of_all_shapes(torch, dtype, rng):
    of = {"dtype": getattr(torch, dtype)}
    norm = torch.nn.BatchNorm1d(6, **of)
    middle = torch.nn.BatchNorm1d(4, **of)
    for part in (norm, middle):
        part.running_mean.uniform_(-1, 1)
        part.running_var.uniform_(0.5, 2)
        torch.nn.init.uniform_(part.weight, 0.5, 2)
        torch.nn.init.uniform_(part.bias, -1, 1)
    module = torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Identity(),
        norm,
        torch.nn.Sequential(
            torch.nn.Linear(6, 4, bias=False, **of), torch.nn.Dropout(0.1), torch.nn.ReLU(), middle
        ),
        torch.nn.Linear(4, 3, **of),
        torch.nn.BatchNorm1d(3, affine=False, **of),
        torch.nn.Softmax(dim=1),
    ).eval()
    network = nn.from_torch(module)
    assert network.sizes == (6, 4, 3)
    assert network.loss == "cross_entropy"
    X = rng.normal(size=(9, 2, 3)).astype(dtype)
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(
        network.predict(X.reshape(9, 6)), outputs(torch, module, X), rtol=tolerance, atol=tolerance
    )


def test_loss_of_choice(torch):
    assert nn.from_torch(torch.nn.Linear(2, 1), loss="huber").loss == "huber"


BAD = {
    "Conv1d": (lambda n: [n.Conv1d(1, 1, 1)], r"module\[0\] \(Conv1d\): a dense network has no"),
    "ReLU6": (lambda n: [n.Linear(2, 2), n.ReLU6()], r"module\[1\] \(ReLU6\)"),
    "slope": (
        lambda n: [n.Linear(2, 2), n.LeakyReLU(0.2)],
        r"module\[1\] \(LeakyReLU\): it has negative_slope=0.2; leaky_relu has",
    ),
    "axis": (lambda n: [n.Linear(2, 2), n.Softmax(0)], r"it has dim=0; softmax has"),
    "inner": (
        lambda n: [n.Linear(2, 2), n.Sequential(n.Tanh(), n.LSTM(2, 2))],
        r"module\[1\]\[1\] \(LSTM\)",
    ),
    "first": (lambda n: [n.ReLU(), n.Linear(2, 2)], "'relu' has no linear map before it"),
    "twice": (lambda n: [n.Linear(2, 2), n.Tanh(), n.ReLU()], "'relu' follows another one, 'tanh'"),
    "sizes": (lambda n: [n.Linear(2, 3), n.Linear(2, 3)], "W has 2 rows, .* 3 units"),
    "flatten": (lambda n: [n.Linear(2, 3), n.Flatten()], r"module\[1\] \(Flatten\): only"),
    "dropout": (
        lambda n: [n.Linear(2, 3), n.Dropout(0.5), n.Tanh()],
        "dropout stands before the activation 'tanh'",
    ),
    "at the end": (lambda n: [n.Linear(2, 3), n.Dropout(0.5)], "the last layer has dropout=0.5"),
    "statistics": (
        lambda n: [n.BatchNorm1d(2, track_running_stats=False), n.Linear(2, 1)],
        "no running statistics",
    ),
    "nothing": (lambda n: [], "there is no layer in it"),
}


@pytest.mark.parametrize("name", BAD)
def test_other_modules_are_named(torch, name):
    parts, sentence = BAD[name]
    with pytest.raises(ValueError, match=sentence):
        nn.from_torch(torch.nn.Sequential(*parts(torch.nn)))


def test_modules_with_a_forward_of_their_own(torch):
    class Mine(torch.nn.Linear):
        def forward(self, x):
            return x

    class Model(torch.nn.Module):
        pass

    for module in (Mine(2, 1), Model()):
        with pytest.raises(ValueError, match=r"(Mine|Model): a dense network has no such part"):
            nn.from_torch(module)
    with pytest.raises(TypeError, match="module is of type int"):
        nn.from_torch(3)


def test_without_torch(random_network, no_module):
    no_module("torch")
    network = random_network([nn.Dense(1)])
    for call in (network.to_torch, lambda: nn.from_torch(None)):
        with pytest.raises(
            ImportError, match=r'torch needs torch; .* pip install "nnfast\[torch\]"'
        ):
            call()
