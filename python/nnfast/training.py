"""One training: what `Network.fit` was asked for, and the loop that does it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import diagnostics, metrics, validation
from nnfast.callbacks import Callback, ends, read_callbacks
from nnfast.data import Batches, Data, MappedRows, Rows, learned, read, split
from nnfast.formulas import BatchMethod, Optimizer, Schedule, steady, stop_reason
from nnfast.history import History
from nnfast.levels.contract import NO_CONTROL, DivergenceError, Level, TrainingState
from nnfast.measuring import Measurements, read_record
from nnfast.progress import Progress

if TYPE_CHECKING:
    from nnfast.checkpoints import Snapshot
    from nnfast.network import Network

MULTIPLICATIONS = 2_000_000  # of the first call of a level: a few milliseconds where it is compiled


class Training:
    """A run of `Network.fit`. The methods `read_...` check its arguments, and `run` trains.

    network, level: what learns and what computes.
    epochs: how many there will be in all; history: what those so far gave.
    snapshot: the checkpoint to go on from; ended_for_good: whether a callback has ended it so that
        resuming does not go on.
    callbacks: in the order in which they are called.
    door: what the data come through; data, held_out: the rows, scaled.
    optimizer, state: how `run` changes the parameters, and what that carries from step to step.
    """

    optimizer: Optimizer | BatchMethod
    state: TrainingState

    def __init__(
        self,
        network: Network,
        level: Level,
        epochs: int,
        batch_size: int | None,
        shuffle: bool,
        verbose: int | str,
    ) -> None:
        self.network, self.level = network, level
        self.epochs = validation.whole_number("epochs", epochs)
        if batch_size is not None:
            batch_size = validation.whole_number("batch_size", batch_size)
        self.batch_size = batch_size
        self.shuffle = validation.true_or_false("shuffle", shuffle)
        if isinstance(verbose, bool) or verbose not in (0, 1, 2, "auto"):
            raise ValueError(f"verbose is {verbose!r}; choose from 0, 1, 2, 'auto'.")
        self.verbose = verbose
        self.history = History()
        self.ended_for_good = False
        self.control = NO_CONTROL
        self.callbacks: list[Callback] = []
        self.held_out: Data | None = None
        self.measurements: Measurements | None = None
        self.snapshot: Snapshot | None = None

    # ---- reading the arguments --------------------------------------------------------------

    def read_control(self, clip_value: Any, clip_norm: Any) -> None:
        """How gradients are cut."""
        if clip_value is not None:
            clip_value = validation.positive("clip_value", clip_value)
        if clip_norm is not None:
            clip_norm = validation.positive("clip_norm", clip_norm)
        self.control = replace(
            self.control, clip_value=clip_value or 0.0, clip_norm=clip_norm or 0.0
        )

    def read_snapshot(self, resume: Any) -> None:
        """The checkpoint to go on from, where there is one."""
        from nnfast import checkpoints

        self.snapshot = checkpoints.newest(resume, self.network.level)
        if self.snapshot is not None:
            self.snapshot.require_network(self.network)

    def read_data(
        self, X: Any, y: Any, sample_weight: Any, validation_split: Any, *, finite: bool
    ) -> None:
        """The rows to train on and those that `validation_split` keeps from it.

        What the network has yet to learn of the data, scales and classes, is in `door`.
        """
        network = self.snapshot.network if self.snapshot else self.network
        door = network.door.opened(X, y)
        parts = bool(validation_split)
        self.data = read(X, y, door, sample_weight, finite=finite, parts=parts)
        if isinstance(self.data, Batches) and self.data.once and self.epochs > 1:
            raise ValueError(
                f"X is an iterator, which gives its batches once; {self.epochs} epochs need a list "
                "of batches or a function that returns a new iterator for every epoch."
            )
        if parts:
            self.data, self.held_out = split(self.data, validation_split, network.seed)
        self.door = door
        if door.scales:
            self.door = learned(door, self.data)
            self.data = self.data.scaled(self.door)
            self.held_out = self.held_out.scaled(self.door) if self.held_out else None

    def require_whole(self, method: BatchMethod) -> None:
        """Refuse what a batch method, which sees all rows at once, cannot do."""
        name = type(method).__name__
        if not isinstance(self.data, Rows):
            raise ValueError(
                f"{name} needs all rows in memory at once, but X comes in pieces; train with an "
                "optimizer that steps after every batch, such as Adam."
            )
        if self.control.clip_value or self.control.clip_norm:
            raise ValueError(
                f"{name} chooses the length of its steps itself; leave clip_value and clip_norm "
                "out."
            )

    def read_measurements(self, validation_data: Any, chosen: Any, record: Any) -> None:
        """What is measured after every epoch, and on which rows."""
        if validation_data is not None:
            if self.held_out is not None:
                raise ValueError("validation_data and validation_split are given; expected one.")
            self.held_out = self._held_out(validation_data)
        wanted = metrics.read(chosen)
        again = wanted or "gradients" in record
        if again and isinstance(self.data, Batches) and self.data.once:
            raise ValueError(
                "metrics and gradients need a second pass, but X is an iterator, which gives its "
                "batches once; give a list of batches or a function that returns an iterator."
            )
        for rows in (self.data, self.held_out):
            if isinstance(rows, Rows | MappedRows):
                metrics.require_classes(wanted, rows.targets)
        self.measurements = Measurements(
            self.door, self.data, self.held_out, wanted, read_record(record)
        )

    def _held_out(self, given: Any) -> Data:
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise TypeError(
                f"validation_data is of type {type(given).__name__}; expected a tuple (X, y) or "
                "(X, y, sample_weight)."
            )
        X, y, *weight = given
        return read(X, y, self.door, *weight).scaled(self.door)

    def read_callbacks(self, callbacks: Any) -> None:
        """Who is called after every epoch."""
        self.callbacks = read_callbacks(callbacks, self.names)

    @property
    def names(self) -> list[str]:
        """The numbers that the history will have."""
        return ["loss", *(self.measurements.names if self.measurements else [])]

    # ---- the loop ---------------------------------------------------------------------------

    def run(self, optimizer: Optimizer | BatchMethod, state: TrainingState) -> History:
        """Train, and return the history."""
        self.optimizer, self.state = optimizer, state
        history = self.history
        try:
            if self._watched():
                self._run()
            else:
                history.add_losses(self._advance(self.epochs))
        except BaseException as error:
            history.stop_reason = f"{type(error).__name__} ended it in epoch {history.epochs + 1}."
            raise
        if isinstance(self.data, Rows):
            diagnostics.check_units(self.network, self.data.X, self.data.Y, history.epochs)
        if not history.stop_reason:
            history.stop_reason = f"All epochs are done: {self.epochs}."
        return history

    def _watched(self) -> bool:
        """Whether anything happens between epochs, or they take longer than a glance."""
        if self.callbacks or self.measurements or self.snapshot or self.verbose not in (0, "auto"):
            return True
        return self._glance() < self.epochs

    def _glance(self) -> int:
        """Epochs that take a few milliseconds."""
        if not isinstance(self.data, Rows):
            return 0
        return MULTIPLICATIONS // (len(self.data) * self.network.architecture.parameter_count)

    def _run(self) -> None:
        history = self.history
        done = self._begin()
        single = self.measurements is not None or not isinstance(self.data, Rows)
        single = single or any(callback.every_epoch for callback in self.callbacks)
        first = 1 if self.callbacks else self._glance()
        left = max(0, self.epochs - done)
        clock = EpochClock(left, first, most=1 if single else self.epochs)
        progress = Progress(self.verbose, self.epochs, done)
        try:
            while not history.stop_reason and (size := clock.next()):
                for callback in self.callbacks:
                    callback.on_epoch_begin(history.epochs, {})
                losses = self._advance(size)
                clock.done(losses)
                history.add_losses(losses)
                if self.measurements is not None:
                    history.append(self.measurements(self.level, self.network.parameters))
                logs = history.logs()
                progress.update(history.epochs, logs)
                self._call_back(history.epochs - 1, logs)
        finally:
            progress.close()
        for callback in self.callbacks:
            callback.on_train_end(history.logs() if history.epochs else {})

    def _begin(self) -> int:
        """Begin or resume; the number of epochs that are done."""
        for callback in self.callbacks:
            callback.training, callback.network = self, self.network
            callback.on_train_begin({})
        if self.snapshot is not None:
            self.snapshot.restore(self)
        return self.history.epochs

    def _call_back(self, epoch: int, logs: dict[str, float]) -> None:
        for callback in self.callbacks:
            if ends(callback.on_epoch_end(epoch, logs)) and not self.history.stop_reason:
                name = type(callback).__name__
                self.history.stop_reason = callback.stop_reason or f"{name} ended the training."
                self.ended_for_good = callback.ends_for_good

    # ---- the next epochs --------------------------------------------------------------------

    def _advance(self, epochs: int) -> Sequence[float]:
        """Train so many epochs; the loss of each."""
        rows = self.data
        if not isinstance(rows, Rows):
            return [self._pass(rows)]
        n = len(rows.Y)
        batch_size = n if isinstance(self.optimizer, BatchMethod) else self._batch_size(n)
        updates = rows.updates(batch_size)
        state = self.state
        before = state.step
        try:
            return self._train(rows, epochs, batch_size, self.shuffle, 0, updates)
        except DivergenceError as error:
            bad = (k for k, loss in enumerate(error.losses) if not math.isfinite(loss))
            finite = next(bad, len(error.losses))
            if finite > 1:  # nothing has changed: train again, up to the last good weights
                good = self._train(rows, finite - 1, batch_size, self.shuffle, 0, updates)
                self.history.add_losses(good)
            raise self._diverged(rows, error.losses[:finite]) from None
        finally:  # also after an interruption
            state.epoch += (state.step - before) // updates

    def _batch_size(self, rows: int) -> int:
        return min(self.batch_size or rows, rows)

    def _pass(self, source: MappedRows | Batches) -> float:
        """Train one epoch, batch by batch; its loss."""
        state = self.state
        updates = source.updates(self.batch_size)
        # the last batch of a file is computed as if the others were there
        batch_size = self._batch_size(len(source)) if isinstance(source, MappedRows) else None
        rows, total = 0, 0.0
        for update, batch in enumerate(source.batches(self.batch_size, self.shuffle, state)):
            # where nobody knows how many batches come, the epoch has the rate it begins with
            position = (update, updates) if updates else (0, 1)
            try:
                (loss,) = self._train(batch, 1, batch_size or len(batch), False, *position)
            except DivergenceError:
                raise self._diverged(batch, self.history["loss"]) from None
            rows += len(batch)
            total += len(batch) * loss
        state.epoch += 1
        return total / rows

    def _train(
        self, rows: Rows, epochs: int, batch_size: int, shuffle: bool, update: int, updates: int
    ) -> Sequence[float]:
        """Have the level train, from this update of an epoch that has so many."""
        optimizer, state, control = self.optimizer, self.state, self.control
        data = (self.network.parameters, state, rows.X, rows.Y, rows.training_weight)
        if isinstance(optimizer, BatchMethod):
            losses, reason = self.level.minimise(
                *data, method=optimizer, iterations=epochs, control=control
            )
            if reason:
                self.history.stop_reason = stop_reason(reason, optimizer)
            return losses
        if isinstance(rate := optimizer.learning_rate, Schedule):
            count = epochs * rows.updates(batch_size)
            times = (state.epoch * updates + update + np.arange(count)) / updates
            control = replace(control, rates=state.rate_factor * rate(times))
        return self.level.train(
            *data,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=steady(optimizer, state.rate_factor),
            shuffle=shuffle,
            control=control,
        )

    def _diverged(self, rows: Rows, losses: Sequence[float]) -> Exception:
        """The error that tells where the training stands; NaN in the inputs is another one."""
        try:
            validation.require_finite("X", rows.X, self.network.dtype)
        except ValueError as error:
            return error
        network, epoch = self.network, self.history.epochs
        last = losses[-1] if losses else None
        why = diagnostics.explain_divergence(
            network, rows.X, rows.Y, self.optimizer, epoch + 1, last
        )
        where = f"after epoch {epoch}" if rows is self.data else "before the batch that did it"
        return DivergenceError(
            f"{why} The network is back at its weights {where}.", self.history["loss"]
        )


class EpochClock:
    """Chooses how many epochs to hand to a level at once: as many as fit in 50 ms, at most `most`.

    A call costs more than an epoch of four rows; but between calls the progress line is written.
    The first call takes `first` of them.
    """

    TARGET = 0.05  # s

    def __init__(self, epochs: int, first: int, most: int) -> None:
        self.left, self.most = epochs, most
        self.size = max(1, first)
        self.started = 0.0

    def next(self) -> int:
        """Epochs for the next call; 0 when all are done."""
        self.size = min(self.size, self.left, self.most)
        self.started = time.perf_counter()
        return self.size

    def done(self, losses: Sequence[float]) -> None:
        """The call that began with `next` is over."""
        elapsed = time.perf_counter() - self.started
        self.left -= len(losses)
        fitting = int(self.size * self.TARGET / max(elapsed, 1e-9))
        self.size = max(1, min(fitting, 16 * self.size))
