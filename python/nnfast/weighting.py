"""How much each row counts: sample_weight and class_weight, checked and made one array."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnfast import metrics, validation
from nnfast.levels.contract import Array


def sample_weight(value: Any, rows: int) -> Array | None:
    """The weights of the rows, (rows,) float64: finite, not negative, not all zero."""
    if value is None:
        return None
    weight = validation.numeric_array("sample_weight", value, "float64")
    if weight.shape != (rows,):
        raise ValueError(
            f"sample_weight has shape {weight.shape}; expected {(rows,)}, a number for each row."
        )
    validation.require_finite("sample_weight", weight, "float64")
    if (weight < 0).any():
        i = int(np.argmax(weight < 0))
        raise ValueError(f"sample_weight[{i}] is {weight[i]:g}; expected numbers of at least 0.")
    if not weight.any():
        raise ValueError("sample_weight is zero for every row; expected one positive number.")
    return weight


def class_weight(value: Any, Y: Array) -> Array | None:
    """What class_weight gives to each row, (n,) float64.

    value: {class: weight}, where a class that is not named has 1, or "balanced", which gives class
        c the weight n / (classes · rows of c) (King & Zeng 2001).
    """
    if value is None:
        return None
    if not one_class_per_row(Y):
        raise ValueError(
            "class_weight needs y to hold one class for each row: labels, one-hot rows, or 0 and 1 "
            "for a single output. Give sample_weight instead."
        )
    labels = metrics.classes(Y)
    count = max(2, Y.shape[1])
    if isinstance(value, str):
        validation.choice("class_weight", value, ("balanced",))
        rows = np.bincount(labels, minlength=count)
        table = len(labels) / (np.count_nonzero(rows) * np.maximum(rows, 1))
    else:
        table = _table(value, count)
    weight: Array = table[labels]
    if not weight.any():
        raise ValueError("class_weight is 0 for every class in y; expected one positive number.")
    return weight


def one_class_per_row(Y: Array) -> bool:
    """Whether rows hold 0 or 1 of a single output, or are one-hot."""
    return metrics.holds_classes(Y) and (Y.shape[1] == 1 or bool((Y.sum(axis=1) == 1).all()))


def _table(value: Any, count: int) -> Array:
    if not isinstance(value, Mapping):
        raise TypeError(
            f"class_weight is {value!r}; expected 'balanced' or a dict such as {{0: 1.0, 1: 5.0}}."
        )
    table = np.ones(count)
    for label, weight in value.items():
        try:
            known = 0 <= operator.index(label) < count
        except TypeError:
            known = False
        if not known:
            raise ValueError(
                f"class_weight has the class {label!r}; the classes are the whole numbers from 0 "
                f"to {count - 1}."
            )
        table[label] = validation.not_negative(f"class_weight[{label}]", weight)
    return table


def combined(sample: Array | None, of_class: Array | None) -> Array | None:
    """Their product."""
    if sample is None or of_class is None:
        return of_class if sample is None else sample
    product: Array = (sample / sample.max()) * (of_class / of_class.max())
    if not product.any():
        raise ValueError("sample_weight times class_weight is 0 for every row.")
    return product


def of_part(weight: Array | None, index: Array) -> Array | None:
    """The weights of some of the rows, with mean 1."""
    if weight is None:
        return None
    part = weight[index]
    if not part.any():
        raise ValueError(
            "sample_weight is 0 for all rows of training or of validation; expected at least one "
            "positive number in both."
        )
    return normalised(part, weight.dtype.name)


def normalised(weight: Array | None, dtype: str) -> Array | None:
    """The weights, divided by their mean, in the network's dtype."""
    if weight is None:
        return None
    scaled = weight / weight.max()  # a sum of weights near the largest float would overflow
    return np.ascontiguousarray(scaled / scaled.mean(), dtype)
