"""Records of comma-separated text, and their labels."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._reading import BadNumberError, parse_numbers

# NumPy gives every string the room of the longest, so one runaway label would fill memory.
LONGEST_LABEL: Final = 200
_NO_LABELS: Final = frozenset({"", "nan", "inf", "+inf", "-inf", "infinity"})
_GAPS: Final = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})
_NOT_UTF8: Final = re.compile("[\0\udc80-\udcff]")


class Row(NamedTuple):
    """The fields of one record, and where it starts for messages."""

    where: str
    fields: list[str]


def text_lines(text: Iterable[str], file: Path) -> Iterator[str]:
    """Pass on the lines that were UTF-8; surrogates stand for the bytes that were not."""
    for number, line in enumerate(text, 1):
        if _NOT_UTF8.search(line):
            raise ValueError(f"{file}, line {number}: this is not UTF-8 text; convert the file.")
        yield line


def rows_of(text: Iterable[str], delimiter: str, file: Path) -> Iterator[Row]:
    """Yield the rows of the file but the blank ones."""
    lines = text_lines(text, file)
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
            yield Row(where, fields)


def is_gap(field: str) -> bool:
    """Return whether the field stands for a missing value."""
    return field.strip().lower() in _GAPS


def is_number(field: str) -> bool:
    """Return whether the field looks like a number, be it finite or not."""
    with suppress(ValueError):
        float(field)
        return True
    return False


def label_of(field: str, where: str) -> str:
    label = field.strip()
    if label.lower() in _NO_LABELS:
        raise ValueError(
            f"{where}: the label is missing or not finite ({field!r} was found); remove the row, "
            'or give missing="drop".'
        )
    if len(label) > LONGEST_LABEL:
        raise ValueError(
            f"{where}: the label has {len(label)} characters, but at most {LONGEST_LABEL} are "
            "allowed; is it the right column?"
        )
    return label


def label_array(labels: list[str]) -> NDArray[Any]:
    """Return the labels as int64, float64 or strings: the first that fits all of them."""
    try:
        numbers = parse_numbers(labels)
    except BadNumberError:
        return np.array(labels)
    with suppress(ValueError, OverflowError):
        return np.array([int(label) for label in labels], dtype=np.int64)
    return np.array(numbers)
