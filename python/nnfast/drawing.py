"""What every plot starts with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnfast import extras

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def axes(ax: Axes | None, who: str) -> Axes:
    """`ax`, or the axes of a new figure; ImportError says how `who` gets matplotlib."""
    pyplot = extras.load("matplotlib.pyplot", extra="plot", purpose=who)
    made: Axes = pyplot.figure().add_subplot() if ax is None else ax
    return made
