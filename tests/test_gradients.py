"""Backpropagation against central differences of the loss, in float64, on every level."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnfast.formulas import ACTIVATIONS

STEP = 1e-5
# where a z, and where an output with its target, is at a kink
KINKS = {
    **dict.fromkeys(("relu", "step", "leaky_relu", "selu"), lambda z: z),
    "hard_sigmoid": lambda z: abs(z) - 3,
}
LOSS_KINKS = {
    "mean_absolute_error": lambda a, y: a - y,
    "hinge": lambda a, y: a * (2 * y - 1) - 1,
}


def logits(problem):
    """z of every layer, and the outputs, with the formulas alone."""
    architecture = problem.architecture
    x, result = problem.X, []
    for (W, b), name in zip(
        architecture.views(problem.parameters), architecture.activations, strict=True
    ):
        f = ACTIVATIONS[name]
        z = x @ W + (0 if b is None else b)
        result.append(z)
        if f.normalise:
            z = z - z.max(axis=1, keepdims=True)
            z = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        x = f.value(z, np)
    return result, x


def clear_of_kinks(problem, *args, **kwargs):
    """A problem in which no z comes so near to a kink that a difference could step over it."""
    for seed in itertools.count():
        candidate = problem(*args, seed=seed, **kwargs)
        architecture = candidate.architecture
        hidden, outputs = logits(candidate)
        kinked = [
            abs(KINKS[name](z)).min()
            for z, name in zip(hidden, architecture.activations, strict=True)
            if name in KINKS
        ]
        if architecture.loss in LOSS_KINKS:
            kinked.append(abs(LOSS_KINKS[architecture.loss](outputs, candidate.Y)).min())
        if architecture.activations[-1] == "relu" and architecture.loss == "poisson":
            kinked.append(outputs[outputs > 0].min(initial=1) / 2000)  # 1/a bends too much for less
        if min(kinked, default=1.0) > 20 * STEP:
            return candidate
    raise AssertionError


def directions(rng, count):
    """Some of the single entries, and two directions of length 1 that change all of them."""
    entries = rng.choice(count, size=min(count, 5), replace=False)
    everywhere = rng.standard_normal((2, count))
    everywhere /= np.linalg.norm(everywhere, axis=1, keepdims=True)
    return [*np.eye(count)[entries], *everywhere]


def assert_gradient(problem, level, rng):
    implementation = problem.on(level)
    _, gradient = problem.loss_and_gradient(level)
    assert np.isfinite(gradient).all()

    def loss(parameters):
        return implementation.loss_and_gradient(parameters, problem.X, problem.Y)[0]

    scale = max(1.0, abs(gradient).max())
    for direction in directions(rng, len(gradient)):
        step = STEP * direction
        ahead, behind = loss(problem.parameters + step), loss(problem.parameters - step)
        difference = (ahead - behind) / (2 * STEP)
        assert gradient @ direction == pytest.approx(difference, rel=0, abs=1e-8 * scale)


def test_two_layers(problem, rng, level, pairing):
    hidden, output, loss = pairing
    for rows, biases in [(1, True), (4, (True, False)), (3, (False, True)), (5, False)]:
        case = clear_of_kinks(problem, (3, 4, 3), (hidden, output), loss, rows=rows, biases=biases)
        assert_gradient(case, level, rng)


def test_one_layer(problem, rng, level, ending):
    output, loss = ending
    for sizes, rows, biases in [((1, 1), 1, True), ((4, 2), 6, False), ((2, 5), 3, True)]:
        case = clear_of_kinks(problem, sizes, output, loss, rows=rows, biases=biases)
        assert_gradient(case, level, rng)


def test_many_layers(problem, rng, compiled_level, pairing):
    hidden, output, loss = pairing
    case = clear_of_kinks(
        problem, (7, 17, 9, 8, 3), (hidden, "tanh", hidden, output), loss, rows=10
    )
    assert_gradient(case, compiled_level, rng)


def test_perceptron_rule(problem, level):
    """Rosenblatt's rule: the gradient of one row is (a - y) x, and (a - y) for the bias."""
    case = problem((3, 2), "step", "perceptron", rows=1)
    W, b = case.architecture.views(case.parameters)[0]
    for y in ([0.0, 0.0], [0.0, 1.0], [1.0, 1.0]):
        case.Y[:] = y
        loss, gradient = case.loss_and_gradient(level)
        z = case.X @ W + b
        error = (z > 0) - case.Y
        dW, db = case.architecture.views(gradient)[0]
        np.testing.assert_array_equal(dW, case.X.T * error)
        np.testing.assert_array_equal(db, error[0])
        assert loss == pytest.approx((error * z).sum(), rel=1e-14)


def test_gradient_of_a_batch_is_the_mean_of_its_rows(problem, level):
    case = problem((4, 6, 2), ("tanh", "sigmoid"), "binary_cross_entropy", rows=9)
    loss, gradient = case.loss_and_gradient(level)
    implementation = case.on(level)
    rows = [
        implementation.loss_and_gradient(case.parameters, case.X[i : i + 1], case.Y[i : i + 1])
        for i in range(9)
    ]
    assert loss == pytest.approx(np.mean([row[0] for row in rows]), rel=1e-14)
    mean = np.mean([np.asarray(row[1]) for row in rows], axis=0)
    np.testing.assert_allclose(gradient, mean, rtol=0, atol=1e-14)


def test_parameters_and_data_are_left_alone(problem, level, dtype):
    case = problem((4, 6, 2), "softmax", "cross_entropy", rows=9, dtype=dtype)
    before = [array.copy() for array in (case.parameters, case.X, case.Y)]
    case.forward(level)
    case.loss_and_gradient(level)
    for old, new in zip(before, (case.parameters, case.X, case.Y), strict=True):
        np.testing.assert_array_equal(old, new)
