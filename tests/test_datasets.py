"""Truth tables, synthetic and embedded sets, and the tools that prepare them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnfast import datasets

SHAPES = [
    datasets.spirals,
    datasets.moons,
    datasets.circles,
    datasets.blobs,
    datasets.checkerboard,
]
NOISY = [datasets.spirals, datasets.moons, datasets.circles, datasets.checkerboard]
TRUTH = {
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "nand": lambda a, b: not (a and b),
    "nor": lambda a, b: not (a or b),
    "xor": lambda a, b: a != b,
    "xnor": lambda a, b: a == b,
    "not": lambda a: not a,
}


def value_of(bits):
    """Return the numbers whose bits, highest first, are the rows."""
    return bits @ 2 ** np.arange(bits.shape[1])[::-1]


def test_public_names_exist():
    assert all(hasattr(datasets, name) for name in datasets.__all__)


# Truth tables


def test_gates_are_the_known_ones():
    assert set(datasets.GATES) == set(TRUTH)


@pytest.mark.parametrize("name", datasets.GATES)
@pytest.mark.parametrize("spelling", [str.lower, str.upper])
def test_gate_is_its_boolean_function(name, spelling):
    X, y = datasets.gate(spelling(name))
    assert X.dtype == np.float64
    assert y.dtype == np.int64
    assert value_of(X).tolist() == list(range(len(y)))
    assert y.tolist() == [int(TRUTH[name](*row)) for row in X.astype(bool)]


@pytest.mark.parametrize("bits", [1, 2, 3, 8])
def test_parity_counts_ones(bits):
    X, y = datasets.parity(bits)
    assert X.dtype == np.float64
    assert X.flags.c_contiguous
    assert value_of(X).tolist() == list(range(2**bits))
    assert y.tolist() == [bin(i).count("1") % 2 for i in range(2**bits)]


@pytest.mark.parametrize("bits", [1, 2, 3, 5])
def test_adder_rows_add_up(bits):
    X, Y = datasets.adder(bits)
    assert (X.shape, Y.shape) == ((4**bits, 2 * bits), (4**bits, bits + 1))
    assert (X.dtype, Y.dtype) == (np.float64, np.float64)
    assert np.isin(Y, (0, 1)).all()
    assert value_of(X).tolist() == list(range(4**bits))
    assert (value_of(X[:, :bits]) + value_of(X[:, bits:]) == value_of(Y)).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: datasets.gate("maybe"), ValueError, "'maybe'; choose one of and, or, nand"),
        (lambda: datasets.gate(3), TypeError, "as a string; 3"),
        (lambda: datasets.parity(0), ValueError, "bits must be .* at least 1 and at most 20; 0"),
        (lambda: datasets.parity(21), ValueError, "at most 20; 21"),
        (lambda: datasets.parity(2.0), TypeError, "whole number .* 2.0 was given"),
        (lambda: datasets.adder(11), ValueError, "at most 10; 11"),
        (lambda: datasets.adder(True), TypeError, "whole number .* True was given"),
    ],
)
def test_truth_tables_refuse(make, error, message):
    with pytest.raises(error, match=message):
        make()


# Synthetic sets


@pytest.mark.parametrize("make", SHAPES)
@pytest.mark.parametrize("n", [1, 2, 3, 10, 101])
def test_shapes_have_n_rows_of_alternating_classes(make, n):
    X, y = make(n, seed=1)
    classes = 3 if make is datasets.blobs else 2
    assert X.shape == (n, 2)
    assert X.dtype == np.float64
    assert X.flags.c_contiguous
    assert y.dtype == np.int64
    assert y.tolist() == [i % classes for i in range(n)]
    if make is not datasets.blobs:
        assert np.abs(X).max() <= 1 + 1e-15


@pytest.mark.parametrize("make", SHAPES)
def test_seed_decides_the_points(make):
    options = {"spread": 0.1} if make is datasets.blobs else {"noise": 0.1}
    first, again, other = (make(50, seed=seed, **options)[0] for seed in (5, 5, 6))
    assert (first == again).all()
    assert (first != other).any()
    assert (make(50, **options)[0] != make(50, **options)[0]).any()


@pytest.mark.parametrize("make", NOISY)
def test_noise_is_the_standard_deviation(make):
    moved = make(4000, noise=0.2, seed=3)[0] - make(4000, seed=3)[0]
    assert moved.std() == pytest.approx(0.2, rel=0.05)
    assert moved.mean() == pytest.approx(0, abs=0.02)


def test_spirals_are_those_of_lang_and_witbrock():
    X, y = datasets.spirals(194)
    i = np.arange(97)
    radius, angle = (104 - i) / 104, i * np.pi / 16
    arm = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    np.testing.assert_allclose(X[y == 0], arm, atol=1e-14)
    np.testing.assert_allclose(X[y == 1], -arm, atol=1e-14)


def test_spirals_wind_turns_times():
    X, y = datasets.spirals(2000, turns=1.25)
    arm = X[y == 0]
    angle = np.unwrap(np.arctan2(arm[:, 0], arm[:, 1]))
    assert angle[-1] - angle[0] == pytest.approx(2.5 * np.pi)


def test_moons_lie_on_half_circles():
    X, y = datasets.moons(101)
    sign = np.where(y == 0, -1, 1)
    centred = X - sign[:, None] * [1 / 3, 1 / 6]
    np.testing.assert_allclose(np.hypot(*centred.T), 2 / 3)
    assert (sign * centred[:, 1] <= 1e-15).all()


def test_circles_have_their_radii():
    X, y = datasets.circles(99, factor=0.3)
    np.testing.assert_allclose(np.hypot(*X.T), np.where(y == 0, 1, 0.3))
    assert len(np.unique(X.round(9), axis=0)) == 99


def test_blobs_surround_their_centers():
    X, y = datasets.blobs(5000, centers=5, features=3, spread=0.5, seed=2)
    centers, _ = datasets.blobs(5, centers=5, features=3, spread=0, seed=2)
    assert X.shape == (5000, 3)
    assert (X - centers[y]).std() == pytest.approx(0.5, rel=0.05)
    assert np.abs(centers).max() <= 10


@pytest.mark.parametrize("cells", [2, 3, 4, 7])
def test_checkerboard_colours_its_cells(cells):
    X, y = datasets.checkerboard(3000, cells=cells, seed=4)
    cell = np.floor((X + 1) / 2 * cells).astype(int)
    assert (cell.sum(axis=1) % 2 == y).all()
    assert len(np.unique(cell, axis=0)) == cells**2


@pytest.mark.parametrize("make", SHAPES)
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n": 0}, ValueError, "n must be a whole number of at least 1; 0"),
        ({"n": 2.5}, TypeError, "n must be a whole number"),
        ({"seed": -1}, ValueError, "seed must be a whole number of at least 0; -1"),
        ({"seed": "x"}, TypeError, "seed must be a whole number"),
    ],
)
def test_shapes_refuse(make, options, error, message):
    with pytest.raises(error, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("make", "option", "value", "error"),
    [
        *[(make, "noise", value, ValueError) for make in NOISY for value in (-1, np.nan, np.inf)],
        *[(make, "noise", "much", TypeError) for make in NOISY],
        (datasets.spirals, "turns", 0, ValueError),
        (datasets.spirals, "turns", -1, ValueError),
        (datasets.circles, "factor", 1.5, ValueError),
        (datasets.circles, "factor", None, TypeError),
        (datasets.blobs, "centers", 0, ValueError),
        (datasets.blobs, "features", 0, ValueError),
        (datasets.blobs, "spread", -0.5, ValueError),
        (datasets.checkerboard, "cells", 1, ValueError),
        (datasets.checkerboard, "cells", 1001, ValueError),
    ],
)
def test_shapes_refuse_options(make, option, value, error):
    with pytest.raises(error, match=rf"{option} must be .*{value!r} was given"):
        make(**{option: value})


# Embedded sets


def test_textbook_sets():
    X, y = datasets.people()
    assert X.tolist() == [[-2, -1], [25, 6], [17, 4], [-15, -6]]
    assert y.tolist() == [1, 0, 0, 1]
    X, y = datasets.ten_points()
    assert X.shape == (10, 2)
    assert X[[0, 8]].tolist() == [[2.7810836, 2.550537003], [8.675418651, -0.242068655]]
    assert y.tolist() == [0] * 5 + [1] * 5
    assert ((X[:, 0] > 5) == y).all()


def test_iris_is_fishers():
    X, y = datasets.iris()
    assert (X.shape, X.dtype, y.dtype) == ((150, 4), np.float64, np.int64)
    source = pytest.importorskip("sklearn.datasets").load_iris()
    assert (source.data == X).all()
    assert (y == source.target).all()
    assert tuple(source.target_names) == datasets.IRIS_CLASSES


def test_digits_are_the_1797_images():
    X, y = datasets.digits()
    assert (X.shape, X.dtype, y.dtype) == ((1797, 64), np.float64, np.int64)
    assert (X.min(), X.max()) == (0, 1)
    source = pytest.importorskip("sklearn.datasets").load_digits()
    assert (source.data == X * 16).all()
    assert (y == source.target).all()


def test_embedded_sets_are_fresh_copies():
    for make in (datasets.people, datasets.ten_points, datasets.iris, datasets.digits):
        X, y = make()
        X[0, 0], y[0] = 99, 99
        assert make()[0][0, 0] != 99
        assert make()[1][0] != 99


# Tools


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.uint64])
def test_one_hot_marks_the_label(dtype):
    targets = datasets.one_hot(np.array([0, 2, 1, 2], dtype=dtype))
    assert targets.dtype == np.float64
    assert targets.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1]]


def test_one_hot_takes_the_number_of_classes():
    assert datasets.one_hot([1], 3).tolist() == [[0, 1, 0]]
    assert datasets.one_hot([], 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("labels", "classes", "error", "message"),
    [
        ([0, -1], None, ValueError, r"labels\[1\] is -1, but labels must lie in 0 to 0"),
        ([-1], None, ValueError, r"labels\[0\] is -1"),
        ([0, 3], 3, ValueError, r"labels\[1\] is 3, .* 0 to 2 for 3 classes"),
        ([10**12], None, ValueError, "labels go up to 1000000000000, but at most 1000000"),
        ([0.0, 1.0], None, TypeError, "dtype float64"),
        (["a"], None, TypeError, "numpy.unique"),
        ([True], None, TypeError, "dtype bool"),
        ([[0, 1]], None, ValueError, r"shape \(1, 2\) was given"),
        ([], None, ValueError, "labels is empty"),
        ([0], 0, ValueError, "classes must be"),
        ([0], 1.5, TypeError, "classes must be"),
    ],
)
def test_one_hot_refuses(labels, classes, error, message):
    with pytest.raises(error, match=message):
        datasets.one_hot(labels, classes)


@pytest.mark.parametrize("stratify", [False, True])
@pytest.mark.parametrize(
    ("test_size", "tests"), [(0.25, 25), (1, 1), (99, 99), (1e-9, 1), (0.5, 50)]
)
def test_split_uses_every_row_once(test_size, tests, stratify):
    y = np.arange(100) % 3
    X = np.stack([np.arange(100), y], axis=1)
    split = datasets.train_test_split(X, y, test_size=test_size, seed=1, stratify=stratify)
    X_train, X_test, y_train, y_test = split
    assert (len(X_train), len(X_test)) == (100 - tests, tests)
    assert sorted([*X_train[:, 0], *X_test[:, 0]]) == list(range(100))
    assert (X_train[:, 1] == y_train).all()
    assert (X_test[:, 1] == y_test).all()
    again = datasets.train_test_split(X, y, test_size=test_size, seed=1, stratify=stratify)
    assert all((part == same).all() for part, same in zip(split, again, strict=True))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(2, 30), min_size=1, max_size=6), st.floats(0.01, 0.99), st.integers(0))
def test_stratified_split_keeps_the_shares(sizes, test_size, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    _, _, _, y_test = datasets.train_test_split(y, y, test_size=test_size, seed=seed, stratify=True)
    exact = np.array(sizes) * len(y_test) / len(y)
    assert (np.abs(np.bincount(y_test, minlength=len(sizes)) - exact) < 1).all()


def test_split_shuffles_and_keeps_dtypes():
    X, y = np.arange(50, dtype=np.float32), np.array(["a", "b"] * 25)
    X_train, X_test, _, y_test = datasets.train_test_split(X, y, seed=0, stratify=True)
    assert (X_train.dtype, y_test.dtype) == (np.float32, y.dtype)
    assert not (np.sort(X_train) == X_train).all()
    assert not (np.sort(X_test) == X_test).all()


@pytest.mark.parametrize(
    ("y", "options", "error", "message"),
    [
        ([0] * 3, {}, ValueError, r"same number of rows; the shapes \(4, 1\) and \(3,\)"),
        ([0] * 4, {"test_size": 4}, ValueError, "at most 3; 4 was given"),
        ([0] * 4, {"test_size": 1.0}, ValueError, "1.0 was given, which leaves one set empty"),
        ([0] * 4, {"test_size": np.nan}, ValueError, "test_size must be .* nan was given"),
        ([0] * 4, {"test_size": "half"}, TypeError, "test_size must be"),
        ([0] * 4, {"stratify": [0] * 4}, TypeError, "stratify must be True or False"),
        ([0, 0, 0, 7], {"stratify": True}, ValueError, "at least 2 rows of every class; 7 has 1"),
        ([[0]] * 4, {"stratify": True}, ValueError, r"y has the shape \(4, 1\)"),
    ],
)
def test_split_refuses(y, options, error, message):
    with pytest.raises(error, match=message):
        datasets.train_test_split(np.zeros((4, 1)), y, **options)


def test_split_needs_two_rows():
    with pytest.raises(ValueError, match="at least 2 rows; 1 was given"):
        datasets.train_test_split([[1.0]], [1])


def test_standardize_gives_mean_0_and_deviation_1():
    X = datasets.iris()[0]
    Z, transform = datasets.standardize(X)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(Z.std(axis=0), 1)
    assert (transform(X) == Z).all()
    np.testing.assert_allclose(transform.inverse(Z), X)
    np.testing.assert_allclose(transform(X[:3] + transform.scale), Z[:3] + 1)
