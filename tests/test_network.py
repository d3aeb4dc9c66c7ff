"""The public interface, line by line: building a network, its parameters, what it computes."""

import math
import statistics

import numpy as np
import pytest

import nnfast as nn
from nnfast import _core
from nnfast.formulas import ACTIVATIONS, BATCH_METHODS, LOSSES, OPTIMIZERS
from nnfast.initializers import BIAS_INITIALIZERS, INITIALIZERS

LEVELS, FASTEST = nn.levels.available(), nn.levels.resolve()
DEFAULT = {
    "sigmoid": "binary_cross_entropy",
    "softmax": "cross_entropy",
    "step": "perceptron",
    "exponential": "poisson",
}
OF_ANY = {"mean_squared_error", "quadratic", "mean_absolute_error", "huber", "log_cosh"}
OF_SOME = {
    "binary_cross_entropy": {"sigmoid"},
    "cross_entropy": {"softmax"},
    "categorical_focal": {"softmax"},
    "perceptron": {"step"},
    "poisson": {"exponential", "softplus", "relu", "sigmoid", "hard_sigmoid", "softmax"},
    "hinge": {"linear", "tanh", "softsign", "symmetric_sigmoid"},
}


def numbers(rows, columns, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, columns))


def small(**options):
    """A network of 3 inputs and 2 softmax outputs with every kind of layer."""
    layers = [3, nn.Dense(4, "tanh"), nn.Dense(5, "relu", bias=False), nn.Dense(2, "softmax")]
    return nn.Network(layers, **{"seed": 3, "bias_init": "normal", **options})


def test_public_names():
    assert all(hasattr(nn, name) for name in nn.__all__)
    assert nn.__version__ == _core.__version__
    assert LEVELS[:2] == ["python", "numpy"]
    assert len(LEVELS) >= 3


# ---- building -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layers",
    [
        [2, 4, 1],
        (2, 4, 1),
        np.array([2, 4, 1]),
        [np.int8(2), np.uint64(4), np.int64(1)],
        [2, nn.Dense(4), 1],
        [2, 4, nn.Dense(np.int32(1))],
    ],
    ids=repr,
)
def test_layers_in_every_spelling(layers):
    net = nn.Network(layers)
    assert net.sizes == (2, 4, 1)
    assert all(type(n) is int for n in net.sizes)
    assert net.layers == (nn.Dense(4), nn.Dense(1))
    assert net.parameters.shape == (2 * 4 + 4 + 4 * 1 + 1,)


def test_defaults():
    net = nn.Network([2, 4, 1])
    assert [layer.activation for layer in net.layers] == ["sigmoid", "sigmoid"]
    assert (net.loss, net.dtype, net.level) == ("binary_cross_entropy", "float32", FASTEST)
    assert all((b == 0).all() for _, b in net.weights)
    assert net.optimizer is None
    assert net.training_state is None


def test_every_keyword():
    net = nn.Network(
        [2, nn.Dense(2, bias=False), nn.Dense(1, bias=False)],
        loss="binary_cross_entropy",
        init="uniform",
        bias_init="zeros",
        dtype="float64",
        seed=42,
        level="numpy",
    )
    assert (net.loss, net.dtype, net.seed, net.level) == (
        "binary_cross_entropy",
        "float64",
        42,
        "numpy",
    )
    assert net.parameters.shape == (6,)
    assert [b for _, b in net.weights] == [None, None]
    assert ((net.parameters >= 0) & (net.parameters < 1)).all()


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("float32")])
def test_dtype_in_every_spelling(dtype):
    assert nn.Network([2, 1], dtype=dtype).parameters.dtype == np.float32


def test_the_options_make_the_same_network():
    net = small(dtype="float64", loss="quadratic", init="he_normal")
    twin = nn.Network([net.sizes[0], *net.layers], **net.options)
    assert np.array_equal(net.parameters, twin.parameters)
    assert twin.options == net.options


def test_dense_is_a_value():
    assert nn.Dense(4) == nn.Dense(4, "sigmoid", True, None, None)
    with pytest.raises(AttributeError):
        nn.Dense(4).units = 5


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_default_loss(activation):
    net = nn.Network([2, nn.Dense(3, activation)])
    assert net.loss == DEFAULT.get(activation, "mean_squared_error")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_losses_that_go_with_an_activation(activation, loss):
    allowed = {name for name, outputs in OF_SOME.items() if activation in outputs}
    allowed |= set() if activation == "step" else OF_ANY
    layers = [2, nn.Dense(3, activation)]
    if loss in allowed:
        assert nn.Network(layers, loss=loss).loss == loss
        return
    with pytest.raises(ValueError, match="does not go with") as caught:
        nn.Network(layers, loss=loss)
    choices = str(caught.value).split("choose from ")[1].strip(".").split(", ")
    assert set(choices) == allowed


# ---- initial parameters ---------------------------------------------------------------------

INPUTS, OUTPUTS = 300, 100
DISTRIBUTIONS = {  # low, high, mean, variance; infinite limits for the normal ones
    "glorot_uniform": (-math.sqrt(6 / 400), math.sqrt(6 / 400), 0, 2 / 400),
    "glorot_normal": (-math.inf, math.inf, 0, 2 / 400),
    "he_uniform": (-math.sqrt(6 / 300), math.sqrt(6 / 300), 0, 2 / 300),
    "he_normal": (-math.inf, math.inf, 0, 2 / 300),
    "normal": (-math.inf, math.inf, 0, 1),
    "uniform": (0, 1, 0.5, 1 / 12),
    "zeros": (0, 0, 0, 0),
}


def assert_distribution(values, name):
    low, high, mean, variance = DISTRIBUTIONS[name]
    values = values.astype(np.float64)
    error = math.sqrt(variance / values.size)  # of the mean; seeds are fixed, 5 of them suffice
    assert abs(values.mean() - mean) <= 5 * error
    assert values.var() == pytest.approx(variance, rel=10 / math.sqrt(values.size))
    slack = 1e-6
    assert low - slack <= values.min()
    assert values.max() <= high + slack
    if math.isfinite(high):  # the whole range is used
        width = high - low
        assert values.min() <= low + 0.01 * width
        assert values.max() >= high - 0.01 * width
    else:
        assert np.abs(values).max() > 3 * math.sqrt(variance)


@pytest.mark.parametrize("where", ["network", "layer"])
@pytest.mark.parametrize("name", INITIALIZERS)
def test_weights_have_their_distribution(name, where):
    options = {"init": name} if where == "network" else {}
    dense = nn.Dense(OUTPUTS, init=name if where == "layer" else None)
    ((W, b),) = nn.Network([INPUTS, dense], seed=1, **options).weights
    assert_distribution(W, name)
    assert not b.any()


@pytest.mark.parametrize("where", ["network", "layer"])
@pytest.mark.parametrize("name", BIAS_INITIALIZERS)
def test_biases_have_their_distribution(name, where):
    options = {"bias_init": name} if where == "network" else {}
    dense = nn.Dense(20_000, bias_init=name if where == "layer" else None)
    ((_, b),) = nn.Network([1, dense], seed=1, **options).weights
    assert_distribution(b, name)


def test_a_layer_overrules_the_network():
    layers = [2, nn.Dense(3, init="uniform", bias_init="zeros"), 3]
    (W, b), (other, c) = nn.Network(layers, init="zeros", bias_init="normal", seed=0).weights
    assert W.all()
    assert not b.any()
    assert not other.any()
    assert c.all()


def test_same_seed_same_parameters():
    single, double = small(seed=9), small(seed=9, dtype="float64")
    assert np.array_equal(single.parameters, double.parameters.astype(np.float32))
    for level in LEVELS:
        assert np.array_equal(small(seed=9, level=level).parameters, single.parameters)
    assert not np.array_equal(small(seed=10).parameters, single.parameters)


def test_without_seed_every_network_is_another():
    first, second = nn.Network([2, 4, 1]), nn.Network([2, 4, 1])
    assert not np.array_equal(first.parameters, second.parameters)
    again = nn.Network([2, 4, 1], seed=first.seed)
    assert np.array_equal(first.parameters, again.parameters)


# ---- parameters -----------------------------------------------------------------------------


def test_layout_of_the_parameters():
    net = small()
    parts = []
    for W, b in net.weights:
        parts += [W.ravel()] if b is None else [W.ravel(), b]
    assert [W.shape for W, _ in net.weights] == [(3, 4), (4, 5), (5, 2)]
    assert np.array_equal(np.concatenate(parts), net.parameters)


def test_parameters_and_weights_are_views(level):
    net = small(level=level)
    X = numbers(4, 3)
    before = net.predict(X)
    net.parameters[:] *= 2
    doubled = net.predict(X)
    assert not np.allclose(before, doubled)
    net.weights[0][0][:] /= 2
    net.weights[0][1][:] /= 2
    net.weights[1][0][:] /= 2
    net.weights[2][0][:] /= 2
    net.weights[2][1][:] /= 2
    assert np.array_equal(net.predict(X), before)
    assert all(np.shares_memory(W, net.parameters) for W, _ in net.weights)
    with pytest.raises(AttributeError):
        net.parameters = np.zeros(3)


def test_set_weights_copies():
    net, other = small(), small(seed=4)
    given = [(W.astype(np.float64), None if b is None else b.tolist()) for W, b in other.weights]
    view = net.parameters
    net.set_weights(given)
    assert np.array_equal(view, net.parameters)
    assert np.array_equal(net.parameters, other.parameters)
    given[0][0][:] = 7
    other.parameters[:] = 8
    assert np.array_equal(net.parameters, small(seed=4).parameters)


def test_set_weights_of_the_network_itself():
    net = small()
    before = net.parameters.copy()
    net.set_weights(net.weights)
    assert np.array_equal(net.parameters, before)


def test_reset_starts_anew(level):
    X, y = numbers(6, 3), [0, 1, 0, 1, 1, 0]

    def trained(net):
        history = net.fit(X, y, epochs=3, batch_size=2, optimizer="adam")
        return net.parameters.tobytes(), history.to_dict()

    net = small(level=level)
    first = trained(net)
    net.reset()
    assert net.training_state is None
    assert net.optimizer is None
    assert trained(net) == first
    view = net.parameters
    net.reset(seed=5)
    assert net.seed == 5
    assert np.array_equal(view, net.parameters)
    assert trained(net) == trained(small(level=level, seed=5)) != first


def test_copy_is_independent_and_goes_on_alike(level):
    X, y = numbers(7, 3), [0, 1, 0, 1, 1, 0, 1]
    net = small(level=level)
    net.fit(X, y, epochs=2, batch_size=3, optimizer=nn.SGD(0.1, momentum=0.9))
    twin = net.copy()
    assert (repr(twin), twin.options, twin.optimizer) == (repr(net), net.options, net.optimizer)
    before = net.parameters.copy()
    state = net.training_state
    kept = (state.slots.copy(), state.step, state.shuffle)
    losses = twin.fit(X, y, epochs=2, batch_size=3)["loss"]
    assert np.array_equal(net.parameters, before)
    assert np.array_equal(state.slots, kept[0])
    assert (state.step, state.shuffle) == kept[1:]
    assert net.fit(X, y, epochs=2, batch_size=3)["loss"] == losses
    assert np.array_equal(net.parameters, twin.parameters)


def test_copy_on_another_level():
    net = small()
    for level in LEVELS:
        twin = net.copy(level=level)
        assert twin.level == level
        assert np.array_equal(twin.parameters, net.parameters)
        assert np.allclose(twin.predict(numbers(4, 3)), net.predict(numbers(4, 3)), atol=1e-6)
    assert net.level == FASTEST


def test_the_level_can_be_changed(level):
    net = small(dtype="float64", level="numpy")
    X = numbers(4, 3)
    expected, parameters = net.predict(X), net.parameters.copy()
    net.level = level
    assert net.level == level
    assert np.array_equal(net.parameters, parameters)
    assert np.allclose(net.predict(X), expected, rtol=1e-12)
    net.level = "fastest"
    assert net.level == FASTEST


# ---- computing ------------------------------------------------------------------------------

BY_HAND = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "linear": lambda z: z,
    "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),
    "step": lambda z: (z > 0).astype(float),
    "leaky_relu": lambda z: np.maximum(z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.exp(z) - 1),
    "selu": lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * (np.exp(z) - 1)),
    "gelu": lambda z: z * np.vectorize(statistics.NormalDist().cdf)(z),
    "gelu_tanh": lambda z: z / 2 * (1 + np.tanh((2 / np.pi) ** 0.5 * (z + 0.044715 * z**3))),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "softsign": lambda z: z / (1 + abs(z)),
    "hard_sigmoid": lambda z: np.clip(z / 6 + 0.5, 0, 1),
    "symmetric_sigmoid": lambda z: 2 / (1 + np.exp(-z)) - 1,
    "exponential": np.exp,
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_predict_by_hand(activation, level):
    layers = [3, nn.Dense(4, "tanh"), nn.Dense(2, activation)]
    net = nn.Network(layers, dtype="float64", level=level, seed=2, bias_init="normal")
    X = numbers(9, 3)
    (W, b), (V, c) = net.weights
    expected = BY_HAND[activation](np.tanh(X @ W + b) @ V + c)
    outputs = net.predict(X)
    assert np.allclose(outputs, expected, rtol=1e-12, atol=1e-14)
    assert np.allclose(net.predict(X[4:5]), expected[4:5], rtol=1e-12, atol=1e-14)


def test_predict_returns_an_array_of_its_own(level, dtype):
    net = small(level=level, dtype=dtype)
    X = numbers(5, 3)
    first = net.predict(X)
    kept = first.copy()
    net.predict(2 * X)
    assert first.shape == (5, 2)
    assert first.dtype == net.dtype
    assert first.flags.writeable
    assert np.array_equal(first, kept)


def identity(outputs, activation, **options):
    """A network whose outputs are f(x)."""
    net = nn.Network([outputs, nn.Dense(outputs, activation)], **options)
    net.set_weights([(np.eye(outputs), np.zeros(outputs))])
    return net


def test_predict_classes(level):
    single = identity(1, "linear", level=level).predict_classes([[0.49], [0.5], [0.51], [-3]])
    assert single.tolist() == [0, 1, 1, 0]
    rows = [[1, 3, 2], [3, 1, 2], [1, 2, 3], [-1, -3, -2]]
    several = identity(3, "softmax", level=level).predict_classes(rows)
    assert several.tolist() == [1, 0, 2, 0]
    for classes in (single, several):
        assert classes.dtype == np.int64
        assert classes.ndim == 1


def test_evaluate(level):
    def accuracy(outputs, activation, X, y):
        net = identity(outputs, activation, level=level)
        result = net.evaluate(X, y)
        assert result["loss"] == net.loss_and_gradient(X, y)[0]
        assert all(type(value) is float for value in result.values())
        return result.get("accuracy")

    assert accuracy(1, "sigmoid", [[-1], [1], [2], [3]], [0, 1, 0, 1]) == 0.75
    X = [[3, 1, 2], [1, 3, 2], [1, 2, 3], [3, 2, 1]]
    assert accuracy(3, "softmax", X, [0, 1, 2, 2]) == 0.75
    assert accuracy(3, "softmax", X, np.eye(3)[[0, 1, 2, 2]]) == 0.75
    # rows with any number of ones: every entry counts
    X = [[1, -1], [1, 1], [-1, -1]]
    assert accuracy(2, "sigmoid", X, [[1, 0], [1, 0], [1, 1]]) == 0.5
    # numbers that are no classes
    assert accuracy(1, "linear", [[1], [2]], [1.5, 2.5]) is None
    assert accuracy(3, "softmax", [[1, 2, 3]], [[0.25, 0.25, 0.5]]) is None


def test_the_gradient_lies_like_the_parameters(level):
    net = small(level=level, dtype="float64")
    X, y = numbers(8, 3), [0, 1, 1, 0, 0, 1, 1, 1]
    before = net.parameters.copy()
    loss, gradient = net.loss_and_gradient(X, y)
    assert type(loss) is float
    assert gradient.shape == before.shape
    assert gradient.dtype == np.float64
    assert np.array_equal(net.parameters, before)
    history = net.fit(X, y, batch_size=None, optimizer=nn.SGD(0.5))
    assert history["loss"][0] == pytest.approx(loss, rel=1e-12)
    assert np.allclose(net.parameters, before - 0.5 * gradient, rtol=1e-12, atol=1e-15)


# ---- showing --------------------------------------------------------------------------------


def test_summary(capsys):
    layers = [2, nn.Dense(10, "relu", dropout=0.2), nn.Dense(10, bias=False), 1]
    nn.Network(layers, level="numpy").summary()
    assert capsys.readouterr().out.splitlines() == [
        "2 inputs, loss binary_cross_entropy, float32, level numpy, not trained",
        "-----------------------------------------------------",
        "layer                 output   activation  parameters",
        "-----------------------------------------------------",
        "dense 1, dropout 0.2  (n, 10)  relu                30",
        "dense 2, no bias      (n, 10)  sigmoid            100",
        "dense 3               (n, 1)   sigmoid             11",
        "-----------------------------------------------------",
        "141 parameters, 564 bytes",
    ]


def test_summary_of_a_trained_network_fits_80_columns(capsys):
    layers = [2, nn.Dense(123456, "symmetric_sigmoid", dropout=0.123, bias=False, trainable=False)]
    net = nn.Network([*layers, nn.Dense(1, "linear")], input_scaler="standard", level="numpy")
    net.fit(*nn.datasets.gate("xor"), epochs=3, batch_size=None)
    net.summary()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "inputs scaled (standard), trained for 3 updates" in " ".join(lines)
    assert lines[-1] == "370,369 parameters (246,912 of them fixed), 1,481,476 bytes"


EXPRESSIONS = [
    "Network([2, 4, 1], seed=0)",
    "Network([2, Dense(4, 'tanh'), Dense(3, bias=False), 1], seed=1)",
    "Network([2, Dense(4, 'relu', init='he_normal', l2=0.1, trainable=False), Dense(3, 'softmax')],"
    " dtype='float64', seed=2, level='numpy', classes=('a', 'b', 'c'))",
    "Network([2, Dense(1, 'linear')], loss='huber', init='zeros', max_norm=2.0, input_noise=0.5,"
    " seed=3, input_scaler=Standardizer(shift=[0.0, 1.0], scale=[2.0, 0.1]),"
    " output_scaler=MinMaxScaler(low=-1.0))",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_typed_back(text):
    net = eval(text, vars(nn))
    assert repr(net) == text
    again = eval(repr(net), vars(nn))
    assert (again.layers, again.options) == (net.layers, net.options)
    assert np.array_equal(again.parameters, net.parameters)


@pytest.mark.parametrize(
    "thing",
    [
        *(kind() for kind in {**OPTIMIZERS, **BATCH_METHODS}.values()),
        nn.Dense(3),
        nn.Dense(3, "relu", bias=False, l1=0.1, max_norm=2.0),
        nn.Standardizer(shift=[1.0], scale=[0.5]),
        nn.MinMaxScaler(0.1, 0.9),
    ],
    ids=repr,
)
def test_parts_are_typed_back(thing):
    assert eval(repr(thing), vars(nn)) == thing


def test_the_default_loss_and_level_are_not_typed():
    assert repr(nn.Network([1, nn.Dense(2, "softmax")], loss="cross_entropy", seed=0)) == (
        "Network([1, Dense(2, 'softmax')], seed=0)"
    )
    text = repr(nn.Network([1, 1], loss="quadratic", seed=0, level=nn.levels.available()[-1]))
    assert text == "Network([1, 1], loss='quadratic', seed=0)"


# ---- threads --------------------------------------------------------------------------------


def test_number_of_threads(threads):
    for n in (1, 3, np.int64(2)):
        threads(n)
        assert nn.get_num_threads() == n
        assert type(nn.get_num_threads()) is int


def test_threads_do_not_change_a_bit(threads, compiled_level):
    X, Y = numbers(300, 100), np.eye(10)[np.arange(300) % 10]

    def trained(count):
        threads(count)
        layers = [100, nn.Dense(200, "relu"), nn.Dense(10, "softmax")]
        net = nn.Network(layers, seed=0, level=compiled_level)
        losses = net.fit(X, Y, epochs=2, batch_size=128)["loss"]
        loss, gradient = net.loss_and_gradient(X, Y)
        arrays = net.parameters, gradient, net.predict(X)
        return losses, loss, [array.tobytes() for array in arrays]

    assert trained(1) == trained(2) == trained(3)


# Signs as classes


def hinge_network():
    net = nn.Network([2, nn.Dense(1, "linear", bias=False)], loss="hinge", dtype="float64")
    net.set_weights([([[1.0], [0.0]], None)])
    return net


def test_hinge_takes_signs_or_classes():
    net, X = hinge_network(), np.array([[-0.5, 3], [2, 1], [0.25, 0], [-3, 0]])
    expected = {"loss": pytest.approx((1.5 + 3 + 0.75 + 0) / 4), "accuracy": 0.5}
    assert net.evaluate(X, [1, -1, 1, -1]) == expected
    assert net.evaluate(X, [1, 0, 1, 0]) == expected
    assert net.predict_classes(X).tolist() == [0, 1, 1, 0]


def test_hinge_of_several_outputs_takes_labels():
    net = nn.Network([2, nn.Dense(3, "tanh")], loss="hinge", seed=0, dtype="float64")
    X = numbers(6, 2)
    labels = [0, 1, 2, 2, 1, 0]
    assert net.evaluate(X, labels) == net.evaluate(X, 2 * np.eye(3)[labels] - 1)


@pytest.mark.parametrize(
    ("loss", "activation", "y", "sentence"),
    [
        ("hinge", "linear", [1, 0, -1], "or -1 and 1"),
        ("hinge", "linear", [1, 0.5, 1], "or -1 and 1"),
        ("poisson", "exponential", [1, 0, -1], "numbers from 0 up"),
        ("categorical_focal", "softmax", [[0.5, 0.6]] * 3, "adds up to 1"),
    ],
)
def test_targets_that_a_loss_does_not_take(loss, activation, y, sentence):
    units = np.ndim(y)
    net = nn.Network([2, nn.Dense(units, activation)], loss=loss)
    with pytest.raises(ValueError, match=sentence):
        net.evaluate(numbers(3, 2), y)
