"""The attribute-relation files of Weka."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ._columns import (
    Categories,
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
from ._records import text_lines

_QUOTED: Final = r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\""""
_FIELD: Final = re.compile(rf"""(?:\s*(?:{_QUOTED})\s*|([^,'"]*))(,|$)""")
_ATTRIBUTE: Final = re.compile(rf"@attribute\s+(?:{_QUOTED}|([^\s{{'\"]+))\s*(.*)", re.IGNORECASE)
_NUMERIC: Final = ("numeric", "real", "integer")


def load_arff(
    path: PathLike,
    *,
    label: int | str | None = -1,
    ignore: Ignored = (),
    missing: Missing | None = None,
    categories: Categories | None = None,
) -> Table:
    """Read an ARFF file (Weka, University of Waikato) of numeric and nominal attributes.

    Args:
        path: The file, UTF-8.
        label: The attribute of the labels: its position, negative from the right, or its name;
            None when there are no labels.
        ignore: An attribute that is left out, by position or name, or several of them. They may
            be of any type, and nobody looks at what they hold.
        missing: What happens to ``?``: None refuses it; ``"drop"`` leaves out the rows;
            ``"mean"``, ``"median"`` and ``"most_frequent"`` fill in what the other rows of the
            attribute give, but for labels, and the most frequent of nominal values in any case.
        categories: ``"one_hot"`` makes of each nominal attribute one column of 0 and 1 for every
            value that its declaration names, at most 256, in that order; None refuses them.

    Returns:
        A :class:`Table`, which is a pair ``(X, y)``: float64 (n, features), and the labels (n,):
        strings of a nominal attribute, int64 of one whose numbers are whole, else float64. ``y``
        is None when ``label`` is None.

    Raises:
        TypeError: An argument is of the wrong type.
        FileNotFoundError: There is no such file (IsADirectoryError: it is a folder).
        ValueError: The file is damaged, has rows in the sparse form, or attributes of strings or
            dates that are not ignored; a value is missing, not finite or not declared; there is no
            such attribute. The message gives the line.
    """
    check_options(missing, categories)
    ignored = check_columns(label, ignore)
    file = existing_file(path)
    with file.open(encoding="utf-8-sig", errors="surrogateescape") as text:
        lines = enumerate(text_lines(text, file), 1)
        declared = _read_header(lines, file)
        names = list(declared)
        position, features = choose_columns(label, ignored, names, str(file), "attribute")
        left_out = set(range(len(names))) - {position, *features}
        kinds = {
            name: None if k in left_out else _kind(name, *declared[name])
            for k, name in enumerate(names)
        }
        one_hot = _nominal(kinds, features, categories, file)
        table = _read_rows(lines, kinds, left_out, position, missing, file)
    X = np.ascontiguousarray(table[:, features])
    y = None if position is None else _labels(table[:, position], kinds[names[position]])
    return assemble(X, y, [names[k] for k in features], one_hot, missing, file)


def _read_header(lines: Iterator[tuple[int, str]], file: Path) -> dict[str, tuple[str, str]]:
    """Return the type of each attribute and the place of its declaration; stop after ``@data``."""
    declared: dict[str, tuple[str, str]] = {}
    number = 0
    for number, line in lines:
        where = f"{file}, line {number}"
        text = line.strip()
        word = text.split(maxsplit=1)[0].lower() if text else "%"
        if word.startswith("%") or word == "@relation":
            continue
        if word == "@data" and declared:
            return declared
        found = _ATTRIBUTE.fullmatch(text)
        if not found:
            raise ValueError(
                f"{where}: before its @data an ARFF file has a line '@attribute name type' for "
                f"each attribute; {shortened(text)} was found."
            )
        name = _text(found)
        if name in declared:
            raise ValueError(f"{where}: there are two attributes of the name {name!r}.")
        declared[name] = found[4].strip(), where
    raise ValueError(f"{file}, line {max(1, number)}: the file ends before its @data.")


def _kind(name: str, kind: str, where: str) -> tuple[str, ...] | None:
    """Return the values of a nominal type, or None for a numeric one."""
    if kind.lower() in _NUMERIC:
        return None
    if not (kind.startswith("{") and kind.endswith("}")):
        raise ValueError(
            f"{where}: the attribute {name!r} has the type {shortened(kind)}; expected is numeric, "
            "or values in braces. Ignore it, or turn it into numbers."
        )
    return tuple(value for value, _ in _fields(kind[1:-1], where))


def _fields(text: str, where: str) -> list[tuple[str, bool]]:
    """Return the values between commas, and whether each was in quotes."""
    fields = []
    start, more = 0, True
    while more:
        found = _FIELD.match(text, start)
        if not found:
            raise ValueError(f"{where}: a quote is not closed, or something follows after one.")
        fields.append((_text(found), found[3] is None))
        start, more = found.end(), found[4] == ","
    return fields


def _text(found: re.Match[str]) -> str:
    if found[3] is not None:
        return found[3].strip()
    return re.sub(r"\\(.)", r"\1", found[1] if found[1] is not None else found[2])


def _nominal(
    kinds: dict[str, tuple[str, ...] | None],
    features: list[int],
    categories: Categories | None,
    file: Path,
) -> dict[int, tuple[str, ...]]:
    """Return the values of the features that have some, by their position among the features."""
    result = {}
    names = list(kinds)
    for k, column in enumerate(features):
        values = kinds[names[column]]
        if values is None:
            continue
        if categories is None:
            raise ValueError(
                f"{file}: the attribute {names[column]!r} is nominal; pass "
                'categories="one_hot", or ignore it.'
            )
        require_few(len(values), f"{file}, attribute {names[column]!r}")
        result[k] = values
    return result


def _read_rows(
    lines: Iterator[tuple[int, str]],
    kinds: dict[str, tuple[str, ...] | None],
    left_out: set[int],
    label: int | None,
    missing: Missing | None,
    file: Path,
) -> Floats:
    """Return the rows as numbers, the positions of nominal values, and NaN for missing ones."""
    names = list(kinds)
    positions = {
        k: {value: str(position) for position, value in enumerate(values)}
        for k, values in enumerate(kinds.values())
        if values is not None
    }
    table = array("d")
    for number, line in lines:
        where = f"{file}, line {number}"
        if not line.strip() or line.lstrip().startswith("%"):
            continue
        if line.lstrip().startswith("{"):
            raise ValueError(f"{where}: this is a row in the sparse form; write all its values.")
        fields = _fields(line.strip(), where)
        if len(fields) != len(names):
            raise ValueError(
                f"{where}: the row has {len(fields)} values, but there are {len(names)} attributes."
            )
        for k in left_out:
            fields[k] = ("0", False)
        gaps = [k for k, field in enumerate(fields) if field == ("?", False)]
        if gaps and missing == "drop":
            continue
        for k in gaps:
            if missing is None or k == label:
                raise ValueError(
                    f"{where}: the value of {names[k]!r} is missing; every value must be there, "
                    "unless the argument missing says otherwise."
                )
        table.extend(_numbers(fields, gaps, positions, names, where))
    if not table:
        dropped = ", or every row has a missing value" if missing == "drop" else ""
        raise ValueError(f"{file}: the file has no rows of data{dropped}.")
    return np.frombuffer(table, np.float64).reshape(-1, len(names))


def _numbers(
    fields: list[tuple[str, bool]],
    gaps: list[int],
    positions: dict[int, dict[str, str]],
    names: list[str],
    where: str,
) -> list[float]:
    texts = ["0" if k in gaps else text for k, (text, _) in enumerate(fields)]
    for k, own in positions.items():
        if k not in gaps:
            if texts[k] not in own:
                raise ValueError(
                    f"{where}: {shortened(texts[k])} is not among the values that the declaration "
                    f"of {names[k]!r} names."
                )
            texts[k] = own[texts[k]]
    try:
        numbers = parse_numbers(texts)
    except BadNumberError as error:
        raise ValueError(
            f"{where}, attribute {names[error.position]!r}: {error.problem}."
        ) from None
    for k in gaps:
        numbers[k] = math.nan
    return numbers


def _labels(column: Floats, values: tuple[str, ...] | None) -> NDArray[Any]:
    if values is not None:
        return np.array(values)[column.astype(np.int64)]
    whole = (column == np.floor(column)).all() and abs(column).max() < 2**53
    return column.astype(np.int64) if whole else column
