"""What every picture starts with: axes, and colours that everybody can tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnfast import extras

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# the colours of Okabe & Ito (Color Universal Design, 2008)
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#000000")
NEGATIVE, POSITIVE = PALETTE[:2]
MARKERS = "os^DvPX*"  # of classes, for those who see no colours


def axes(ax: Axes | None, who: str, size: tuple[float, float] | None = None) -> Axes:
    """`ax`, or the axes of a new figure; ImportError says how `who` gets matplotlib.

    size: width and height of a new figure, in inches; None takes matplotlib's.
    """
    pyplot = extras.load("matplotlib.pyplot", extra="plot", purpose=who)
    if ax is not None:
        return ax
    made: Axes = pyplot.figure(figsize=size, layout="constrained").add_subplot()
    return made


def plain(name: object) -> str:
    """A name from the data as it stands; matplotlib takes what is between dollars for a formula."""
    return str(name).replace("$", r"\$")


def open_frame(ax: Axes) -> None:
    """Lines on the left and below only, and a faint grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25)
    ax.set_axisbelow(True)


def epoch_axis(ax: Axes) -> None:
    """Epochs from left to right, which are whole numbers."""
    from matplotlib.ticker import MaxNLocator

    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))


def diverging() -> Any:
    """The colour map of numbers of both signs: negative blue, zero white, positive vermillion."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("nnfast", [NEGATIVE, "#ffffff", POSITIVE])


def fading(colour: str = NEGATIVE) -> Any:
    """The colour map from white to one colour, of numbers from 0."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("nnfast", ["#ffffff", colour])
