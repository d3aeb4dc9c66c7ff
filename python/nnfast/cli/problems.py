"""What goes wrong on the command line, as one sentence and an exit status."""

from __future__ import annotations

from collections.abc import Iterable

from nnfast import naming
from nnfast.levels.contract import DivergenceError

USAGE, FAILURE = 2, 1  # exit statuses: what was asked for, or what happened then
INTERRUPTED, NO_READER = 130, 141  # as a shell gives for the signals SIGINT and SIGPIPE

MISTAKES = (
    ValueError,
    TypeError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
FAILURES = (OSError, ImportError, DivergenceError, MemoryError)


class UsageError(ValueError):
    """A mistake of the user's, told in a sentence."""


def status(error: BaseException) -> int:
    """The exit status of one of `MISTAKES` or `FAILURES`."""
    return USAGE if isinstance(error, MISTAKES) else FAILURE


def sentence(error: BaseException) -> str:
    """What is said of an error, on one line."""
    if isinstance(error, MemoryError):
        return "there is not enough memory."
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return " ".join(text.split())


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name."""
    known = list(known)
    if near := naming.nearest(name, known):
        return f"the nearest is {near!r}."
    shown = ", ".join(map(repr, known[:10])) + (", ..." if len(known) > 10 else "")
    return f"there are {shown}."
