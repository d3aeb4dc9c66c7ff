"""Callbacks that follow a number of the logs: early stopping, and a rate lowered on a plateau."""

from __future__ import annotations

import math
from typing import Any

from nnfast import metrics, validation
from nnfast.callbacks import Callback, Logs
from nnfast.formulas import BatchMethod


class Monitor(Callback):
    """A callback that follows one of the logs and knows whether it has become better.

    monitor: a name in the logs; mode: "min", "max", or "auto" for what the name says.
    min_delta: a change that is not larger counts for nothing.

    Raises ValueError or TypeError for arguments out of range.
    """

    def __init__(self, monitor: str, mode: str, min_delta: float) -> None:
        self.monitor = monitor
        self.mode = validation.choice("mode", mode, ("auto", "min", "max"))
        self.min_delta = validation.not_negative("min_delta", min_delta)
        if mode == "auto":
            upwards = metrics.larger_is_better(monitor)
            if upwards is None:
                raise ValueError(
                    f"whether {monitor!r} should fall or rise is not known; give mode='min' or "
                    "mode='max'."
                )
            self.mode = "max" if upwards else "min"
        self.best: float | None = None

    def require(self, names: list[str]) -> None:
        if self.monitor not in names:
            raise ValueError(
                f"{type(self).__name__} monitors {self.monitor!r}, but this training records "
                f"{', '.join(names)}; give validation_data or metrics, or another monitor."
            )

    def on_train_begin(self, logs: Logs) -> None:
        self.best = None

    def improved(self, logs: Logs) -> bool:
        """Whether the monitored number is better than the best so far, which it then becomes."""
        value = logs[self.monitor]
        sign = 1 if self.mode == "max" else -1
        best = -math.inf if self.best is None else sign * self.best
        if not sign * value > best + self.min_delta:  # NaN is never better
            return False
        self.best = value
        return True


class EarlyStopping(Monitor):
    """End the training when a number has not become better for `patience` epochs.

    restore_best: give the network, at the end of the training, the weights of the best epoch; the
        optimizer's state stays the last.

    `best` is the best value and `best_epoch` its epoch, counted from 0.

    Raises ValueError or TypeError for arguments out of range.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = validation.whole_number("patience", patience, least=0)
        self.restore_best = validation.true_or_false("restore_best", restore_best)
        self._forget()

    def _forget(self) -> None:
        self.best_epoch: int | None = None
        self._waited = 0
        self._weights: Any = None

    def on_train_begin(self, logs: Logs) -> None:
        super().on_train_begin(logs)
        self._forget()

    def on_epoch_end(self, epoch: int, logs: Logs) -> bool:
        if self.improved(logs):
            self.best_epoch, self._waited = epoch, 0
            if self.restore_best:
                self._weights = self.network.parameters.copy()
            return False
        self._waited += 1
        if self._waited < max(1, self.patience):
            return False
        if self.best_epoch is None:
            self.stop_reason = f"{self.monitor} was not finite for {self._waited} epochs."
        else:
            self.stop_reason = (
                f"{self.monitor} has not become better for {self._waited} epochs; the best was "
                f"{self.best:.4g} after epoch {self.best_epoch + 1}."
            )
        return True

    def on_train_end(self, logs: Logs) -> None:
        if self._weights is not None:
            self.network.parameters[:] = self._weights

    def get_state(self) -> dict[str, Any]:
        state = {"best": self.best, "best_epoch": self.best_epoch, "waited": self._waited}
        return state if self._weights is None else {**state, "weights": self._weights}

    def set_state(self, state: dict[str, Any]) -> None:
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self._waited, self._weights = state["waited"], state.get("weights")


class ReduceOnPlateau(Monitor):
    """Multiply the learning rate by `factor` when a number has not become better for a while.

    patience: after how many epochs without; cooldown: how many epochs then do not count.
    min_factor: the least fraction of the optimizer's own rate, or its schedule's, that is left.

    The reduction is part of the optimizer's state: training that goes on goes on with it.

    Raises ValueError or TypeError for arguments out of range, and ValueError in the training of an
    optimizer that has no learning rate.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        mode: str = "auto",
        cooldown: int = 0,
        min_factor: float = 1e-6,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.factor = validation.fraction("factor", validation.positive("factor", factor))
        self.patience = validation.whole_number("patience", patience, least=0)
        self.cooldown = validation.whole_number("cooldown", cooldown, least=0)
        self.min_factor = validation.fraction("min_factor", min_factor)
        self._waited = self._resting = 0

    def on_train_begin(self, logs: Logs) -> None:
        super().on_train_begin(logs)
        self._waited = self._resting = 0
        if isinstance(self.network.optimizer, BatchMethod):
            raise ValueError(
                f"{self.network.optimizer!r} has no learning rate that changes, and "
                "ReduceOnPlateau nothing to reduce."
            )

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        better = self.improved(logs)
        if better or self._resting:
            self._waited = 0
            self._resting = max(0, self._resting - 1)
            return
        self._waited += 1
        if self._waited >= max(1, self.patience):
            state = self.network.training_state
            assert state is not None
            state.rate_factor = max(self.factor * state.rate_factor, self.min_factor)
            self._waited, self._resting = 0, self.cooldown

    def get_state(self) -> dict[str, Any]:
        return {"best": self.best, "waited": self._waited, "resting": self._resting}

    def set_state(self, state: dict[str, Any]) -> None:
        self.best, self._waited, self._resting = state["best"], state["waited"], state["resting"]
