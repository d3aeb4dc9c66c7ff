"""Where the units of a network stand in its diagram, in pictures and in notebooks alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnfast.levels.contract import Array


@dataclass(frozen=True)
class Column:
    """One layer of a diagram, its places one below the other, 1 apart, around the height 0.

    units: the numbers of the units that are shown; heights: theirs, (units,), the first on top.
    gap: the height of the dots that stand for all others; None where every unit is shown.
    """

    units: Array
    heights: Array
    gap: float | None

    @property
    def places(self) -> int:
        """How many units would stand here, the dots being one."""
        return len(self.units) + (self.gap is not None)


def column(size: int, most: int) -> Column:
    """The column of a layer with `size` units, of which at most `most` places are taken."""
    if size <= most:
        return Column(np.arange(size), (size - 1) / 2 - np.arange(size), None)
    upper = most // 2
    places = (most - 1) / 2 - np.arange(most)
    units = np.r_[:upper, size - (most - 1 - upper) : size]
    return Column(units, np.delete(places, upper), float(places[upper]))
