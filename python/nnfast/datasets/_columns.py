"""Columns of files: what is missing in them, categories as columns of 0 and 1, and their names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._common import Floats

Missing: TypeAlias = Literal["drop", "mean", "median", "most_frequent"]
Categories: TypeAlias = Literal["one_hot"]
Column: TypeAlias = int | str  # position from 0, negative from the right, or name
Ignored: TypeAlias = Column | Collection[Column]

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


def check_columns(label: object, ignore: Any) -> tuple[Column, ...]:
    """Raise unless ``label`` is a column or None and ``ignore`` some columns; return these."""
    if label is not None and not _is_column(label):
        raise TypeError(f"label must be a position, a name or None; {label!r} was given.")
    several = isinstance(ignore, Collection) and not isinstance(ignore, str | bytes)
    ignored = tuple(ignore) if several else (ignore,)
    if not all(map(_is_column, ignored)):
        raise TypeError(f"ignore must be positions and names of columns; {ignore!r} was given.")
    return ignored


def _is_column(value: object) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def choose_columns(
    label: Column | None,
    ignored: Sequence[Column],
    names: Sequence[str],
    where: str,
    word: str = "column",
) -> tuple[int | None, list[int]]:
    """Return the position of the label, from 0, and those of the features."""

    def position(argument: str, column: Column) -> int:
        if isinstance(column, str):
            return _named(column, names, where, word)
        if -len(names) <= column < len(names):
            return column % len(names)
        raise ValueError(
            f"{where}: {argument}={column} is no {word} of the {len(names)} in the file; give "
            f"{-len(names)} to {len(names) - 1}."
        )

    chosen = None if label is None else position("label", label)
    left_out = {position("ignore", column) for column in ignored}
    if chosen in left_out:
        raise ValueError(f"{where}: the {word} {label!r} is the label and cannot be ignored.")
    features = [k for k in range(len(names)) if k != chosen and k not in left_out]
    if not features and len(names) == 1 and label is not None:
        advice = "check the delimiter, or " if word == "column" else ""
        raise ValueError(
            f"{where}: the only {word} is the label, so there are no features; {advice}pass "
            "label=None."
        )
    if not features:
        raise ValueError(f"{where}: no {word} is left for the features; ignore fewer.")
    return chosen, features


def _named(name: str, names: Sequence[str], where: str, word: str) -> int:
    listed = ", ".join(map(repr, names))
    found = [k for k, other in enumerate(names) if other == name]
    if not found:
        raise ValueError(f"{where}: there is no {word} {name!r}; the file has {listed}.")
    if len(found) > 1:
        raise ValueError(
            f"{where}: {len(found)} {word}s have the name {name!r}, but one must; the file has "
            f"{listed}."
        )
    return found[0]


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
