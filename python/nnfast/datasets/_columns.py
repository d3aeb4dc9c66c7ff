"""Columns of files: what is missing in them, categories as columns of 0 and 1, and their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._common import Floats

Missing: TypeAlias = Literal["drop", "mean", "median", "most_frequent"]
Categories: TypeAlias = Literal["one_hot"]

# A row of a few bytes becomes one number per category.
MOST_CATEGORIES: Final = 256
_FILL: Final = ("mean", "median", "most_frequent")


class _Pair(NamedTuple):
    X: Floats
    y: Any


class Table(_Pair):
    """A pair ``(X, y)`` that knows the names of the columns of X.

    Attributes:
        X: The features, float64 (n, features).
        y: The labels, (n,); None where the file has none.
        feature_names: The name of each column of X: that of the file, ``"column 3"`` where it has
            none, and ``"colour=red"`` of a category. X[:, k] belongs to feature_names[k].
    """

    feature_names: tuple[str, ...]

    def __new__(cls, X: Floats, y: NDArray[Any] | None, feature_names: Sequence[str] = ()) -> Table:
        self = super().__new__(cls, X, y)
        self.feature_names = tuple(feature_names)
        return self


def check_options(missing: object, categories: object) -> None:
    """Raise when ``missing`` or ``categories`` is not one of its values."""
    for name, value, known in (
        ("missing", missing, ("drop", *_FILL)),
        ("categories", categories, ("one_hot",)),
    ):
        if value is not None and value not in known:
            raise ValueError(
                f"{name} must be None or one of {', '.join(map(repr, known))}; {value!r} was given."
            )


def assemble(
    X: Floats,
    y: NDArray[Any] | None,
    names: Sequence[str],
    categories: Mapping[int, Sequence[str]],
    missing: Missing | None,
    file: object,
) -> Table:
    """Return the table of columns X (n, columns) with the labels y.

    NaN stands for a missing value. The columns that ``categories`` names hold positions in their
    categories, and become one column of 0 and 1 for each of these.
    """
    if missing in _FILL:
        for k, name in enumerate(names):
            gaps = np.isnan(X[:, k])
            if gaps.all():
                raise ValueError(
                    f"{file}: column {name!r} has no value at all; leave it out of the file."
                )
            if gaps.any():
                how = "most_frequent" if k in categories else missing
                X[gaps, k] = _replacement(X[~gaps, k], how)
    if not categories:
        return Table(X, y, names)
    parts, new_names = [], []
    for k, name in enumerate(names):
        if k not in categories:
            parts.append(X[:, k : k + 1])
            new_names.append(name)
            continue
        parts.append((X[:, k : k + 1] == np.arange(len(categories[k]))).astype(np.float64))
        new_names += [f"{name}={category}" for category in categories[k]]
    return Table(np.hstack(parts), y, new_names)


def _replacement(values: Floats, how: str | None) -> float:
    if how == "mean":
        return float((values / len(values)).sum())  # a sum of large numbers would overflow
    if how == "median":
        low, high = np.sort(values)[[(len(values) - 1) // 2, len(values) // 2]]
        return float(low / 2 + high / 2)
    unique, counts = np.unique(values, return_counts=True)
    return float(unique[counts.argmax()])


def require_few(categories: int, where: str) -> None:
    """Raise when a column has more categories than columns of 0 and 1 are made of."""
    if categories > MOST_CATEGORIES:
        raise ValueError(
            f"{where}: the column has more than {MOST_CATEGORIES} categories, each of which would "
            "become a column; leave out names and numbers of rows, and group rare categories."
        )
