"""Networks from scikit-learn's perceptrons: the same outputs, or a sentence."""

import numpy as np
import pytest

import nnfast as nn

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs failed")

TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}


@pytest.fixture
def neural():
    return pytest.importorskip("sklearn.neural_network")


@pytest.fixture
def preprocessing():
    return pytest.importorskip("sklearn.preprocessing")


@pytest.fixture(name="X")
def make_inputs(rng, dtype):
    return (rng.normal(size=(60, 3)) * [1, 3, 0.2] + [5, -2, 0]).astype(dtype)


def assert_same(network, expected, X, dtype):
    assert network.dtype == dtype
    tolerance = TOLERANCE[dtype]
    given = network.predict(X)
    np.testing.assert_allclose(
        given, np.reshape(expected, given.shape), rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(neural, name, X, dtype):
    model = neural.MLPRegressor(hidden_layer_sizes=(5, 4), activation=name, max_iter=5)
    model.fit(X, X[:, :2])
    network = nn.from_sklearn(model)
    assert [layer.activation for layer in network.layers] == [ACTIVATIONS[name]] * 2 + ["linear"]
    assert network.loss == "quadratic"
    assert_same(network, model.predict(X), X, dtype)


@pytest.mark.parametrize("labels", ["numbers", "texts"])
def test_two_classes(neural, X, dtype, labels):
    y = X[:, 0] > 5
    y = np.where(y, "yes", "no") if labels == "texts" else y.astype(int)
    model = neural.MLPClassifier((5,), max_iter=5).fit(X, y)
    network = nn.from_sklearn(model)
    assert network.loss == "binary_cross_entropy"
    assert list(network.classes) == model.classes_.tolist()
    assert_same(network, model.predict_proba(X)[:, 1], X, dtype)
    np.testing.assert_array_equal(network.predict_classes(X), model.predict(X))


def test_more_classes(neural, X, dtype):
    y = np.array(["a", "b", "c"])[np.arange(60) % 3]
    model = neural.MLPClassifier((5,), max_iter=5).fit(X, y)
    network = nn.from_sklearn(model)
    assert network.loss == "cross_entropy"
    assert_same(network, model.predict_proba(X), X, dtype)
    np.testing.assert_array_equal(network.predict_classes(X), model.predict(X))


def test_several_labels(neural, X, dtype):
    y = (X.mean(axis=0) < X).astype(int)
    model = neural.MLPClassifier((5,), max_iter=5).fit(X, y)
    network = nn.from_sklearn(model)
    assert network.loss == "binary_cross_entropy"
    assert network.classes is None
    assert_same(network, model.predict_proba(X), X, dtype)


def test_no_hidden_layer_and_poisson(neural, X, dtype):
    options = {} if "loss" not in neural.MLPRegressor().get_params() else {"loss": "poisson"}
    model = neural.MLPRegressor(hidden_layer_sizes=(), max_iter=5, **options).fit(X, abs(X[:, 0]))
    network = nn.from_sklearn(model)
    assert network.sizes == (3, 1)
    assert network.loss == options.get("loss", "quadratic")
    assert_same(network, model.predict(X), X, dtype)


@pytest.mark.parametrize(
    ("options", "batch"),
    [
        ({"batch_size": 20}, 20),
        ({}, 60),
        ({"batch_size": 30, "early_stopping": True, "solver": "sgd"}, 30),
        ({"early_stopping": True}, 54),
        ({"solver": "lbfgs"}, np.inf),
    ],
)
def test_alpha_is_l2_times_the_rows_of_a_batch(neural, X, options, batch):
    y = X[:, 0] > 5
    model = neural.MLPClassifier((5,), alpha=0.3, max_iter=4, **options).fit(X, y)
    assert nn.from_sklearn(model).options["l2"] == pytest.approx(0.3 / batch, rel=1e-12)


def test_the_penalty_is_that_of_scikit_learn(neural, X):
    """One update of plain gradient descent over all rows gives the same weights."""
    X, y = X.astype("float64"), (X[:, :1] > 5).astype("float64")
    model = neural.MLPRegressor(
        hidden_layer_sizes=(5,),
        activation="tanh",
        alpha=2.0,
        solver="sgd",
        momentum=0,
        learning_rate_init=0.1,
    )
    model.partial_fit(X, y.ravel())
    network = nn.from_sklearn(model)
    model.partial_fit(X, y.ravel())
    network.fit(X, y, epochs=1, batch_size=None, optimizer=nn.SGD(0.1), verbose=0)
    for (W, b), coefs, intercepts in zip(
        network.weights, model.coefs_, model.intercepts_, strict=True
    ):
        np.testing.assert_allclose(W, coefs, rtol=1e-9)
        np.testing.assert_allclose(b, intercepts, rtol=1e-9)


SCALERS = {
    "standard": lambda p: [p.StandardScaler()],
    "mean only": lambda p: [p.StandardScaler(with_std=False)],
    "deviation only": lambda p: [p.StandardScaler(with_mean=False)],
    "minmax": lambda p: [p.MinMaxScaler((-1, 2))],
    "largest": lambda p: [p.MaxAbsScaler()],
    "robust": lambda p: [p.RobustScaler()],
    "robust, no centre": lambda p: [p.RobustScaler(with_centering=False)],
    "two": lambda p: [p.RobustScaler(), "passthrough", p.MinMaxScaler()],
}


@pytest.mark.parametrize("name", SCALERS)
def test_scalers(neural, preprocessing, name, X, dtype):
    pipeline = pytest.importorskip("sklearn.pipeline")
    model = pipeline.make_pipeline(
        *SCALERS[name](preprocessing), neural.MLPClassifier((5,), max_iter=5)
    ).fit(X, X[:, 0] > 5)
    network = nn.from_sklearn(model)
    assert network.input_scaler is not None
    assert_same(network, model.predict_proba(X)[:, 1], X, dtype)


@pytest.mark.parametrize("outer", [False, True])
def test_scaled_targets(neural, preprocessing, X, dtype, outer):
    make = pytest.importorskip("sklearn.pipeline").make_pipeline
    compose = pytest.importorskip("sklearn.compose")
    model = neural.MLPRegressor(hidden_layer_sizes=(5,), max_iter=50)
    if not outer:
        model = make(preprocessing.StandardScaler(), model)
    model = compose.TransformedTargetRegressor(model, transformer=preprocessing.StandardScaler())
    if outer:
        model = make(preprocessing.StandardScaler(), model)
    model.fit(X, 100 + 10 * X[:, 0])
    network = nn.from_sklearn(model)
    assert network.input_scaler is not None
    assert network.output_scaler is not None
    np.testing.assert_allclose(network.predict(X).ravel(), model.predict(X), rtol=1e-5)


def test_what_cannot_be_read(neural, preprocessing, X):
    make = pytest.importorskip("sklearn.pipeline").make_pipeline
    compose = pytest.importorskip("sklearn.compose")
    model = neural.MLPRegressor(hidden_layer_sizes=(2,), max_iter=2)
    with pytest.raises(ValueError, match="MLPRegressor: it is not fitted"):
        nn.from_sklearn(model)
    with pytest.raises(ValueError, match=r"step 'standardscaler' .*: it is not fitted"):
        nn.from_sklearn(make(preprocessing.StandardScaler(), model))
    with pytest.raises(ValueError, match="TransformedTargetRegressor is not fitted"):
        nn.from_sklearn(compose.TransformedTargetRegressor(model))
    for step, sentence in (
        (preprocessing.PolynomialFeatures(), r"\(PolynomialFeatures\): PolynomialFeatures is none"),
        (preprocessing.MinMaxScaler(clip=True), r"step 'minmaxscaler' .*: it cuts numbers off"),
    ):
        with pytest.raises(ValueError, match=sentence):
            nn.from_sklearn(make(step, model).fit(X, X[:, 0]))
    for other in (3, preprocessing.StandardScaler(), make(preprocessing.StandardScaler())):
        with pytest.raises(TypeError, match="expected an MLPClassifier or an MLPRegressor"):
            nn.from_sklearn(other)


def test_without_scikit_learn(no_module):
    no_module("sklearn")
    with pytest.raises(ImportError, match=r'needs sklearn; .* pip install "nnfast\[sklearn\]"'):
        nn.from_sklearn(None)
