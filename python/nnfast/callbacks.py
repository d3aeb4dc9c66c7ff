"""Callbacks: what is done after every epoch of a training, under Keras' names."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import showing, validation

if TYPE_CHECKING:
    from nnfast.network import Network
    from nnfast.training import Training

Logs = dict[str, float]


class Callback:
    """What `fit` calls while it trains; a subclass overrides what it needs.

    Epochs count from 0; `logs` holds the epoch's numbers: "loss", and what validation data and
    metrics gave. `on_epoch_end` ends the training by returning True, and then says why in
    `stop_reason`, a sentence. An exception ends it at once, and `fit` raises it.

    network: the one that is trained; training: its run, with `history`, `epochs` and `callbacks`.
    every_epoch: False lets many short epochs pass between two calls, as many as fit in 50 ms.
    goes_last: True has it called after the others, to keep what they did.
    ends_for_good: False where a training that it ended may go on when it is resumed.

    Batches are not called back: an update of a small network takes less than a microsecond, and
    calling Python after each would take most of the time.
    """

    network: Network
    training: Training
    stop_reason = ""
    every_epoch = True
    goes_last = False
    ends_for_good = True

    def require(self, names: list[str]) -> None:
        """Raise ValueError where these logs lack what it needs; called before anything begins."""

    def on_train_begin(self, logs: Logs) -> None:
        """Before the first epoch; a callback that serves two trainings begins anew here."""

    def on_train_end(self, logs: Logs) -> None:
        """After the last epoch, unless an exception ended the training."""

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> bool | None:
        """After an epoch; True ends the training."""

    def get_state(self) -> dict[str, Any]:
        """What a checkpoint keeps, to go on from: numbers, texts, None and arrays by name."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave, after `on_train_begin`."""

    def __getstate__(self) -> dict[str, Any]:
        """For `copy` and `pickle`: without the last training, which has its data."""
        return {k: v for k, v in self.__dict__.items() if k not in ("network", "training")}

    def __repr__(self) -> str:
        return showing.expression(self)


class LossGoal(Callback):
    """End the training when its loss, `logs["loss"]`, is at most `loss`."""

    def __init__(self, loss: float) -> None:
        self.loss = validation.not_negative("loss", loss)

    def on_epoch_end(self, epoch: int, logs: Logs) -> bool:
        self.stop_reason = f"The loss, {logs['loss']:.4g}, has reached the goal {self.loss:g}."
        return logs["loss"] <= self.loss


class TimeLimit(Callback):
    """End the training after the first epoch that is over `seconds` after its beginning.

    Epochs shorter than 50 ms are run several at once, and the end may come that much later. A
    training that is resumed goes on, for as long again.
    """

    every_epoch = False
    ends_for_good = False

    def __init__(self, seconds: float) -> None:
        self.seconds = validation.not_negative("seconds", seconds)
        self._begun = 0.0

    def on_train_begin(self, logs: Logs) -> None:
        self._begun = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs) -> bool:
        self.stop_reason = f"The time limit of {self.seconds:g} s is over."
        return time.monotonic() - self._begun >= self.seconds


class CSVLogger(Callback):
    """Write a table with a line per epoch: "epoch", counted from 0, and the logs.

    The file is written anew, when a training is resumed with the epochs before it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self._begun = False

    def on_train_begin(self, logs: Logs) -> None:
        self._begun = False

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        history = self.training.history
        first = epoch if self._begun else 0
        with open(self.path, "a" if self._begun else "w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            if not self._begun:
                table.writerow(["epoch", *logs])
            for k in range(first, history.epochs):
                table.writerow([k, *(history[name][k] for name in logs)])
        self._begun = True


class LambdaCallback(Callback):
    """A callback made of functions with the arguments of `Callback`'s methods."""

    def __init__(
        self,
        on_epoch_end: Callable[[int, Logs], Any] | None = None,
        *,
        on_epoch_begin: Callable[[int, Logs], Any] | None = None,
        on_train_begin: Callable[[Logs], Any] | None = None,
        on_train_end: Callable[[Logs], Any] | None = None,
    ) -> None:
        functions = {
            "on_epoch_end": on_epoch_end,
            "on_epoch_begin": on_epoch_begin,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
        }
        for name, function in functions.items():
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"LambdaCallback: {name} is {function!r}; expected a function.")
            setattr(self, name, function)


def read_callbacks(callbacks: Any, names: list[str]) -> list[Callback]:
    """The callbacks of a list, in the order of their calls; names: those of the logs."""
    if isinstance(callbacks, Callback):
        callbacks = [callbacks]
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks is {callbacks!r}; expected a list of callbacks.")
    chosen = list(callbacks)
    for callback in chosen:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"callbacks holds {callback!r}; expected instances of nnfast.Callback, such as "
                "EarlyStopping(patience=5) or LambdaCallback(function)."
            )
        callback.require(names)
    return sorted(chosen, key=lambda callback: callback.goes_last)


def ends(result: Any) -> bool:
    """Whether what a callback returned ends the training: True does, no other value."""
    return isinstance(result, (bool, np.bool_)) and bool(result)
