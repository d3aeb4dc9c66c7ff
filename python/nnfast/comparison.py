"""The same training on every level: how fast each is, and proof that all compute the same."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnfast import data, datasets, levels, validation
from nnfast.formulas import SGD, Adam, BatchMethod, Optimizer, steady
from nnfast.levels.contract import Array, TrainingState
from nnfast.network import Network

REFERENCE = "numpy"


@dataclass(frozen=True)
class Timing:
    """One level's row of a comparison.

    seconds: per epoch of all rows, the median of several measurements.
    updates: in each measurement; slow levels do fewer than an epoch has.
    difference: the largest difference of a weight from the NumPy level's after the same updates.
    """

    level: str
    seconds: float
    updates: int
    difference: float


@dataclass(frozen=True)
class Comparison:
    """The rows of all levels for one network and one data set; `str()` is the table.

    updates: in one epoch; checked: after how many of them the weights were compared.
    """

    title: str
    updates: int
    checked: int
    rows: tuple[Timing, ...]

    def times_faster(self, level: str, than: str) -> float:
        """How many times less an epoch takes on `level`; NaN where `than` was not measured."""
        seconds = {row.level: row.seconds for row in self.rows}
        return seconds.get(than, float("nan")) / seconds[level]

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain numbers and lists."""
        return {
            "title": self.title,
            "updates_per_epoch": self.updates,
            "weights_compared_after_updates": self.checked,
            "levels": [
                {
                    "level": row.level,
                    "seconds_per_epoch": row.seconds,
                    "updates_measured": row.updates,
                    "times_faster_than_python": self.times_faster(row.level, "python"),
                    "times_faster_than_numpy": self.times_faster(row.level, REFERENCE),
                    "largest_difference_from_numpy": row.difference,
                }
                for row in self.rows
            ],
        }

    def table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]], str]:
        """The table as texts: its header, its rows, and a note below."""
        header = ("level", "time per epoch", "x python", "x numpy", "difference", "updates timed")
        rows = []
        for row in self.rows:
            ratios = (self.times_faster(row.level, than) for than in ("python", REFERENCE))
            part = f" of {self.updates:,}" if row.updates < self.updates else ""
            difference, updates = f"{row.difference:.1e}", f"{row.updates:,}{part}"
            rows.append((row.level, _time(row.seconds), *map(_times, ratios), difference, updates))
        note = f"difference: the largest from numpy's weights, after {self.checked:,} updates"
        return header, rows, note

    def __str__(self) -> str:
        header, rows, note = self.table()
        lines = [
            f"  {level:<10}{seconds:>15}{python:>12}{numpy:>11}{difference:>13}   {updates}"
            for level, seconds, python, numpy, difference, updates in (header, *rows)
        ]
        return "\n".join([self.title, *lines, f"  {note}"])

    def _repr_html_(self) -> str:
        from nnfast import markup

        return markup.comparison(self)


def compare(
    network: Network,
    X: Any,
    y: Any,
    *,
    epochs: int = 1,
    batch_size: int | None = 32,
    optimizer: Optimizer | str | None = None,
    shuffle: bool = False,
    seconds: float = 1.0,
    title: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> Comparison:
    """Train copies of `network` on every available level from its present weights, and compare.

    X, y, epochs, batch_size, optimizer and shuffle are those of `Network.fit`, but a schedule stays
    at the rate it begins with; `network` itself is not changed. Every level first makes the same
    updates, and their weights are compared: `epochs` epochs, or the part that pure Python manages
    in `seconds`. Then each level is timed for about `seconds`, in turns with the others, on as many
    epochs as fit, or on part of one.

    title: heading of the table; progress: is called with a word about each step.

    Raises ValueError or TypeError as `Network.fit` does.
    """
    X, Y = data.ready(X, y, network.door)
    batch = validation.whole_number("batch_size", len(X) if batch_size is None else batch_size)
    epochs = validation.whole_number("epochs", epochs)
    chosen = validation.optimizer(optimizer) or Adam()
    if isinstance(chosen, BatchMethod):
        raise ValueError(
            f"compare was given {type(chosen).__name__}, a batch method; expected an optimizer "
            "that steps after every batch, such as SGD or Adam."
        )
    run = _Run(network, X, Y, min(batch, len(X)), steady(chosen), shuffle)
    tell = progress or (lambda text: None)
    names = levels.available()

    tell("comparing the weights")
    # what pure Python, the slowest, can do; at least one update
    check = run.amount_for(names[0], seconds / 2, most=epochs * run.updates)
    reference = run.train(REFERENCE, check)[1]
    differences = {
        name: float(np.abs(run.train(name, check)[1] - reference).max()) for name in names
    }
    amounts = {name: run.amount_for(name, seconds / 4) for name in names}
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(3):
        for name in names:
            tell(f"timing {name}, turn {turn + 1} of 3")
            times[name].append(run.train(name, amounts[name])[0] / amounts[name])
    rows = tuple(
        Timing(name, run.updates * float(np.median(times[name])), amounts[name], differences[name])
        for name in names
    )
    return Comparison(title or repr(network), run.updates, check, rows)


class _Run:
    """Measured trainings of one network from the same weights."""

    def __init__(
        self,
        network: Network,
        X: Array,
        Y: Array,
        batch_size: int,
        optimizer: Optimizer,
        shuffle: bool,
    ) -> None:
        self.network, self.X, self.Y = network, X, Y
        self.batch_size, self.optimizer, self.shuffle = batch_size, optimizer, shuffle
        self.updates = -(-len(X) // batch_size)  # in an epoch

    def train(self, name: str, updates: int) -> tuple[float, Array]:
        """Seconds and final parameters of this many updates: whole epochs, or a part of one."""
        epochs = max(1, updates // self.updates)
        rows = min(updates, self.updates) * self.batch_size
        level = levels.LEVELS[name](self.network.architecture)
        parameters = self.network.parameters.copy()
        state = TrainingState.fresh(self.network.architecture, self.optimizer, shuffle=0)
        start = time.perf_counter()
        level.train(
            parameters,
            state,
            self.X[:rows],
            self.Y[:rows],
            epochs=epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            shuffle=self.shuffle,
        )
        return time.perf_counter() - start, parameters

    def amount_for(self, name: str, seconds: float, most: int = 2**62) -> int:
        """How many updates this level makes in about this time: some of an epoch, or whole ones."""
        updates = 1
        while updates < most:
            elapsed, _ = self.train(name, updates)
            if elapsed >= seconds / 4:
                updates = max(1, int(updates * seconds / elapsed))
                break
            updates *= 4
        updates = min(updates, most)
        return updates - updates % self.updates if updates > self.updates else updates


def workloads(dtype: str = "float64") -> list[tuple[str, Network, Array, Array, dict[str, Any]]]:
    """(title, network, X, y, options of `compare`) of the command `nnfast compare`."""
    spirals = datasets.spirals(10_000, noise=0.02, seed=0)
    return [
        (
            "XOR: 2-4-1, full batch",
            Network([2, 4, 1], seed=42, dtype=dtype, init="normal"),
            *datasets.gate("xor"),
            {"epochs": 10_000, "batch_size": None, "optimizer": SGD(0.1)},
        ),
        (
            "ten points: 2-3-2, an update per row",
            Network([2, 3, 2], loss="quadratic", seed=1, dtype=dtype, init="uniform"),
            *datasets.ten_points(),
            {"epochs": 2_000, "batch_size": 1, "optimizer": SGD(0.5)},
        ),
        (
            "spirals, 10,000 points: 2-32-32-1, batch 32, Adam",
            Network([2, 32, 32, 1], seed=1, dtype=dtype),
            *spirals,
            {"batch_size": 32, "optimizer": Adam(0.01)},
        ),
        (
            "digits, 1,797 images: 64-32-10, batch 32",
            Network([64, 32, 10], loss="quadratic", seed=1, dtype=dtype),
            *datasets.digits(),
            {"batch_size": 32, "optimizer": SGD(0.5)},
        ),
    ]


def report(stream: Any, dtype: str = "float64", seconds: float = 1.0) -> list[Comparison]:
    """Compare all workloads and write their tables to `stream` as they are ready.

    What is going on meanwhile is shown on the error stream where that is a terminal.
    """
    watched = sys.stderr.isatty()

    def tell(text: str) -> None:
        if watched:
            sys.stderr.write(f"\r\033[K{text}")
            sys.stderr.flush()

    comparisons = []
    for title, network, X, y, options in workloads(dtype):
        comparison = compare(
            network,
            X,
            y,
            title=title,
            seconds=seconds,
            progress=lambda text, title=title: tell(f"{title}: {text}"),  # type: ignore[misc]
            **options,
        )
        tell("")
        comparisons.append(comparison)
        stream.write(f"{comparison}\n\n")
        stream.flush()
    return comparisons


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"
