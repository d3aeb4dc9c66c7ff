"""What is measured of a network on some data: its loss, metrics, and histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnfast import metrics, validation
from nnfast.data import Batches, Data
from nnfast.door import Door
from nnfast.formulas import LOSSES
from nnfast.history import HISTOGRAMS, Histogram, histograms
from nnfast.levels.contract import Array, Level
from nnfast.metrics import Metric


def measure(
    level: Level,
    parameters: Array,
    data: Data,
    chosen: Sequence[Metric] | None,
    door: Door,
    *,
    loss: bool,
) -> dict[str, float]:
    """The mean loss of scaled targets, if wanted, and the metrics in raw units, over all rows.

    door: that of the network, which the data came through.
    chosen: None takes the accuracy where the targets are classes.
    """
    if chosen is None and not isinstance(data, Batches):
        chosen = _suitable(data.targets)
    rows, total = 0, 0.0
    outputs, targets, weights = [], [], []
    for block in data.blocks():
        rows += len(block)
        if loss:
            total += len(block) * level.loss(parameters, block.X, block.Y, block.weight)
        if chosen is None or chosen:
            outputs.append(door.outputs(level.forward(parameters, block.X)))
            targets.append(block.targets)
            weights.append(block.weight)
    result = {"loss": float(total / rows)} if loss else {}
    if not outputs:
        return result
    Y, P, weight = _joined(targets), _joined(outputs), None
    if any(part is not None for part in weights):
        pairs = zip(weights, targets, strict=True)
        weight = _joined([np.ones(len(y)) if w is None else w for w, y in pairs])
    if chosen is None:
        chosen = _suitable(Y)
    metrics.require_classes(chosen, Y)
    # metrics of classes know 0.5 only
    shift = 0.5 - LOSSES[door.architecture.loss].threshold
    for metric in chosen:
        result[metric.name] = metric.function(Y, P + shift if metric.of_classes else P, weight)
    return result


def _joined(parts: list[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _suitable(Y: Array) -> list[Metric]:
    return [metrics.METRICS["accuracy"]] if metrics.holds_classes(Y) else []


def gradient(level: Level, parameters: Array, data: Data) -> Array:
    """The gradient of the objective over all rows."""
    rows, total = 0, np.zeros(parameters.size)
    for block in data.blocks():
        rows += len(block)
        _, part = level.loss_and_gradient(parameters, block.X, block.Y, block.training_weight)
        total += len(block) * np.asarray(part, np.float64)
    return total / rows


class Measurements:
    """What `fit` measures after every epoch, and under which names its history has it."""

    def __init__(
        self,
        door: Door,
        training: Data,
        held_out: Data | None,
        chosen: tuple[Metric, ...],
        record: tuple[str, ...],
    ) -> None:
        self.door = door
        self.training, self.held_out = training, held_out
        self.chosen, self.record = chosen, record

    @property
    def names(self) -> list[str]:
        """The numbers that it adds to a history."""
        names = [metric.name for metric in self.chosen]
        if self.held_out is not None:
            names += ["val_loss", *(f"val_{name}" for name in names)]
        return names

    def __call__(self, level: Level, parameters: Array) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.chosen:
            found |= measure(level, parameters, self.training, self.chosen, self.door, loss=False)
        if self.held_out is not None:
            on_held_out = measure(
                level, parameters, self.held_out, self.chosen, self.door, loss=True
            )
            found |= {f"val_{name}": value for name, value in on_held_out.items()}
        for name in self.record:
            found[name] = self._histograms(name, level, parameters)
        return found

    def _histograms(self, name: str, level: Level, parameters: Array) -> list[Histogram]:
        weights = name == "weights"
        values = parameters if weights else gradient(level, parameters, self.training)
        return histograms(self.door.architecture, values)


def read_record(record: Any) -> tuple[str, ...]:
    """The histograms that `fit(record=...)` asks for."""
    names = (record,) if isinstance(record, str) else tuple(record)
    return tuple(validation.choice("record", name, HISTOGRAMS) for name in names)
