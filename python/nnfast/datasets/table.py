"""Data sets in comma-separated text files."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Final, Literal

import numpy as np

from ._columns import (
    Categories,
    Column,
    Ignored,
    Missing,
    Table,
    assemble,
    check_columns,
    check_options,
    choose_columns,
    require_few,
)
from ._common import Floats
from ._reading import BadNumberError, PathLike, existing_file, parse_numbers, shortened
from ._records import (
    LONGEST_LABEL,
    Row,
    is_gap,
    is_number,
    label_array,
    label_of,
    rows_of,
)

_DECIMAL_COMMA: Final = re.compile(r"[+-]?[\d,]*\d")


def load_csv(
    path: PathLike,
    *,
    label: int | str | None = -1,
    ignore: Ignored = (),
    header: bool | Literal["auto"] = "auto",
    delimiter: str = ",",
    missing: Missing | None = None,
    categories: Categories | None = None,
) -> Table:
    """Read a table of numbers with one row per example and, usually, a column of labels.

    The file is UTF-8 text, with or without a byte-order mark, as Python's csv module reads it;
    blank lines are skipped. With ``header="auto"`` the first row is a header when ``label`` or one
    of ``ignore`` is a name, or when none of its feature fields is a number. A first row that mixes
    numbers and other text is refused, because it may as well be data: say then which it is.

    Args:
        path: The file.
        label: The column of the labels: its position, negative from the right, or its name in
            the header; None when there are no labels.
        ignore: A column that is left out, by position or name, or several of them, such as
            numbers of rows and names of persons. Nobody looks at what they hold.
        header: Whether the first row is a header, or ``"auto"``.
        delimiter: The one character between two fields.
        missing: What happens to empty fields and to ``?``, ``NA``, ``N/A``, ``NaN``, ``null`` and
            ``None`` in any case: None refuses them; ``"drop"`` leaves out their rows; ``"mean"``,
            ``"median"`` and ``"most_frequent"`` fill in what the other rows of the column give,
            but for labels, and the most frequent of categories in any case.
        categories: ``"one_hot"`` makes of each column with a text in it one column of 0 and 1 for
            every text, at most 256, in alphabetical order; ``header`` must then say what the first
            row is, unless ``label`` or one of ``ignore`` is a name. None refuses texts.

    Returns:
        A :class:`Table`, which is a pair ``(X, y)``: the feature columns, float64 (n, features);
        and the labels (n,), int64 when all are 64-bit integers, else float64 when all are numbers,
        else strings without white space around them. ``y`` is None when ``label`` is None.

    Raises:
        TypeError: An argument is of the wrong type.
        FileNotFoundError: There is no such file (IsADirectoryError: it is a folder).
        ValueError: The file has no data, rows differ in length, a feature is missing, not
            finite or not a number, a label is missing, there is no such column, or the file is
            not UTF-8 text; the message gives the line, and the column from 1.
    """
    check_options(missing, categories)
    ignored = check_columns(label, ignore)
    named = any(isinstance(column, str) for column in (label, *ignored))
    _check_arguments(named, header, delimiter)
    if named:
        header = True
    if categories and header == "auto":
        raise ValueError(
            "header must be True or False with categories, because texts in the first row may be "
            "names as well as categories; 'auto' was given."
        )
    source = _Source(existing_file(path), label, ignored, header, delimiter, missing is not None)
    texts = source.text_columns() if categories else set()
    return source.read(texts, missing)


def _check_arguments(named: bool, header: object, delimiter: object) -> None:
    if not (isinstance(header, bool) or header == "auto"):
        raise TypeError(f"header must be True, False or 'auto'; {header!r} was given.")
    if named and header is False:
        raise ValueError(
            "label and ignore name columns, which needs a header; give their positions instead."
        )
    if not isinstance(delimiter, str):
        raise TypeError(f"delimiter must be one character; {delimiter!r} was given.")
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise ValueError(
            f"delimiter must be one character, no quote and no line break; {delimiter!r} was given."
        )


class _Source:
    """A file that is gone through once or twice; ``gaps``: whether values may be missing."""

    def __init__(
        self,
        file: Path,
        label: Column | None,
        ignored: tuple[Column, ...],
        header: bool | Literal["auto"],
        delimiter: str,
        gaps: bool,
    ) -> None:
        self.file, self.delimiter, self.gaps = file, delimiter, gaps
        self.label, self.ignored, self.header = label, ignored, header

    @contextmanager
    def _open(self) -> Iterator[Iterator[Row]]:
        """The rows of data; by then the label's ``column`` and those of the features are known."""
        with self.file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            rows = rows_of(text, self.delimiter, self.file)
            first = next(rows, None)
            if first is None:
                raise ValueError(
                    f"{self.file}: the file is empty; expected is one row per example."
                )
            names = [name.strip() for name in first.fields]
            self.width = len(names)
            self.column, self.columns = choose_columns(self.label, self.ignored, names, first.where)
            if not self._is_header(first):
                rows = chain([first], rows)
                names = [""] * self.width
            self.names = [names[k] or f"column {k + 1}" for k in self.columns]
            yield rows

    def _is_header(self, first: Row) -> bool:
        """Return whether the first row is a header, judged by its features when ``"auto"``."""
        if self.header != "auto":
            return self.header
        features = [
            field
            for field in (first.fields[k] for k in self.columns)
            if field.strip() and not self._is_gap(field)
        ]
        texts = [field for field in features if not is_number(field)]
        if texts and len(texts) < len(features):
            raise ValueError(
                f"{first.where}: some features are numbers but {shortened(texts[0])} is not, so "
                "this may be a header or damaged data; pass header=True or header=False."
            )
        return bool(texts)

    def _is_gap(self, field: str) -> bool:
        return self.gaps and is_gap(field)

    def _features(self, row: Row) -> list[str]:
        """Return the fields of a row that are features."""
        if len(row.fields) != self.width:
            raise ValueError(
                f"{row.where}: the row has {len(row.fields)} fields, but the first row has "
                f"{self.width}; every row needs as many."
            )
        return [row.fields[k] for k in self.columns]

    def text_columns(self) -> set[int]:
        """Return the positions among the features of columns with a text."""
        found: set[int] = set()
        with self._open() as rows:
            for row in rows:
                for k, field in enumerate(self._features(row)):
                    if k not in found and not is_gap(field) and not is_number(field):
                        found.add(k)
        return found

    def read(self, texts: set[int], missing: Missing | None) -> Table:
        """Return the table; the columns ``texts`` hold categories."""
        values = array("d")
        labels: list[str] = []
        codes: dict[int, dict[str, int]] = {k: {} for k in sorted(texts)}
        with self._open() as rows:
            for row in rows:
                features = self._features(row)
                gaps = [k for k, field in enumerate(features) if self._is_gap(field)]
                label = None if self.column is None else row.fields[self.column]
                if missing == "drop" and (gaps or (label is not None and self._is_gap(label))):
                    continue
                if label is not None:
                    label = "" if self._is_gap(label) else label
                    labels.append(label_of(label, f"{row.where}, column {self._number(None)}"))
                self._encode(row, features, gaps, codes)
                numbers = self._numbers(row, features)
                for k in gaps:
                    numbers[k] = math.nan
                values.extend(numbers)
        if not values:
            dropped = ", or every row has a missing value" if missing == "drop" else ""
            raise ValueError(
                f"{self.file}: the file has a header but no data{dropped}; expected are rows "
                "below it."
            )
        X = np.frombuffer(values, np.float64).reshape(-1, len(self.names))
        y = None if self.column is None else label_array(labels)
        return assemble(X, y, self.names, _sort(X, codes), missing, self.file)

    def _encode(
        self, row: Row, features: list[str], gaps: list[int], codes: dict[int, dict[str, int]]
    ) -> None:
        """Put numbers in the place of texts and missing values."""
        for k in gaps:
            features[k] = "0"
        for k, positions in codes.items():
            if k in gaps:
                continue
            text = features[k].strip()
            where = f"{row.where}, column {self._number(k)}"
            if is_gap(text):
                raise ValueError(
                    f"{where}: the value is missing ({text!r} was found); see the argument missing."
                )
            if len(text) > LONGEST_LABEL:
                raise ValueError(
                    f"{where}: the text has {len(text)} characters, but a category at most "
                    f"{LONGEST_LABEL}; is it free text?"
                )
            features[k] = str(positions.setdefault(text, len(positions)))
            require_few(len(positions), where)

    def _numbers(self, row: Row, features: list[str]) -> list[float]:
        try:
            return parse_numbers(features)
        except BadNumberError as error:
            raise ValueError(
                f"{row.where}, column {self._number(error.position)}: {error.problem}; features "
                f"must be finite numbers.{_advice(features[error.position])}"
            ) from None

    def _number(self, feature: int | None) -> int:
        """Return the column in the file, from 1, of a feature, or of the label for None."""
        column = self.column if feature is None else self.columns[feature]
        return (column or 0) + 1


def _advice(field: str) -> str:
    """What to do about a field that is not a number, as the end of a sentence."""
    if is_gap(field):
        return " The argument missing says what happens to gaps."
    if _DECIMAL_COMMA.fullmatch(field.strip()):
        return " Its comma has to be a decimal point, or to go."
    return "" if is_number(field) else ' Texts need categories="one_hot".'


def _sort(X: Floats, codes: dict[int, dict[str, int]]) -> dict[int, list[str]]:
    """Number the categories of each column of X in alphabetical order, and return them."""
    categories = {k: sorted(positions) for k, positions in codes.items()}
    for k, texts in categories.items():
        order = np.empty(len(texts))
        order[[codes[k][text] for text in texts]] = np.arange(len(texts))
        present = ~np.isnan(X[:, k])
        X[present, k] = order[X[present, k].astype(np.int64)]
    return categories
