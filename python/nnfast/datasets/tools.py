"""Preparing data sets: targets, scales and parts."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnfast.scaling import Standardizer

from ._common import Floats, generator, real_number, whole_number

_MOST_CLASSES: Final = 1_000_000


def one_hot(labels: ArrayLike, classes: int | None = None) -> Floats:
    """Return one row per label, 1 in the column of the label and 0 elsewhere.

    Args:
        labels: Integers from 0 to classes - 1, (n,).
        classes: The number of columns; None stands for the largest label plus 1.

    Returns:
        float64 (n, classes).

    Raises:
        TypeError: The labels or ``classes`` are not integers.
        ValueError: The labels are not one-dimensional, or one is out of range.
    """
    indices = np.asarray(labels)
    if indices.ndim != 1:
        raise ValueError(f"labels must have the shape (n,); the shape {indices.shape} was given.")
    if not len(indices):
        if classes is None:
            raise ValueError("labels is empty; pass classes, which cannot be told from it.")
        indices = indices.astype(np.int64)
    if indices.dtype.kind not in "iu":
        raise TypeError(
            f"labels must be integers from 0; the dtype {indices.dtype} was given. "
            "numpy.unique(labels, return_inverse=True)[1] numbers other labels."
        )
    if classes is None:
        classes = max(1, int(indices.max()) + 1)
        if classes > _MOST_CLASSES:
            raise ValueError(
                f"labels go up to {classes - 1}, but at most {_MOST_CLASSES} classes are "
                "supported; numpy.unique(labels, return_inverse=True)[1] numbers them from 0."
            )
    classes = whole_number("classes", classes, 1, _MOST_CLASSES)
    wrong = np.flatnonzero((indices < 0) | (indices >= classes))
    if len(wrong):
        raise ValueError(
            f"labels[{wrong[0]}] is {indices[wrong[0]]}, but labels must lie in 0 to "
            f"{classes - 1} for {classes} classes."
        )
    targets = np.zeros((len(indices), classes))
    targets[np.arange(len(indices)), indices] = 1
    return targets


def train_test_split(
    X: ArrayLike,
    y: ArrayLike,
    *,
    test_size: float = 0.25,
    seed: int | None = None,
    stratify: bool = False,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Shuffle the rows and divide them into a training and a test set.

    Args:
        X: The inputs, (n, ...) with n at least 2.
        y: The targets, (n, ...).
        test_size: The number of test rows as an int from 1 to n - 1, or their share as a float
            between 0 and 1, rounded to leave at least one row in each set.
        seed: None, or an int of at least 0 that makes the division reproducible.
        stratify: Whether every class has the same share of both sets, as near as whole rows
            allow; y then holds labels (n,).

    Returns:
        ``X_train, X_test, y_train, y_test`` in the dtypes given; every row is in one set, once.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: The numbers of rows differ, ``test_size`` is out of range, or there are too
            few rows, in all or of a class.
    """
    X, y = np.asarray(X), np.asarray(y)
    if not (X.ndim and y.ndim) or len(X) != len(y):
        raise ValueError(
            "X and y must have the same number of rows; the shapes "
            f"{X.shape} and {y.shape} were given."
        )
    if len(X) < 2:
        raise ValueError(f"Two sets need at least 2 rows; {len(X)} was given.")
    if not isinstance(stratify, bool):
        raise TypeError(f"stratify must be True or False; {stratify!r} was given.")
    count = _test_count(test_size, len(X))
    order = generator(seed).permutation(len(X))
    chosen = _stratified(y, order, count) if stratify else order[:count]
    in_test = np.zeros(len(X), dtype=bool)
    in_test[chosen] = True
    train, test = order[~in_test[order]], order[in_test[order]]
    return X[train], X[test], y[train], y[test]


def _test_count(test_size: float, rows: int) -> int:
    if isinstance(test_size, Integral):
        return whole_number("test_size", test_size, 1, rows - 1)
    share = real_number("test_size", test_size, 0, 1)
    if share in (0, 1):
        raise ValueError(
            f"test_size must be a share between 0 and 1, or a number of rows; {test_size!r} was "
            "given, which leaves one set empty."
        )
    return min(max(1, round(share * rows)), rows - 1)


def _stratified(y: NDArray[Any], order: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return ``count`` rows in which the classes have their shares, by largest remainders."""
    if y.ndim != 1:
        raise ValueError(f"stratify needs labels of shape (n,); y has the shape {y.shape}.")
    classes, numbers, sizes = np.unique(y, return_inverse=True, return_counts=True)
    if sizes.min() < 2:
        raise ValueError(
            f"stratify needs at least 2 rows of every class; {classes[sizes.argmin()]} has 1."
        )
    exact = sizes * count / len(y)
    quota = np.floor(exact).astype(np.int64)
    quota[np.argsort(quota - exact, kind="stable")[: count - quota.sum()]] += 1
    by_class = order[np.argsort(numbers[order], kind="stable")]
    rank = np.arange(len(y)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return by_class[rank < np.repeat(quota, sizes)]


def standardize(X: ArrayLike) -> tuple[Floats, Standardizer]:
    """Shift and scale every feature to mean 0 and standard deviation 1.

    A constant feature becomes 0 and gets the scale 1.

    Args:
        X: Finite numbers, (n, features), n at least 1.

    Returns:
        ``(X_standardized, transform)``: float64 (n, features), and the map, which does the same
        to new data: ``transform(X_test)``.

    Raises:
        TypeError: ``X`` does not hold numbers.
        ValueError: ``X`` has another shape, no rows, a value that is NaN or infinite, or a
            feature whose spread is beyond float64.
    """
    transform = Standardizer().fit(X)
    return transform(X), transform
