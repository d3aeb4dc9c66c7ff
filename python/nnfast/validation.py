"""The door: everything a user passes is checked and converted here, once."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnfast import naming
from nnfast.formulas import (
    BATCH_METHODS,
    LOSSES,
    OPTIMIZERS,
    BatchMethod,
    LevenbergMarquardt,
    Optimizer,
)
from nnfast.levels.contract import Architecture, Array, Pair

PIECE = 1 << 20  # numbers

REAL = (int, float, np.integer, np.floating, np.bool_)


# an array of one of these, in native byte order, needs no conversion
_NATIVE = {name: np.dtype(name) for name in ("float32", "float64")}


def choice(what: str, name: object, choices: Collection[str]) -> str:
    """`name`, if it is one of the choices."""
    if isinstance(name, str) and name in choices:
        return name
    listed = ", ".join(choices)
    if not isinstance(name, str):
        raise TypeError(f"unknown {what} {name!r}; choose from {listed}.")
    near = naming.nearest(name.lower(), choices)
    meant = f" (did you mean {near!r}?)" if near else ""
    raise ValueError(f"unknown {what} {name!r}{meant}; choose from {listed}.")


def whole_number(what: str, value: object, least: int = 1) -> int:
    """`value` as an int, at least `least`."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{what} is {value!r}; expected a whole number.") from None
    if number < least:
        raise ValueError(f"{what} is {number}; expected at least {least}.")
    if number >= 2**62:
        raise ValueError(f"{what} is too large; expected a whole number below 2**62.")
    return number


def true_or_false(what: str, value: object) -> bool:
    """`value` as a bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{what} is {value!r}; expected True or False.")
    return bool(value)


def is_real(value: object) -> bool:
    """Whether `value` is a real number of Python or NumPy, True and False among them."""
    # a timedelta64 is a kind of integer to NumPy
    return isinstance(value, REAL) and not isinstance(value, np.timedelta64)


def _number(what: str, value: object, expected: str) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, REAL):
        raise TypeError(f"{what} is {value!r}; expected {expected}.")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def not_negative(what: str, value: object) -> float:
    """`value` as a finite float of at least 0."""
    number = _number(what, value, expected := "a number of at least 0")
    if not 0 <= number < math.inf:
        raise ValueError(f"{what} is {value!r}; expected {expected}.")
    return number


def positive(what: str, value: object) -> float:
    """`value` as a finite float above 0."""
    number = _number(what, value, expected := "a number above 0")
    if not 0 < number < math.inf:
        raise ValueError(f"{what} is {value!r}; expected {expected}.")
    return number


def fraction(what: str, value: object) -> float:
    """`value` as a float from 0 up to, but not including, 1."""
    number = _number(what, value, expected := "a number from 0 up to, but not including, 1")
    if not 0 <= number < 1:
        raise ValueError(f"{what} is {value!r}; expected {expected}.")
    return number


def number(what: str, value: object) -> float:
    """`value` as a finite float."""
    result = _number(what, value, expected := "a finite number")
    if not math.isfinite(result):
        raise ValueError(f"{what} is {value!r}; expected {expected}.")
    return result


def numeric_array(name: str, value: Any, dtype: str | None) -> Array:
    """`value` as a C-contiguous, aligned array of `dtype` in native order, copied where needed.

    dtype: None keeps the value's own.

    Raises TypeError for what does not hold real numbers, ValueError for masked entries.
    """
    ready = _NATIVE.values() if dtype is None else (_NATIVE[dtype],)
    if type(value) is np.ndarray and value.dtype in ready:
        flags = value.flags
        if flags.c_contiguous and flags.aligned:
            return value
    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any():
        raise ValueError(
            f"{name} is a masked array with masked entries; fill or remove them first, "
            f"for example with {name}.filled(...)."
        )
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(
            f"{name} is not a regular array: its rows have different lengths."
        ) from None
    if array.dtype.kind == "O":
        array = _from_objects(name, array)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} holds {array.dtype} values; expected real numbers. "
            "Turn categories and dates into numbers first."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        native = dtype or array.dtype.newbyteorder("=")
        return np.require(array, native, ["C_CONTIGUOUS", "ALIGNED", "ENSUREARRAY"])


@np.errstate(over="ignore")
def _from_objects(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Numbers out of an array of objects; a text, None or anything else is named."""
    if not array.ndim and array.item() is not None:
        ways = (way for way in ("toarray", "collect") if hasattr(array.item(), way))
        advice = "".join(f"; give {name}.{way}()" for way in ways)
        raise TypeError(
            f"{name} is of type {type(array.item()).__name__}; expected an array, a list or a "
            f"table of numbers{advice}."
        )
    numbers = np.empty(array.shape)
    for position, item in np.ndenumerate(array):
        if not is_real(item):
            raise TypeError(f"{name}{list(position) or ''} is {item!r}; expected a real number.")
        try:
            numbers[position] = item
        except OverflowError:  # a whole number above 1.8e308
            numbers[position] = np.inf
    return numbers


def require_finite(name: str, array: Array, dtype: str, first: int = 0) -> None:
    """Refuse NaN and infinity, and say where the first one is; `first` is the index of row 0."""
    # A sum with either in it is not finite; one that overflows is looked at number by number. The
    # sum needs no array of its own: on large data that is several times faster.
    if array.size > 10_000:
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(array.sum()):
                return
    for start, piece in pieces(array):
        finite = np.isfinite(piece)
        if np.count_nonzero(finite) == piece.size:
            continue
        position = [int(i) for i in np.argwhere(~finite)[0]]
        value = piece[tuple(position)]
        position[0] += first + start
        raise ValueError(
            f"{name}{position} is {value} ({'NaN' if np.isnan(value) else 'infinite'} as {dtype}); "
            "expected finite numbers. Remove or fill such rows, and scale very large values down."
        )


def pieces(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """(index of the first row, rows) of about a million numbers each.

    What is computed of them needs little memory, however large the array is.
    """
    if array.size <= PIECE:
        yield 0, array
        return
    step = max(1, PIECE * len(array) // array.size)
    for start in range(0, len(array), step):
        yield start, array[start : start + step]


def inputs(X: Any, columns: int, dtype: str | None, finite: bool = True) -> Array:
    """X as (n, columns) in `dtype`, n >= 1, with finite numbers if `finite` is set."""
    array = numeric_array("X", X, dtype)
    _require_inputs(array, columns)
    if finite:
        require_finite("X", array, array.dtype.name)
    return array


def mapped_inputs(X: np.memmap[Any, Any], architecture: Architecture, finite: bool) -> None:
    """Check a file as `inputs` checks an array, converting a piece at a time."""
    _require_inputs(X, architecture.sizes[0])
    numeric_array("X", X[:1], architecture.dtype)
    for start, piece in pieces(X) if finite else ():
        array = numeric_array("X", piece, architecture.dtype)
        require_finite("X", array, architecture.dtype, start)


def _require_inputs(array: NDArray[Any], expected: int) -> None:
    if array.ndim != 2 or array.shape[1] != expected:
        raise ValueError(
            f"X has shape {array.shape}; expected (rows, {expected}), one column per input"
            f"{_shape_hint(array, expected)}."
        )
    if len(array) == 0:
        raise ValueError(f"X has shape {array.shape}; expected at least one row.")


def _shape_hint(array: Array, expected: int) -> str:
    if array.ndim == 1 and array.size == expected:
        return "; for a single row use X.reshape(1, -1)"
    if array.ndim == 1 and expected == 1:
        return "; for a single column use X.reshape(-1, 1)"
    if array.ndim > 2 and array.size == len(array) * expected:
        return "; try X.reshape(len(X), -1)"
    return ""


def targets(y: Any, rows: int, architecture: Architecture, dtype: str) -> Array:
    """y as (n, outputs) in `dtype`.

    (n,) is one column for a network with one output, and class labels 0 ... outputs-1 otherwise.
    """
    outputs = architecture.sizes[-1]
    given = array = numeric_array("y", y, dtype)
    if array.ndim not in (1, 2) or len(array) != rows:
        raise ValueError(
            f"y has shape {array.shape} and X has {rows} rows; expected y of shape {(rows,)} "
            f"or {(rows, outputs)}."
        )
    if array.ndim == 1 and outputs > 1:
        return _one_hot(array, outputs)
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.shape[1] != outputs:
        labels = f", or integer labels {(rows,)}" if outputs > 1 else f" or {(rows,)}"
        raise ValueError(
            f"y has shape {array.shape}; expected {(rows, outputs)} for {outputs} "
            f"output{'s' if outputs > 1 else ''}{labels}."
        )
    if LOSSES[architecture.loss].signs and (abs(array) == 1).all():
        array = (array + 1) / 2
    _require_range(array, architecture.loss, given)
    return array


def _one_hot(labels: Array, classes: int) -> Array:
    right = (labels == np.floor(labels)) & (labels >= 0) & (labels < classes)
    if not right.all():
        require_finite("y", labels, labels.dtype.name)
        i = int(np.argmin(right))
        raise ValueError(
            f"y[{i}] is {labels[i]:g}; y of shape {labels.shape} for a network with {classes} "
            f"outputs holds class labels, whole numbers from 0 to {classes - 1}. Name other labels "
            "in Network(classes=[...])."
        )
    rows = np.zeros((len(labels), classes), labels.dtype)
    rows[np.arange(len(labels)), labels.astype(np.int64)] = 1
    return rows


@np.errstate(invalid="ignore")  # inf - inf
def _row_sums(y: Array) -> Array:
    sums: Array = y.sum(axis=1, keepdims=True)
    return sums


# what a loss expects of its targets: which entries are so, and the words for it
_RANGES: dict[str, tuple[Callable[[Array], Array], str]] = {
    "any": (np.isfinite, "finite numbers"),
    "unit": (lambda y: (y >= 0) & (y <= 1), "numbers from 0 to 1"),
    "positive": (lambda y: (y >= 0) & np.isfinite(y), "numbers from 0 up"),
    "binary": (lambda y: (y == 0) | (y == 1), "0 or 1"),
    "distribution": (
        lambda y: (y >= 0) & (abs(_row_sums(y) - 1) <= 1e-3),
        "probabilities: no negative number, and every row adds up to 1",
    ),
}

# what to do with classes in y (n,) and (n, outputs)
_CLASSES = {1: "Name classes in Network(classes=[...])", 2: "Encode classes so"}


def _require_range(y: Array, loss: str, given: Array) -> None:
    """Refuse targets that the loss does not take; `given` is y in the shape that the user knows."""
    check, expected = _RANGES[LOSSES[loss].targets]
    if LOSSES[loss].signs:
        expected += " throughout, or -1 and 1"
    for start, piece in pieces(y):
        right = check(piece)
        if np.count_nonzero(right) == right.size:
            continue
        require_finite("y", given, y.dtype.name)
        i, j = (int(k) for k in np.argwhere(~right)[0])
        place = f"{start + i}, {j}" if given.ndim > 1 else f"{start + i}"
        advice = "Choose another loss."
        if LOSSES[loss].targets != "positive":
            advice = f"{_CLASSES[given.ndim]}, or choose another loss."
        raise ValueError(
            f"y[{place}] is {piece[i, j]:g}; the loss {loss!r} expects {expected}. {advice}"
        )


_KINDS = {**OPTIMIZERS, **BATCH_METHODS}


def optimizer(value: Any) -> Optimizer | BatchMethod | None:
    """An optimizer or batch method from itself, its name, or None."""
    if value is None or type(value) in _KINDS.values():
        chosen: Optimizer | BatchMethod | None = value
        return chosen
    if isinstance(value, str):
        return _KINDS[choice("optimizer", value.lower(), _KINDS)]()
    if isinstance(value, type):
        example = "learning_rate=0.1" if value in OPTIMIZERS.values() else ""
        raise TypeError(
            f"optimizer is the class {value.__name__}; give an instance, such as "
            f"{value.__name__}({example})."
        )
    classes = ", ".join(kind.__name__ for kind in _KINDS.values())
    raise TypeError(
        f"optimizer is {value!r}; expected one of {classes}, a name ({', '.join(_KINDS)}), or None."
    )


def require_smooth(method: BatchMethod, architecture: Architecture, factors: Array | None) -> None:
    """Refuse networks that a batch method, which minimises one smooth function, is not made for."""
    name = type(method).__name__
    method.check(architecture.parameter_count, architecture.loss)
    if architecture.noisy:
        raise ValueError(
            f"{name} minimises one function of the parameters, which dropout and input noise "
            "change with every update; leave them out, or use SGD or Adam."
        )
    if any(rule.max_norm < math.inf for rule in architecture.regularization):
        raise ValueError(
            f"{name} cannot keep to max_norm, which moves the parameters after a step; use l2, or "
            "SGD or Adam."
        )
    if factors is not None and ((factors != 0) & (factors != 1)).any():
        raise ValueError(
            f"{name} finds the length of each step by itself; learning_rate_factor must be 1, or 0 "
            "for a layer that stays as it is."
        )
    if isinstance(method, LevenbergMarquardt) and any(r.l1 for r in architecture.regularization):
        raise ValueError(
            "LevenbergMarquardt needs second derivatives, which the penalty l1 does not have; use "
            "l2, or another method such as Rprop."
        )


def fill_masks(name: str, masks: Any, views: Sequence[Pair]) -> None:
    """Copy masks (mask of W, mask of b) of every layer into their views."""
    if not isinstance(masks, (list, tuple)) or len(masks) != len(views):
        raise TypeError(
            f"{name} is {masks!r}; expected a list of {len(views)} pairs (mask of W, mask of b), "
            "one for each layer."
        )
    for k, (pair, own) in enumerate(zip(masks, views, strict=True)):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise TypeError(f"{name}[{k}] is {pair!r}; expected a pair (mask of W, mask of b).")
        for which, mask, view in zip("Wb", pair, own, strict=True):
            if view is None and mask is None:
                continue
            array = np.asarray(mask)
            if view is None or array.dtype != bool or array.shape not in ((), view.shape):
                shape = "None, for there is no bias" if view is None else f"shape {view.shape}"
                raise ValueError(
                    f"{name}[{k}]: the mask of {which} is {array.dtype} of shape {array.shape}; "
                    f"expected True, False or an array of bool of {shape}."
                )
            view[...] = array


def copy_weights(name: str, value: Any, view: Array | None, dtype: str) -> None:
    """Copy W or b into its view; None belongs to None."""
    if view is None:
        if value is not None:
            raise ValueError(f"{name} is given, but this layer has no bias; use None.")
        return
    if value is None:
        raise ValueError(f"{name} is None; expected an array of shape {view.shape}.")
    array = numeric_array(name, value, dtype)
    if array.shape != view.shape:
        hint = "; W is (inputs, outputs), try W.T" if array.T.shape == view.shape else ""
        raise ValueError(f"{name} has shape {array.shape}; expected {view.shape}{hint}.")
    require_finite(name, array, dtype)
    view[:] = array
