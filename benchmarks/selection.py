"""What `--only` names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Named(Protocol):
    @property
    def name(self) -> str: ...


Problem = TypeVar("Problem", bound=Named)


def selected(problems: Sequence[Problem], only: str) -> list[Problem]:
    """The problems whose names stand in `only`, between commas; all where it is empty.

    Raises ValueError for a name that no problem has.
    """
    names = [problem.name for problem in problems]
    wanted = only.split(",") if only else names
    if unknown := set(wanted) - set(names):
        raise ValueError(f"no problem {', '.join(unknown)}; choose from {', '.join(names)}.")
    return [problem for problem in problems if problem.name in wanted]
