"""What comes in and goes out: standard streams, tables of text, and records of files."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from nnfast import tensorfile
from nnfast.cli.problems import UsageError, nearest
from nnfast.datasets._reading import existing_file
from nnfast.datasets._records import Row, is_gap, is_number, rows_of

STREAM = "-"  # in the place of a path: standard input or output
DELIMITERS = {".tsv": "\t"}


@contextmanager
def source(path: str) -> Iterator[Path]:
    """The file of a path; a copy of what comes through a pipe, which can be read once only."""
    piped = path == STREAM or not existing_file(path).is_file()
    if not piped:
        yield Path(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "input.csv")
        with file.open("wb") as copy:
            if path == STREAM:
                shutil.copyfileobj(sys.stdin.buffer, copy)
            else:
                with open(path, "rb") as pipe:
                    shutil.copyfileobj(pipe, copy)
        name = "standard input" if path == STREAM else path
        try:
            yield file
        except ValueError as error:
            raise UsageError(str(error).replace(str(file), name)) from error


def require_writable(path: Path, *sources: str | None) -> None:
    """Find out now, and not after a training, that a file cannot be written.

    sources: the files that are read, which it is not to replace.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file in it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r} to write {path.name!r}.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise PermissionError(f"{path} cannot be written; check its permissions and its folder's.")
    for source in sources:
        same = source is not None and path.exists() and os.path.exists(source)
        if same and path.samefile(str(source)):
            raise UsageError(f"{path} is read and would be replaced; give another file.")


def require_result(path: Path | None, *sources: str | None) -> None:
    """`require_writable`, where the result does not go to standard output."""
    if path is not None and str(path) != STREAM:
        require_writable(path, *sources)


def write_text(path: Path | None, text: str) -> None:
    """Write a file, completely or not at all; None and `STREAM` are standard output."""
    if path is None or str(path) == STREAM:
        if hasattr(sys.stdout, "reconfigure") and not sys.stdout.isatty():
            sys.stdout.reconfigure(encoding="utf-8")  # whatever the console's
        sys.stdout.write(text)
    else:
        tensorfile.replace(path, [text.encode()])


def write_table(path: Path | None, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table as comma-separated text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def write_json(values: dict[str, Any]) -> None:
    """Print an object; what is no number, which JSON cannot say, is null."""
    print(json.dumps(_finite(values), indent=2, allow_nan=False, ensure_ascii=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(frozen=True)
class Records:
    """The rows of a file of comma-separated text.

    names: of the columns, those of the header, or "column 1" and so on; header: whether there is
    one. rows: all but it, as `rows_of` gives them.
    """

    file: Path
    names: tuple[str, ...]
    header: bool
    rows: Iterator[Row]

    def position(self, column: str) -> int:
        """Where a column is, from 0: by its name, or counted from 1, or -1 for the last."""
        count = self.names.count(column)
        if self.header and count == 1:
            return self.names.index(column)
        if count > 1:
            raise UsageError(f"{self.file} has {count} columns of the name {column!r}.")
        try:
            number = int(column)
        except ValueError:
            if not self.header:
                raise UsageError(
                    f"{self.file} has no header with a column {column!r}; give its position from "
                    "1, or --header."
                ) from None
            raise UsageError(
                f"{self.file} has no column {column!r}; {nearest(column, self.names)}"
            ) from None
        if number == 0 or not -len(self.names) <= number <= len(self.names):
            raise UsageError(
                f"{self.file} has {len(self.names)} columns, counted from 1, and none is {number}."
            )
        return number - (number > 0) + (number < 0) * len(self.names)


@contextmanager
def records(file: Path, header: bool | None, delimiter: str | None) -> Iterator[Records]:
    """Open a file. header: None takes a first row without any number for one."""
    separator = delimiter or DELIMITERS.get(file.suffix.lower(), ",")
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        rows = rows_of(text, separator, file)
        first = next(rows, None)
        if first is None:
            raise UsageError(f"{file} is empty; expected is one row per example.")
        fields = [field.strip() for field in first.fields]
        if header is None:
            header = not any(map(is_number, fields)) and not all(map(is_gap, fields))
        if not header:
            rows = chain([first], rows)
        names = (f for f in fields) if header else ("" for _ in fields)
        named = tuple(name or f"column {k}" for k, name in enumerate(names, 1))
        yield Records(file, named, header, rows)
