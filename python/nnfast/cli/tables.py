"""Files of examples to learn from, by their suffix."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnfast import datasets
from nnfast.cli import files
from nnfast.cli.problems import UsageError
from nnfast.datasets._columns import Table
from nnfast.datasets._records import is_number

Pair = tuple[Any, Any]
BOTH = {"categories": "one_hot", "missing": "mean"}


@dataclass(frozen=True)
class Examples:
    """Inputs X and targets y of a file.

    names: of the columns of X, where the file has any; held_out, test: parts that the file itself
    keeps from training.
    """

    X: Any
    y: Any
    names: tuple[str, ...] | None = None
    held_out: Pair | None = None
    test: Pair | None = None


def read(options: argparse.Namespace, features: int | None = None) -> Examples:
    """The examples of the file that the options name.

    features: the number of columns that the file should have; None leaves it to the file.
    """
    with files.source(options.data) as file:
        reader = READERS.get(file.suffix.lower(), _read_csv)
        if options.ignore and reader not in (_read_csv, _read_arff):
            raise UsageError(f"--ignore is for CSV and ARFF; {file} has no columns with names.")
        return reader(file, options, features)


def has_own_reader(path: str) -> bool:
    """Whether a path leads to a file that is no comma-separated text."""
    return Path(path).suffix.lower() in READERS


def _read_csv(file: Path, options: argparse.Namespace, features: int | None) -> Examples:
    with files.records(file, options.header, options.delimiter) as records:
        position = records.position(options.target or "-1")
        ignored = [records.position(column) for column in options.ignore]
        header = records.header
        if len(records.names) == 1:
            raise UsageError(f"{file} has one column only; check --delimiter.")
    delimiter = options.delimiter or files.DELIMITERS.get(file.suffix.lower(), ",")

    def load(**choices: Any) -> Table:
        return datasets.load_csv(
            file, label=position, ignore=ignored, header=header, delimiter=delimiter, **choices
        )

    return _read_table(load, options)


def _read_arff(file: Path, options: argparse.Namespace, features: int | None) -> Examples:
    label, *ignored = map(_attribute, [options.target or "-1", *options.ignore])
    return _read_table(
        lambda **choices: datasets.load_arff(file, label=label, ignore=ignored, **choices), options
    )


def _attribute(column: str) -> int | str:
    """A column as the loaders take it: positions count from 0."""
    try:
        number = int(column)
    except ValueError:
        return column
    return number - (number > 0)


def _read_table(load: Callable[..., Table], options: argparse.Namespace) -> Examples:
    """The table with the chosen ways; an error names those that would have helped."""
    chosen = {"missing": options.missing, "categories": options.categories}
    try:
        table = load(**chosen)
    except ValueError as error:
        for ways in ({"missing": "mean"}, {"categories": "one_hot"}, BOTH):
            if _works(load, {**chosen, **ways}):
                raise UsageError(_advice(error, ways)) from error
        raise
    _refuse_commas(table)
    return Examples(table.X, table.y, table.feature_names)


def _refuse_commas(table: Table) -> None:
    """Numbers with a decimal comma are no categories."""
    texts: dict[str, list[str]] = {}
    for name in table.feature_names:
        column, equals, text = name.partition("=")
        if equals:
            texts.setdefault(column, []).append(text)
    for column, found in texts.items():
        commas = [text for text in found if not is_number(text)]
        if commas and all(is_number(text.replace(",", ".", 1)) for text in found):
            raise UsageError(
                f"column {column!r} holds {commas[0]!r}; its comma has to be a decimal point."
            )


def _works(load: Callable[..., Table], ways: dict[str, Any]) -> bool:
    try:
        load(**ways)
    except ValueError:
        return False
    return True


def _advice(error: ValueError, ways: dict[str, str]) -> str:
    words = {
        "categories": "--categories one_hot, which makes a column of 0 and 1 of every text",
        "missing": "--missing mean, which fills gaps, or --missing drop",
    }
    problem = str(error).rpartition("; ")[0] or str(error).rstrip(".")  # its advice is for Python
    return f"{problem}; it can be read with {', and '.join(words[way] for way in ways)}."


def _read_fann(file: Path, options: argparse.Namespace, features: int | None) -> Examples:
    return Examples(*datasets.load_fann(file))


def _read_libsvm(file: Path, options: argparse.Namespace, features: int | None) -> Examples:
    return Examples(*datasets.load_libsvm(file, features=features))


def _read_npz(file: Path, options: argparse.Namespace, features: int | None) -> Examples:
    X, y = datasets.load_npz(file)
    return Examples(X.reshape(len(X), -1), y)


def _read_proben1(file: Path, options: argparse.Namespace, features: int | None) -> Examples:
    parts = datasets.load_proben1(file)
    held_out, test = (part if len(part[0]) else None for part in parts[1:])
    return Examples(*parts.training, held_out=held_out, test=test)


READERS: dict[str, Callable[[Path, argparse.Namespace, int | None], Examples]] = {
    ".arff": _read_arff,
    ".data": _read_fann,
    ".dt": _read_proben1,
    ".libsvm": _read_libsvm,
    ".svm": _read_libsvm,
    ".npz": _read_npz,
}
