"""The ladder of levels: interchangeable implementations of one small contract, slowest first."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from nnfast.levels.compiled import SUPPORTED, Compiled
from nnfast.levels.contract import Architecture, Level, TrainingState
from nnfast.levels.numpy_arrays import NumpyArrays
from nnfast.levels.pure_python import PurePython

__all__ = ["LEVELS", "Architecture", "Level", "TrainingState", "available", "resolve"]

LEVELS: dict[str, Callable[[Architecture], Level]] = {
    "python": PurePython,
    "numpy": NumpyArrays,
    **{name: partial(Compiled, instruction_set=name) for name in SUPPORTED},
}


def is_compiled(name: str) -> bool:
    """Whether a level is one of the C++ core."""
    return name in SUPPORTED


def available() -> list[str]:
    """Names of the levels that this machine can run, slowest first."""
    return [name for name in LEVELS if SUPPORTED.get(name, True)]


def resolve(name: str = "fastest") -> str:
    """The level that a name stands for.

    "fastest" is the last of `available()`, or the level that the environment variable
    NNFAST_LEVEL names.

    Raises TypeError for what is no name, ValueError for one that is unknown, or that this machine
    cannot run.
    """
    if not isinstance(name, str):
        raise TypeError(
            f"level is {name!r}; expected a name: {', '.join(available())}, or 'fastest'."
        )
    source = "level"
    if name == "fastest":
        name = os.environ.get("NNFAST_LEVEL", "").strip() or "fastest"
        source = "the environment variable NNFAST_LEVEL"
    if name == "fastest":
        return available()[-1]
    if name not in LEVELS:
        raise ValueError(
            f"{source} is {name!r}, which is no level of this build; choose from "
            f"{', '.join(available())}, or 'fastest'."
        )
    if not SUPPORTED.get(name, True):
        raise ValueError(
            f"{source} is {name!r}, but this processor does not have these instructions; "
            f"choose from {', '.join(available())}, or 'fastest'."
        )
    return name
