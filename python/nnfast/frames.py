"""Tables and columns of pandas, polars and pyarrow, none of which is imported."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnfast import validation

LIBRARIES = ("pandas", "polars", "pyarrow")
SHOWN = 5  # names of columns in a sentence
DUMMIES = {
    "pandas": "pandas.get_dummies(X, columns=[{name!r}], dtype=float)",
    "polars": "X.to_dummies({name!r})",
    "pyarrow": "pandas.get_dummies(X.to_pandas(), columns=[{name!r}], dtype=float)",
}


def names(X: Any) -> tuple[str, ...] | None:
    """The names of the columns of a table; None for what is no table or has other names."""
    columns = _columns(X)
    if not columns or not all(isinstance(name, str) for name, _ in columns):
        return None
    return tuple(name for name, _ in columns)


def inputs(X: Any, expected: tuple[str, ...] | None = None) -> Any:
    """A table as an array (rows, columns) of numbers; what is no table stays as it is.

    expected: the names that the columns should have, in this order; None takes any.

    Raises ValueError for other names and missing values, TypeError for what is not numbers.
    """
    columns = _columns(X)
    if columns is None:
        return X
    found = names(X)
    if expected is not None and found is not None and found != expected:
        raise ValueError(_difference(found, expected))
    return _table("X", X, columns)


def targets(y: Any) -> Any:
    """A table as an array (rows, columns), a column or a table of one as (rows,).

    A column may hold labels; what is neither stays as it is. Raises as `inputs`.
    """
    columns = _columns(y)
    if columns is not None and len(columns) == 1:
        ((name, column),) = columns
        return _values(column, f"column {name!r} of y")
    if columns is not None:
        return _table("y", y, columns)
    return _values(y, "y") if _library(y) in LIBRARIES and hasattr(y, "to_numpy") else y


def _library(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _columns(table: Any) -> list[tuple[Any, Any]] | None:
    """(name, column) of every column; None for what is no table."""
    if hasattr(table, "column_names"):  # pyarrow
        return list(zip(table.column_names, table.columns, strict=True))
    if hasattr(table, "get_columns"):  # polars
        return [(column.name, column) for column in table.get_columns()]
    if hasattr(table, "iloc") and hasattr(table, "columns"):  # pandas, where names may occur twice
        return [(name, table.iloc[:, k]) for k, name in enumerate(table.columns)]
    return None


def _table(what: str, table: Any, columns: list[tuple[Any, Any]]) -> NDArray[Any]:
    """The columns side by side, in the dtype that holds all their numbers."""
    arrays = []
    for name, column in columns:
        where = f"column {name!r} of {what}"
        array = _values(column, where)
        if array.dtype.kind not in "biuf" or _is_categorical(column):
            raise TypeError(_not_numbers(where, name, array, column, _library(table)))
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise ValueError(_missing(where, int(np.argmax(np.isnan(array)))))
        arrays.append(array)
    if not arrays:
        return np.empty((len(table), 0))
    result = np.empty((len(arrays[0]), len(arrays)), np.result_type(*arrays))
    for k, array in enumerate(arrays):
        result[:, k] = array
    return result


def _values(column: Any, where: str) -> NDArray[Any]:
    """The values of a column (rows,), none of them missing."""
    missing = np.asarray(column.isna() if hasattr(column, "isna") else column.is_null())
    if missing.any():
        raise ValueError(_missing(where, int(np.argmax(missing))))
    if hasattr(column, "type") and _is_categorical(column):  # pyarrow's stay numbers in an array
        column = column.cast(column.type.value_type)
    array = np.asarray(column)
    if array.dtype.kind == "O" and all(map(validation.is_real, array)):
        array = np.array(array.tolist())  # numbers that the library keeps as objects
    return array


def _is_categorical(column: Any) -> bool:
    kind = str(column.type if hasattr(column, "type") else column.dtype).lower()
    return kind.startswith(("category", "categorical", "enum", "dictionary"))


def _missing(where: str, row: int) -> str:
    return (
        f"{where} has no value in row {row}; expected none missing. Remove such rows, or fill them "
        "in, for example with the mean of the column."
    )


def _not_numbers(where: str, name: Any, array: NDArray[Any], column: Any, library: str) -> str:
    others = (item for item in array if not validation.is_real(item))
    first = next(others, array[0] if len(array) else None)
    sentence = f"{where} holds {{}}, such as {first!s}; a network takes numbers. Leave it out, or "
    if _is_categorical(column) or isinstance(first, (str, type(None))):
        kind = "categories" if _is_categorical(column) else "texts"
        advice = DUMMIES.get(library, DUMMIES["pandas"]).format(name=name)
        return sentence.format(kind) + f"make 0 and 1 of each category: {advice}."
    if array.dtype.kind in "mM" or hasattr(first, "isoformat"):
        return sentence.format("dates or times") + "count the days or seconds from a first one."
    return sentence.format(f"values of type {type(first).__name__}") + "turn them into numbers."


def _difference(found: tuple[str, ...], expected: tuple[str, ...]) -> str:
    parts = [
        f"{what} {_shown(own)}"
        for what, own in (
            ("without", [name for name in expected if name not in found]),
            ("with the new", [name for name in found if name not in expected]),
        )
        if own
    ]
    if not parts:
        parts = [f"in another order, beginning with {_shown(_moved(found, expected))}"]
    return (
        f"X has other columns than the network was trained with: {', '.join(parts)}. Choose them "
        "in their order with X[list(network.feature_names)] (pyarrow: X.select), or give an array."
    )


def _moved(found: tuple[str, ...], expected: tuple[str, ...]) -> list[str]:
    pairs = zip(found, expected, strict=False)
    return [own for own, name in pairs if own != name][:1] or [*found[len(expected) :]]


def _shown(items: list[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(map(repr, items[:SHOWN])) + more
