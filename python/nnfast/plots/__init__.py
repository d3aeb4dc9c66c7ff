"""Pictures of networks and trainings with matplotlib: `pip install "nnfast[plot]"`.

They follow scikit-learn's displays: a class method computes what is shown and draws it,
`display.plot(ax)` draws it again, into axes of one's own or into a new figure. Afterwards `ax_` and
`figure_` are the axes and the figure, and attributes that end in "_" the artists. Nothing is shown:
`plt.show()` does that.
"""

from nnfast.plots.animation import animate_boundary
from nnfast.plots.boundary import DecisionBoundaryDisplay
from nnfast.plots.confusion import ConfusionMatrixDisplay
from nnfast.plots.curves import HistoryDisplay
from nnfast.plots.diagram import DiagramDisplay
from nnfast.plots.display import Display
from nnfast.plots.evolution import EvolutionDisplay
from nnfast.plots.histograms import HistogramsDisplay
from nnfast.plots.mistakes import MistakesDisplay
from nnfast.plots.spread import SpreadDisplay
from nnfast.plots.weights import WeightImagesDisplay

__all__ = [
    "ConfusionMatrixDisplay",
    "DecisionBoundaryDisplay",
    "DiagramDisplay",
    "Display",
    "EvolutionDisplay",
    "HistogramsDisplay",
    "HistoryDisplay",
    "MistakesDisplay",
    "SpreadDisplay",
    "WeightImagesDisplay",
    "animate_boundary",
]
