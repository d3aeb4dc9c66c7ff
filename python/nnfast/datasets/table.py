"""Data sets in comma-separated text files."""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from ._common import Floats
from ._reading import BadNumberError, PathLike, existing_file, parse_numbers, shortened

# NumPy gives every string the room of the longest, so one runaway label would fill memory.
_LONGEST_LABEL: Final = 200
_NO_LABELS: Final = frozenset({"", "nan", "inf", "+inf", "-inf", "infinity"})
_NOT_UTF8: Final = re.compile("[\0\udc80-\udcff]")


class _Row(NamedTuple):
    """The fields of one record, and where it starts for messages."""

    where: str
    fields: list[str]


@overload
def load_csv(
    path: PathLike,
    *,
    label: int | str = -1,
    header: bool | Literal["auto"] = "auto",
    delimiter: str = ",",
) -> tuple[Floats, NDArray[Any]]: ...


@overload
def load_csv(
    path: PathLike,
    *,
    label: None,
    header: bool | Literal["auto"] = "auto",
    delimiter: str = ",",
) -> tuple[Floats, None]: ...


def load_csv(
    path: PathLike,
    *,
    label: int | str | None = -1,
    header: bool | Literal["auto"] = "auto",
    delimiter: str = ",",
) -> tuple[Floats, NDArray[Any] | None]:
    """Read a table of numbers with one row per example and, usually, a column of labels.

    The file is UTF-8 text, with or without a byte-order mark, as Python's csv module reads it;
    blank lines are skipped. With ``header="auto"`` the first row is a header when ``label`` is
    a name, or when none of its feature fields is a number. A first row that mixes numbers and
    other text is refused, because it may as well be data: say then which it is.

    Args:
        path: The file.
        label: The column of the labels: its position, negative from the right, or its name in
            the header; None when there are no labels.
        header: Whether the first row is a header, or ``"auto"``.
        delimiter: The one character between two fields.

    Returns:
        ``(X, y)``: the feature columns, float64 (n, features); and the labels (n,), int64 when
        all are 64-bit integers, else float64 when all are numbers, else strings without white
        space around them. ``y`` is None when ``label`` is None.

    Raises:
        TypeError: An argument is of the wrong type.
        FileNotFoundError: There is no such file (IsADirectoryError: it is a folder).
        ValueError: The file has no data, rows differ in length, a feature is missing, not
            finite or not a number, a label is missing, there is no such label column, or the
            file is not UTF-8 text; the message gives the line, and the column from 1.
    """
    _check_arguments(label, header, delimiter)
    file = existing_file(path)
    if isinstance(label, str):
        header = True
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        rows = _rows(text, delimiter, file)
        first = next(rows, None)
        if first is None:
            raise ValueError(f"{file}: the file is empty; expected is one row per example.")
        column = _label_column(first, label)
        if not _is_header(first, column, header):
            rows = chain([first], rows)
        return _read_table(rows, len(first.fields), column, file)


def _check_arguments(label: object, header: object, delimiter: object) -> None:
    if label is not None and (isinstance(label, bool) or not isinstance(label, int | str)):
        raise TypeError(f"label must be a position, a name or None; {label!r} was given.")
    if not (isinstance(header, bool) or header == "auto"):
        raise TypeError(f"header must be True, False or 'auto'; {header!r} was given.")
    if isinstance(label, str) and header is False:
        raise ValueError(
            f"label={label!r} is a name, which needs a header; give the column's position instead."
        )
    if not isinstance(delimiter, str):
        raise TypeError(f"delimiter must be one character; {delimiter!r} was given.")
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise ValueError(
            f"delimiter must be one character, no quote and no line break; {delimiter!r} was given."
        )


def _text_lines(text: Iterable[str], file: Path) -> Iterator[str]:
    """Pass on the lines that were UTF-8; surrogates stand for the bytes that were not."""
    for number, line in enumerate(text, 1):
        if _NOT_UTF8.search(line):
            raise ValueError(f"{file}, line {number}: this is not UTF-8 text; convert the file.")
        yield line


def _rows(text: Iterable[str], delimiter: str, file: Path) -> Iterator[_Row]:
    """Yield the rows of the file but the blank ones."""
    lines = _text_lines(text, file)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        where = f"{file}, line {reader.line_num + 1}"
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise ValueError(f"{where}: the quoting or the line is damaged ({error}).") from error
        if fields is None:
            return
        if fields and (len(fields) > 1 or fields[0].strip()):
            yield _Row(where, fields)


def _label_column(first: _Row, label: int | str | None) -> int | None:
    """Return the position of the label column, counted from 0."""
    if label is None:
        return None
    width = len(first.fields)
    if isinstance(label, str):
        names = [name.strip() for name in first.fields]
        if names.count(label) != 1:
            raise ValueError(
                f"{first.where}: {names.count(label)} columns have the name {label!r}, but one "
                f"must; the header names {', '.join(map(repr, names))}."
            )
        label = names.index(label)
    if not -width <= label < width:
        raise ValueError(
            f"{first.where}: label={label} is no column of the {width} in the file; give "
            f"{-width} to {width - 1}."
        )
    if width == 1:
        raise ValueError(
            f"{first.where}: the only column is the label, so there are no features; check the "
            "delimiter, or pass label=None."
        )
    return label % width


def _is_header(first: _Row, column: int | None, header: bool | Literal["auto"]) -> bool:
    """Return whether the first row is a header, judged by its features when ``"auto"``."""
    if header != "auto":
        return header
    features = [field for i, field in enumerate(first.fields) if i != column and field.strip()]
    texts = [field for field in features if not _is_number(field)]
    if texts and len(texts) < len(features):
        raise ValueError(
            f"{first.where}: some features are numbers but {shortened(texts[0])} is not, so this "
            "may be a header or damaged data; pass header=True or header=False."
        )
    return bool(texts)


def _is_number(field: str) -> bool:
    with suppress(ValueError):
        float(field)
        return True
    return False


def _read_table(
    rows: Iterable[_Row], width: int, column: int | None, file: Path
) -> tuple[Floats, NDArray[Any] | None]:
    """Return the features and the labels of rows of ``width`` fields."""
    values = array("d")
    labels: list[str] = []
    for where, fields in rows:
        if len(fields) != width:
            raise ValueError(
                f"{where}: the row has {len(fields)} fields, but the first row has {width}; every "
                "row needs as many."
            )
        if column is not None:
            labels.append(_label(fields.pop(column), f"{where}, column {column + 1}"))
        try:
            values.extend(parse_numbers(fields))
        except BadNumberError as error:
            after_label = column is not None and error.position >= column
            raise ValueError(
                f"{where}, column {error.position + after_label + 1}: {error.problem}; features "
                "must be finite numbers."
            ) from None
    if not values:
        raise ValueError(f"{file}: the file has a header but no data; expected are rows below it.")
    features = width - (column is not None)
    X = np.frombuffer(values, np.float64).reshape(-1, features)
    return X, None if column is None else _label_array(labels)


def _label(field: str, where: str) -> str:
    label = field.strip()
    if label.lower() in _NO_LABELS:
        raise ValueError(f"{where}: the label is missing or not finite ({field!r} was found).")
    if len(label) > _LONGEST_LABEL:
        raise ValueError(
            f"{where}: the label has {len(label)} characters, but at most {_LONGEST_LABEL} are "
            "allowed; is it the right column?"
        )
    return label


def _label_array(labels: list[str]) -> NDArray[Any]:
    """Return the labels as int64, float64 or strings: the first that fits all of them."""
    try:
        numbers = parse_numbers(labels)
    except BadNumberError:
        return np.array(labels)
    with suppress(ValueError, OverflowError):
        return np.array([int(label) for label in labels], dtype=np.int64)
    return np.array(numbers)
