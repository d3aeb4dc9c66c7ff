"""Where the rows of a training come from: arrays, files mapped into memory, or batches.

All have `blocks`, all rows once, to be measured; those that a level cannot take as a whole have
`batches`, the rows of each update of an epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nnfast import metrics, validation, weighting
from nnfast.door import Door
from nnfast.levels.contract import Array, TrainingState
from nnfast.levels.numpy_arrays import shuffled

WHOLE = 1 << 24  # numbers of a mapped file that are converted at once


@dataclass(slots=True)
class Arrays:
    """Rows of X and Y, and what those in memory and those in a file have in common.

    raw: Y before it was scaled; None where nothing scales it.
    weight: of each row when it is measured, (n,) with mean 1; None: all 1.
    training_weight: the same in training, where class_weight counts too.
    """

    X: Any
    Y: Array
    weight: Array | None = None
    training_weight: Array | None = None
    raw: Array | None = None

    def __len__(self) -> int:
        return len(self.Y)

    @property
    def targets(self) -> Array:
        """Y in the user's units."""
        return self.Y if self.raw is None else self.raw

    def weigh(self, class_weight: Any, dtype: str) -> None:
        """Let classes count in training as `Network.fit` says."""
        of_class = weighting.class_weight(class_weight, self.targets)
        weight = weighting.combined(self.weight, of_class)
        self.training_weight = weighting.normalised(weight, dtype)

    def updates(self, batch_size: int | None) -> int:
        """How many batches an epoch has."""
        return 1 if batch_size is None else -(-len(self.Y) // batch_size)


@dataclass(slots=True)
class Rows(Arrays):
    """Rows that a level takes as they are: X (n, inputs) and Y (n, outputs) in its dtype."""

    X: Array

    def raw_inputs(self) -> Iterator[tuple[int, Array]]:
        """(index of the first row, rows) of X where it is raw."""
        return validation.pieces(self.X)

    def scaled(self, door: Door) -> Rows:
        """Rows for a level out of raw ones."""
        X, Y = door.scaled_inputs(self.X), door.scaled_targets(self.Y)
        raw = None if door.output_scaler is None else self.Y
        return Rows(X, Y, self.weight, self.training_weight, raw)

    def take(self, index: Array) -> Rows:
        weight = weighting.of_part(self.weight, index)
        return Rows(self.X[index], self.Y[index], weight, weight)

    def blocks(self) -> Iterator[Rows]:
        for start, X in validation.pieces(self.X):
            part = slice(start, start + len(X))
            weight, training_weight = _part(self.weight, part), _part(self.training_weight, part)
            yield Rows(X, self.Y[part], weight, training_weight, _part(self.raw, part))


@dataclass(slots=True)
class MappedRows(Arrays):
    """Rows of a file whose numbers are converted batch by batch; see `Rows`.

    X: the mapped file; index: the rows of it that count, (n,), to which Y and the weights belong.
    door: what scales the rows of X.
    """

    X: np.memmap[Any, Any]
    index: Array = field(kw_only=True)
    door: Door = field(kw_only=True)

    def raw_inputs(self) -> Iterator[tuple[int, Array]]:
        """(index of the first row, rows) of the file, as they are in it."""
        for start in self._starts():
            yield start, self.X[self.index[start : start + self._step]]

    def scaled(self, door: Door) -> MappedRows:
        """Rows for a level out of raw ones."""
        raw = None if door.output_scaler is None else self.Y
        return replace(self, Y=door.scaled_targets(self.Y), door=door, raw=raw)

    def take(self, index: Array) -> MappedRows:
        weight = weighting.of_part(self.weight, index)
        return replace(
            self,
            index=self.index[index],
            Y=self.Y[index],
            weight=weight,
            training_weight=weight,
        )

    def batches(
        self, batch_size: int | None, shuffle: bool, state: TrainingState
    ) -> Iterator[Rows]:
        """The batches that a level would make of these rows; None: a single one."""
        n = len(self)
        batch_size = batch_size or n
        order = shuffled(n, state) if shuffle and batch_size < n else np.arange(n)
        for start in range(0, n, batch_size):
            yield self._rows(order[start : start + batch_size])

    def blocks(self) -> Iterator[Rows]:
        for start in self._starts():
            yield self._rows(np.arange(start, min(start + self._step, len(self))))

    @property
    def _step(self) -> int:
        """Rows of about a million numbers."""
        return max(1, validation.PIECE // int(self.X.shape[1]))

    def _starts(self) -> range:
        return range(0, len(self), self._step)

    def _rows(self, part: Array) -> Rows:
        X = self.door.scaled_inputs(self.door.raw_inputs(self.X[self.index[part]], finite=False))
        weight, training_weight = _part(self.weight, part), _part(self.training_weight, part)
        return Rows(X, self.Y[part], weight, training_weight, _part(self.raw, part))


class Batches:
    """Batches (X, y) or (X, y, sample_weight) of somebody else's making, one update each.

    source: an iterable, or a callable that returns one, asked anew for every epoch. The weights
        count as they are: their mean over the epoch is not known before its end.
    """

    def __init__(self, source: Any, door: Door) -> None:
        self.source, self.door = source, door
        self.class_weight: Any = None

    def scaled(self, door: Door) -> Batches:
        """These batches: each is scaled when it comes."""
        return self

    @property
    def once(self) -> bool:
        """Whether there is only one pass: an iterator, such as a generator, cannot go back."""
        return not callable(self.source) and iter(self.source) is self.source

    def weigh(self, class_weight: Any, dtype: str) -> None:
        if isinstance(class_weight, str):
            raise ValueError(
                f"class_weight is {class_weight!r}, but batches do not tell beforehand how often "
                "each class occurs; give a dict {class: weight}."
            )
        self.class_weight = class_weight

    def updates(self, batch_size: int | None) -> int | None:
        """How many batches an epoch has, where the source knows."""
        try:
            return len(self.source)
        except TypeError:
            return None

    def batches(
        self, batch_size: int | None, shuffle: bool, state: TrainingState
    ) -> Iterator[Rows]:
        """One pass; the source alone decides on sizes and order."""
        return self.blocks()

    def blocks(self) -> Iterator[Rows]:
        number = 0
        for number, batch in enumerate(self._pass(), start=1):
            yield self._rows(batch, number)
        if not number:
            raise ValueError(
                "the source of batches gave none; an iterator that is used up has to be made anew."
            )

    def _pass(self) -> Iterable[Any]:
        batches = self.source() if callable(self.source) else self.source
        if not isinstance(batches, Iterable):
            raise TypeError(f"X() returned {batches!r}; expected an iterable of batches (X, y).")
        return batches

    def _rows(self, batch: Any, number: int) -> Rows:
        # a list of numbers is a row; loaders such as PyTorch's give lists of arrays
        arrays = isinstance(batch, list) and all(getattr(part, "ndim", 0) for part in batch)
        if not (isinstance(batch, tuple) or arrays) or len(batch) not in (2, 3):
            raise TypeError(
                f"batch {number} is of type {type(batch).__name__}; expected a tuple (X, y) or "
                "(X, y, sample_weight). If X is no source of batches, y is missing."
            )
        dtype = self.door.architecture.dtype
        X = self.door.inputs(batch[0])
        raw = self.door.raw_targets(batch[1], len(X))
        weight = weighting.sample_weight(batch[2], len(X)) if len(batch) == 3 else None
        of_class = weighting.class_weight(self.class_weight, raw)
        training = weight if of_class is None else of_class if weight is None else weight * of_class
        weight, training = (None if w is None else w.astype(dtype) for w in (weight, training))
        return Rows(X, self.door.scaled_targets(raw), weight, training, raw)


Data = Rows | MappedRows | Batches


def read(
    X: Any,
    y: Any,
    door: Door,
    sample_weight: Any = None,
    *,
    finite: bool = True,
    parts: bool = False,
) -> Data:
    """X, y and sample_weight as `Network.fit` takes them, to be `scaled`.

    finite: whether NaN in X is looked for; parts: whether only some of the rows will be used.

    A large file mapped into memory is never copied: what a level cannot use as it is, is converted
    batch by batch.
    """
    if y is None:
        return _batches(X, door, sample_weight)
    rows: Rows | MappedRows
    dtype = door.architecture.dtype
    finite = finite or door.input_scaler is not None
    mapped = isinstance(X, np.memmap) and X.size > WHOLE
    if mapped and (parts or door.input_scaler is not None or not _ready(X, dtype)):
        validation.mapped_inputs(X, door.architecture, finite)
        Y = door.raw_targets(y, len(X))
        rows = MappedRows(X, Y, index=np.arange(len(X)), door=door)
    else:
        X = door.raw_inputs(X, finite)
        rows = Rows(X, door.raw_targets(y, len(X)))
    if sample_weight is not None:
        weight = weighting.sample_weight(sample_weight, len(X))
        rows.weight = rows.training_weight = weighting.normalised(weight, dtype)
    return rows


def learned(door: Door, data: Data) -> Door:
    """The door whose scalers are fitted, where they were not, to raw data."""
    if not door.scales or isinstance(data, Batches):
        return door
    return door.fitted(data.raw_inputs, lambda: validation.pieces(data.Y))


def ready(X: Any, y: Any, door: Door) -> tuple[Array, Array]:
    """X and y as a level takes them, scaled as a first `fit` with them would."""
    door = door.opened(X, y)
    rows = Rows(raw := door.raw_inputs(X), door.raw_targets(y, len(raw)))
    rows = rows.scaled(learned(door, rows))
    return rows.X, rows.Y


def _batches(X: Any, door: Door, sample_weight: Any) -> Batches:
    arrays = hasattr(X, "__array__") or isinstance(X, (str, bytes))
    if arrays or not (callable(X) or isinstance(X, Iterable)):
        raise TypeError(
            f"y is missing, and X, of type {type(X).__name__}, is no source of batches (X, y)."
        )
    if sample_weight is not None:
        raise ValueError("sample_weight goes with arrays; give batches (X, y, sample_weight).")
    return Batches(X, door)


def split(rows: Data, fraction: Any, seed: int) -> tuple[Data, Data]:
    """The rows that are trained on, and a `fraction` of all that is kept from training.

    Where y holds one class per row, every class gives its share, to within one row. The rows are
    drawn by the seed and stay in their order.
    """
    fraction = validation.fraction("validation_split", fraction)
    if isinstance(rows, Batches):
        raise ValueError("validation_split needs arrays; give validation_data with batches.")
    n = len(rows)
    kept = round(fraction * n)
    if not 0 < kept < n:
        raise ValueError(
            f"validation_split is {fraction:g}: {kept} of {n} rows; expected at least one row for "
            "validation and one for training."
        )
    order = np.random.default_rng([seed, n]).permutation(n)
    if weighting.one_class_per_row(rows.Y):  # not scaled yet
        order = order[np.argsort(metrics.classes(rows.Y)[order], kind="stable")]
    chosen = np.zeros(n, bool)
    chosen[order[(2 * np.arange(kept) + 1) * n // (2 * kept)]] = True  # evenly over the classes
    return rows.take(np.flatnonzero(~chosen)), rows.take(np.flatnonzero(chosen))


def _ready(X: Array, dtype: str) -> bool:
    return X.dtype == np.dtype(dtype) and X.flags.c_contiguous and X.flags.aligned


def _part(weight: Array | None, part: Any) -> Array | None:
    return None if weight is None else weight[part]
