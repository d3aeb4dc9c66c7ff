"""Names: the one that was meant, and old ones that still work for a while."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like this one; None where none does."""
    import difflib  # in an error only

    near = difflib.get_close_matches(name, list(known), n=1)
    return near[0] if near else None


def current(name: str, module: str, known: Iterable[str], renamed: Mapping[str, str]) -> str:
    """The present name of what a module does not have under `name`.

    renamed: old names and those that replace them. Using one warns, for at least one minor version.

    Raises AttributeError, with the nearest known name, where it is no old name.
    """
    if name in renamed:
        new = renamed[name]
        warnings.warn(
            f"{module}.{name} is now called {module}.{new}; the old name will go.",
            FutureWarning,
            stacklevel=3,
        )
        return new
    near = nearest(name, known)
    meant = f"; did you mean {near!r}?" if near else ""
    raise AttributeError(f"module {module!r} has no attribute {name!r}{meant}")
