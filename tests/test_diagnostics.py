"""What goes wrong is said: warnings before and after a training, and why it diverged."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

import nnfast as nn
from nnfast.diagnostics import check_data, check_units, explain_divergence
from nnfast.formulas import OPTIMIZERS


def warned(call, *arguments, **options):
    """The texts of all warnings of this call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*arguments, **options)
    assert all(entry.category is nn.TrainingWarning for entry in caught)
    return [str(entry.message) for entry in caught]


def warned_of(X, layers=(3, 1)):
    X = np.asarray(X, np.float32)
    return warned(check_data, nn.Network([X.shape[1], *layers[1:]]), X)


def normal(rows, columns, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, columns))


# ---- data ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "X",
    [
        nn.datasets.gate("xor")[0],
        nn.datasets.iris()[0],
        nn.datasets.digits()[0],
        nn.datasets.ten_points()[0],
        nn.datasets.moons(200, seed=0)[0],
        nn.datasets.spirals(200, seed=0)[0],
        np.eye(2000, 300),
        np.arange(40).reshape(-1, 1) / 40,
        nn.datasets.standardize(nn.datasets.iris()[0] * [1e-6, 1e3, 1, 1e6])[0],
        nn.datasets.standardize(nn.datasets.digits()[0])[0],
        1 - nn.datasets.digits()[0],
        2 * nn.datasets.digits()[0] - 1,
        (nn.datasets.digits()[0] - 0.3) / 0.37,
        np.ones((100, 3)),
        np.zeros((100, 3)),
    ],
    ids=str,
)
def test_data_that_are_fit_to_learn_from(X):
    assert warned_of(X) == []


def test_an_outlier_does_not_make_large_data():
    X = normal(900, 4)
    X[0, 2] = 60.0
    assert warned_of(X) == []


def test_pixels_from_0_to_255():
    (text,) = warned_of(255 * nn.datasets.digits()[0])
    assert text.startswith("Large numbers in 52 of 64 columns of X: the first is column 1, from 0")
    assert 'input_scaler="standard"' in text


@pytest.mark.parametrize("rows", [1, 4, 19, 20, 5000])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_column_of_large_numbers(rows, sign):
    X = normal(rows, 3)
    X[:, 1] = sign * (150 + 10 * X[:, 1])
    (text,) = warned_of(X)
    assert text.startswith("Large numbers in 1 of 3 columns of X: the first is column 1, from")


def test_columns_of_very_different_spread():
    X = normal(100, 4) * [1, 1e-5, 5, 1e-4]
    (text,) = warned_of(X)
    assert "over 1,000 times smaller than that of column 2" in text
    assert "in 2 of 4 columns of X: the first is column 1" in text


def test_a_sparse_column_may_vary_little():
    X = normal(1000, 2)
    X[:, 1] = 0
    X[3, 1] = 1e-4
    assert warned_of(X) == []


def test_constant_columns():
    X = normal(3000, 4)
    X[:, 2:] = 7.0
    (text,) = warned_of(X)
    assert text.startswith(
        "The same number in all rows of 2 of 4 columns of X: the first is column 2, always 7."
    )
    X[:, 2:] = 2.0  # no worse than a bias
    assert warned_of(X) == []


def test_a_column_that_changes_in_a_single_row_is_not_constant():
    X = normal(3000, 2)
    X[:, 1] = 7.0
    X[1234, 1] = 6.0
    assert warned_of(X) == []


def test_a_constant_column_is_the_bias_of_a_layer_without():
    X = normal(100, 2)
    X[:, 1] = 7.0
    assert warned_of(X, (2, nn.Dense(1, bias=False))) == []


def test_few_rows_say_nothing_about_columns():
    X = normal(10, 2) * [1, 1e-6]
    assert warned_of(X) == []
    assert warned_of(np.full((10, 2), 7.0)) == []


# ---- when and how -------------------------------------------------------------------------------

LARGE = 100 + 10 * normal(50, 2)
LABELS = (LARGE[:, 0] > 100).astype(int)


def test_fit_warns_once_per_network(level):
    net = nn.Network([2, 2, 1], seed=0, level=level)
    assert len(warned(net.fit, LARGE, LABELS)) == 1
    assert warned(net.fit, LARGE, LABELS) == []
    assert warned(net.copy().fit, LARGE, LABELS) == []
    assert warned(copy.deepcopy(net).fit, LARGE, LABELS) == []
    assert len(warned(nn.Network([2, 2, 1]).fit, LARGE, LABELS)) == 1


def test_warnings_can_be_silenced():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", nn.TrainingWarning)
        nn.Network([2, 2, 1], seed=0).fit(LARGE, LABELS)
    assert not caught
    assert issubclass(nn.TrainingWarning, UserWarning)


def test_the_warning_points_at_the_caller():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nn.Network([2, 2, 1], seed=0).fit(LARGE, LABELS)
    assert caught[0].filename == __file__


def test_a_warning_made_an_error_comes_before_the_training():
    net = nn.Network([2, 2, 1], seed=0)
    before = net.parameters.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(nn.TrainingWarning, match="Large numbers"):
            net.fit(LARGE, LABELS)
    np.testing.assert_array_equal(net.parameters, before)
    assert net.training_state is None


def test_looking_for_a_learning_rate_repeats_no_warning():
    net = nn.Network([2, 2, 1], seed=0)
    assert len(warned(net.find_learning_rate, LARGE, LABELS)) == 1
    assert warned(net.fit, LARGE, LABELS) == []


# ---- units --------------------------------------------------------------------------------------


def digits_network(activation, seed=0, init="glorot_uniform"):
    X, y = nn.datasets.digits()
    hidden = nn.Dense(16, activation)
    return nn.Network([64, hidden, nn.Dense(10, "softmax")], seed=seed, init=init), X, y


def test_dead_units(level):
    net, X, y = digits_network("relu")
    net.weights[0][1][:8] = -1000.0  # these units are 0 for good
    net.level = level
    (text,) = warned(check_units, net, X.astype("f4"), np.eye(10, dtype="f4")[y], 200)
    assert text.startswith(
        "8 of 16 units of layers[0] (relu) are 0 for all 899 rows looked at; the first is unit 0."
    )
    assert 'init="he_uniform"' in text
    assert warned(check_units, net, X.astype("f4"), np.eye(10, dtype="f4")[y], 200) == []


def test_a_few_dead_units_are_normal():
    net, X, y = digits_network("relu")
    net.weights[0][1][:3] = -1000.0
    assert warned(check_units, net, X.astype("f4"), np.eye(10, dtype="f4")[y], 100) == []


def test_dead_units_of_a_network_that_has_learned():
    net, X, y = digits_network("relu")
    net.weights[0][1][:6] = -1000.0
    assert warned(net.fit, X, y, epochs=60) == []
    assert net.evaluate(X, y)["accuracy"] > 0.95
    net.weights[0][1][:14] = -1000.0  # so many are said in any case
    (text,) = warned(net.fit, X, y, epochs=60)
    assert text.startswith("14 of 16 units")


def test_saturated_units():
    net, X, y = digits_network("tanh", init="zeros")
    for W, _ in net.weights:
        W[:] = 1000.0 * np.random.default_rng(0).standard_normal(W.shape)
    (text,) = warned(net.fit, X, y, epochs=40, optimizer=nn.SGD(1e-9))
    assert text.startswith("16 of 16 units of layers[0] (tanh) lie within 1% of -1 or 1")
    assert 'input_scaler="standard"' in text


@pytest.mark.parametrize("gate", nn.datasets.GATES)
def test_a_learned_gate_is_no_problem(gate):
    X, y = nn.datasets.gate(gate)
    for hidden in (nn.Dense(4), nn.Dense(8, "relu"), nn.Dense(8, "tanh")):
        net = nn.Network([X.shape[1], hidden, 1], seed=0)
        assert warned(net.fit, X, y, epochs=20_000, batch_size=None, optimizer=nn.SGD(0.1)) == []


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_ordinary_training_is_no_problem(activation, dtype):
    X, y = nn.datasets.moons(400, seed=0)
    for seed in range(3):
        net = nn.Network([2, nn.Dense(16, activation), 1], seed=seed, dtype=dtype)
        assert warned(net.fit, X, y, epochs=200, optimizer=nn.Adam(0.01)) == []


def test_short_trainings_are_left_alone():
    net, X, y = digits_network("relu")
    net.weights[0][1][:] = -1000.0
    assert warned(net.fit, X, y, epochs=5) == []
    assert warned(net.fit, X[:10], y[:10], epochs=20) == []
    assert len(warned(net.fit, X[:10], y[:10], epochs=200)) == 1


# ---- divergence ---------------------------------------------------------------------------------


LINEAR = (3, nn.Dense(1, "linear"))


def explained(layers=LINEAR, *, scale=1.0, targets=1.0, optimizer=None, **options):
    net = nn.Network(list(layers), **options)
    X, y = scale * normal(50, 3), targets * normal(50, net.sizes[-1], seed=1)
    return explain_divergence(net, X, y, optimizer or nn.SGD(0.5), 3, 4.25e30)


def test_divergence_names_epoch_loss_and_rate():
    text = explained()
    assert "diverged in epoch 3" in text
    assert "the last finite loss was 4.25e+30" in text
    assert "Likely cause: the learning rate 0.5 is too large for SGD here: try 0.05" in text
    net = nn.Network([3, 1])
    assert "finite loss" not in explain_divergence(
        net, normal(5, 3), np.ones((5, 1)), nn.SGD(0.5), 1, None
    )


def test_a_training_that_diverges_says_why(level):
    X, y = nn.datasets.ten_points()
    net = nn.Network([2, nn.Dense(2, "linear")], seed=0, level=level)
    with pytest.raises(nn.DivergenceError) as caught:
        net.fit(X, 1000 * nn.datasets.one_hot(y), epochs=500, optimizer=nn.SGD(4.0))
    text = str(caught.value)
    assert "Likely causes: " in text
    assert "targets up to 1000" in text
    assert "the learning rate 4 is too large for SGD here: try 0.4" in text
    assert "The network is back at its weights after epoch" in text


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rows", [5, 50])
def test_what_is_not_finite_is_no_matter_of_scale(level, bad, rows):
    X, y = normal(rows, 3), np.ones(rows)
    X[2, 1] = bad
    net = nn.Network([3, 1], seed=0, level=level)
    with pytest.raises(ValueError, match=r"X\[2, 1\]"):
        net.fit(X, y)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_divergence_is_explained_for_every_optimizer(name):
    text = explained(optimizer=OPTIMIZERS[name]())
    assert f"{OPTIMIZERS[name].__name__}" in text
    assert "too large" in text


def test_divergence_by_unscaled_inputs():
    text = explained(scale=300.0)
    assert "Likely causes: inputs up to " in text
    assert 'input_scaler="standard"' in text


def test_divergence_by_large_targets():
    assert "whose errors mean_squared_error multiplies" in explained(targets=1e4)
    assert "errors" not in explained(targets=1.0)


def test_divergence_by_wide_initial_weights():
    layers = (3, nn.Dense(50, "relu"), nn.Dense(50, "relu"), nn.Dense(1, "linear"))
    text = explained(layers, init="normal")
    assert 'the initial weights of layers[1] (relu), drawn by "normal", are large for 50' in text
    assert "initial weights" not in explained(layers)
    assert "initial weights" not in explained((3, nn.Dense(50, "tanh"), 1), init="normal")
