"""Networks to and from Keras models: the same outputs, or a sentence."""

import os

import numpy as np
import pytest

import nnfast as nn
from nnfast.exchange.keras import ACTIVATIONS as NAMES
from nnfast.formulas import ACTIVATIONS

# of Keras with torch itself
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

os.environ.setdefault("KERAS_BACKEND", "torch")

TOLERANCE = {"float32": 3e-6, "float64": 1e-14}
CONVERTED = {*NAMES, "leaky_relu", "symmetric_sigmoid"}


@pytest.fixture
def keras():
    pytest.importorskip("torch")
    return pytest.importorskip("keras")


@pytest.fixture(name="X")
def make_inputs(rng, dtype):
    return rng.normal(size=(20, 3)).astype(dtype)


def outputs(keras, model, X):
    return keras.ops.convert_to_numpy(model(X, training=False))


def tolerance_of(keras, dtype):
    """Keras multiplies float64 matrices in float32 on all backends but tensorflow."""
    return TOLERANCE[dtype if keras.backend.backend() == "tensorflow" else "float32"]


def assert_same(keras, network, model, X):
    expected = network.predict(X)
    given = outputs(keras, model, X)
    tolerance = tolerance_of(keras, network.dtype)
    np.testing.assert_allclose(
        given, expected, rtol=tolerance, atol=tolerance * abs(expected).max()
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", sorted(CONVERTED))
def test_there_and_back(keras, random_network, activation, dtype, bias, X):
    layers = [nn.Dense(5, activation, bias=bias), nn.Dense(2, activation, bias=bias)]
    network = random_network(layers, dtype=dtype)
    model = network.to_keras()
    assert_same(keras, network, model, X)
    back = nn.from_keras(model)
    assert back.dtype == dtype
    assert_same(keras, back, model, X)
    if activation != "symmetric_sigmoid":
        assert [layer.activation for layer in back.layers] == [activation, activation]
        assert back.loss == network.loss
        np.testing.assert_array_equal(back.parameters, network.parameters)


@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - CONVERTED))
def test_activations_without_a_name(keras, random_network, activation):
    network = random_network([nn.Dense(2, "tanh"), nn.Dense(2, activation)])
    with pytest.raises(
        ValueError, match=rf"layer 2 has the activation '{activation}', which Keras"
    ):
        network.to_keras()


def test_one_layer(keras, random_network, dtype, X):
    network = random_network([nn.Dense(1, "linear")], dtype=dtype)
    assert_same(keras, network, network.to_keras(), X)


def test_scalers(keras, random_network, dtype, X, tmp_path):
    layers = [nn.Dense(5, "tanh", dropout=0.25), nn.Dense(2, "linear")]
    network = random_network(layers, dtype=dtype, scaled=True, input_dropout=0.5)
    network.to_keras().save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    assert_same(keras, network, model, X)
    back = nn.from_keras(model)
    assert_same(keras, back, model, X)
    for side in ("input_scaler", "output_scaler"):
        given, expected = getattr(back, side), getattr(network, side)
        np.testing.assert_allclose(given.shift, expected.shift, rtol=1e-12)
        np.testing.assert_allclose(given.scale, expected.scale, rtol=1e-12)
    assert back.architecture.input_dropout == 0.5
    assert [layer.dropout for layer in back.layers] == [0.25, 0]


def every_layer(keras, dtype):
    part = keras.layers
    norm = part.Normalization(mean=[1.0, 2, 3, 4, 5, 6], variance=[4.0, 5, 6, 1, 2, 3], dtype=dtype)
    undo = part.Normalization(mean=[1.0, 2], variance=[4.0, 5], invert=True, dtype=dtype)
    batch = part.BatchNormalization(dtype=dtype)
    layers = [
        part.Flatten(dtype=dtype),
        norm,
        part.Dense(4, use_bias=False, dtype=dtype),
        part.ReLU(negative_slope=0.01, dtype=dtype),
        part.Dropout(0.1, dtype=dtype),
        batch,
        part.Dense(3, activation=part.LeakyReLU(negative_slope=0.01), dtype=dtype),
        part.Dense(3, dtype=dtype),
        part.ReLU(dtype=dtype),
        part.Dense(3, dtype=dtype),
        part.ELU(dtype=dtype),
        part.Dense(2, dtype=dtype),
        part.Softmax(dtype=dtype),
        part.Dense(2, "linear", dtype=dtype),
        part.Activation("tanh", dtype=dtype),
        undo,
    ]
    return layers, batch


@pytest.mark.parametrize("functional", [False, True])
def test_layers_of_all_kinds(keras, dtype, rng, functional):
    layers, batch = every_layer(keras, dtype)
    start = keras.Input((2, 3), dtype=dtype)
    if functional:
        end = start
        for layer in layers:
            end = layer(end)
        model = keras.Model(start, end)
    else:
        model = keras.Sequential([start, *layers[:3], keras.Sequential(layers[3:])])
    batch.set_weights([rng.uniform(0.5, 2, 4) for _ in range(4)])
    network = nn.from_keras(model)
    assert network.dtype == dtype
    assert network.input_scaler is not None
    assert network.output_scaler is not None
    X = rng.normal(size=(9, 2, 3)).astype(dtype)
    tolerance = 5 * tolerance_of(keras, dtype)
    np.testing.assert_allclose(
        network.predict(X.reshape(9, 6)), outputs(keras, model, X), rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize(
    ("given", "activation", "expected"),
    [
        ("binary_crossentropy", "sigmoid", "binary_cross_entropy"),
        ("mse", "sigmoid", "mean_squared_error"),
        ("MeanSquaredError", "sigmoid", "mean_squared_error"),
        ("Huber", "linear", "huber"),
        ("log_cosh", "linear", "log_cosh"),
        ("categorical_crossentropy", "softmax", "cross_entropy"),
        ("SparseCategoricalCrossentropy", "softmax", "cross_entropy"),
        ("categorical_focal_crossentropy", "softmax", "categorical_focal"),
        ("hinge", "tanh", "hinge"),
        ("poisson", "exponential", "poisson"),
        ("mean_squared_logarithmic_error", "sigmoid", "binary_cross_entropy"),  # not ours
    ],
)
def test_loss_that_it_was_compiled_with(keras, given, activation, expected):
    loss = getattr(keras.losses, given)() if given[0].isupper() else given
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation)])
    model.compile(loss=loss)
    assert nn.from_keras(model).loss == expected
    assert nn.from_keras(model, loss=None if "cross" in expected else expected).loss == expected


def test_losses_with_other_numbers_are_not_taken(keras):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    for loss in (
        keras.losses.Huber(delta=2.0),
        keras.losses.BinaryCrossentropy(from_logits=True),
        {"dense": "mse"},
        None,
    ):
        model.compile(loss=loss)
        assert nn.from_keras(model).loss == "mean_squared_error"


BAD = {
    "LSTM": (lambda p: [p.Reshape((3, 1)), p.LSTM(2)], r"layer 'reshape.*' \(Reshape\): a dense"),
    "activation": (lambda p: [p.Dense(2, "relu6")], "its activation 'relu6' is not one of sigmoid"),
    "slope": (lambda p: [p.Dense(2, "leaky_relu")], "its activation 'leaky_relu' is not one of"),
    "alpha": (lambda p: [p.Dense(2), p.ELU(0.5)], r"it has {'alpha': 0.5}; elu has {'alpha': 1.0}"),
    "leak": (lambda p: [p.Dense(2), p.LeakyReLU()], "leaky_relu has {'negative_slope': 0.01}"),
    "limit": (lambda p: [p.Dense(2), p.ReLU(max_value=6)], "'max_value': 6"),
    "end": (lambda p: [p.Dense(2), p.Flatten()], "only a Flatten ahead of the first Dense"),
    "first": (lambda p: [p.Activation("tanh")], "'tanh' has no linear map before it"),
}


@pytest.mark.parametrize("name", BAD)
def test_other_layers_are_named(keras, name):
    parts, sentence = BAD[name]
    with pytest.raises(ValueError, match=sentence):
        nn.from_keras(keras.Sequential([keras.Input((3,)), *parts(keras.layers)]))


def test_models_that_are_no_chain(keras):
    start = keras.Input((3,))
    hidden = keras.layers.Dense(3)(start)
    for model in (
        keras.Model(start, keras.layers.Dense(2)(keras.layers.Add()([start, hidden]))),
        keras.Model(start, [hidden, keras.layers.Dense(2)(hidden)]),
        keras.Model([start, other := keras.Input((3,))], keras.layers.Add()([hidden, other])),
    ):
        with pytest.raises(ValueError, match="one chain of layers"):
            nn.from_keras(model)


def test_what_is_not_ready(keras):
    with pytest.raises(ValueError, match="the model is not built"):
        nn.from_keras(keras.Sequential([keras.layers.Dense(2)]))
    image = keras.Sequential([keras.Input((2, 3)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="put a Flatten first"):
        nn.from_keras(image)
    with pytest.raises(TypeError, match="model is of type int"):
        nn.from_keras(3)


def test_without_keras(random_network, no_module):
    no_module("keras")
    network = random_network([nn.Dense(1)])
    for call in (network.to_keras, lambda: nn.from_keras(None)):
        with pytest.raises(
            ImportError, match=r'keras needs keras; .* pip install "nnfast\[keras\]"'
        ):
            call()
