"""The networks that people build from scratch, with the figures they then see, on every level."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nnfast as nn

EXACT = {"rtol": 1e-9, "atol": 1e-9}
DIGITS = {"rtol": 0, "atol": 5.1e-9}  # figures with eight digits after the point


def network(layers, weights, level, **options):
    net = nn.Network(layers, dtype="float64", level=level, **options)
    net.set_weights(weights)
    return net


# A: perceptrons


def perceptron(weights, bias, level):
    weights = np.reshape(weights, (-1, 1))
    return network([len(weights), nn.Dense(1, "step")], [(weights, [bias])], level)


def nand_gate(level):
    unit = perceptron([-2, -2], 3, level)
    return lambda a, b: unit.predict(np.column_stack([a, b]))[:, 0]


def half_adder(nand, a, b):
    g1 = nand(a, b)
    return nand(nand(a, g1), nand(b, g1)), nand(g1, g1)


def test_perceptron_is_nand(level):
    X, y = nn.datasets.gate("nand")
    unit = perceptron([-2, -2], 3, level)
    assert unit.predict(X)[:, 0].tolist() == [1, 1, 1, 0]
    assert unit.evaluate(X, y) == {"loss": 0, "accuracy": 1}


def test_perceptron_is_silent_at_exactly_zero(level):
    outputs = perceptron([1], 0, level).predict([[0.0], [-0.0], [-1e-300], [1e-300]])
    assert outputs[:, 0].tolist() == [0, 0, 0, 1]


def test_decision_needs_a_sum_of_five(level):
    unit = perceptron([2, 2, 5], -4.5, level)
    choices = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    assert (unit.predict(choices)[:, 0] == (choices @ [2, 2, 5] >= 5)).all()


def test_half_adder_of_five_nands(level):
    a, b = nn.datasets.gate("and")[0].T
    total, carry = half_adder(nand_gate(level), a, b)
    assert total.tolist() == [0, 1, 1, 0]
    assert carry.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("bits", [1, 3])
def test_ripple_carry_adder_of_nands(level, bits):
    nand = nand_gate(level)
    X, sums = nn.datasets.adder(bits)
    carry, totals = np.zeros(len(X)), []
    for k in range(bits - 1, -1, -1):
        partial, first = half_adder(nand, X[:, k], X[:, bits + k])
        total, second = half_adder(nand, partial, carry)
        carry = nand(nand(first, first), nand(second, second))
        totals.append(total)
    assert (np.column_stack([carry, *reversed(totals)]) == sums).all()


def errors_of_learning(gate, level, epochs):
    """Wrong answers after each epoch of Rosenblatt's rule, as the product counts them."""
    X, y = nn.datasets.gate(gate)
    layers = [X.shape[1], nn.Dense(1, "step")]
    net = nn.Network(layers, init="zeros", dtype="float64", level=level)
    errors = []
    for _ in range(epochs):
        net.fit(X, y, batch_size=1, optimizer=nn.SGD(1.0), shuffle=False)
        errors.append(round((1 - net.evaluate(X, y)["accuracy"]) * len(y)))
    return errors, net


@pytest.mark.parametrize("gate", ["and", "or", "nand", "not"])
def test_perceptron_rule_learns(level, gate):
    errors, net = errors_of_learning(gate, level, 10)
    assert errors[-1] == 0
    W, b = (values.copy() for values in net.weights[0])
    X, y = nn.datasets.gate(gate)
    net.fit(X, y, batch_size=1, epochs=5)  # without errors nothing changes
    assert (net.weights[0][0] == W).all()
    assert (net.weights[0][1] == b).all()


def test_perceptron_rule_never_learns_xor(level):
    errors, _ = errors_of_learning("xor", level, 100)
    assert min(errors) > 0


# B and C: XOR and the other gates


def test_xor_2_4_1(level):
    X, y = nn.datasets.gate("xor")
    rng = np.random.RandomState(42)
    weights = [(rng.randn(2, 4), np.zeros(4)), (rng.randn(4, 1), np.zeros(1))]
    net = network([2, 4, 1], weights, level)
    history = net.fit(X, y, epochs=10_000, batch_size=None, optimizer=nn.SGD(0.1))
    reported = [history["loss"][epoch] for epoch in (0, 1000, 5000, 9000)]
    expected = [0.7627769104532394, 0.6835909758505112, 0.093296724788522, 0.01861625603318604]
    np.testing.assert_allclose(reported, expected, **EXACT)
    outputs = [0.00651708, 0.98655695, 0.98368417, 0.02221349]
    np.testing.assert_allclose(net.predict(X)[:, 0], outputs, **DIGITS)
    assert net.evaluate(X, y)["loss"] == pytest.approx(0.014746738544344124, rel=1e-9)


def test_linear_units(level):
    units = [[0.2, 0.8, -0.5, 1], [0.5, -0.91, 0.26, -0.5], [-0.26, -0.27, 0.17, 0.87]]
    net = network([4, nn.Dense(3, "linear")], [(np.transpose(units), [2, 3, 0.5])], level)
    np.testing.assert_allclose(net.predict([[1, 2, 3, 2.5]]), [[4.8, 1.21, 2.385]], **EXACT)


def test_xor_without_biases(level):
    X, y = nn.datasets.gate("xor")
    rng = np.random.RandomState(42)
    weights = [(rng.rand(2, 2).T, None), (rng.rand(1, 2).T, None)]
    net = network([2, nn.Dense(2, bias=False), nn.Dense(1, bias=False)], weights, level)
    history = net.fit(X, y, epochs=10_000, batch_size=None, optimizer=nn.SGD(0.1))
    reported = [history["loss"][epoch] for epoch in (0, 1000, 5000, 9000)]
    expected = [0.6974000979685913, 0.6930442585593917, 0.6071259224991873, 0.3722016639210549]
    np.testing.assert_allclose(reported, expected, **EXACT)
    outputs = [0.21373428, 0.73236006, 0.73248098, 0.38244094]
    np.testing.assert_allclose(net.predict(X)[:, 0], outputs, **DIGITS)
    assert net.predict_classes(X).tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("gate", nn.datasets.GATES)
def test_every_gate(level, gate):
    X, y = nn.datasets.gate(gate)
    net = nn.Network([X.shape[1], 4, 1], dtype="float64", level=level, seed=0)
    net.fit(X, y, epochs=1500, batch_size=None, optimizer=nn.SGD(1.0))
    assert (net.predict_classes(X) == y).all()
    assert (net.predict_classes(X) == (net.predict(X)[:, 0] >= 0.5)).all()


def test_every_loss_is_kept_and_plotted(level):
    pytest.importorskip("matplotlib").use("Agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    X, y = nn.datasets.gate("xor")
    net = nn.Network([2, 2, 1], seed=0, level=level)
    history = net.fit(X, y, epochs=50, batch_size=None, optimizer=nn.SGD(0.1))
    ax = history.plot()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")
    assert list(ax.lines[0].get_xdata()) == list(range(50))
    assert list(ax.lines[0].get_ydata()) == history["loss"]
    assert len(set(history["loss"])) == 50
    pyplot.close(ax.figure)


@pytest.mark.parametrize(("gate", "epochs"), [("and", 500), ("xor", 1000)])
def test_gates_with_relu_and_adam(level, gate, epochs, capsys):
    X, y = nn.datasets.gate(gate)
    layers = [2, nn.Dense(10, "relu"), nn.Dense(10, "relu"), 1]
    net = nn.Network(layers, dtype="float64", level=level, seed=0)
    assert net.loss == "binary_cross_entropy"
    net.summary()
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[-1] for row in rows if row.startswith("dense")] == ["30", "110", "11"]
    assert "151 parameters" in rows[-1]
    net.fit(X, y, epochs=epochs, optimizer=nn.Adam(0.001))
    assert (net.predict(X)[:, 0].round() == y).all()
    assert net.evaluate(X, y)["accuracy"] == 1


# D: height and weight


def people_by_hand(weights, epochs, rate=0.1):
    """Scalars and the chain rule only: mean (y - a)^2 after each epoch, one person at a time."""

    def sigmoid(z):
        return 1 / (1 + math.exp(-z))

    w1, w2, w3, w4, w5, w6, b1, b2, b3 = weights
    X, y = (values.tolist() for values in nn.datasets.people())
    losses = []
    for _ in range(epochs):
        for (x1, x2), target in zip(X, y, strict=True):
            h1, h2 = sigmoid(w1 * x1 + w2 * x2 + b1), sigmoid(w3 * x1 + w4 * x2 + b2)
            out = sigmoid(w5 * h1 + w6 * h2 + b3)
            d3 = -2 * (target - out) * out * (1 - out)
            d1, d2 = d3 * w5 * h1 * (1 - h1), d3 * w6 * h2 * (1 - h2)
            w1, w2, b1 = w1 - rate * d1 * x1, w2 - rate * d1 * x2, b1 - rate * d1
            w3, w4, b2 = w3 - rate * d2 * x1, w4 - rate * d2 * x2, b2 - rate * d2
            w5, w6, b3 = w5 - rate * d3 * h1, w6 - rate * d3 * h2, b3 - rate * d3
        h = [(sigmoid(w1 * p + w2 * q + b1), sigmoid(w3 * p + w4 * q + b2)) for p, q in X]
        outputs = [sigmoid(w5 * h1 + w6 * h2 + b3) for h1, h2 in h]
        losses.append(sum((t - a) ** 2 for t, a in zip(y, outputs, strict=True)) / len(y))
    return losses


def test_people_forward(level):
    neuron = network([2, 1], [([[0], [1]], [4])], level)
    assert neuron.predict([[2, 3]])[0, 0] == pytest.approx(0.9990889488055994, rel=1e-9)
    weights = [([[0, 0], [1, 1]], [0, 0]), ([[0], [1]], [0])]
    net = network([2, 2, 1], weights, level)
    assert net.predict([[2, 3]])[0, 0] == pytest.approx(0.7216325609518421, rel=1e-9)


def test_mean_squared_error_of_zeros(level):
    X, y = nn.datasets.people()
    net = nn.Network([2, nn.Dense(1, "linear")], init="zeros", level=level)
    assert net.loss == "mean_squared_error"
    assert net.evaluate(X, y)["loss"] == 0.5


def test_people_one_at_a_time(level):
    X, y = nn.datasets.people()
    w = np.random.default_rng(0).standard_normal(9)
    weights = [([[w[0], w[2]], [w[1], w[3]]], w[6:8]), ([[w[4]], [w[5]]], w[8:])]
    net = network([2, 2, 1], weights, level, loss="mean_squared_error")
    losses = []
    for _ in range(1000):
        net.fit(X, y, batch_size=1, optimizer=nn.SGD(0.1), shuffle=False)
        losses.append(net.evaluate(X, y)["loss"])
    expected = people_by_hand(w.tolist(), 1000)
    np.testing.assert_allclose(losses[::10], expected[::10], **EXACT)
    assert losses[-1] < 0.01
    assert net.predict_classes(X).tolist() == y.tolist()
