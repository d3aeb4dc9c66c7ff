"""Every level against level "numpy": passes, training, shapes, extreme numbers, order of rows."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

import nnfast
from nnfast import levels
from nnfast.formulas import ACTIVATIONS, SGD, Adam, losses_for
from nnfast.levels import numpy_arrays, pure_random

# vectors hold 2 to 16 numbers, tiles 6 or 8 rows and 2 vectors
WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 65]
ROWS = [1, 2, 5, 6, 7, 8, 9, 12, 13, 15, 16, 17, 18, 19, 24, 25]

# allowed distance, relative to the largest number; Adam divides gradients by their own size, and so
# makes the rounding of small ones visible
PASS_TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
TRAINING_TOLERANCE = {"float64": 1e-12, "float32": 1e-4}

other_levels = pytest.mark.parametrize(
    "level", [name for name in levels.available() if name != "numpy"]
)


def in_float64(problem):
    """The same numbers in float64: the reference for both dtypes."""
    arrays = {name: getattr(problem, name).astype("float64") for name in ("parameters", "X", "Y")}
    return replace(problem, architecture=replace(problem.architecture, dtype="float64"), **arrays)


def assert_near(actual, expected, tolerance):
    actual, expected = np.asarray(actual, float), np.asarray(expected, float)
    assert actual.shape == expected.shape
    scale = max(abs(expected).max(initial=0), 1e-3)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale)


def assert_same(problem, level):
    """Outputs, loss and gradient as on level "numpy" in float64."""
    tolerance = PASS_TOLERANCE[problem.architecture.dtype]
    reference = in_float64(problem)
    assert_near(problem.forward(level), reference.forward("numpy"), tolerance)
    loss, gradient = problem.loss_and_gradient(level)
    expected_loss, expected_gradient = reference.loss_and_gradient("numpy")
    assert loss == pytest.approx(expected_loss, rel=tolerance, abs=tolerance)
    assert_near(gradient, expected_gradient, tolerance)


def assert_same_training(problem, level, optimizer, **options):
    """Parameters, state and losses as on level "numpy" in float64."""
    tolerance = TRAINING_TOLERANCE[problem.architecture.dtype]
    parameters, state, losses = problem.train(level, optimizer, **options)
    reference = in_float64(problem)
    expected, expected_state, expected_losses = reference.train("numpy", optimizer, **options)
    assert np.isfinite(expected).all()
    assert_near(parameters, expected, tolerance)
    for slot, expected_slot in zip(state.slots, expected_state.slots, strict=True):
        assert_near(slot, expected_slot, 10 * tolerance)
    assert losses == pytest.approx(expected_losses, rel=tolerance, abs=tolerance)
    assert (state.step, state.shuffle) == (expected_state.step, expected_state.shuffle)


@other_levels
def test_passes(problem, level, dtype, pairing):
    hidden, output, loss = pairing
    for sizes, biases in [((5, 9, 6, 3), True), ((4, 7, 3), (True, False)), ((3, 2, 1), False)]:
        activations = (hidden,) * (len(sizes) - 2) + (output,)
        case = problem(sizes, activations, loss, rows=11, biases=biases, dtype=dtype)
        assert_same(case, level)


# (sizes, rows in a batch, biases): the smallest networks, small ones, and those of any size take
# different ways through the compiled levels
SHAPES = [
    ((3, 4, 2), 1, True),
    ((2, 3, 1), 1, (True, False)),
    ((4, 9, 3), 4, True),
    ((3, 18, 4), 4, False),
]


@other_levels
def test_one_epoch(problem, level, dtype, ending, optimizer, turn):
    output, loss = ending
    for i, (sizes, batch_size, biases) in enumerate(SHAPES):
        hidden = list(ACTIVATIONS)[(turn + 3 * i) % len(ACTIVATIONS)]
        case = problem(sizes, (hidden, output), loss, rows=11, biases=biases, dtype=dtype)
        assert_same_training(case, level, optimizer, batch_size=batch_size)


def test_many_rows(problem, compiled_level, dtype, pairing):
    """Large batches of narrow networks have kernels of their own."""
    hidden, output, loss = pairing
    for sizes, biases in [((5, 9, 6, 3), True), ((4, 17, 33), (False, True)), ((3, 1), False)]:
        activations = (hidden,) * (len(sizes) - 2) + (output,)
        case = problem(sizes, activations, loss, rows=530, biases=biases, dtype=dtype)
        if loss == "poisson":  # the slope 1 - y / a of an output close to 0 shows any rounding
            near_zero = case.forward("numpy").min(axis=1) < 0.01
            case.Y[near_zero] = 0
        assert_same(case, compiled_level)
        assert_same_training(case, compiled_level, SGD(0.05), batch_size=260)


@pytest.mark.parametrize("rows", [255, 256, 257, 511, 1023, 1025, 1300, 17_000])
def test_awkward_numbers_of_many_rows(problem, compiled_level, dtype, optimizer, rows):
    case = problem((4, 10, 3), ("tanh", "softmax"), "cross_entropy", rows=rows, dtype=dtype)
    assert_same_training(case, compiled_level, optimizer, batch_size=rows)
    assert_same_training(case, compiled_level, optimizer, batch_size=2 * rows // 3)


@pytest.mark.parametrize("inputs", WIDTHS)
def test_awkward_widths(problem, compiled_level, dtype, inputs):
    for i, outputs in enumerate(WIDTHS):
        options = {"rows": ROWS[(i + inputs) % len(ROWS)], "dtype": dtype}
        case = problem((inputs, outputs), "tanh", "quadratic", **options)
        assert_same(case, compiled_level)
        assert_same_training(case, compiled_level, SGD(0.1, momentum=0.5), batch_size=7)
        case = problem((3, inputs, outputs), ("tanh", "softmax"), "cross_entropy", **options)
        assert_same(case, compiled_level)
        assert_same_training(case, compiled_level, SGD(0.1), batch_size=7)


@pytest.mark.parametrize("rows", ROWS)
def test_awkward_rows_and_three_layers(problem, compiled_level, dtype, rows):
    activations, loss = ("relu", "sigmoid", "linear"), "mean_squared_error"
    for k in range(len(WIDTHS)):
        sizes = [WIDTHS[(k * step + rows) % len(WIDTHS)] for step in (1, 3, 5, 7)]
        case = problem(sizes, activations, loss, rows=rows, dtype=dtype)
        assert_same(case, compiled_level)
        assert_same_training(case, compiled_level, Adam(0.01), calls=(2,), batch_size=5)


@other_levels
@pytest.mark.parametrize(
    ("rows", "batch_size"),
    [(1, 1), (2, 5), (3, 2), (4, 1), (4, 4), *((13, size) for size in (1, 3, 12, 13, 14, 100))],
)
def test_batch_sizes(problem, level, dtype, optimizer, rows, batch_size):
    for sizes, shuffle in itertools.product([(2, 3, 1), (4, 10, 3), (3, 17, 2)], (True, False)):
        case = problem(sizes, ("tanh", "sigmoid"), "quadratic", rows=rows, dtype=dtype)
        assert_same_training(
            case, level, optimizer, calls=(3,), batch_size=batch_size, shuffle=shuffle
        )


@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("shuffle", [True, False])
def test_long_epochs(problem, compiled_level, dtype, batch_size, shuffle):
    """So many updates that the core looks for Ctrl-C within an epoch."""
    case = problem((16, 14, 16), "sigmoid", "mean_squared_error", rows=1600, dtype=dtype)
    options = {"calls": (2,), "batch_size": batch_size, "shuffle": shuffle}
    assert_same_training(case, compiled_level, SGD(0.01), **options)


@pytest.mark.parametrize(
    ("sizes", "rows", "batch_size"),
    [((2, 300, 2), 310, 290), ((3, 6, 2), 2500, 2100), ((1500, 9, 2), 33, 30)],
)
def test_batch_of_several_chunks(
    problem, compiled_level, dtype, optimizer, sizes, rows, batch_size
):
    """Chunks of 128 to 1024 rows go through the layers together; here one update takes several."""
    case = problem(sizes, ("tanh", "sigmoid"), "binary_cross_entropy", rows=rows, dtype=dtype)
    assert_same(case, compiled_level)
    assert_same_training(case, compiled_level, optimizer, batch_size=batch_size)


@other_levels
def test_zeros_in_the_inputs(problem, level, dtype, optimizers):
    """Rows and columns of zeros, of either sign, and single zeros."""
    case = problem((9, 17, 3), ("relu", "sigmoid"), "binary_cross_entropy", rows=19, dtype=dtype)
    case.X[case.X < 0.3] = 0
    case.X[::4] = 0
    case.X[:, [0, 3, 4, 8]] = 0
    case.X[2] = -0.0
    assert_same(case, level)
    for optimizer, batch_size in itertools.product(optimizers, (1, 4, 19)):
        assert_same_training(case, level, optimizer, batch_size=batch_size)
    case.X[:] = 0
    assert_same(case, level)


def test_hidden_units_in_another_order(problem, level, rng):
    """The outputs stay, and the gradient is the same in that order."""
    case = problem((5, 18, 3), ("tanh", "softmax"), "cross_entropy", rows=9)
    order = rng.permutation(18)

    def reordered(parameters):
        result = parameters.copy()
        (W1, b1), (W2, _) = case.architecture.views(result)
        W1[:], b1[:], W2[:] = W1[:, order], b1[order], W2[order]
        return result

    other = replace(case, parameters=reordered(case.parameters))
    assert_near(other.forward(level), case.forward(level), 1e-14)
    loss, gradient = case.loss_and_gradient(level)
    other_loss, other_gradient = other.loss_and_gradient(level)
    assert other_loss == pytest.approx(loss, rel=1e-14)
    assert_near(other_gradient, reordered(gradient), 1e-13)


# Extreme numbers


@pytest.mark.parametrize("size", ["0", "1e3", "1e30", "largest"])
def test_binary_cross_entropy_is_finite_for_any_logit(problem, level, dtype, size):
    """max(z, 0) - z y + log(1 + e^-|z|)"""
    size = 0.9 * float(np.finfo(dtype).max) if size == "largest" else float(size)
    case = problem((1, 1), "sigmoid", "binary_cross_entropy", biases=False, dtype=dtype, rows=1)
    case.parameters[:] = 1
    for z, y in itertools.product((size, -size), (0.0, 0.5, 1.0)):
        case.X[:], case.Y[:] = z, y
        loss, gradient = case.loss_and_gradient(level)
        assert loss == pytest.approx(max(z, 0) - z * y + np.log1p(np.exp(-abs(z))), rel=1e-6)
        a = 0.5 if z == 0 else float(z > 0)
        assert gradient[0] == pytest.approx((a - y) * z, rel=1e-6)


def test_cross_entropy_of_large_logits(problem, level, dtype):
    case = problem((3, 3), "softmax", "cross_entropy", biases=False, dtype=dtype, rows=1)
    case.parameters[:] = np.eye(3).ravel()
    case.X[:], case.Y[:] = [1e30, -1e30, 0.0], [0, 0, 1]
    np.testing.assert_array_equal(case.forward(level), [[1, 0, 0]])
    assert case.loss_and_gradient(level)[0] == pytest.approx(1e30, rel=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nan_stays_nan(problem, level, dtype, name):
    """A network that has diverged must not look healthy; only step, a comparison, gives 0."""
    case = problem((2, 3), name, losses_for(name)[0], dtype=dtype, rows=2)
    case.parameters[1] = np.nan
    a = case.forward(level)[:, 1]
    assert (a == 0).all() if name == "step" else np.isnan(a).all()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sigmoid", [0, 1]), ("tanh", [-1, 1]), ("linear", [-np.inf, np.inf]), ("step", [0, 1])],
)
def test_infinite_logits_saturate(problem, level, dtype, name, expected):
    case = problem((1, 1), name, losses_for(name)[0], dtype=dtype, rows=2, biases=False)
    case.parameters[:] = np.inf
    case.X[:, 0] = [-1, 1]
    np.testing.assert_array_equal(case.forward(level)[:, 0], expected)


@pytest.mark.parametrize("loss", ["mean_squared_error", "quadratic"])
def test_divergence_changes_nothing(problem, level, dtype, loss):
    case = problem((2, 3, 1), "linear", loss, dtype=dtype)
    parameters, optimizer = case.parameters.copy(), SGD(30.0, momentum=0.9)
    state = levels.TrainingState.fresh(case.architecture, optimizer, 7)
    options = {"batch_size": 2, "optimizer": optimizer, "shuffle": True, "epochs": 200}
    with pytest.raises(nnfast.DivergenceError) as caught:
        case.on(level).train(parameters, state, case.X, case.Y, **options)
    assert np.isfinite(caught.value.losses[0])
    assert not np.isfinite(caught.value.losses[-1])
    np.testing.assert_array_equal(parameters, case.parameters)
    assert (state.step, state.shuffle, abs(state.slots).max()) == (0, 7, 0)


# Order of the rows


def shuffling_state(seed):
    return levels.TrainingState(np.zeros((0, 1)), 0, seed)


def test_shuffling_by_hand():
    """The first outputs of SplitMix64 from the state 1234567, as they are published."""
    outputs = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    order = list(range(6))
    for i, u in zip(range(5, 0, -1), outputs, strict=True):
        j = (u >> 32) * (i + 1) >> 32
        order[i], order[j] = order[j], order[i]
    for module in (pure_random, numpy_arrays):
        state = shuffling_state(1234567)
        assert list(module.shuffled(6, state)) == order
        assert state.shuffle == (1234567 + 5 * 0x9E3779B97F4A7C15) % 2**64


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("seed", [0, 1, 2**63, 2**64 - 1])
def test_python_and_numpy_shuffle_alike(n, seed):
    states = shuffling_state(seed), shuffling_state(seed)
    for _ in range(3):
        order = pure_random.shuffled(n, states[0])
        assert sorted(order) == list(range(n))
        np.testing.assert_array_equal(numpy_arrays.shuffled(n, states[1]), order)
        assert states[0].shuffle == states[1].shuffle


def test_every_order_is_equally_likely():
    state = shuffling_state(5)
    orders = [tuple(pure_random.shuffled(3, state)) for _ in range(6000)]
    counts = [orders.count(order) for order in itertools.permutations(range(3))]
    assert min(counts) > 850  # 1000 expected, 5 standard deviations
    assert max(counts) < 1150


@pytest.mark.parametrize("batch_size", [1, 4, 36])
@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_shuffled_epoch_is_an_epoch_over_shuffled_rows(problem, level, dtype, batch_size, seed):
    case = problem((3, 5, 2), "tanh", "quadratic", rows=37, dtype=dtype)
    case.shuffle_seed = seed
    parameters, state, losses = case.train(level, SGD(0.1), batch_size=batch_size)
    by_hand = shuffling_state(seed)
    order = pure_random.shuffled(37, by_hand)
    sorted_case = replace(case, X=case.X[order], Y=case.Y[order])
    expected, _, expected_losses = sorted_case.train(
        level, SGD(0.1), batch_size=batch_size, shuffle=False
    )
    np.testing.assert_array_equal(parameters, expected)
    assert losses == expected_losses
    assert state.shuffle == by_hand.shuffle
