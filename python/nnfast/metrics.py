"""Metrics: how good outputs are, in numbers that people compare.

Every metric is a function of targets y_true (n, outputs), outputs y_pred (n, outputs) and, where
wanted, weights of the rows (n,). It can be called as it is; `fit` and `evaluate` know its name.

Classes are rows of 0 and 1: one column holds class 0 or 1, several hold one-hot rows, and rows that
are not one-hot hold several labels at once (multi-label). An output >= 0.5 stands for 1, and of
one-hot rows the largest output for the class, as in `Network.predict_classes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnfast import validation
from nnfast.levels.contract import Array


def accuracy(y_true: Any, y_pred: Any, weight: Any = None) -> float:
    """The fraction of rows whose class is right; of multi-label rows, the fraction of entries."""
    Y, P = _columns(y_true), _columns(y_pred)
    if _labels(Y):
        return _mean((P >= 0.5) == (Y == 1), weight)
    return _mean(classes(P) == classes(Y), weight)


def binary_accuracy(y_true: Any, y_pred: Any, weight: Any = None) -> float:
    """The fraction of entries, of all rows and columns, where output >= 0.5 agrees."""
    return _mean((_columns(y_pred) >= 0.5) == (_columns(y_true) == 1), weight)


@dataclass(frozen=True)
class TopK:
    """The fraction of one-hot rows whose class is among the k largest outputs.

    Where outputs tie, those of the lower classes count as larger.

    Raises TypeError or ValueError unless k is a whole number from 1.
    """

    k: int = 5

    def __post_init__(self) -> None:
        validation.whole_number("TopK: k", self.k)

    @property
    def name(self) -> str:
        return f"top_{self.k}_accuracy"

    def __call__(self, y_true: Any, y_pred: Any, weight: Any = None) -> float:
        Y, P = _columns(y_true), _columns(y_pred)
        own = Y.argmax(axis=1)[:, None]
        score = np.take_along_axis(P, own, axis=1)
        before = np.arange(P.shape[1]) < own
        rank = ((score < P) | ((score == P) & before)).sum(axis=1)
        return _mean(rank < self.k, weight)


def precision(y_true: Any, y_pred: Any, weight: Any = None) -> float:
    """Of what was called a class, the fraction that is one; 0 where nothing was.

    One output: that of class 1. Several: the mean over the classes (macro).
    """
    right, called, _ = _counts(y_true, y_pred, weight)
    return float(_ratio(right, called).mean())


def recall(y_true: Any, y_pred: Any, weight: Any = None) -> float:
    """Of what is a class, the fraction that was called one; averaged as `precision`."""
    right, _, there = _counts(y_true, y_pred, weight)
    return float(_ratio(right, there).mean())


def f1(y_true: Any, y_pred: Any, weight: Any = None) -> float:
    """The harmonic mean of precision and recall of each class, averaged as `precision`."""
    right, called, there = _counts(y_true, y_pred, weight)
    return float(_ratio(2 * right, called + there).mean())


def auc(y_true: Any, y_pred: Any, weight: Any = None) -> float:
    """The area under the receiver operating characteristic.

    It is the probability that a row of the class has a larger output than a row of another, a tie
    counting one half (Hanley & McNeil 1982). Several outputs: the mean over the classes, each
    against the rest. Classes that no row or every row has are left out; NaN where none is left.
    """
    Y, P = _columns(y_true), _columns(y_pred)
    weights = _weights(weight, len(Y))
    areas = [_area(y == 1, p, weights) for y, p in zip(Y.T, P.T, strict=True)]
    defined = [area for area in areas if not np.isnan(area)]
    return float(np.mean(defined)) if defined else float("nan")


def r2(y_true: Any, y_pred: Any, weight: Any = None) -> float:
    """The coefficient of determination, 1 - Σ(y - p)² / Σ(y - mean y)², averaged over the outputs.

    An output whose targets are all equal counts 1 where it is exact and 0 elsewhere.
    """
    Y, P = (_columns(values).astype(np.float64) for values in (y_true, y_pred))
    w = _weights(weight, len(Y))[:, None]
    residual = (w * (Y - P) ** 2).sum(axis=0)
    spread = (w * (Y - np.average(Y, axis=0, weights=w[:, 0])) ** 2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.where(spread > 0, 1 - residual / spread, residual == 0)
    return float(scores.mean())


def mae(y_true: Any, y_pred: Any, weight: Any = None) -> float:
    """The mean absolute error over all rows and outputs."""
    return _mean(abs(_columns(y_true).astype(np.float64) - _columns(y_pred)), weight)


@dataclass(frozen=True)
class Metric:
    """A metric that `fit` or `evaluate` was asked for.

    of_classes: whether y has to hold classes; larger_is_better: which way it should go, None where
    nobody has said.
    """

    name: str
    function: Callable[[Array, Array, Array | None], float]
    of_classes: bool = False
    larger_is_better: bool | None = None


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", accuracy, True, True),
        Metric("binary_accuracy", binary_accuracy, True, True),
        Metric("top_k_accuracy", TopK(5), True, True),
        Metric("precision", precision, True, True),
        Metric("recall", recall, True, True),
        Metric("f1", f1, True, True),
        Metric("auc", auc, True, True),
        Metric("r2", r2, False, True),
        Metric("mae", mae, False, False),
    )
}


def read(metrics: Any) -> tuple[Metric, ...]:
    """The metrics that a list of names and callables asks for; one alone needs no list."""
    if isinstance(metrics, str) or callable(metrics):
        metrics = [metrics]
    if not isinstance(metrics, Iterable):
        raise TypeError(f"metrics is {metrics!r}; expected a list of names and functions.")
    chosen = tuple(map(_read_one, metrics))
    names = [metric.name for metric in chosen]
    for name in names:
        if names.count(name) > 1 or name == "loss":
            taken = "the name of the loss" if name == "loss" else "given twice"
            raise ValueError(f"the metric {name!r} is {taken}; every metric has a name of its own.")
    return chosen


def _read_one(metric: Any) -> Metric:
    if isinstance(metric, TopK):
        return Metric(metric.name, metric, True, True)
    for known in METRICS.values():
        if metric is known.function:
            return known
    if callable(metric):
        name = getattr(metric, "name", None) or getattr(metric, "__name__", type(metric).__name__)
        return Metric(str(name), lambda y_true, y_pred, weight: float(metric(y_true, y_pred)))
    return METRICS[validation.choice("metric", metric, METRICS)]


def larger_is_better(record: str) -> bool | None:
    """Which way a record of a history should go; None where nobody knows."""
    name = record.removeprefix("val_")
    if name == "loss":
        return False
    if name in METRICS:
        return METRICS[name].larger_is_better
    return True if name.startswith("top_") and name.endswith("_accuracy") else None


def holds_classes(Y: Array) -> bool:
    """Whether all numbers are 0 or 1."""
    return bool(((Y == 0) | (Y == 1)).all())


def require_classes(metrics: Iterable[Metric], Y: Array) -> None:
    """Refuse metrics of classes where y holds other numbers."""
    wanted = [metric.name for metric in metrics if metric.of_classes]
    if wanted and not holds_classes(Y):
        raise ValueError(
            f"the metric {wanted[0]!r} is about classes, but y holds numbers other than 0 and 1; "
            "use 'r2', 'mae' or a function of your own."
        )


def classes(outputs: Array, threshold: float = 0.5) -> Array:
    """Class of each row, (n,) int64: the largest output, or a single one >= the threshold."""
    one = outputs.shape[1] == 1
    found: Array = outputs[:, 0] >= threshold if one else outputs.argmax(axis=1)
    return found.astype(np.int64)


def _columns(values: Any) -> Array:
    array = np.asarray(values)
    return array.reshape(-1, 1) if array.ndim == 1 else array


def _labels(Y: Array) -> bool:
    """Whether rows may hold several labels at once."""
    return Y.shape[1] > 1 and not bool((Y.sum(axis=1) == 1).all())


def _weights(weight: Any, rows: int) -> Array:
    return np.ones(rows) if weight is None else np.asarray(weight, np.float64)


def _mean(values: Array, weight: Any) -> float:
    """The mean over all entries of (n,) or (n, outputs), weighted by rows."""
    if weight is None:
        return float(values.mean())
    rows = values if values.ndim == 1 else values.mean(axis=1)
    return float(np.average(rows, weights=_weights(weight, len(rows))))


def _counts(y_true: Any, y_pred: Any, weight: Any) -> tuple[Array, Array, Array]:
    """For each class the weight of rows called it rightly, called it, and being it."""
    Y, P = _columns(y_true), _columns(y_pred)
    w = _weights(weight, len(Y))
    if Y.shape[1] == 1 or _labels(Y):
        there, called = Y == 1, P >= 0.5
        return w @ (there & called), w @ called, w @ there
    size = Y.shape[1]
    true, found = classes(Y), classes(P)
    counts = (
        np.bincount(true[true == found], w[true == found], size),
        np.bincount(found, w, size),
        np.bincount(true, w, size),
    )
    seen = (np.bincount(found, minlength=size) + np.bincount(true, minlength=size)) > 0
    return counts[0][seen], counts[1][seen], counts[2][seen]


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)


def _area(truth: Array, score: Array, weight: Array) -> float:
    """P(score of a row of the class > another's) + P(equal) / 2."""
    order = np.argsort(score, kind="stable")
    score, positive = score[order], np.where(truth, weight, 0.0)[order]
    negative = np.where(truth, 0.0, weight)[order]
    if not positive.sum() or not negative.sum():
        return float("nan")
    firsts = np.flatnonzero(np.r_[True, score[1:] != score[:-1]])
    positive, negative = np.add.reduceat(positive, firsts), np.add.reduceat(negative, firsts)
    below = np.cumsum(negative) - negative
    area = (positive * (below + negative / 2)).sum()
    return float(area / (positive.sum() * negative.sum()))
