"""A worked example of backpropagation and ten points in the plane, on every level."""

from __future__ import annotations

import numpy as np
import pytest

import nnfast as nn

DIGITS = {"rtol": 0, "atol": 5.1e-9}  # figures with eight digits after the point

INPUT, TARGET = [[2.78, 2.55]], [[0.1, 0.9]]
# (W, b); the weights of a unit are a column of W
HIDDEN = (np.transpose([[0.1, 0.2], [0.3, 0.4]]), [0.5, 0.12])
OUTPUT = (np.transpose([[0.5, 0.6], [0.7, 0.8]]), [0.2, 0.4])
HIDDEN_ACTIVATIONS = [0.78380848, 0.8780401]
OUTPUT_ACTIVATIONS = [0.75375275, 0.8390394]


def worked_example(level):
    net = nn.Network([2, 2, 2], loss="quadratic", dtype="float64", level=level)
    net.set_weights([HIDDEN, OUTPUT])
    return net


def layer(weights, activation, level):
    net = nn.Network([2, nn.Dense(2, activation)], dtype="float64", level=level)
    net.set_weights([weights])
    return net


def test_forward_pass(level):
    hidden = layer(HIDDEN, "sigmoid", level).predict(INPUT)
    sums = layer(HIDDEN, "linear", level).predict(INPUT)
    np.testing.assert_allclose(sums, [[1.288, 1.974]], rtol=1e-9)
    np.testing.assert_allclose(hidden, [HIDDEN_ACTIVATIONS], **DIGITS)
    sums = layer(OUTPUT, "linear", level).predict(hidden)
    np.testing.assert_allclose(sums, [[1.1187283, 1.65109802]], **DIGITS)
    net = worked_example(level)
    np.testing.assert_allclose(net.predict(INPUT), [OUTPUT_ACTIVATIONS], **DIGITS)
    assert net.evaluate(INPUT, TARGET)["loss"] == pytest.approx(0.21555442872820105, rel=1e-9)


def test_deltas(level):
    net = worked_example(level)
    error, gradient = net.loss_and_gradient(INPUT, TARGET)
    assert error == pytest.approx(0.21555442872820105, rel=1e-9)
    slopes = net.copy()
    slopes.parameters[:] = gradient  # laid out alike: dE/db of a layer is its delta
    (hidden_slope, hidden), (output_slope, output) = slopes.weights
    np.testing.assert_allclose(output, [0.12134275, -0.00823287], **DIGITS)
    np.testing.assert_allclose(hidden, [0.00930437, 0.00709114], **DIGITS)
    # dE/dW = x^T delta; 1e-8: the activations here have eight digits
    np.testing.assert_allclose(hidden_slope, np.outer(INPUT, hidden), rtol=1e-9)
    np.testing.assert_allclose(output_slope, np.outer(HIDDEN_ACTIVATIONS, output), rtol=1e-8)


def test_one_update(level):
    net = worked_example(level)
    history = net.fit(INPUT, TARGET, optimizer=nn.SGD(0.5))
    assert history["loss"] == pytest.approx([0.21555442872820105], rel=1e-9)
    (W1, b1), (W2, b2) = net.weights
    expected = [[0.08706692, 0.18813692], [0.29014331, 0.39095879]]
    np.testing.assert_allclose(W1.T, expected, **DIGITS)
    np.testing.assert_allclose(b1, [0.49534781, 0.11645443], **DIGITS)
    expected = [[0.45244526, 0.5467281], [0.7032265, 0.80361439]]
    np.testing.assert_allclose(W2.T, expected, **DIGITS)
    np.testing.assert_allclose(b2, [0.13932863, 0.40411643], **DIGITS)


def ten_points(hidden, seed, level="fastest", epochs=40):
    """The trained network, its history, and how many of the ten points it gets right."""
    X, y = nn.datasets.ten_points()
    start = {"init": "uniform", "bias_init": "uniform", "seed": seed}
    net = nn.Network([2, hidden, 2], loss="quadratic", dtype="float64", level=level, **start)
    targets = nn.datasets.one_hot(y)
    history = net.fit(X, targets, epochs=epochs, batch_size=1, optimizer=nn.SGD(0.5), shuffle=False)
    return net, history, int((net.predict(X).argmax(axis=1) == y).sum())


@pytest.mark.parametrize(("hidden", "rate"), [(2, 0.86), (3, 0.94)])
def test_most_starts_get_all_ten_points_right(hidden, rate):
    right = [ten_points(hidden, seed)[2] for seed in range(200)]
    assert right.count(10) / 200 == pytest.approx(rate, abs=0.04)


@pytest.mark.parametrize("hidden", [2, 3])
@pytest.mark.parametrize("seed", [0, 1, 9])
def test_levels_agree_on_ten_points(level, hidden, seed):
    reference, losses, right = ten_points(hidden, seed, "python")
    net, history, same = ten_points(hidden, seed, level)
    np.testing.assert_allclose(net.parameters, reference.parameters, rtol=1e-9)
    np.testing.assert_allclose(history["loss"], losses["loss"], rtol=1e-9)
    assert same == right
    assert right == 10 or seed == 9


def test_error_of_an_epoch_is_summed_as_by_hand(level):
    X, y = nn.datasets.ten_points()
    net, _, _ = ten_points(3, 0, level, epochs=5)
    total = 0.0
    twin = net.copy()
    for x, target in zip(X, nn.datasets.one_hot(y), strict=True):
        total += 0.5 * ((twin.predict([x])[0] - target) ** 2).sum()
        twin.fit([x], [target], optimizer=nn.SGD(0.5))
    history = net.fit(X, y, batch_size=1, optimizer=nn.SGD(0.5), shuffle=False)
    assert history["loss"][0] * len(X) == pytest.approx(total, rel=1e-9)
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-9)


def test_linear_outputs_and_adam(level):
    X, y = nn.datasets.ten_points()
    net = nn.Network([2, 3, nn.Dense(2, "linear")], dtype="float64", level=level, seed=0)
    assert net.loss == "mean_squared_error"
    net.fit(X, y, epochs=200, batch_size=1, optimizer="adam")
    assert net.evaluate(X, y)["accuracy"] == 1
    assert net.predict_classes(X).tolist() == y.tolist()
