"""Class labels of any kind: which outputs they belong to, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnfast import naming

Label = str | bool | int | float
MOST_SHOWN = 10


def read(value: Any, outputs: int) -> tuple[Label, ...] | None:
    """The labels that `Network(classes=...)` names, in the order of the outputs."""
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise TypeError(f"classes is {value!r}; expected a list of labels, or None.")
    labels = tuple(_label(item, f"classes[{k}]") for k, item in enumerate(value))
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise ValueError(f"classes has {twice!r} twice; every class has a label of its own.")
    _require_count(labels, outputs, "classes")
    return labels


def learn(y: Any, outputs: int) -> tuple[Label, ...] | None:
    """The labels in y (n,), sorted, where they are texts or True and False; None for numbers."""
    array = _as_array(y)
    if array is None or array.ndim != 1:
        return None
    if array.dtype.kind == "b":
        return (False, True) if outputs <= 2 else None
    if not holds_labels(array):
        return None
    labels: set[Label] = set()
    for row, item in enumerate(array.tolist()):
        if not isinstance(item, str) or item not in labels:
            labels.add(_label(item, f"y[{row}]"))
    found = tuple(sorted(labels, key=lambda label: (isinstance(label, str), label)))
    if set(found) <= {False, True} and outputs <= 2:
        return (False, True)
    _require_count(found, outputs, "y")
    return found


def holds_labels(array: NDArray[Any]) -> bool:
    """Whether there are texts in the array, or True and False among objects."""
    if array.dtype.kind in "OT":
        return any(isinstance(item, (str, bool, np.bool_)) for item in array.flat)
    return array.dtype.kind in "US"


def encode(y: Any, classes: tuple[Label, ...]) -> Any:
    """The position of each label of y (n,) in `classes`; what is no (n,) stays as it is."""
    array = _as_array(y)
    if array is None or array.ndim != 1:
        return y
    position = {label: k for k, label in enumerate(classes)}
    try:
        return np.array([position[label] for label in array.tolist()], np.int64)
    except (KeyError, TypeError):
        return np.array([_position(label, i, position) for i, label in enumerate(array.tolist())])


def decode(positions: NDArray[np.int64], classes: tuple[Label, ...]) -> NDArray[Any]:
    """The label of each position."""
    kinds = {type(label) for label in classes}
    labels = np.array(classes, None if len(kinds) == 1 or kinds == {int, float} else object)
    found: NDArray[Any] = labels[positions]
    return found


def class_weight(value: Any, classes: tuple[Label, ...]) -> Any:
    """{label: weight} as {position: weight}; "balanced" and what is no dict stay as they are."""
    if not isinstance(value, dict):
        return value
    position = {label: k for k, label in enumerate(classes)}
    for label in value:
        if label not in position:
            raise ValueError(f"class_weight has {_unknown(label, classes)}")
    return {position[label]: weight for label, weight in value.items()}


def are_texts(y: Any) -> bool:
    """Whether y (n,) holds texts, which mean nothing before classes are known."""
    array = _as_array(y)
    return array is not None and array.ndim == 1 and array.dtype.kind != "b" and holds_labels(array)


def _as_array(y: Any) -> NDArray[Any] | None:
    """y as an array; None where it is none, which is said elsewhere."""
    try:
        array = np.asarray(y)
        if array.dtype.kind == "U" and not isinstance(y, np.ndarray):
            array = np.asarray(y, object)  # a number among texts has become a text
    except ValueError:
        return None
    return array


def _label(item: Any, where: str) -> Label:
    if isinstance(item, np.generic):
        item = item.item()
    if not isinstance(item, (str, bool, int, float)) or (
        isinstance(item, float) and not math.isfinite(item)
    ):
        raise TypeError(
            f"{where} is {item!r}; expected a label: a text, a number, True or False. Remove rows "
            "without a label, and turn other things into texts."
        )
    return item


def _require_count(labels: tuple[Label, ...], outputs: int, name: str) -> None:
    expected = max(2, outputs)
    if len(labels) == expected:
        return
    if name == "classes":
        advice = "Name one class for each output."
    elif len(labels) < expected:
        advice = "Name all of them, also those that y does not have, in Network(classes=[...])."
    else:
        advice = 'The last layer needs an output for each: Dense(classes, "softmax").'
    raise ValueError(
        f"{name} has {len(labels)} {'class' if len(labels) == 1 else 'classes'} ({_shown(labels)}),"
        f" but a network with {outputs} output{'s' if outputs > 1 else ''} has {expected}. "
        + advice
    )


def _position(label: Any, row: int, position: dict[Label, int]) -> int:
    try:
        return position[label]
    except (KeyError, TypeError):
        raise ValueError(f"y[{row}] is {_unknown(label, tuple(position))}") from None


def _unknown(label: Any, classes: tuple[Label, ...]) -> str:
    near = naming.nearest(str(label), map(str, classes))
    if near:
        (nearest,) = (repr(own) for own in classes if str(own) == near)
        return f"{label!r}, which is no class of this network; the nearest is {nearest}."
    return f"{label!r}, which is no class of this network; its classes are {_shown(classes)}."


def _shown(labels: tuple[Label, ...]) -> str:
    shown = [repr(label) for label in labels[:MOST_SHOWN]]
    return ", ".join(shown) + (", ..." if len(labels) > MOST_SHOWN else "")
