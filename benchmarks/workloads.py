"""The workloads: what is trained or predicted, on which data, and how fast nnfast has to be."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nnfast import SGD, Adam

Array = NDArray[np.floating]
Weights = list[tuple[Array, Array]]  # (W (inputs, outputs), b (outputs,)) of every layer

TRAIN, PREDICT, ONE_ROW, FIT_CALL = "train", "predict", "one row", "fit call"


@dataclass(frozen=True)
class Goal:
    """Ratios to the best peer and percentages of the FMA peak that are asked of nnfast."""

    must: float | None = None
    aim: float | None = None
    peak: float | None = None


@dataclass(frozen=True)
class Workload:
    """One row of the benchmark.

    sizes, activations: units per layer, inputs first, and the activation of each layer after that.
    data: name of the data set in `benchmarks.data`; rows of it are visited in order, unshuffled.
    task: "train" runs all epochs, "predict" all rows at once, "one row" and "fit call" make `calls`
        calls with a single row.
    tolerance: allowed difference from float64, in units of the largest change of a
        weight or of the largest output.
    checked: updates after which weights are compared, where rounding grows too much over all of
        them (a relu whose input is almost 0 may go either way); 0: all.
    """

    key: str
    title: str
    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    data: str
    rows: int
    dtype: str = "float32"
    loss: str = "binary_cross_entropy"
    task: str = TRAIN
    batch: int = 1
    epochs: int = 1
    optimizer: SGD | Adam = field(default_factory=lambda: SGD(0.1))
    threads: int = 1
    calls: int = 1
    tolerance: float = 1e-9
    checked: int = 0
    goal: Goal = field(default_factory=Goal)

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of every layer."""
        return list(zip(self.sizes, self.sizes[1:], strict=False))

    @property
    def updates_per_epoch(self) -> int:
        return -(-self.rows // self.batch)

    @property
    def updates(self) -> int:
        return self.epochs * self.updates_per_epoch

    @property
    def multiply_adds(self) -> float:
        """FMA of the whole task: B (3 W - W1) per update, B W per prediction.

        W: all weights; W1: those of the first layer, which needs no gradient of its inputs.
        """
        products = [inputs * outputs for inputs, outputs in self.shapes]
        if self.task == TRAIN:
            return float(self.epochs * self.rows * (3 * sum(products) - products[0]))
        return float(self.calls * self.rows * sum(products))

    @property
    def paired(self) -> bool:
        """Whether the slope of the last activation has cancelled: dLoss/dz = a - y."""
        return self.loss in ("binary_cross_entropy", "cross_entropy")

    @property
    def slope_factor(self) -> float:
        """dLoss/da = slope_factor (a - y), per row; the squared loss is a mean over outputs."""
        return 2 / self.sizes[-1] if self.loss == "mean_squared_error" else 1.0

    @property
    def amount(self) -> int:
        """How much is to do: updates, rows or calls."""
        return {TRAIN: self.updates, PREDICT: self.rows}.get(self.task, self.calls)

    def part(self, amount: int) -> Workload:
        """The same with less to do; for training some epochs, or one epoch of fewer rows."""
        amount = min(amount, self.amount)
        if self.task == PREDICT:
            return replace(self, rows=amount)
        if self.task != TRAIN:
            return replace(self, calls=amount)
        if amount < self.updates_per_epoch:
            return replace(self, epochs=1, rows=amount * self.batch)
        return replace(self, epochs=amount // self.updates_per_epoch)


@dataclass(frozen=True)
class Case:
    """A workload with its data and initial weights, all of the workload's dtype."""

    workload: Workload
    X: Array  # (rows, inputs)
    Y: Array  # (rows, outputs)
    weights: Weights

    def part(self, amount: int) -> Case:
        workload = self.workload.part(amount)
        return Case(workload, self.X[: workload.rows], self.Y[: workload.rows], self.weights)


SIGMOIDS = ("sigmoid", "sigmoid", "sigmoid")
RELU = ("relu", "relu", "softmax")
MNIST = (784, 512, 512, 10)
W6 = Workload(
    "W6/1", "MNIST 784-512-512-10, cross-entropy, batch 128, SGD", MNIST, RELU, "mnist", 60_000,
    loss="cross_entropy", batch=128, tolerance=2e-2, checked=10, goal=Goal(1.1, 1.25, peak=88),
)  # fmt: skip
W5 = Workload(
    "W5", "MNIST 784-30-10, quadratic, batch 10, SGD", (784, 30, 10), SIGMOIDS[:2], "mnist", 50_000,
    loss="quadratic", batch=10, optimizer=SGD(3.0), tolerance=1e-2, goal=Goal(2.5, 4.0),
)  # fmt: skip
W4 = Workload(
    "W4/f32", "spirals 2-32-32-1, BCE, batch 32, Adam", (2, 32, 32, 1), SIGMOIDS, "spirals",
    100_000, batch=32, optimizer=Adam(0.01), tolerance=1e-2, goal=Goal(1.5, 2.2),
)  # fmt: skip
SMALL = Workload(
    "W8b/small/1", "predict 1,000,000 rows, 2-32-32-1", (2, 32, 32, 1), SIGMOIDS, "spirals",
    1_000_000, task=PREDICT, tolerance=1e-5, goal=Goal(1.2, 1.35),
)  # fmt: skip
LARGE = Workload(
    "W8b/wide/1", "predict 60,000 rows, 784-512-512-10", MNIST, RELU, "mnist", 60_000,
    loss="cross_entropy", task=PREDICT, tolerance=1e-5, goal=Goal(1.08, 1.15),
)  # fmt: skip
ONE = Workload(
    "W8a/784", "predict one row, 784-30-10", (784, 30, 10), SIGMOIDS[:2], "normal", 1,
    loss="quadratic", task=ONE_ROW, calls=1000, tolerance=1e-5, goal=Goal(2.0),
)  # fmt: skip
WIDE = Workload(
    "wide/f32", "2048-2048-2048, batch 128, SGD", (2048, 2048, 2048), ("relu", "linear"), "normal",
    2560, loss="quadratic", batch=128, optimizer=SGD(0.001), tolerance=2e-2,
    goal=Goal(peak=85),
)  # fmt: skip

WORKLOADS: tuple[Workload, ...] = (
    Workload(
        "W1", "XOR 2-4-1, BCE, full batch, 10,000 epochs", (2, 4, 1), SIGMOIDS[:2], "xor", 4,
        "float64", batch=4, epochs=10_000, goal=Goal(1.4, 1.7),
    ),
    Workload(
        "W2", "people 2-2-1, MSE, per sample, 1,000 epochs", (2, 2, 1), SIGMOIDS[:2], "people", 4,
        "float64", "mean_squared_error", epochs=1_000, goal=Goal(1.0, 1.15),
    ),
    Workload(
        "W3", "ten points 2-3-2, quadratic, per sample, 2,000 epochs", (2, 3, 2), SIGMOIDS[:2],
        "ten_points", 10, "float64", "quadratic", epochs=2_000, optimizer=SGD(0.5),
        goal=Goal(1.0, 1.15),
    ),
    W4,
    replace(W4, key="W4/f64", dtype="float64", tolerance=1e-8, goal=Goal(1.3, 1.7)),
    W5,
    replace(W5, key="W5/dense", title="784-30-10 as W5, data without zeros", data="no_zeros",
            goal=Goal(1.8)),
    W6,
    replace(W6, key="W6/2", threads=2, goal=Goal(1.2, 1.4)),
    Workload(
        "W7", "XOR 2-10-10-1, relu, Adam, batch 4, 1,000 epochs", (2, 10, 10, 1),
        ("relu", "relu", "sigmoid"), "xor", 4, batch=4, epochs=1_000, optimizer=Adam(0.001),
        tolerance=2e-3, checked=100, goal=Goal(1.0, 1.3),
    ),
    ONE,
    replace(ONE, key="W8a/2", title="predict one row, 2-4-1", sizes=(2, 4, 1),
            loss="binary_cross_entropy", goal=Goal(3.0)),
    SMALL,
    replace(SMALL, key="W8b/small/2", threads=2),
    LARGE,
    replace(LARGE, key="W8b/wide/2", threads=2),
    Workload(
        "chains", "4-32-16-4 tanh, full batch of 10,000, Adam, 1,000 epochs", (4, 32, 16, 4),
        ("tanh", "tanh", "linear"), "exponentials", 10_000, loss="quadratic", batch=10_000,
        epochs=1_000, optimizer=Adam(0.001), tolerance=1e-2, goal=Goal(2.0, peak=50),
    ),
    WIDE,
    replace(WIDE, key="wide/f64", dtype="float64", tolerance=1e-9),
    Workload(
        "fit", "fit call: 1-1-1, one row, one epoch", (1, 1, 1), SIGMOIDS[:2], "normal", 1,
        task=FIT_CALL, calls=1000, tolerance=1e-3,
    ),
)  # fmt: skip


def select(keys: list[str]) -> list[Workload]:
    """The workloads whose key is one of `keys` or lies under one: "W6" takes "W6/1" and "W6/2".

    Raises ValueError for a key that fits none.
    """
    chosen = []
    for key in keys:
        found = [w for w in WORKLOADS if w.key == key or w.key.startswith(key + "/")]
        if not found:
            choices = ", ".join(w.key for w in WORKLOADS)
            raise ValueError(f"there is no workload {key!r}; choose from {choices}.")
        chosen += found
    return chosen or list(WORKLOADS)


def shortened(workload: Workload) -> Workload:
    """A tenth of the work, for a quick look."""
    if workload.epochs > 1:
        return replace(workload, epochs=workload.epochs // 10)
    if workload.rows >= 10_000:
        return replace(workload, rows=workload.rows // 10)
    return workload
