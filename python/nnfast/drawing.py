"""What every plot starts with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def axes(ax: Axes | None, who: str) -> Axes:
    """`ax`, or the axes of a new figure; ImportError says how `who` gets matplotlib."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError(
            f'{who} draws with matplotlib; install it with: pip install "nnfast[plot]"'
        ) from None
    return pyplot.figure().add_subplot() if ax is None else ax
