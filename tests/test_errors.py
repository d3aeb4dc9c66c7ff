"""Every refusal is a ValueError or TypeError with a sentence, and changes nothing."""

import dataclasses

import numpy as np
import pytest

import nnfast as nn
from nnfast.formulas import ACTIVATIONS, OPTIMIZERS
from nnfast.initializers import BIAS_INITIALIZERS, INITIALIZERS

X = np.linspace(-1, 1, 12).reshape(4, 3)
LABELS = [0, 1, 1, 0]
BEYOND = 2**62


def names(table):
    return ", ".join(table)


def state(net):
    """All that a call might change."""
    training = net.training_state
    carried = training and (training.slots.tobytes(), training.step, training.shuffle)
    rest = (net.level, net.layers, net.sizes, net.options, net.optimizer)
    return net.parameters.tobytes(), carried, rest


@pytest.fixture(scope="module")
def net():
    """A network in the middle of a training."""
    net = nn.Network([3, nn.Dense(4, "tanh"), nn.Dense(2, "softmax", bias=False)], seed=1)
    net.fit(X, LABELS, epochs=2, batch_size=3, optimizer=nn.SGD(0.1, momentum=0.5))
    return net


def check(error, fragments, call, *arguments, **options):
    with pytest.raises(error) as caught:
        call(*arguments, **options)
    message = str(caught.value)
    assert caught.type in (ValueError, TypeError)
    assert all(fragment in message for fragment in fragments), message
    assert message.endswith(".")
    assert "\n" not in message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


BUILDING = {
    "one entry": (ValueError, ([3],), {}, ["1 entries", "at least one layer", "[2, 1]"]),
    "no entries": (ValueError, ([],), {}, ["0 entries"]),
    "a number": (TypeError, (3,), {}, ["layers is 3", "[2, 4, 1]"]),
    "a text": (TypeError, ("3, 1",), {}, ["'3, 1'", "[2, 4, 1]"]),
    "nothing": (TypeError, (None,), {}, ["layers is None"]),
    "a generator": (TypeError, ((n for n in (3, 1)),), {}, ["expected a list"]),
    "a set": (TypeError, ({3, 1},), {}, ["expected a list"]),
    "a layer first": (TypeError, ([nn.Dense(3), 1],), {}, ["layers[0]", "number of inputs"]),
    "no inputs": (ValueError, ([0, 1],), {}, ["layers[0] is 0", "at least 1"]),
    "negative units": (ValueError, ([3, -2, 1],), {}, ["layers[1] is -2", "at least 1"]),
    "huge units": (ValueError, ([3, BEYOND],), {}, ["layers[1]", "too large"]),
    "endless units": (ValueError, ([3, 10**5000],), {}, ["layers[1]", "too large"]),
    "a fraction": (TypeError, ([3, 1.0],), {}, ["layers[1] is 1.0", "whole number"]),
    "true": (TypeError, ([3, True],), {}, ["layers[1] is True", "whole number"]),
    "NumPy's true": (TypeError, ([3, np.True_],), {}, ["layers[1]", "whole number"]),
    "a layer's text": (TypeError, ([3, "relu"],), {}, ["layers[1] is 'relu'", "whole number"]),
    "a table": (TypeError, (np.ones((2, 2), int),), {}, ["layers[0]", "whole number"]),
    "loss": (ValueError, ([3, 1],), {"loss": "mse"}, ["'mse'", "mean_squared_error, quadratic"]),
    "loss of no text": (TypeError, ([3, 1],), {"loss": 3}, ["loss", "3", "quadratic"]),
    "init": (ValueError, ([3, 1],), {"init": "he"}, ["init 'he'", names(INITIALIZERS)]),
    "init of no text": (TypeError, ([3, 1],), {"init": None}, ["init None", names(INITIALIZERS)]),
    "bias_init": (
        ValueError,
        ([3, 1],),
        {"bias_init": "ones"},
        ["bias_init 'ones'", names(BIAS_INITIALIZERS)],
    ),
    "dtype": (ValueError, ([3, 1],), {"dtype": "float16"}, ["'float16'", "float32, float64"]),
    "dtype of no text": (TypeError, ([3, 1],), {"dtype": 3}, ["dtype 3", "float32, float64"]),
    "no dtype": (TypeError, ([3, 1],), {"dtype": None}, ["dtype None", "float32, float64"]),
    "seed": (ValueError, ([3, 1],), {"seed": -1}, ["seed is -1", "at least 0"]),
    "huge seed": (ValueError, ([3, 1],), {"seed": BEYOND}, ["seed", "too large"]),
    "seed of no number": (TypeError, ([3, 1],), {"seed": "a"}, ["seed is 'a'", "whole number"]),
    "level": (ValueError, ([3, 1],), {"level": "gpu"}, ["'gpu'", names(nn.levels.available())]),
    "level of no text": (
        TypeError,
        ([3, 1],),
        {"level": ["numpy"]},
        ["level is ['numpy']", "'fastest'"],
    ),
}


@pytest.mark.parametrize("case", BUILDING)
def test_networks_that_cannot_be(case):
    error, arguments, options, fragments = BUILDING[case]
    check(error, fragments, nn.Network, *arguments, **options)


@pytest.mark.parametrize("level", nn.levels.available()[1:])
@pytest.mark.parametrize("sizes", [(2**31, 2**33), (2**40, 2**20), (2**61, 2**61), (1, 2**61)])
def test_networks_that_no_memory_can_hold(sizes, level):
    with pytest.raises((ValueError, MemoryError)):
        nn.Network(list(sizes), level=level)


LAYERS = {
    "zero": (ValueError, (0,), {}, ["units is 0", "at least 1"]),
    "fraction": (TypeError, (2.5,), {}, ["units is 2.5", "whole number"]),
    "text": (TypeError, ("4",), {}, ["units is '4'", "whole number"]),
    "activation": (ValueError, (4, "Relu"), {}, ["activation 'Relu'", names(ACTIVATIONS)]),
    "no activation": (TypeError, (4, None), {}, ["activation None", names(ACTIVATIONS)]),
    "function": (TypeError, (4, np.tanh), {}, ["activation", names(ACTIVATIONS)]),
    "bias": (TypeError, (4, "relu", 1), {}, ["bias is 1", "True or False"]),
    "init": (ValueError, (4,), {"init": "ones"}, ["init 'ones'", names(INITIALIZERS)]),
    "bias_init": (
        ValueError,
        (4,),
        {"bias_init": "he_normal"},
        ["bias_init 'he_normal'", names(BIAS_INITIALIZERS)],
    ),
}


@pytest.mark.parametrize("case", LAYERS)
def test_layers_that_cannot_be(case):
    error, arguments, options, fragments = LAYERS[case]
    check(error, fragments, nn.Dense, *arguments, **options)


FIELDS = [
    (kind, field.name)
    for kind in OPTIMIZERS.values()
    for field in dataclasses.fields(kind)
    if not isinstance(field.default, bool)
]
FLAGS = [
    (kind, field.name)
    for kind in OPTIMIZERS.values()
    for field in dataclasses.fields(kind)
    if isinstance(field.default, bool)
]
POSITIVE, NOT_NEGATIVE = ("learning_rate", "epsilon"), ("weight_decay", "momentum_decay")


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, -np.inf, pytest.param(10**400, id="huge")])
@pytest.mark.parametrize(("optimizer", "field"), FIELDS)
def test_numbers_outside_their_range(optimizer, field, value):
    fragments = [f"{optimizer.__name__}: {field} is"]
    check(ValueError, fragments, optimizer, **{field: value})


@pytest.mark.parametrize(("optimizer", "field"), FIELDS)
def test_the_ends_of_the_ranges(optimizer, field):
    if field in POSITIVE:
        check(ValueError, ["expected a positive number"], optimizer, **{field: 0})
        assert getattr(optimizer(**{field: 1e6}), field) == 1e6
        return
    assert getattr(optimizer(**{field: 0}), field) == 0
    if field in NOT_NEGATIVE:
        check(ValueError, ["expected a number of at least 0."], optimizer, **{field: -1e-9})
        return
    check(ValueError, ["from 0 up to, but not including, 1"], optimizer, **{field: 1})


@pytest.mark.parametrize("value", [None, "fast", "0.1", [0.1], 1j, True], ids=repr)
@pytest.mark.parametrize(("optimizer", "field"), FIELDS)
def test_what_is_no_number(optimizer, field, value):
    check(TypeError, [f"{field} is {value!r}", "expected a number"], optimizer, **{field: value})


@pytest.mark.parametrize(("optimizer", "field"), FLAGS)
def test_what_is_no_flag(optimizer, field):
    check(TypeError, [f"{field} is 1", "True or False"], optimizer, **{field: 1})


def test_nesterov():
    check(ValueError, ["nesterov=True", "momentum=0", "0.9"], nn.SGD, nesterov=True)


FITTING = {
    "no epochs": (ValueError, {"epochs": 0}, ["epochs is 0", "at least 1"]),
    "negative epochs": (ValueError, {"epochs": -1}, ["epochs is -1"]),
    "endless epochs": (ValueError, {"epochs": BEYOND}, ["epochs", "too large"]),
    "half an epoch": (TypeError, {"epochs": 0.5}, ["epochs is 0.5", "whole number"]),
    "true epochs": (TypeError, {"epochs": True}, ["epochs is True"]),
    "no rows": (ValueError, {"batch_size": 0}, ["batch_size is 0", "at least 1"]),
    "text": (TypeError, {"batch_size": "32"}, ["batch_size is '32'", "whole number"]),
    "optimizer": (ValueError, {"optimizer": "lion"}, ["'lion'", names(OPTIMIZERS)]),
    "class": (TypeError, {"optimizer": nn.SGD}, ["class SGD", "SGD(learning_rate=0.1)"]),
    "number": (TypeError, {"optimizer": 0.1}, ["optimizer is 0.1", names(OPTIMIZERS)]),
    "shuffle": (TypeError, {"shuffle": 1}, ["shuffle is 1", "True or False"]),
    "verbose": (ValueError, {"verbose": 3}, ["verbose is 3", "0, 1, 2, 'auto'"]),
    "verbose true": (ValueError, {"verbose": True}, ["verbose is True", "0, 1, 2, 'auto'"]),
    "verbose text": (ValueError, {"verbose": "yes"}, ["verbose is 'yes'", "0, 1, 2, 'auto'"]),
    "verbose none": (ValueError, {"verbose": None}, ["verbose is None", "0, 1, 2, 'auto'"]),
}


@pytest.mark.parametrize("case", FITTING)
def test_fits_that_cannot_be(net, case):
    error, options, fragments = FITTING[case]
    before = state(net)
    check(error, fragments, net.fit, X, LABELS, **options)
    assert state(net) == before


INPUTS = {
    "too few columns": (np.ones((5, 2)), ["(5, 2)", "(rows, 3)"]),
    "too many columns": (np.ones((5, 4)), ["(5, 4)", "(rows, 3)"]),
    "one row": (np.ones(3), ["(3,)", "(rows, 3)", "X.reshape(1, -1)"]),
    "one column": (np.ones(5), ["(5,)", "(rows, 3)"]),
    "images": (np.ones((5, 3, 1)), ["(5, 3, 1)", "(rows, 3)", "X.reshape(len(X), -1)"]),
    "a number": (1.5, ["()", "(rows, 3)"]),
    "no rows": (np.ones((0, 3)), ["(0, 3)", "at least one row"]),
    "no columns": (np.ones((5, 0)), ["(5, 0)", "(rows, 3)"]),
}


@pytest.mark.parametrize("method", ["predict", "predict_classes", "evaluate", "fit"])
@pytest.mark.parametrize("case", INPUTS)
def test_wrong_shapes_of_inputs(net, case, method):
    bad, fragments = INPUTS[case]
    arguments = (bad,) if method.startswith("predict") else (bad, LABELS)
    before = state(net)
    check(ValueError, ["X has shape", *fragments], getattr(net, method), *arguments)
    assert state(net) == before


def test_one_input_wants_a_column():
    check(ValueError, ["(5,)", "X.reshape(-1, 1)"], nn.Network([1, 1]).predict, np.ones(5))


TARGETS = {
    "too few": ([0, 1, 1], ["(3,)", "4 rows", "(4,)", "(4, 2)"]),
    "too many": (np.eye(2)[[0, 1, 1, 0, 0]], ["(5, 2)", "4 rows", "(4, 2)"]),
    "one for all": (1, ["()", "4 rows"]),
    "a column": (np.ones((4, 1)), ["(4, 1)", "(4, 2)", "labels (4,)"]),
    "wide": (np.ones((4, 3)), ["(4, 3)", "(4, 2)", "2 outputs"]),
    "deep": (np.ones((4, 2, 1)), ["(4, 2, 1)", "(4, 2)"]),
    "empty": (np.ones((0, 2)), ["(0, 2)", "4 rows"]),
    "label above": ([0, 1, 2, 0], ["y[2] is 2", "2 outputs", "0 to 1"]),
    "label below": ([0, 1, 0, -1], ["y[3] is -1", "0 to 1"]),
    "label between": ([0.5, 1, 0, 0], ["y[0] is 0.5", "whole numbers"]),
}


@pytest.mark.parametrize("method", ["fit", "evaluate", "loss_and_gradient"])
@pytest.mark.parametrize("case", TARGETS)
def test_wrong_targets(net, case, method):
    bad, fragments = TARGETS[case]
    before = state(net)
    check(ValueError, fragments, getattr(net, method), X, bad)
    assert state(net) == before


def test_targets_of_one_output():
    net = nn.Network([3, 1])
    check(ValueError, ["(4, 2)", "(4, 1)", "1 output or (4,)"], net.fit, X, np.ones((4, 2)))


def test_other_labels_are_sent_to_classes():
    way = "in Network(classes=[...])"
    check(ValueError, ["y[1] is 7", way], nn.Network([3, 1]).fit, X, [1, 7, 1, 7])
    softmax = nn.Network([3, nn.Dense(3, "softmax")])
    check(ValueError, ["y[2] is 3", "0 to 2", way], softmax.fit, X, [1, 2, 3, 1])
    poisson = nn.Network([3, nn.Dense(1, "exponential")], loss="poisson")
    check(ValueError, ["y[0] is -1", "0 up. Choose another"], poisson.fit, X, [-1, 2, 3, 1])


@pytest.mark.parametrize("kind", [dict, set])
def test_what_is_no_array_is_named_by_its_type(net, kind):
    check(TypeError, [f"X is of type {kind.__name__}", "an array"], net.predict, kind())


def test_sparse_matrices_are_sent_to_toarray(net):
    sparse = pytest.importorskip("scipy.sparse")
    check(TypeError, ["of type csr_matrix", "X.toarray()"], net.predict, sparse.csr_matrix(X))


RANGES = [  # activation, loss, rows that are refused, where, rows at the border that are not
    ("sigmoid", "binary_cross_entropy", [[0, 1.001]], "y[0, 1] is 1.001", [[0, 1]]),
    ("sigmoid", "binary_cross_entropy", [[1, 0], [-0.1, 0]], "y[1, 0] is -0.1", [[0.5, 0.25]]),
    ("softmax", "cross_entropy", [[0.5, 0.4]], "y[0, 0] is 0.5", [[0.4, 0.6]]),
    ("softmax", "cross_entropy", [[0, 1], [1.5, -0.5]], "y[1, 1] is -0.5", [[0, 1]]),
    ("softmax", "cross_entropy", [[0.5, 0.502]], "y[0, 0] is 0.5", [[0.5, 0.5005]]),
    ("softmax", "cross_entropy", [[0, 0]], "y[0, 0] is 0", [[1 / 3, 2 / 3]]),
    ("step", "perceptron", [[0, 0.5]], "y[0, 1] is 0.5", [[1, 1], [0, 0]]),
    ("step", "perceptron", [[1, 0], [2, 0]], "y[1, 0] is 2", [[0, 1]]),
    ("linear", "mean_squared_error", None, "", [[-5, 1e6]]),
    ("softmax", "quadratic", None, "", [[-5, 1e6]]),
]


@pytest.mark.parametrize(("activation", "loss", "bad", "where", "good"), RANGES)
def test_targets_that_the_loss_cannot_take(activation, loss, bad, where, good):
    net = nn.Network([3, nn.Dense(2, activation)], loss=loss, seed=0)
    before = state(net)
    if bad is not None:
        check(ValueError, [where, repr(loss), "expects"], net.fit, X[: len(bad)], bad)
        assert state(net) == before
    assert len(net.fit(X[: len(good)], good)["loss"]) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39, -1e39])
@pytest.mark.parametrize("position", [(0, 0), (16, 3), (20, 2), (32, 6), (32, 0)])
def test_inputs_that_are_not_finite(value, position):
    net = nn.Network([7, 1])
    bad = np.zeros((33, 7))
    bad[position] = value
    before = state(net)
    fragments = [f"X{list(position)} is", "NaN" if np.isnan(value) else "inf", "finite"]
    check(ValueError, fragments, net.predict, bad)
    check(ValueError, fragments, net.fit, bad, np.zeros(33))
    assert state(net) == before


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("position", [0, 16, 32])
@pytest.mark.parametrize("outputs", [1, 2])
def test_targets_that_are_not_finite(value, position, outputs):
    net = nn.Network([1, nn.Dense(outputs, "linear")])
    bad = np.zeros((33, outputs))
    bad[position, -1] = value
    before = state(net)
    place = f"y[{position}, {outputs - 1}] is"
    check(ValueError, [place, "finite"], net.fit, np.zeros((33, 1)), bad)
    if outputs == 1:
        check(ValueError, [f"y[{position}] is"], net.fit, np.zeros((33, 1)), bad[:, 0])
    assert state(net) == before


def test_large_numbers_fit_into_float64():
    net = nn.Network([1, 1], dtype="float64")
    assert np.isfinite(net.predict([[1e300]])).all()
    check(ValueError, ["X[0, 0]", "float64"], net.predict, [[10**400]])


def test_the_message_names_the_first_of_many():
    bad = np.zeros((5, 3))
    bad[2:, 1] = np.nan
    check(ValueError, ["X[2, 1] is nan"], nn.Network([3, 1]).predict, bad)


W, B, V = np.zeros((3, 4)), np.zeros(4), np.zeros((4, 2))
WEIGHTS = {
    "a layer less": (ValueError, [(W, B)], ["1 layers", "has 2", "(W, b)"]),
    "a layer more": (ValueError, [(W, B), (V, None), (V, None)], ["3 layers", "has 2"]),
    "nothing": (TypeError, None, ["(W, b)"]),
    "a generator": (TypeError, (w for w in [(W, B), (V, None)]), ["(W, b)"]),
    "arrays": (TypeError, [W, V], ["weights[0] is not a pair (W, b)"]),
    "triples": (TypeError, [(W, B), (V, None, None)], ["weights[1] is not a pair"]),
    "numbers": (TypeError, [1, 2], ["weights[0] is not a pair"]),
    "transposed": (ValueError, [(W.T, B), (V, None)], ["weights[0]: W", "(4, 3)", "(3, 4)", "W.T"]),
    "short bias": (ValueError, [(W, B[1:]), (V, None)], ["weights[0]: b", "(3,)", "(4,)"]),
    "column": (ValueError, [(W, B[:, None]), (V, None)], ["weights[0]: b", "(4, 1)", "(4,)"]),
    "no bias": (ValueError, [(W, None), (V, None)], ["weights[0]: b is None", "(4,)"]),
    "a bias": (ValueError, [(W, B), (V, B[:2])], ["weights[1]: b is given", "no bias", "None"]),
    "no W": (ValueError, [(W, B), (None, None)], ["weights[1]: W is None", "(4, 2)"]),
    "NaN": (ValueError, [(W, B), (V + np.nan, None)], ["weights[1]: W[0, 0] is nan"]),
    "too large": (ValueError, [(W, B + 1e39), (V, None)], ["weights[0]: b[0] is inf", "float32"]),
    "texts": (TypeError, [(W, B), (V.astype(str), None)], ["weights[1]: W", "real numbers"]),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_that_do_not_fit(net, case):
    error, weights, fragments = WEIGHTS[case]
    before = state(net)
    check(error, fragments, net.set_weights, weights)
    assert state(net) == before


def test_other_refusals_change_nothing(net):
    before = state(net)
    check(ValueError, ["seed is -1"], net.reset, -1)
    check(TypeError, ["seed is 'x'"], net.reset, "x")
    check(ValueError, ["level is 'gpu'", "python, numpy"], setattr, net, "level", "gpu")
    check(ValueError, ["level is 'gpu'"], net.copy, "gpu")
    assert state(net) == before


@pytest.mark.parametrize(
    ("error", "n"),
    [
        (ValueError, 0),
        (ValueError, -2),
        (ValueError, 2**40),
        (TypeError, 1.5),
        (TypeError, True),
        (TypeError, "two"),
    ],
)
def test_numbers_of_threads(error, n):
    before = nn.get_num_threads()
    check(error, [f"set_num_threads({n!r})", "expected"], nn.set_num_threads, n)
    assert nn.get_num_threads() == before


def test_a_record_that_is_not_there(net):
    history = net.copy().fit(X, LABELS)
    with pytest.raises(KeyError, match="no record 'accuracy'; this history has loss"):
        history["accuracy"]
