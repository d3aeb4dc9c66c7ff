"""What there is to learn from targets: classes, or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnfast.cli.problems import UsageError
from nnfast.cli.terminal import count
from nnfast.labels import Label
from nnfast.layers import Dense

MOST_CLASSES = 20  # of whole numbers, each twice on the average, unless one asks for them
CLASSIFICATION, REGRESSION = "classification", "regression"
TASKS = ("auto", CLASSIFICATION, REGRESSION)


@dataclass(frozen=True)
class Task:
    """A kind of learning.

    outputs, activation: of the last layer; classes: the labels, None where there are none.
    """

    kind: str
    outputs: int
    activation: str
    classes: tuple[Label, ...] | None = None

    @property
    def last_layer(self) -> Dense:
        """The layer of the outputs."""
        return Dense(self.outputs, self.activation)

    def targets(self, y: Any) -> Any:
        """The targets of a part of the file as `fit` takes them."""
        return simplified(y) if self.classes is not None else y

    def __str__(self) -> str:
        if self.classes is None:
            return f"{self.kind}, {count(self.outputs, 'output')}"
        shown = ", ".join(map(str, self.classes[:10]))
        return f"{self.kind}: {shown}" + (", ..." if len(self.classes) > 10 else "")


def choose(y: Any, wanted: str) -> Task:
    """The task of targets y, (n,) or (n, outputs); wanted: one of `TASKS`.

    Texts, one-hot rows and few whole numbers are classes. Two classes have one sigmoid output, more
    have a softmax output each. Rows of several 0 and 1 have sigmoids; the rest is a regression.
    """
    simple = simplified(y)
    if wanted == REGRESSION and simple.dtype.kind not in "biuf":
        raise UsageError(f"the target holds texts, such as {simple[0]}; regression needs numbers.")
    if wanted != REGRESSION and simple.ndim < y.ndim and y.shape[1] > 1:
        return _classification(tuple(range(y.shape[1])))  # also those that no row has
    if wanted != REGRESSION and simple.ndim == 1:
        labels = np.unique(simple)
        whole = labels.dtype.kind in "biuf" and (labels == np.floor(labels)).all()
        few = whole and len(labels) <= min(MOST_CLASSES, len(simple) / 2)
        if wanted == CLASSIFICATION or labels.dtype.kind not in "biuf" or few:
            return _classification(tuple(labels.tolist()))
    if wanted != REGRESSION and np.isin(simple, (0, 1)).all():
        return Task(CLASSIFICATION, simple.shape[1], "sigmoid")
    if wanted == CLASSIFICATION:
        raise UsageError("the targets have several columns, but are no rows of 0 and 1.")
    return Task(REGRESSION, 1 if y.ndim == 1 else y.shape[1], "linear")


def _classification(classes: tuple[Label, ...]) -> Task:
    if len(classes) < 2:
        raise UsageError(f"every row has the same target, {classes[0]!r}: nothing to learn.")
    if len(classes) == 2:
        return Task(CLASSIFICATION, 1, "sigmoid", classes)
    return Task(CLASSIFICATION, len(classes), "softmax", classes)


def simplified(y: Any) -> Any:
    """One-hot rows as their classes, from 0, and a single column as (n,); whole numbers as such."""
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        return y.argmax(axis=1)
    if y.dtype.kind == "f" and y.ndim == 1 and (y == np.floor(y)).all() and abs(y).max() < 2**53:
        return y.astype(np.int64)
    return y
