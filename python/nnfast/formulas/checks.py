"""Checks of the numbers that describe an optimizer or a schedule: fields of frozen dataclasses.

Each makes a float of the field and raises TypeError for what is no number, ValueError for a number
out of range.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any


def require_positive(owner: Any, field: str) -> None:
    value = require_number(owner, field)
    if not 0 < value < math.inf:
        raise ValueError(
            f"{type(owner).__name__}: {field} is {value!r}; expected a positive number."
        )


def require_not_negative(owner: Any, field: str) -> None:
    value = require_number(owner, field)
    if not 0 <= value < math.inf:
        raise ValueError(
            f"{type(owner).__name__}: {field} is {value!r}; expected a number of at least 0."
        )


def require_fraction(owner: Any, field: str) -> None:
    value = require_number(owner, field)
    if not 0 <= value < 1:
        raise ValueError(
            f"{type(owner).__name__}: {field} is {value!r}; expected a number from 0 up to, "
            "but not including, 1."
        )


def require_flag(owner: Any, field: str) -> None:
    value = getattr(owner, field)
    if not isinstance(value, bool):
        raise TypeError(f"{type(owner).__name__}: {field} is {value!r}; expected True or False.")


def require_number(owner: Any, field: str) -> float:
    value = getattr(owner, field)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{type(owner).__name__}: {field} is {value!r}; expected a number.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    object.__setattr__(owner, field, number)
    return number
