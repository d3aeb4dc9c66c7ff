"""Display: what all pictures have in common."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from nnfast import drawing, validation

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Display:
    """A picture that can be drawn; `ax_` and `figure_` are where it was drawn last.

    SIZE: width and height of a new figure, in inches; None takes matplotlib's.
    """

    ax_: Axes
    figure_: Any
    SIZE: ClassVar[tuple[float, float] | None] = None

    def _axes(self, ax: Axes | None, size: tuple[float, float] | None = None) -> Any:
        """The axes to draw into, which are `ax_` from now on."""
        self.ax_ = drawing.axes(ax, f"{type(self).__name__}.plot", size or self.SIZE)
        self.figure_ = self.ax_.figure
        return self.ax_


def font_size(width: float, characters: int, most: float = 10.0) -> float:
    """Points of a text that fits into a width in points: a letter takes about 0.6 of its size."""
    return max(3.0, min(most, width / (0.6 * max(1, characters))))


def image_shape(shape: Any, pixels: int, what: str) -> tuple[int, int]:
    """(rows, columns) of an image of so many pixels; None stands for a square.

    Raises ValueError where they do not fit; what: the name of the pixels in its sentence.
    """
    side = math.isqrt(pixels)
    if shape is None:
        if side * side != pixels:
            raise ValueError(
                f"{what} has {pixels} numbers, which make no square image; give shape=(rows, "
                "columns)."
            )
        return side, side
    if not isinstance(shape, (tuple, list)) or len(shape) != 2:
        raise TypeError(f"shape is {shape!r}; expected (rows, columns).")
    rows, columns = (validation.whole_number("shape", number) for number in shape)
    if rows * columns != pixels:
        raise ValueError(f"shape is {(rows, columns)}, but {what} has {pixels} numbers.")
    return rows, columns
