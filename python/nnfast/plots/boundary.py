"""What a network with two inputs says at every point of the plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import drawing, metrics, validation
from nnfast.formulas import LOSSES
from nnfast.levels.contract import Array
from nnfast.plots import classes
from nnfast.plots.display import Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nnfast.network import Network

MOST_NAMES = 15  # classes that a legend has room for


@dataclass(frozen=True)
class Plane:
    """The outputs of a network on a grid.

    x, y: coordinates of the grid, (columns,) and (rows,); outputs: (rows, columns, outputs).
    limits: the outputs at the ends of the colours of a single output; threshold: the output that
        separates two classes, None where the network tells no classes.
    """

    x: Array
    y: Array
    outputs: Array
    limits: tuple[float, float]
    threshold: float | None


class DecisionBoundaryDisplay(Display):
    """The outputs of a network with two inputs as colours of the plane, and the data as points.

    One output of two classes goes from blue (class 0) over white to vermillion (class 1), with a
    line where it is 0.5 (0 with the loss "hinge"); one output of numbers goes from dark to bright.
    Several outputs give each class a colour, the fainter the smaller its output, and lines between
    the regions.

    After `plot`, `surface_` is the image, `lines_` the contours, and `points_` the points, one
    collection for each class in y.
    """

    def __init__(
        self,
        plane: Plane,
        points: Array | None = None,
        values: Array | None = None,
        class_names: tuple[str, ...] = (),
        axis_names: tuple[str, str] = ("input 1", "input 2"),
    ) -> None:
        self.plane, self.points, self.values = plane, points, values
        self.class_names, self.axis_names = class_names, axis_names

    @classmethod
    def from_network(
        cls,
        net: Network,
        X: Any,
        y: Any = None,
        *,
        resolution: int = 200,
        margin: float = 0.1,
        ax: Axes | None = None,
        **options: Any,
    ) -> DecisionBoundaryDisplay:
        """Draw the outputs around the rows of X (n, 2), and the rows where y is given.

        X, y: as for `fit`; resolution: points of the grid on each side; margin: how far the plane
        goes beyond X, as a fraction of its extent; options: those of `plot`.

        Raises ValueError for a network that has not two inputs, or as `fit` for X and y.
        """
        if net.sizes[0] != 2:
            raise ValueError(
                f"a boundary is drawn in a plane, but this network has {net.sizes[0]} "
                f"input{'s' if net.sizes[0] > 1 else ''}; expected 2."
            )
        resolution = validation.whole_number("resolution", resolution, least=2)
        margin = validation.not_negative("margin", margin)
        points = np.asarray(net.door.raw_inputs(X), np.float64)
        Y = None if y is None else net.door.raw_targets(y, len(points))
        values = None
        if Y is not None:
            told = Y.shape[1] > 1 or metrics.holds_classes(Y)
            values = metrics.classes(Y) if told else Y[:, 0]
        plane = _plane(net, points, Y, resolution, margin)
        names = classes.names(net)
        first, second = net.feature_names or ("input 1", "input 2")
        return cls(plane, points, values, names, (first, second)).plot(ax, **options)

    def plot(self, ax: Axes | None = None, **style: Any) -> DecisionBoundaryDisplay:
        """Draw into `ax`, or into a new figure; style: of the points, as in `Axes.scatter`."""
        axes = self._axes(ax)
        self.lines_: list[Any] = []
        self.points_: list[Any] = []
        plane = self.plane
        extent = (plane.x[0], plane.x[-1], plane.y[0], plane.y[-1])
        image = {"extent": extent, "origin": "lower", "aspect": "auto"}
        if plane.outputs.shape[2] == 1:
            colours = "cividis" if plane.threshold is None else drawing.diverging()
            limits = dict(zip(("vmin", "vmax"), plane.limits, strict=True))
            self.surface_ = axes.imshow(
                plane.outputs[..., 0], cmap=colours, alpha=0.65, **limits, **image
            )
            if plane.threshold is None:
                axes.figure.colorbar(self.surface_, ax=axes, label="output")
            else:
                self._line(axes, plane.outputs[..., 0] - plane.threshold)
        else:
            self.surface_ = axes.imshow(_blend(plane.outputs), **image)
            for k in range(plane.outputs.shape[2] - 1):  # the last one's are those of the others
                others = np.delete(plane.outputs, k, axis=2).max(axis=2)
                self._line(axes, plane.outputs[..., k] - others)
        if self.points is not None and self.values is not None:
            self._scatter(axes, style)
        axes.set(xlim=extent[:2], ylim=extent[2:])
        axes.set_xlabel(drawing.plain(self.axis_names[0]))
        axes.set_ylabel(drawing.plain(self.axis_names[1]))
        return self

    def _line(self, ax: Any, height: Array) -> None:
        """The line where the height is 0, if there is one."""
        if height.min() < 0 < height.max():
            line = ax.contour(
                self.plane.x, self.plane.y, height, levels=[0], colors="0.15", linewidths=1.2
            )
            self.lines_.append(line)

    def _scatter(self, ax: Any, style: dict[str, Any]) -> None:
        assert self.points is not None
        assert self.values is not None
        size = float(np.clip(6000 / len(self.points), 8, 36))
        style = {"s": size, "edgecolors": "white", "linewidths": 0.5, **style}
        if self.plane.threshold is None and self.plane.outputs.shape[2] == 1:
            limits = dict(zip(("vmin", "vmax"), self.plane.limits, strict=True))
            colours = {"c": self.values, "cmap": "cividis", **limits}
            self.points_.append(ax.scatter(*self.points.T, **colours, **style))
            return
        kinds = len(drawing.PALETTE)
        for k in np.unique(self.values).astype(int).tolist():
            marker = drawing.MARKERS[(k + k // kinds) % kinds]  # another with each turn of colours
            own = {"color": drawing.PALETTE[k % kinds], "marker": marker}
            of_class = self.points[self.values == k].T
            label = drawing.plain(self.class_names[k])
            self.points_.append(ax.scatter(*of_class, label=label, **{**own, **style}))
        if len(self.points_) <= MOST_NAMES:
            frame = {"framealpha": 0.8, "handletextpad": 0.3, "borderpad": 0.3}
            ax.legend(handles=self.points_, **frame)  # by themselves, none with a leading _


def _plane(net: Network, points: Array, Y: Array | None, resolution: int, margin: float) -> Plane:
    low, high = points.min(axis=0), points.max(axis=0)
    width = np.where(high > low, high - low, 2.0)
    middle = (low + high) / 2
    edges = middle + np.outer([-0.5, 0.5], width * (1 + 2 * margin))
    x, y = (np.linspace(start, stop, resolution) for start, stop in edges.T)
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    outputs = net.predict(grid.reshape(-1, 2)).reshape(resolution, resolution, -1)
    loss = LOSSES[net.loss]
    tells = (
        loss.targets in ("unit", "binary")
        or loss.signs
        or (net.classes is not None or (Y is not None and metrics.holds_classes(Y)))
    )
    if not tells:
        shown = outputs if Y is None else Y
        return Plane(x, y, outputs, (float(shown.min()), float(shown.max())), None)
    return Plane(x, y, outputs, (2 * loss.threshold - 1, 1.0), loss.threshold)


def _blend(outputs: Array) -> Array:
    """The colours of the largest outputs, (rows, columns, 3), the fainter the smaller they are."""
    from matplotlib.colors import to_rgb

    count = outputs.shape[2]
    colours = np.array([to_rgb(drawing.PALETTE[k % len(drawing.PALETTE)]) for k in range(count)])
    strength = np.clip((outputs.max(axis=2) - 1 / count) / (1 - 1 / count), 0, 1)
    depth = (0.1 + 0.5 * strength)[..., None]
    blended: Array = 1 - depth * (1 - colours[outputs.argmax(axis=2)])
    return blended
