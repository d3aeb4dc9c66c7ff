"""Rows of a file as the columns that a trained network takes."""

from __future__ import annotations

import argparse
from array import array
from dataclasses import dataclass, field

import numpy as np

from nnfast.cli import files, tables
from nnfast.cli.files import Records
from nnfast.cli.problems import UsageError, nearest
from nnfast.datasets._reading import BadNumberError, parse_numbers, shortened
from nnfast.datasets._records import Row, is_gap, label_array, label_of
from nnfast.network import Network
from nnfast.scaling import Standardizer


def read(network: Network, options: argparse.Namespace, *, targets: bool) -> tables.Pair:
    """(X, y) of the file that the options name; y is None unless `targets` are wanted.

    Columns of comma-separated text are found by the names that the network knows, and columns of
    0 and 1 are made of its categories again; other columns are left out.
    """
    if tables.has_own_reader(options.data):
        return _read_other(network, options)
    with (
        files.source(options.data) as file,
        files.records(file, options.header, options.delimiter) as records,
    ):
        ignored = {records.position(column) for column in options.ignore}
        columns = _columns(network, records, options.target, ignored)
        if targets and columns.target is None:
            columns.target = _only_other(records, columns, ignored)
        if options.missing == "mean":
            columns.learn_fills(network)
        return columns.read(records, drop=options.missing == "drop", targets=targets)


def _read_other(network: Network, options: argparse.Namespace) -> tables.Pair:
    """The test examples of a file of another kind, or all where it has none."""
    if options.missing == "mean":
        raise UsageError("--missing mean is for comma-separated text only.")
    settings = argparse.Namespace(**{**vars(options), "categories": "one_hot"})
    examples = tables.read(settings, features=network.sizes[0])
    if examples.names is None or network.feature_names is None:
        return examples.test or (examples.X, examples.y)
    order = []
    for name in network.feature_names:
        if name not in examples.names:
            raise UsageError(
                f"{options.data} has no column {name!r}, which the network takes; "
                f"{nearest(name, examples.names)}"
            )
        order.append(examples.names.index(name))
    return examples.X[:, order], examples.y


@dataclass
class Columns:
    """Where the inputs of a network come from.

    numeric: (column of the file, input); categorical: (column, {text: input}); target: a column.
    missing: the names of the inputs that come from nowhere.
    fills: what stands for a gap in a column: the text of a number, or a category.
    """

    inputs: int
    numeric: list[tuple[int, int]]
    categorical: list[tuple[int, dict[str, int]]]
    missing: list[str]
    target: int | None = None
    fills: dict[int, str] = field(default_factory=dict)

    @property
    def used(self) -> set[int]:
        """The columns of the file that inputs come from."""
        return {column for column, _ in (*self.numeric, *self.categorical)}

    def learn_fills(self, network: Network) -> None:
        """Take the mean of the training data, which a standard scale knows, for gaps.

        Of columns of 0 and 1 the largest mean is that of the most frequent category.
        """
        scaler = network.input_scaler
        if not isinstance(scaler, Standardizer) or scaler.shift is None:
            raise UsageError("--missing mean needs a network trained with --scale standard.")
        self.fills = {column: repr(float(scaler.shift[k])) for column, k in self.numeric}
        for column, inputs in self.categorical:
            self.fills[column] = max(inputs, key=lambda text: scaler.shift[inputs[text]])

    def read(self, records: Records, *, drop: bool, targets: bool) -> tables.Pair:
        """The inputs (n, inputs), and the targets (n,) or None."""
        values = array("d")
        labels: list[str] = []
        for row in records.rows:
            if len(row.fields) != len(records.names):
                raise UsageError(
                    f"{row.where}: the row has {len(row.fields)} fields, but the first row has "
                    f"{len(records.names)}; every row needs as many."
                )
            used = self.used | ({self.target} if targets and self.target is not None else set())
            if drop and any(is_gap(row.fields[column]) for column in used):
                continue
            values.extend(self._inputs(row, records.names))
            if targets and self.target is not None:
                where = f"{row.where}, column {self.target + 1}"
                labels.append(label_of(row.fields[self.target], where))
        if not values:
            raise UsageError(f"{records.file} has no rows of data, or each has a gap.")
        X = np.frombuffer(values, np.float64).reshape(-1, self.inputs)
        return X, label_array(labels) if targets else None

    def _inputs(self, row: Row, names: tuple[str, ...]) -> list[float]:
        result = [0.0] * self.inputs
        texts = [self._field(row, column) for column, _ in self.numeric]
        try:
            for (_, k), number in zip(self.numeric, parse_numbers(texts), strict=True):
                result[k] = number
        except BadNumberError as error:
            column = self.numeric[error.position][0]
            raise UsageError(
                f"{row.where}, column {column + 1}: {error.problem}; the network takes a number "
                f"as {names[column]!r}." + _advice(row.fields[column])
            ) from None
        for column, inputs in self.categorical:
            text = self._field(row, column)
            if text not in inputs:
                problem = f"{shortened(text)} is new; of the categories of {names[column]!r} "
                problem += nearest(text, inputs)
                if is_gap(text):
                    problem = f"the value of {names[column]!r} is missing." + _advice(text)
                raise UsageError(f"{row.where}, column {column + 1}: {problem}")
            result[inputs[text]] = 1.0
        return result

    def _field(self, row: Row, column: int) -> str:
        text = row.fields[column].strip()
        return self.fills[column] if column in self.fills and is_gap(text) else text


def _advice(text: str) -> str:
    return " --missing mean fills gaps." if is_gap(text) else ""


def _columns(network: Network, records: Records, target: str | None, ignored: set[int]) -> Columns:
    """The columns by their names, or by their order where either side has none."""
    position = None if target is None else records.position(target)
    others = [k for k in range(len(records.names)) if k != position and k not in ignored]
    features = network.feature_names
    if features is None:
        features = tuple(f"column {k + 1}" for k in range(network.sizes[0]))
    columns = _assign(features, {name: k for k, name in enumerate(records.names)})
    if columns.missing and not (records.header and _are_named(features)):
        bases = dict.fromkeys(name.partition("=")[0] for name in features)
        if len(others) != len(bases):
            raise UsageError(
                f"{records.file} has {len(others)} columns, but the network takes {len(bases)}, "
                "by their order; --target and --ignore name columns that are none of them."
            )
        columns = _assign(features, dict(zip(bases, others, strict=True)))
    if columns.missing:
        name = columns.missing[0]
        single = len(records.names) == 1
        raise UsageError(
            f"{records.file} has no column {name!r}, which the network takes; "
            f"{nearest(name, records.names)}" + (" Check --delimiter." if single else "")
        )
    for name in (records.names[k] for k in columns.used):
        if records.names.count(name) > 1:
            raise UsageError(f"{records.file} has several columns of the name {name!r}.")
    columns.target = position
    return columns


def _assign(features: tuple[str, ...], places: dict[str, int]) -> Columns:
    """Find the features of a network among the columns {name: position} of a file.

    The feature "heating=gas" comes from a column of this name, or it is the category "gas" of a
    column "heating".
    """
    numeric: list[tuple[int, int]] = []
    categories: dict[int, dict[str, int]] = {}
    missing: list[str] = []
    for k, feature in enumerate(features):
        parts = feature.split("=")
        beginnings = ("=".join(parts[:count]) for count in range(len(parts), 0, -1))
        name = next((base for base in beginnings if base in places), None)
        if name is None:
            missing.append(parts[0])
        elif name == feature:
            numeric.append((places[name], k))
        else:
            categories.setdefault(places[name], {})[feature.removeprefix(f"{name}=")] = k
    return Columns(len(features), numeric, list(categories.items()), missing)


def _are_named(features: tuple[str, ...]) -> bool:
    """Whether the names are those of a header, and not made up of positions."""
    return not all(name.startswith("column ") for name in features)


def _only_other(records: Records, columns: Columns, ignored: set[int]) -> int:
    """The one column that the network does not take."""
    others = [k for k in range(len(records.names)) if k not in columns.used | ignored]
    if len(others) != 1:
        shown = ", ".join(repr(records.names[k]) for k in others[:5]) or "none"
        raise UsageError(
            f"the network does not take {len(others)} columns of {records.file} ({shown}); "
            "--target says which of them holds the targets."
        )
    return others[0]
