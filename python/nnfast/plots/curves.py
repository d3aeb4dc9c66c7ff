"""Curves of losses and metrics over the epochs of one or more trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import drawing, metrics, validation
from nnfast.history import History
from nnfast.plots.display import Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCALES = ("linear", "log")


@dataclass(frozen=True)
class Curve:
    """One record of one run, a number per epoch: of the training, the validation data, or both."""

    run: str
    name: str
    training: list[float] | None
    validation: list[float] | None

    @property
    def best(self) -> int | None:
        """The best epoch of the validation, from 0; None where nobody knows what is better."""
        upwards = metrics.larger_is_better(self.name)
        values = np.asarray(self.validation or [], np.float64)
        if upwards is None or not np.isfinite(values).any():
            return None
        return int(np.nanargmax(values) if upwards else np.nanargmin(values))


class HistoryDisplay(Display):
    """Losses and metrics over the epochs, counted from 0.

    Training and validation have one colour, and the validation is dashed; a ring marks its best
    epoch. After `plot`, `lines_` are the lines in the order of `curves`, and `rings_` the rings.
    """

    def __init__(self, curves: list[Curve]) -> None:
        self.curves = curves

    @classmethod
    def from_history(
        cls,
        history: History | Mapping[str, History] | Sequence[History],
        names: str | Sequence[str] | None = "loss",
        *,
        labels: Sequence[str] | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> HistoryDisplay:
        """Draw the records of a training, or compare those of several.

        history: a `History`; several in a list, or in a dict by their labels.
        names: the records to draw, each with that of the validation data where there is one; None
            draws all numbers.
        labels: of the histories in a list; None counts them.
        options: those of `plot`.

        Raises ValueError for an unknown record or another number of labels, TypeError for what is
        no history.
        """
        runs = read_runs(history, labels)
        wanted = [names] if isinstance(names, str) else names
        curves = []
        for run, records in runs.items():
            bases = dict.fromkeys(name.removeprefix("val_") for name in records.numbers)
            for name in bases if wanted is None else wanted:
                curves.append(_curve(run, name, records))
        return cls(curves).plot(ax, **options)

    def plot(
        self, ax: Axes | None = None, *, scale: str = "linear", **style: Any
    ) -> HistoryDisplay:
        """Draw into `ax`, or into a new figure.

        scale: of the losses, "linear" or "log"; style: of all lines, as in `Axes.plot`.
        """
        validation.choice("scale", scale, SCALES)
        axes = self._axes(ax)
        self.lines_: list[Any] = []
        self.rings_: list[Any] = []
        colours = [self._draw(axes, k, curve, style) for k, curve in enumerate(self.curves)]
        axes.set_yscale(scale)
        drawing.epoch_axis(axes)
        names = {curve.name for curve in self.curves}
        if len(names) == 1:
            axes.set_ylabel(words(*names))
        if len(self.lines_) > 1 or any(curve.validation for curve in self.curves):
            handles = self._entries() if len(self.curves) == 1 else self._keys(colours)
            axes.legend(handles=handles, frameon=False)
        drawing.open_frame(axes)
        return self

    def _draw(self, ax: Any, k: int, curve: Curve, style: dict[str, Any]) -> Any:
        """Draw the lines and the ring of curve k; the colour they have."""
        style = {"color": drawing.PALETTE[k % len(drawing.PALETTE)], **style}
        for values, stroke in ((curve.training, "-"), (curve.validation, "--")):
            if values is not None:
                point = "o" if len(values) == 1 else None
                own = {"linestyle": stroke, "marker": point, **style}
                self.lines_ += ax.plot(range(len(values)), values, **own)
        colour = self.lines_[-1].get_color()
        if curve.validation and (best := curve.best) is not None:
            value = curve.validation[best]
            ring = {"s": 60, "facecolors": "none", "edgecolors": colour, "zorder": 3}
            label = f"best: {value:.3g}, epoch {best}"
            self.rings_.append(ax.scatter([best], [value], linewidths=1.5, label=label, **ring))
        return colour

    def _entries(self) -> list[Any]:
        """The legend of one curve."""
        (curve,) = self.curves
        parts = {"training": curve.training, "validation": curve.validation}
        labels = [label for label, values in parts.items() if values is not None]
        for line, label in zip(self.lines_, labels, strict=True):
            line.set_label(label)
        return [*self.lines_, *self.rings_]

    def _keys(self, colours: list[Any]) -> list[Any]:
        """The legend of several curves: an entry for each, and one for what is dashed."""
        from matplotlib.lines import Line2D

        runs, names = ({getattr(c, part) for c in self.curves} for part in ("run", "name"))
        keys = []
        for curve, colour in zip(self.curves, colours, strict=True):
            parts = [curve.run] * (len(runs) > 1) + [words(curve.name)] * (len(names) > 1)
            keys.append(Line2D([], [], color=colour, label=" ".join(parts)))
        if any(curve.validation for curve in self.curves):
            keys.append(Line2D([], [], color="0.5", linestyle="--", label="validation"))
        return keys


def _curve(run: str, name: str, records: History) -> Curve:
    """The record of this name with that of the validation data; or, of "val_...", only that."""
    base = name.removeprefix("val_")
    found = [records[own] if own in records.numbers else None for own in (base, f"val_{base}")]
    curve = Curve(run, base, None if name != base else found[0], found[1])
    if curve.training is None and curve.validation is None:
        raise unknown_record(name, records)
    return curve


def words(name: str) -> str:
    """The name of a record as it stands in a picture."""
    return name.replace("_", " ")


def read_runs(
    history: Any, labels: Sequence[str] | None = None, what: str = "history"
) -> dict[str, History]:
    """The histories by their labels; one alone has the label ""."""
    if isinstance(history, History):
        runs = {"": history}
    elif isinstance(history, Mapping):
        runs = {str(label): one for label, one in history.items()}
    elif isinstance(history, Sequence) and not isinstance(history, (str, bytes)):
        names = [f"run {k + 1}" for k in range(len(history))] if labels is None else labels
        if len(names) != len(history):
            raise ValueError(
                f"labels has {len(names)} entries, but there are {len(history)} histories; give "
                "each its label."
            )
        runs = dict(zip(map(str, names), history, strict=True))
    else:
        raise TypeError(f"{what} is of type {type(history).__name__}; expected a History or some.")
    for label, one in runs.items():
        if not isinstance(one, History):
            raise TypeError(
                f"{what}[{label!r}] is of type {type(one).__name__}; expected a History, which "
                "`fit` returns."
            )
    return runs


def unknown_record(name: str, history: History) -> ValueError:
    """The error that says what a history has."""
    hint = ""
    if name.startswith("val_"):
        hint = " Give `fit` validation_data or a validation_split."
    elif name in metrics.METRICS:
        hint = f" Give `fit` metrics=[{name!r}]."
    return ValueError(f"no record {name!r}; this history has {', '.join(history.numbers)}.{hint}")
