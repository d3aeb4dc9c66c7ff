"""Where nnfast promises the same bits: calls, seeds, threads, instruction sets, rows alone."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

import nnfast
from nnfast import levels
from nnfast.formulas import ACTIVATIONS, SGD, Adam
from nnfast.levels.compiled import SUPPORTED

WITH_FMA = [name for name in levels.available() if name in SUPPORTED and name != "baseline"]
WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 65]
ROWS = [1, 2, 5, 6, 7, 8, 9, 12, 13, 15, 16, 17, 18, 19, 24, 25]

two_with_fma = pytest.mark.skipif(len(WITH_FMA) < 2, reason="needs two instruction sets with fma")


def bits(array):
    """Integers that are equal where the bits are; every NaN counts as the same."""
    array = np.where(np.isnan(array), array.dtype.type(np.nan), array)
    return np.ascontiguousarray(array).view(f"i{array.itemsize}")


def assert_same_bits(a, b):
    """Arrays, numbers, training states, and tuples of them."""
    if isinstance(a, levels.TrainingState):
        a, b = (a.slots, a.step, a.shuffle), (b.slots, b.step, b.shuffle)
    if isinstance(a, tuple):
        for x, y in zip(a, b, strict=True):
            assert_same_bits(x, y)
    elif isinstance(a, int):
        assert a == b
    else:
        a, b = np.asarray(a), np.asarray(b)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(bits(a), bits(b))


def passes(case, level):
    return case.forward(level), case.loss_and_gradient(level)


@pytest.mark.parametrize("sizes", [(2, 3, 1), (4, 9, 3), (3, 18, 4)])
def test_calls_do_not_show(problem, level, dtype, optimizer, sizes):
    """Five epochs at once, in several calls, and at once again."""
    for rows, batch_size in [(21, 4), (4, 4), (3, 3), (9, 1), (1, 1), (40, 40)]:
        case = problem(sizes, ("tanh", "sigmoid"), "quadratic", rows=rows, dtype=dtype)
        at_once = case.train(level, optimizer, calls=(5,), batch_size=batch_size)
        assert at_once[1].step == 5 * -(-rows // batch_size)
        for calls in ((1, 3, 1), (5,)):
            again = case.train(level, optimizer, calls=calls, batch_size=batch_size)
            assert_same_bits(again, at_once)


def test_seed_decides(level, dtype, rng):
    X, y = rng.standard_normal((20, 3)), rng.random(20)
    nets = [nnfast.Network([3, 6, 1], seed=s, dtype=dtype, level=level) for s in (4, 4, 5)]
    for net in nets:
        net.fit(X, y, epochs=30, batch_size=7, optimizer=SGD(0.5, momentum=0.9), verbose=0)
    assert_same_bits(nets[0].parameters, nets[1].parameters)
    assert (nets[0].parameters != nets[2].parameters).any()


@pytest.mark.parametrize("batch_size", [37, 38, 1000])
def test_batch_that_holds_all_rows_is_not_shuffled(problem, level, dtype, batch_size):
    case = problem((3, 5, 2), "tanh", "quadratic", rows=37, dtype=dtype)
    options = {"calls": (2,), "batch_size": batch_size}
    ordered = case.train(level, Adam(0.01), shuffle=False, **options)
    assert_same_bits(case.train(level, Adam(0.01), shuffle=True, **options), ordered)
    assert (ordered[1].step, ordered[1].shuffle) == (2, case.shuffle_seed)


# Instruction sets with fma


def assert_instruction_sets_agree(case, optimizers, **options):
    first, *others = WITH_FMA
    for other in others:
        assert_same_bits(passes(case, other), passes(case, first))
        for optimizer in optimizers:
            expected = case.train(first, optimizer, **options)
            assert np.isfinite(expected[0]).all()
            assert_same_bits(case.train(other, optimizer, **options), expected)


@two_with_fma
def test_instruction_sets_agree(problem, dtype, pairing, optimizers):
    hidden, output, loss = pairing
    for sizes in [(5, 9, 3), (3, 17, 33), (2, 2, 1), (20, 16, 15, 10)]:
        activations = (hidden,) * (len(sizes) - 2) + (output,)
        case = problem(sizes, activations, loss, rows=23, dtype=dtype)
        for batch_size in (1, 5, 23):
            assert_instruction_sets_agree(case, optimizers, calls=(2,), batch_size=batch_size)


@two_with_fma
def test_instruction_sets_agree_on_many_rows(problem, dtype, pairing):
    """Large batches of narrow networks have kernels of their own."""
    hidden, output, loss = pairing
    for i, sizes in enumerate([(5, 9, 3), (3, 17, 33), (2, 2, 1), (20, 16, 15, 10)]):
        activations = (hidden,) * (len(sizes) - 2) + (output,)
        case = problem(sizes, activations, loss, rows=530, biases=i != 1, dtype=dtype)
        assert_instruction_sets_agree(case, [SGD(0.1), Adam(0.01)], batch_size=(270, 530)[i % 2])


@two_with_fma
@pytest.mark.parametrize("inputs", [n for n in WIDTHS if n < 32])
def test_instruction_sets_agree_on_awkward_shapes_of_many_rows(problem, dtype, inputs):
    for i, (hidden, outputs) in enumerate(itertools.product(WIDTHS, WIDTHS[::3])):
        options = {"rows": 1024 + ROWS[(i + inputs) % len(ROWS)], "biases": i % 3 > 0}
        sizes, activations = (inputs, hidden, outputs), ("tanh", "softmax")
        case = problem(sizes, activations, "quadratic", dtype=dtype, **options)
        assert_instruction_sets_agree(case, [SGD(0.1)])


@two_with_fma
@pytest.mark.parametrize("inputs", WIDTHS)
def test_instruction_sets_agree_on_awkward_shapes(problem, dtype, inputs):
    for i, (hidden, outputs) in enumerate(itertools.product(WIDTHS, WIDTHS[::3])):
        options = {"rows": ROWS[(i + inputs) % len(ROWS)], "biases": i % 3 > 0, "dtype": dtype}
        case = problem((inputs, hidden, outputs), ("tanh", "softmax"), "quadratic", **options)
        assert_instruction_sets_agree(case, [SGD(0.1), Adam(0.01)], batch_size=(1, 4, 7)[i % 3])


@two_with_fma
@pytest.mark.parametrize(("sizes", "rows"), [((2, 300, 2), 310), ((3, 6, 2), 2500)])
def test_instruction_sets_agree_on_several_chunks(problem, dtype, ending, optimizers, sizes, rows):
    output, loss = ending
    case = problem(sizes, ("tanh", output), loss, rows=rows, dtype=dtype)
    assert_instruction_sets_agree(case, optimizers[3:5], batch_size=rows - 10)


@two_with_fma
def test_instruction_sets_agree_on_extreme_numbers(problem, dtype):
    """Subnormal, huge and NaN weights."""
    limits = np.finfo(dtype)
    for name in ACTIVATIONS:
        loss = "perceptron" if name == "step" else "quadratic"
        case = problem((5, 17, 3), name, loss, rows=9, dtype=dtype)
        case.parameters[::3] *= limits.smallest_subnormal * 2.0**10
        case.parameters[1::7] *= limits.max / 8
        assert_same_bits(*(case.forward(level) for level in WITH_FMA[:2]))
        case.parameters[::11] = np.nan
        assert_same_bits(*(passes(case, level) for level in WITH_FMA[:2]))


# Units that do nothing


def with_idle_units(case, inputs, hidden):
    """The network with more inputs and hidden units, all their weights zero, and the way back."""
    n, h, m = case.architecture.sizes
    larger = replace(case.architecture, sizes=(n + inputs, h + hidden, m))

    def cut(parameters):
        (W1, b1), (W2, b2) = larger.views(parameters)
        return W1[:n, :h], b1[:h], W2[:h], b2

    parameters = np.zeros(larger.parameter_count, larger.dtype)
    (W1, b1), (W2, b2) = case.architecture.views(case.parameters)
    for new, old in zip(cut(parameters), (W1, b1, W2, b2), strict=True):
        new[:] = old
    X = np.pad(case.X, ((0, 0), (0, inputs)))
    return replace(case, architecture=larger, parameters=parameters, X=X), cut


@pytest.mark.parametrize("hidden", ["tanh", "relu", "linear"])
@pytest.mark.parametrize("sizes", [(2, 2, 1), (3, 4, 2), (4, 3, 4), (1, 1, 1)])
def test_idle_units_do_not_show(problem, compiled_level, dtype, hidden, sizes):
    """f(0) = 0 and weights of zero: the gradient of such units is zero, and adds nothing."""
    for output, loss in [("sigmoid", "binary_cross_entropy"), ("linear", "mean_squared_error")]:
        case = problem(sizes, (hidden, output), loss, rows=13, dtype=dtype)
        (W1, b1), (W2, b2) = case.architecture.views(
            case.train(compiled_level, SGD(0.05), calls=(3,), batch_size=1)[0]
        )
        for more in [(1, 0), (0, 1), (2, 3), (4, 4)]:
            larger, cut = with_idle_units(case, *more)
            trained, _, _ = larger.train(compiled_level, SGD(0.05), calls=(3,), batch_size=1)
            assert_same_bits(cut(trained), (W1, b1, W2, b2))


# Threads: only batches of four million multiplications and more use a second one


@pytest.mark.parametrize(
    ("sizes", "activations"),
    [
        ((100, 200, 150, 10), ("sigmoid", "tanh", "softmax")),
        ((70, 257, 121), ("softmax", "sigmoid")),
        ((301, 63, 300, 1), ("relu", "linear", "linear")),
    ],
)
def test_threads_do_not_show(
    problem, compiled_level, dtype, threads, optimizers, sizes, activations
):
    loss = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}.get(
        activations[-1], "mean_squared_error"
    )
    case = problem(sizes, activations, loss, rows=300, dtype=dtype)

    def results(count):
        threads(count)
        trained = [case.train(compiled_level, o, batch_size=256) for o in optimizers]
        return passes(case, compiled_level), *trained

    expected = results(1)
    for count in (2, 3, 4):
        assert_same_bits(results(count), expected)


def test_threads_do_not_show_in_many_rows(problem, compiled_level, dtype, threads):
    """Rows by the thousand: the outputs of chunks are computed by different threads."""
    for inputs in (20, 40):  # narrow, and not
        case = problem(
            (inputs, 30, 7), ("tanh", "softmax"), "cross_entropy", rows=7001, dtype=dtype
        )
        threads(1)
        expected = passes(case, compiled_level)
        for count in (2, 3, 4, 9):
            threads(count)
            assert_same_bits(passes(case, compiled_level), expected)


def test_threads_do_not_show_in_large_batches(problem, compiled_level, dtype, threads, optimizer):
    """Of a narrow network: each thread adds up the gradient of some of the rows."""
    sizes, activations = (12, 30, 20, 3), ("tanh", "relu", "linear")
    case = problem(sizes, activations, "quadratic", rows=20_500, dtype=dtype)
    threads(1)
    expected = case.train(compiled_level, optimizer, batch_size=20_000)
    for count in (2, 3, 4):
        threads(count)
        assert_same_bits(case.train(compiled_level, optimizer, batch_size=20_000), expected)


# Neighbours: a result depends on nothing but its own numbers


def test_row_does_not_depend_on_the_others(problem, compiled_level, dtype, pairing):
    hidden, output, loss = pairing
    for sizes, rows in [((3, 5, 2), 17), ((9, 33, 16), 23), ((2, 3, 1), 130), ((5, 17, 11), 310)]:
        case = problem(sizes, (hidden, output), loss, rows=rows, dtype=dtype)
        expected = case.forward(compiled_level)
        alone = [case.forward(compiled_level, case.X[i : i + 1]) for i in range(rows)]
        assert_same_bits(np.concatenate(alone), expected)
        parts = [case.forward(compiled_level, part) for part in np.array_split(case.X, 4)]
        assert_same_bits(np.concatenate(parts), expected)
        backwards = np.ascontiguousarray(case.X[::-1])
        assert_same_bits(case.forward(compiled_level, backwards)[::-1], expected)


def surrounded(array, start, value):
    """The same numbers as a view into the middle of a larger array of `value`."""
    larger = np.full(array.size + start + 40, value, array.dtype)
    view = larger[start : start + array.size].reshape(array.shape)
    view[:] = array
    return view, larger


@pytest.mark.parametrize(("rows", "batch_size"), [(19, 4), (310, 270)])
@pytest.mark.parametrize("sizes", [(1, 1), (3, 5, 2), (9, 17, 7), (33, 1, 31), (18, 2, 21)])
def test_memory_beside_the_arrays_is_not_used(
    problem, compiled_level, dtype, optimizer, sizes, rows, batch_size
):
    """NaN all around changes no result, and stays."""
    case = problem(sizes, "sigmoid", "binary_cross_entropy", rows=rows, dtype=dtype)

    def results(of):
        return passes(of, compiled_level), of.train(
            compiled_level, optimizer, batch_size=batch_size
        )

    expected = results(case)
    for start in (1, 3, 16):
        views, larger = zip(
            *(surrounded(a, start, np.nan) for a in (case.parameters, case.X, case.Y)),
            strict=True,
        )
        other = replace(case, parameters=views[0], X=views[1], Y=views[2])
        assert_same_bits(results(other), expected)
        for array, view in zip(larger, views, strict=True):
            assert np.isnan(array[:start]).all()
            assert np.isnan(array[start + view.size :]).all()


def test_training_writes_only_into_its_arrays(problem, compiled_level, dtype, optimizer):
    case = problem((5, 7, 3), "tanh", "quadratic", rows=19, dtype=dtype)
    expected, expected_state, _ = case.train(compiled_level, optimizer, batch_size=4)
    parameters, larger = surrounded(case.parameters, 5, 7.5)
    zeros = np.zeros((optimizer.slots, len(parameters)), dtype)
    slots, larger_slots = surrounded(zeros, 5, 7.5)
    state = levels.TrainingState(slots, 0, case.shuffle_seed)
    case.on(compiled_level).train(
        parameters, state, case.X, case.Y, epochs=1, batch_size=4, optimizer=optimizer,
        shuffle=True,
    )  # fmt: skip
    assert_same_bits((parameters, state), (expected, expected_state))
    for array, view in ((larger, parameters), (larger_slots, slots)):
        outside = np.concatenate([array[:5], array[5 + view.size :]])
        assert (outside == 7.5).all()


# Inputs that are zero


def images(rng, rows, inputs, dtype):
    """Most columns zero in all rows, the others now and then; zeros of either sign."""
    X = rng.normal(size=(rows, inputs))
    X[:, rng.random(inputs) < 0.4] = 0
    X *= rng.random((rows, 1 + inputs // 8)).repeat(8, axis=1)[:, :inputs] < 0.3
    X[::7, ::5] *= -0.0
    return X.astype(dtype)


@pytest.mark.parametrize("hidden", [20, 250])
@pytest.mark.parametrize("rows", [10, 41, 128])
def test_skipped_zeros_do_not_show(compiled_level, dtype, rng, threads, hidden, rows):
    """After a dense batch, zeros are not looked for; in a call of its own, the batch is sparse."""
    layers = [131, nnfast.Dense(hidden, "relu"), nnfast.Dense(30, "tanh"), nnfast.Dense(3)]
    dense, sparse = rng.normal(size=(rows, 131)).astype(dtype), images(rng, rows, 131, dtype)
    y = rng.random((2 * rows, 3)).astype(dtype)
    options = {"batch_size": rows, "shuffle": False, "verbose": 0}
    for optimizer in (SGD(0.1), SGD(0.1, momentum=0.9), Adam(0.01)):
        expected = nnfast.Network(layers, seed=1, dtype=dtype, level=compiled_level)
        losses = expected.fit(np.concatenate([dense, sparse]), y, optimizer=optimizer, **options)[
            "loss"
        ]
        outputs = expected.predict(np.concatenate([dense, sparse]))[rows:]
        for count in (1, 2, 3):
            threads(count)
            net = nnfast.Network(layers, seed=1, dtype=dtype, level=compiled_level)
            parts = net.fit(dense, y[:rows], optimizer=optimizer, **options)["loss"]
            parts += net.fit(sparse, y[rows:], **options)["loss"]
            assert_same_bits(net.parameters, expected.parameters)
            assert sum(parts) / 2 == pytest.approx(losses[0])
            assert_same_bits(net.predict(sparse), outputs)


@two_with_fma
@pytest.mark.parametrize("rows", [10, 41, 128])
def test_skipped_zeros_on_every_instruction_set(dtype, rng, rows):
    layers = [131, nnfast.Dense(250, "relu"), nnfast.Dense(3)]
    X, y = images(rng, 3 * rows, 131, dtype), rng.random((3 * rows, 3)).astype(dtype)
    results = []
    for name in WITH_FMA:
        net = nnfast.Network(layers, seed=1, dtype=dtype, level=name)
        net.fit(X, y, batch_size=rows, optimizer=SGD(0.1), epochs=2, verbose=0)
        results.append((net.parameters, net.predict(X)))
    for result in results[1:]:
        assert_same_bits(result, results[0])
