"""Every level against level "numpy", and the compiled levels against one another, bit for bit."""

from __future__ import annotations

import itertools
from copy import copy
from dataclasses import replace

import numpy as np
import pytest

import nnfast
from nnfast import levels
from nnfast.formulas import ACTIVATIONS, OPTIMIZERS, SGD, Adam, losses_for
from nnfast.levels import numpy_arrays, pure_python

OUTPUTS = [(name, loss) for name in ACTIVATIONS for loss in losses_for(name)]
OPTIMIZERS_TRIED = [
    SGD(0.1),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, nesterov=True),
    Adam(0.01),
    *(cls() for cls in OPTIMIZERS.values() if cls not in (SGD, Adam)),
]
WITH_FMA = [name for name in ("avx2", "avx512", "neon") if name in levels.available()]
# vectors hold 2 to 16 numbers, tiles 6 or 8 rows and 2 vectors
WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 65]
ROWS = [1, 2, 5, 6, 7, 8, 9, 12, 13, 15, 16, 17, 18, 19, 24, 25]
# allowed distance, relative to the largest number
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
OTHERS = [name for name in levels.available() if name != "numpy"]
COMPILED = [name for name in OTHERS if name != "python"]

compiled = pytest.mark.parametrize("compiled_level", COMPILED)
fused = pytest.mark.skipif(len(WITH_FMA) < 2, reason="needs two instruction sets with fma")


def optimizer_name(optimizer):
    return repr(optimizer)


def in_float64(problem):
    """The same numbers in float64: the reference for both dtypes."""
    arrays = {name: getattr(problem, name).astype("float64") for name in ("parameters", "X", "Y")}
    return replace(
        problem, architecture=replace(problem.architecture, dtype="float64"), **arrays
    )


def assert_near(actual, expected, tolerance):
    actual, expected = np.asarray(actual, float), np.asarray(expected, float)
    assert actual.shape == expected.shape
    scale = max(abs(expected).max(), 1e-3)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale)


def assert_same(problem, level, tolerance=None):
    """Outputs, loss and gradient as on level "numpy" in float64."""
    tolerance = tolerance or TOLERANCE[problem.architecture.dtype]
    reference = in_float64(problem)
    assert_near(problem.forward(level), reference.forward("numpy"), tolerance)
    loss, gradient = problem.loss_and_gradient(level)
    expected_loss, expected_gradient = reference.loss_and_gradient("numpy")
    assert loss == pytest.approx(expected_loss, rel=tolerance, abs=tolerance)
    assert_near(gradient, expected_gradient, tolerance)


def assert_same_training(problem, level, optimizer, **options):
    """Parameters, state and losses as on level "numpy" in float64."""
    tolerance = TOLERANCE[problem.architecture.dtype]
    parameters, state, losses = problem.train(level, optimizer, **options)
    reference = in_float64(problem)
    expected, expected_state, expected_losses = reference.train("numpy", optimizer, **options)
    assert_near(parameters, expected, tolerance)
    for slot, expected_slot in zip(state.slots, expected_state.slots, strict=True):
        assert_near(slot, expected_slot, 10 * tolerance)
    assert losses == pytest.approx(expected_losses, rel=tolerance, abs=tolerance)
    assert (state.step, state.shuffle) == (expected_state.step, expected_state.shuffle)


def assert_same_bits(a, b):
    """Two results of `Problem.train` or others: every array and number equal, NaN included."""
    if isinstance(a, levels.TrainingState):
        a, b = vars(a), vars(b)
        assert a.keys() == b.keys()
        a, b = list(a.values()), list(b.values())
    if isinstance(a, (tuple, list)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same_bits(x, y)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b


# Against level "numpy"


@pytest.mark.parametrize("level", OTHERS)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize(("output", "loss"), OUTPUTS)
def test_passes(problem, level, dtype, hidden, output, loss):
    for sizes, biases in [((5, 9, 6, 3), True), ((4, 7, 3), (True, False)), ((3, 2, 1), False)]:
        case = problem(sizes, (hidden,) * (len(sizes) - 2) + (output,), loss, rows=11,
                       biases=biases, dtype=dtype)  # fmt: skip
        assert_same(case, level)


@pytest.mark.parametrize("level", OTHERS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS_TRIED, ids=optimizer_name)
@pytest.mark.parametrize(("output", "loss"), OUTPUTS)
def test_one_epoch(problem, level, dtype, output, loss, optimizer):
    for hidden, biases in itertools.product(ACTIVATIONS, (True, False)):
        case = problem((4, 9, 3), (hidden, output), loss, rows=11, biases=biases, dtype=dtype)
        assert_same_training(case, level, optimizer, batch_size=4)


@compiled
@pytest.mark.parametrize("inputs", WIDTHS)
def test_awkward_widths(problem, compiled_level, dtype, inputs):
    for i, outputs in enumerate(WIDTHS):
        rows = ROWS[(i + inputs) % len(ROWS)]
        case = problem((inputs, outputs), "tanh", "quadratic", rows=rows, dtype=dtype)
        assert_same(case, compiled_level)
        assert_same_training(case, compiled_level, SGD(0.1, momentum=0.5), batch_size=7)
        case = problem((3, inputs, outputs), ("tanh", "softmax"), "cross_entropy", rows=rows,
                       dtype=dtype)  # fmt: skip
        assert_same(case, compiled_level)
        assert_same_training(case, compiled_level, SGD(0.1), batch_size=7)


@compiled
@pytest.mark.parametrize("rows", ROWS)
def test_awkward_rows_and_three_layers(problem, compiled_level, dtype, rows):
    for k in range(len(WIDTHS)):
        sizes = [WIDTHS[(k * step + rows) % len(WIDTHS)] for step in (1, 3, 5, 7)]
        case = problem(sizes, ("relu", "sigmoid", "linear"), "mean_squared_error", rows=rows,
                       dtype=dtype)  # fmt: skip
        assert_same(case, compiled_level)
        assert_same_training(case, compiled_level, Adam(0.01), calls=(2,), batch_size=5)


@pytest.mark.parametrize("level", OTHERS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS_TRIED, ids=optimizer_name)
@pytest.mark.parametrize("batch_size", [1, 3, 12, 13, 14, 100])
def test_batch_sizes(problem, level, dtype, optimizer, batch_size):
    case = problem((4, 10, 3), ("sigmoid", "softmax"), "cross_entropy", rows=13, dtype=dtype)
    assert_same_training(case, level, optimizer, calls=(3,), batch_size=batch_size)


@pytest.mark.parametrize("level", OTHERS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS_TRIED, ids=optimizer_name)
@pytest.mark.parametrize(
    ("sizes", "rows", "batch_size"), [((2, 300, 2), 310, 290), ((3, 6, 2), 2500, 2100)]
)
def test_batch_of_several_chunks(problem, level, dtype, optimizer, sizes, rows, batch_size):
    """Chunks of 128 to 1024 rows go through the layers together; here one update takes several."""
    case = problem(sizes, ("tanh", "sigmoid"), "binary_cross_entropy", rows=rows, dtype=dtype)
    assert_same(case, level)
    assert_same_training(case, level, optimizer, batch_size=batch_size)


@pytest.mark.parametrize("level", OTHERS)
def test_zeros_in_the_inputs(problem, level, dtype):
    """Rows and columns of zeros, of either sign, and single zeros."""
    case = problem((9, 17, 3), ("relu", "sigmoid"), "binary_cross_entropy", rows=19, dtype=dtype)
    case.X[case.X < 0.3] = 0
    case.X[::4] = 0
    case.X[:, [0, 3, 4, 8]] = 0
    case.X[2] = -0.0
    assert_same(case, level)
    for optimizer, batch_size in itertools.product(OPTIMIZERS_TRIED, (1, 4, 19)):
        assert_same_training(case, level, optimizer, batch_size=batch_size)
    case.X[:] = 0
    assert_same(case, level)


def test_hidden_units_in_another_order(problem, level, rng):
    """The outputs stay, and the gradient is the same in that order."""
    case = problem((5, 18, 3), ("tanh", "softmax"), "cross_entropy", rows=9)
    other = copy(case)
    other.parameters = case.parameters.copy()
    order = rng.permutation(18)
    (W1, b1), (W2, _) = case.architecture.views(other.parameters)
    W1[:], b1[:], W2[:] = W1[:, order], b1[order], W2[order]
    assert_near(other.forward(level), case.forward(level), 1e-14)
    loss, gradient = case.loss_and_gradient(level)
    other_loss, other_gradient = other.loss_and_gradient(level)
    assert other_loss == pytest.approx(loss, rel=1e-14)
    (V1, c1), (V2, _) = case.architecture.views(other_gradient)
    (W1, b1), (W2, _) = case.architecture.views(gradient)
    for one, two in ((V1, W1[:, order]), (c1, b1[order]), (V2, W2[order])):
        assert_near(one, two, 1e-13)


@pytest.mark.parametrize("size", [0.0, 1e3, 1e30, 0.9])
def test_binary_cross_entropy_is_finite_for_any_logit(problem, level, dtype, size):
    """max(z, 0) - z y + log(1 + e^-|z|) up to the largest number (0.9 of it)."""
    size = size * float(np.finfo(dtype).max) if size == 0.9 else size
    case = problem((1, 1), "sigmoid", "binary_cross_entropy", biases=False, dtype=dtype, rows=1)
    case.parameters[:] = 1
    for z, y in itertools.product((size, -size), (0.0, 0.5, 1.0)):
        case.X[:], case.Y[:] = z, y
        loss, gradient = case.loss_and_gradient(level)
        expected = max(z, 0) - z * y + np.log1p(np.exp(-abs(z)))
        assert loss == pytest.approx(expected, rel=1e-6)
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
    """A network that has diverged must not look healthy (step compares, and gives 0)."""
    case = problem((2, 3), name, losses_for(name)[0], dtype=dtype, rows=2)
    case.parameters[1] = np.nan
    a = case.forward(level)
    if name == "step":
        np.testing.assert_array_equal(a[:, 1], [0, 0])
    else:
        assert np.isnan(a[:, 1]).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_infinite_logits(problem, level, dtype, name):
    """What overflows saturates: no level makes a NaN of it, but softmax, where inf - inf stands."""
    if ACTIVATIONS[name].normalise:
        pytest.skip("inf - inf")
    case = problem((1, 1), name, losses_for(name)[0], dtype=dtype, rows=2, biases=False)
    case.parameters[:] = np.inf
    case.X[:, 0] = [-1, 1]
    expected = {"sigmoid": [0, 1], "tanh": [-1, 1], "relu": [0, np.inf], "step": [0, 1]}
    np.testing.assert_array_equal(case.forward(level)[:, 0], expected.get(name, [-np.inf, np.inf]))


def test_divergence_raises_nothing(problem, level, dtype):
    case = problem((2, 3, 1), ("linear", "linear"), "mean_squared_error", dtype=dtype)
    with np.errstate(all="ignore"):
        parameters, _, losses = case.train(level, SGD(1e3), calls=(200,))
    assert not np.isfinite(losses[-1])
    assert not np.isfinite(parameters).all()


# Order of the rows


def test_shuffling_by_hand():
    """The first outputs of SplitMix64 from the state 1234567, as published with it."""
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
    for module in (pure_python, numpy_arrays):
        state = levels.TrainingState(np.zeros((0, 1)), 0, 1234567)
        assert list(module.shuffled(6, state)) == order
        assert state.shuffle == (1234567 + 5 * 0x9E3779B97F4A7C15) % 2**64


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("seed", [0, 1, 2**63, 2**64 - 1])
def test_python_and_numpy_shuffle_alike(n, seed):
    states = [levels.TrainingState(np.zeros((0, 1)), 0, seed) for _ in range(2)]
    for _ in range(3):
        order = pure_python.shuffled(n, states[0])
        assert sorted(order) == list(range(n))
        np.testing.assert_array_equal(numpy_arrays.shuffled(n, states[1]), order)
        assert states[0] .shuffle == states[1].shuffle


def test_every_order_is_about_as_likely():
    state = levels.TrainingState(np.zeros((0, 1)), 0, 5)
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(6000):
        order = tuple(pure_python.shuffled(3, state))
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert all(850 < count < 1150 for count in counts.values())  # 5 standard deviations


@pytest.mark.parametrize("batch_size", [1, 4, 36])
@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_shuffled_epoch_is_an_epoch_over_shuffled_rows(problem, level, dtype, batch_size, seed):
    case = problem((3, 5, 2), "tanh", "quadratic", rows=37, dtype=dtype)
    case.shuffle_seed = seed
    parameters, state, losses = case.train(level, SGD(0.1), batch_size=batch_size)
    by_hand = levels.TrainingState(np.zeros((0, 1)), 0, seed)
    order = pure_python.shuffled(37, by_hand)
    case.X, case.Y = case.X[order], case.Y[order]
    expected, _, expected_losses = case.train(
        level, SGD(0.1), batch_size=batch_size, shuffle=False
    )
    np.testing.assert_array_equal(parameters, expected)
    assert losses == expected_losses
    assert state.shuffle == by_hand.shuffle


@pytest.mark.parametrize("batch_size", [37, 38, 1000])
def test_batch_that_holds_all_rows_is_not_shuffled(problem, level, dtype, batch_size):
    case = problem((3, 5, 2), "tanh", "quadratic", rows=37, dtype=dtype)
    runs = [
        case.train(level, Adam(0.01), calls=(2,), batch_size=batch_size, shuffle=shuffle)
        for shuffle in (True, False)
    ]
    assert_same_bits(*runs)
    assert runs[0][1].shuffle == case.shuffle_seed
    assert runs[0][1].step == 2


# The same bits


@pytest.mark.parametrize("optimizer", OPTIMIZERS_TRIED, ids=optimizer_name)
def test_calls_do_not_show(problem, level, dtype, optimizer):
    """Five epochs at once, in several calls, and once more."""
    case = problem((4, 9, 3), ("sigmoid", "softmax"), "cross_entropy", rows=21, dtype=dtype)
    at_once = case.train(level, optimizer, calls=(5,), batch_size=4)
    assert at_once[1].step == 5 * 6
    assert_same_bits(case.train(level, optimizer, calls=(1, 3, 1), batch_size=4), at_once)
    assert_same_bits(case.train(level, optimizer, calls=(5,), batch_size=4), at_once)


def test_seed_decides(level, dtype, rng):
    X, y = rng.standard_normal((20, 3)), rng.random(20)
    nets = [nnfast.Network([3, 6, 1], seed=s, dtype=dtype, level=level) for s in (4, 4, 5)]
    for net in nets:
        net.fit(X, y, epochs=3, batch_size=7, optimizer=SGD(0.5, momentum=0.9))
    assert_same_bits(nets[0].parameters, nets[1].parameters)
    assert (nets[0].parameters != nets[2].parameters).any()


def assert_fused_levels_agree(case, optimizers=OPTIMIZERS_TRIED, **options):
    first, *others = WITH_FMA
    for other in others:
        assert_same_bits(case.forward(other), case.forward(first))
        assert_same_bits(case.loss_and_gradient(other), case.loss_and_gradient(first))
        for optimizer in optimizers:
            runs = [case.train(name, optimizer, **options) for name in (first, other)]
            assert_same_bits(*runs)


@fused
@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize(("output", "loss"), OUTPUTS)
def test_instruction_sets_agree(problem, dtype, hidden, output, loss):
    for sizes in [(5, 9, 3), (3, 17, 33), (2, 2, 1), (20, 16, 15, 10)]:
        case = problem(sizes, (hidden,) * (len(sizes) - 2) + (output,), loss, rows=23, dtype=dtype)
        for batch_size in (1, 5, 23):
            assert_fused_levels_agree(case, calls=(2,), batch_size=batch_size)


@fused
@pytest.mark.parametrize("inputs", WIDTHS)
def test_instruction_sets_agree_on_awkward_shapes(problem, dtype, inputs):
    for i, (hidden, outputs) in enumerate(itertools.product(WIDTHS, WIDTHS[::3])):
        rows = ROWS[(i + inputs) % len(ROWS)]
        case = problem((inputs, hidden, outputs), ("tanh", "softmax"), "quadratic", rows=rows,
                       dtype=dtype, biases=i % 3 > 0)  # fmt: skip
        assert_fused_levels_agree(case, [SGD(0.1), Adam(0.01)], batch_size=(1, 4, 7)[i % 3])


@fused
@pytest.mark.parametrize(("sizes", "rows"), [((2, 300, 2), 310), ((3, 6, 2), 2500)])
def test_instruction_sets_agree_on_several_chunks(problem, dtype, sizes, rows):
    for name, loss in OUTPUTS:
        case = problem(sizes, ("tanh", name), loss, rows=rows, dtype=dtype)
        assert_fused_levels_agree(case, batch_size=rows - 10)
