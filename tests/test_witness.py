"""Outside witnesses: scikit-learn, SciPy and PyTorch, where their definitions are nnfast's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnfast import SGD, Adagrad, Adam, AdamW, Dense, Nadam, Network, RMSprop
from nnfast.formulas import ACTIVATIONS, losses_for

ROWS, INPUTS = 50, 4
NAMES = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "linear": "identity"}


@pytest.fixture(name="X")
def inputs(rng):
    return rng.standard_normal((ROWS, INPUTS))


# scikit-learn

# nnfast's optimizer and scikit-learn's. Its Adam adds epsilon to √v, nnfast's to √v̂, as the article
# does: they agree where epsilon vanishes.
SOLVERS = {
    "sgd": (SGD(0.1), {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.0}),
    "momentum": (
        SGD(0.1, momentum=0.9),
        {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.9, "nesterovs_momentum": False},
    ),
    "nesterov": (
        SGD(0.1, momentum=0.9, nesterov=True),
        {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.9, "nesterovs_momentum": True},
    ),
    "adam": (
        Adam(0.01, epsilon=1e-200),
        {"solver": "adam", "learning_rate_init": 0.01, "epsilon": 1e-200},
    ),
}


def sklearn_layers(estimator):
    return list(zip(estimator.coefs_, estimator.intercepts_, strict=True))


def perceptron(kind, options):
    """Multi-layer perceptron of scikit-learn that goes through the rows in order."""
    neural = pytest.importorskip("sklearn.neural_network")
    fixed = {"hidden_layer_sizes": (6, 5), "alpha": 0.0, "shuffle": False, "batch_size": 8}
    return getattr(neural, kind)(random_state=1, **fixed, **options)


def initial_weights(kind, options, X, y, **classes):
    """What scikit-learn starts from with this random_state: after a step of no length."""
    still = {**options, "learning_rate_init": 1e-300}
    return sklearn_layers(perceptron(kind, still).partial_fit(X, y, **classes))


def assert_same_epochs(kind, X, y, output, loss, hidden, solver, classes=None, target=None):
    optimizer, options = SOLVERS[solver]
    options = {**options, "activation": NAMES[hidden]}
    classes = {} if classes is None else {"classes": classes}
    start = initial_weights(kind, options, X, y, **classes)
    outputs = start[-1][0].shape[1]
    layers = [INPUTS, Dense(6, hidden), Dense(5, hidden), Dense(outputs, output)]
    net = Network(layers, loss=loss, dtype="float64")
    net.set_weights(start)
    net.fit(X, y if target is None else target, epochs=3, batch_size=8, optimizer=optimizer,
            shuffle=False)  # fmt: skip
    witness = perceptron(kind, options)
    for _ in range(3):
        witness.partial_fit(X, y, **classes)
    for own, other, first in zip(net.weights, sklearn_layers(witness), start, strict=True):
        for a, b, c in zip(own, other, first, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)
            assert abs(a - c).max() > 1e-5  # it has moved


hidden_layers = pytest.mark.parametrize("hidden", NAMES)
all_solvers = pytest.mark.parametrize("solver", SOLVERS)


@hidden_layers
@all_solvers
def test_binary_classifier_of_sklearn(X, rng, hidden, solver):
    y = rng.integers(0, 2, ROWS)
    assert_same_epochs("MLPClassifier", X, y, "sigmoid", "binary_cross_entropy", hidden, solver,
                       classes=[0, 1])  # fmt: skip


@hidden_layers
@all_solvers
def test_several_classes_of_sklearn(X, rng, hidden, solver):
    y = rng.integers(0, 3, ROWS)
    assert_same_epochs("MLPClassifier", X, y, "softmax", "cross_entropy", hidden, solver,
                       classes=[0, 1, 2])  # fmt: skip


@all_solvers
def test_several_labels_of_sklearn(X, rng, solver):
    """A sigmoid per output: the cross entropies add up."""
    y = rng.integers(0, 2, (ROWS, 3))
    assert_same_epochs("MLPClassifier", X, y, "sigmoid", "binary_cross_entropy", "tanh", solver,
                       classes=[0, 1, 2])  # fmt: skip


@all_solvers
@pytest.mark.parametrize("outputs", [1, 2])
def test_regressor_of_sklearn(X, rng, solver, outputs):
    """It descends half the squared error, summed over the outputs: nnfast's "quadratic"."""
    y = rng.standard_normal((ROWS, outputs)) / 4
    sklearn_y = y.ravel() if outputs == 1 else y
    assert_same_epochs("MLPRegressor", X, sklearn_y, "linear", "quadratic", "sigmoid", solver,
                       target=y)  # fmt: skip


def test_mean_squared_error_is_twice_the_loss_of_sklearn(X, rng):
    y = rng.standard_normal((ROWS, 2))
    net = Network([INPUTS, Dense(2, "linear")], dtype="float64", seed=0)
    metrics = pytest.importorskip("sklearn.metrics")
    expected = metrics.mean_squared_error(y, net.predict(X))
    assert net.evaluate(X, y)["loss"] == pytest.approx(expected, rel=1e-14)


def test_log_loss_of_sklearn(X, rng):
    metrics = pytest.importorskip("sklearn.metrics")
    y = rng.integers(0, 3, ROWS)
    net = Network([INPUTS, Dense(3, "softmax")], dtype="float64", seed=0, init="normal")
    evaluation = net.evaluate(X, y)
    outputs = net.predict(X)
    assert evaluation["loss"] == pytest.approx(metrics.log_loss(y, outputs), rel=1e-13)
    expected = metrics.accuracy_score(y, outputs.argmax(axis=1))
    assert evaluation["accuracy"] == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("classes", [2, 3])
def test_network_without_hidden_layer_is_logistic_regression(X, rng, classes):
    """Both at the minimum of the same convex function: equal probabilities."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    scores = X[:, :classes] + 2 * rng.standard_normal((ROWS, classes))
    y = scores.argmax(axis=1)
    witness = linear_model.LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(X, y)
    last = Dense(1, "sigmoid") if classes == 2 else Dense(classes, "softmax")
    net = Network([INPUTS, last], dtype="float64", seed=0, bias_init="zeros")
    net.fit(X, y, epochs=4000, batch_size=None, optimizer=SGD(0.5, momentum=0.9))
    _, gradient = net.loss_and_gradient(X, y)
    assert abs(gradient).max() < 1e-9
    expected = witness.predict_proba(X)[:, 1:] if classes == 2 else witness.predict_proba(X)
    np.testing.assert_allclose(net.predict(X), expected, rtol=0, atol=1e-5)


# SciPy


def test_sigmoid_of_scipy(level):
    special = pytest.importorskip("scipy.special")
    z = np.linspace(-40, 40, 1001)[:, None]
    net = Network([1, Dense(1, "sigmoid", bias=False)], dtype="float64", level=level)
    net.set_weights([([[1.0]], None)])
    np.testing.assert_allclose(net.predict(z), special.expit(z), rtol=1e-14, atol=2e-16)
    # -log sigmoid and -log (1 - sigmoid)
    for y, logit in ((1, z), (0, -z)):
        loss = net.evaluate(z, np.full(len(z), y))["loss"]
        assert loss == pytest.approx(-special.log_expit(logit).mean(), rel=1e-14)


def test_softmax_of_scipy(level, rng):
    special = pytest.importorskip("scipy.special")
    z = 20 * rng.standard_normal((30, 5))
    net = Network([5, Dense(5, "softmax", bias=False)], dtype="float64", level=level)
    net.set_weights([(np.eye(5), None)])
    np.testing.assert_allclose(net.predict(z), special.softmax(z, axis=1), rtol=1e-13)
    y = rng.dirichlet(np.ones(5), 30)
    expected = -(y * special.log_softmax(z, axis=1)).sum(axis=1).mean()
    assert net.evaluate(z, y)["loss"] == pytest.approx(expected, rel=1e-14)


# PyTorch


def torch_network(torch, layers):
    """The same layers as modules, without the last activation, which PyTorch's losses contain."""
    modules = []
    for k, (W, b) in enumerate(layers):
        linear = torch.nn.Linear(*W.shape, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T.copy()))
            linear.bias.copy_(torch.from_numpy(b.copy()))
        modules += [torch.nn.Tanh(), linear] if k else [linear]
    return torch.nn.Sequential(*modules)


def from_torch(network, attribute=lambda parameter: parameter):
    """Parameters, or what belongs to them, as a flat array like `Network.parameters`."""
    arrays = [attribute(p).detach().numpy() for p in network.parameters()]
    return np.concatenate([a.T.ravel() for a in arrays])


def torch_problem(output, rng):
    y = rng.integers(0, 3, ROWS)
    target = y if output == "softmax" else np.eye(3)[y]
    net = Network([INPUTS, Dense(6, "tanh"), Dense(3, output)], dtype="float64", seed=0)
    return net, target


def torch_loss(torch, output):
    if output == "softmax":
        return torch.nn.CrossEntropyLoss()
    # PyTorch takes the mean over the outputs too
    return lambda z, y: 3 * torch.nn.BCEWithLogitsLoss()(z, y)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_loss_and_gradient_of_torch(X, rng, output):
    torch = pytest.importorskip("torch")
    net, y = torch_problem(output, rng)
    witness = torch_network(torch, net.weights)
    value = torch_loss(torch, output)(witness(torch.from_numpy(X)), torch.from_numpy(y))
    value.backward()
    loss, gradient = net.loss_and_gradient(X, y)
    assert loss == pytest.approx(value.item(), rel=1e-12)
    expected = from_torch(witness, lambda p: p.grad)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-14)


@pytest.fixture
def torch64():
    """PyTorch with float64 as its default, which is the dtype of its NAdam's products."""
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(before)


TORCH_STEPS = {
    "sgd": (SGD(0.1), "SGD", {"lr": 0.1}),
    "momentum": (SGD(0.1, momentum=0.9), "SGD", {"lr": 0.1, "momentum": 0.9}),
    "nesterov": (
        SGD(0.1, momentum=0.9, nesterov=True),
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    ),
    "adam": (Adam(0.01), "Adam", {"lr": 0.01, "eps": 1e-7}),
    "amsgrad": (
        Adam(0.05, beta2=0.8, amsgrad=True),
        "Adam",
        {"lr": 0.05, "betas": (0.9, 0.8), "eps": 1e-7, "amsgrad": True},
    ),
    "adamw": (
        AdamW(0.01, weight_decay=0.1),
        "AdamW",
        {"lr": 0.01, "weight_decay": 0.1, "eps": 1e-7},
    ),
    "adamw with amsgrad": (
        AdamW(0.05, beta2=0.8, amsgrad=True),
        "AdamW",
        {"lr": 0.05, "betas": (0.9, 0.8), "eps": 1e-7, "amsgrad": True, "weight_decay": 0.01},
    ),
    "nadam": (Nadam(0.01), "NAdam", {"lr": 0.01, "eps": 1e-7}),
    "nadam with decay": (
        Nadam(0.01, momentum_decay=0.5),
        "NAdam",
        {"lr": 0.01, "eps": 1e-7, "momentum_decay": 0.5},
    ),
    "adagrad": (Adagrad(0.1), "Adagrad", {"lr": 0.1}),
    "rmsprop": (RMSprop(0.01), "RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-7}),
    "rmsprop with momentum": (
        RMSprop(0.01, rho=0.95, momentum=0.5),
        "RMSprop",
        {"lr": 0.01, "alpha": 0.95, "eps": 1e-7, "momentum": 0.5},
    ),
}


@pytest.mark.parametrize(("optimizer", "name", "options"), TORCH_STEPS.values(), ids=TORCH_STEPS)
@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_steps_of_torch(X, rng, torch64, output, optimizer, name, options):
    """Twenty updates; with Nesterov's form the parameters of both stand at the point ahead."""
    torch = torch64
    net, y = torch_problem(output, rng)
    witness = torch_network(torch, net.weights)
    descent = getattr(torch.optim, name)(witness.parameters(), **options)
    value = torch_loss(torch, output)
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
    for step in range(20):
        descent.zero_grad()
        value(witness(inputs), targets).backward()
        descent.step()
        net.fit(X, y, batch_size=None, optimizer=None if step else optimizer)
        np.testing.assert_allclose(net.parameters, from_torch(witness), rtol=0, atol=1e-10)


def torch_activations(torch):
    """PyTorch's, as far as it has them with nnfast's constants."""
    nn = torch.nn
    return {
        "sigmoid": nn.Sigmoid(),
        "tanh": nn.Tanh(),
        "relu": nn.ReLU(),
        "linear": nn.Identity(),
        "softmax": nn.Softmax(dim=1),
        "leaky_relu": nn.LeakyReLU(),
        "elu": nn.ELU(),
        "selu": nn.SELU(),
        "gelu": nn.GELU(),
        "gelu_tanh": nn.GELU(approximate="tanh"),
        "silu": nn.SiLU(),
        "softplus": nn.Softplus(threshold=1000),  # beyond its threshold it takes z
        "softsign": nn.Softsign(),
        # the backward pass of its Hardsigmoid takes 1/6 as a float32
        "hard_sigmoid": lambda z: nn.ReLU6()(z + 3) / 6,
        "symmetric_sigmoid": lambda z: torch.tanh(z / 2),
        "exponential": torch.exp,
    }


def torch_value(torch, loss, a, y):
    """The mean loss of outputs a; PyTorch has no log-cosh, and no focal loss of classes."""
    outputs = a.shape[1]
    nn = torch.nn
    return {
        "mean_squared_error": lambda: nn.MSELoss()(a, y),
        "quadratic": lambda: 0.5 * outputs * nn.MSELoss()(a, y),
        "mean_absolute_error": lambda: nn.L1Loss()(a, y),
        "huber": lambda: nn.HuberLoss()(a, y),
        "log_cosh": lambda: (a - y + nn.Softplus()(2 * (y - a)) - math.log(2)).mean(),
        "binary_cross_entropy": lambda: outputs * nn.BCELoss()(a, y),
        "cross_entropy": lambda: -(y * torch.log(a)).sum(dim=1).mean(),
        "categorical_focal": lambda: -(y * (1 - a) ** 2 * torch.log(a)).sum(dim=1).mean(),
        "poisson": lambda: outputs * nn.PoissonNLLLoss(log_input=False, eps=1e-30)(a, y),
        "hinge": lambda: torch.clamp(1 - a * (2 * y - 1), min=0).mean(),
    }[loss]()


def torch_targets(loss, rng):
    if loss in ("cross_entropy", "categorical_focal"):
        return rng.dirichlet(np.ones(3), ROWS)
    if loss == "hinge":
        return rng.integers(0, 2, (ROWS, 3)) * 1.0
    return rng.random((ROWS, 3)) * (1 if loss == "binary_cross_entropy" else 3)


@pytest.mark.parametrize(
    ("activation", "loss"),
    [(name, loss) for name in ACTIVATIONS if name != "step" for loss in losses_for(name)],
)
def test_activations_and_losses_of_torch(X, rng, activation, loss):
    """Value and gradient, with the activation in both layers."""
    torch = pytest.importorskip("torch")
    layers = [INPUTS, Dense(6, activation), Dense(3, activation)]
    net = Network(layers, loss=loss, dtype="float64", seed=0, bias_init="normal")
    y = torch_targets(loss, rng)
    f = torch_activations(torch)[activation]
    weights = [
        tuple(torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in pair)
        for pair in net.weights
    ]
    a = torch.from_numpy(X)
    for W, b in weights:
        a = f(a @ W + b)
    value = torch_value(torch, loss, a, torch.from_numpy(y))
    value.backward()
    expected = np.concatenate([v.grad.numpy().ravel() for pair in weights for v in pair])
    loss_value, gradient = net.loss_and_gradient(X, y)
    assert loss_value == pytest.approx(value.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-12 * abs(expected).max())
