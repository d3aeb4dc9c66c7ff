"""Network: the dense neural network that a user trains."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnfast import diagnostics, inspection, levels, validation, weighting
from nnfast.data import Rows
from nnfast.data import read as read_data
from nnfast.door import Door
from nnfast.exports import Exports
from nnfast.formulas import OPTIMIZERS, BatchMethod, Optimizer
from nnfast.gradients import GradientCheck, gradient_check
from nnfast.history import History
from nnfast.layers import Dense
from nnfast.levels.contract import Array, TrainingState
from nnfast.measuring import measure
from nnfast.metrics import read as read_metrics
from nnfast.range_test import LearningRateRange, find_learning_rate
from nnfast.training import Training


class Network(Exports):
    """A dense neural network: a function of one flat array of parameters.

        net = Network([2, 4, 1])                                     # sigmoid throughout
        net = Network([784, Dense(64, "relu"), Dense(10, "softmax")], seed=0)
        history = net.fit(X, y, epochs=10, batch_size=32, optimizer="adam")

    layers: the number of inputs, then for each layer a `Dense`, or a number n short for `Dense(n)`.
    loss: "mean_squared_error", "quadratic", "mean_absolute_error", "huber", "log_cosh",
        "binary_cross_entropy" (sigmoid outputs), "cross_entropy", "categorical_focal" (softmax
        outputs), "poisson" (outputs that are positive), "hinge" (outputs of both signs) or
        "perceptron" (step outputs); None takes the one that belongs to the last activation.
    init, bias_init: how the weights and biases of all layers start.
    l1, l2, max_norm: penalties and limit of the weights of all layers, as in `Dense`.
    input_dropout: the fraction of the inputs that are zero in each row of an update, as with
        `Dense(dropout=...)`; input_noise: the standard deviation of normal numbers added to them
        (Sietsma & Dow 1991).
    dtype: "float32" or "float64".
    seed: a whole number makes initial weights and shuffling repeatable; None draws one.
    level: which implementation computes; see `nnfast.levels.available()`. It can be changed at any
        time: `net.level = "numpy"`.
    input_scaler, output_scaler: `Standardizer()`, `MinMaxScaler()`, or their names "standard" and
        "minmax": the first `fit` fits them to its X and y, and from then on the network scales by
        itself: everything goes in and comes out in raw units but the loss, which is that of the
        scaled targets. One that is fitted already stays as it is. An output_scaler goes with
        losses of plain numbers only.
    classes: the labels of the outputs in their order, or of 0 and 1 for a single output. None
        takes those in the y of the first `fit`, sorted, where it holds texts or True and False;
        numbers are then the classes themselves, from 0.

    history: what the last `fit` recorded, also where an exception ended it; batch_size: the last
        one, which `partial_fit` takes too.

    Raises ValueError or TypeError, with the choices, for what it cannot be built from.
    """

    history: History
    batch_size: int | None
    _optimizer: Optimizer | BatchMethod | None
    _state: TrainingState | None

    # ---- computing --------------------------------------------------------------------------

    def _predict(self, X: Any) -> Array:
        """What `predict` does unless X is ready for the compiled core and has a few rows only."""
        X = self._door.inputs(X)
        return self._door.outputs(self._level.forward(self._parameters, X))

    def predict_classes(self, X: Any) -> NDArray[Any]:
        """Class of each row, (n,): that of the largest output, or output >= 0.5 of a single one.

        The labels of `classes`, or int64 where there are none. With the loss "hinge" a single
        output counts from 0.
        """
        return self._door.labels(self.predict(X))

    def evaluate(
        self, X: Any, y: Any = None, metrics: Any = None, sample_weight: Any = None
    ) -> dict[str, float]:
        """{"loss": mean loss, "accuracy": fraction right}; X, y and sample_weight as for `fit`.

        metrics: the metrics to compute beside the loss, as for `fit`. None takes the accuracy where
            y holds classes: 0 and 1 for one output, labels or one-hot rows for several. For other
            rows of 0 and 1 it counts every entry; where y holds other numbers there is none.

        The loss is that of the data alone, without penalties on the weights, and of scaled targets
        where the network has an output_scaler; metrics are in raw units. The weights count in the
        loss and in the metrics, but not in those that are functions of the caller.

        Raises ValueError or TypeError for data or metrics that do not fit.
        """
        chosen = None if metrics is None else read_metrics(metrics)
        rows = read_data(X, y, self._door, sample_weight).scaled(self._door)
        return measure(self._level, self._parameters, rows, chosen, self._door, loss=True)

    def loss_and_gradient(self, X: Any, y: Any, sample_weight: Any = None) -> tuple[float, Array]:
        """The mean loss over the rows with the penalties, and its gradient, like `parameters`.

        The loss is that of scaled targets where the network has an output_scaler.
        """
        X = self._door.inputs(X)
        Y = self._door.targets(y, len(X))
        weight = weighting.normalised(weighting.sample_weight(sample_weight, len(X)), self.dtype)
        loss, gradient = self._level.loss_and_gradient(self._parameters, X, Y, weight)
        return float(loss), np.asarray(gradient, self.dtype)

    # ---- looking inside ---------------------------------------------------------------------

    def activations(self, X: Any) -> list[Array]:
        """Outputs of every layer for inputs X (n, inputs): one (n, units) array per layer.

        The last is `predict(X)`. Each is computed by the level itself, as the outputs of a network
        of the layers up to it.
        """
        return inspection.activations(self, X)

    def jacobian(self, X: Any) -> Array:
        """Derivatives of the outputs for X (n, inputs), (n, outputs, parameters).

        Raises ValueError for a wrong shape, NaN or infinity, TypeError for what is not numbers.
        """
        X = self._door.inputs(X)
        return self._door.jacobian(self._level.jacobian(self._parameters, X))

    def input_gradient(self, X: Any, y: Any) -> Array:
        """The gradient of each row's own loss with respect to its inputs, (n, inputs).

        It is not divided by the number of rows: row i says how the loss of row i alone changes with
        X[i]. y as for `fit`.

        Raises ValueError or TypeError for data that do not fit.
        """
        return inspection.input_gradient(self, X, y)

    def gradient_check(self, X: Any, y: Any, *, entries: int = 1000) -> GradientCheck:
        """Compare backpropagation with differences of the loss; see `nnfast.gradient_check`."""
        return gradient_check(self, X, y, entries=entries)

    def find_learning_rate(
        self,
        X: Any,
        y: Any,
        *,
        optimizer: Optimizer | str | None = None,
        lowest: float = 1e-6,
        highest: float = 10.0,
        steps: int = 100,
        batch_size: int | None = 32,
    ) -> LearningRateRange:
        """Try rising learning rates on a copy, and suggest one: the range test of Smith (2017).

        A copy is trained from the present weights for `steps` updates, the learning rate growing
        from `lowest` to `highest` by the same factor each time, until the loss diverges. The rate
        at which the smoothed loss falls most steeply is suggested. This network is not changed.

        optimizer: as for `fit`, its learning rate is replaced and its state is fresh; None takes
            that of the last `fit`, or `Adam()`.
        batch_size: rows per update, visited in an order drawn by the network's seed; None: all.

        Leslie N. Smith, Cyclical learning rates for training neural networks, WACV 2017.

        Raises ValueError or TypeError for data or options that do not fit.
        """
        return find_learning_rate(
            self,
            X,
            y,
            optimizer=optimizer,
            lowest=lowest,
            highest=highest,
            steps=steps,
            batch_size=batch_size,
        )

    # ---- training ---------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int | None = 32,
        optimizer: Optimizer | BatchMethod | str | None = None,
        shuffle: bool = True,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        class_weight: Any = None,
        validation_data: Any = None,
        validation_split: float = 0.0,
        metrics: Any = (),
        callbacks: Any = (),
        clip_value: float | None = None,
        clip_norm: float | None = None,
        record: Any = (),
        resume: str | os.PathLike[str] | None = None,
    ) -> History:
        """Train on inputs X (n, inputs) and targets y, and return the records of every epoch.

        X: an array, or a table of pandas, polars or pyarrow, whose columns are numbers, without
            missing values, and keep their names from now on; or, without y, a source of batches:
            an iterable of (X, y) or (X, y, sample_weight), or a callable that returns one, asked
            anew for every epoch. Each batch is one update, and the weights count as they are.
        y: an array, table or column, (n, outputs); (n,) for one output; class labels (n,) for
            several, whole numbers from 0 or those of `classes`. Texts, and True and False, are
            labels wherever y is (n,).
        epochs: how often every row is visited.
        batch_size: rows per update; None takes all rows at once, 1 updates after every row. A last,
            smaller batch takes what is left.
        optimizer: an optimizer such as `SGD(0.1)`, or its name, starts with fresh state; None goes
            on with the last one and its state, or starts `Adam()`. With a batch method (`Rprop`,
            `Quickprop`, `LBFGS`, `SCG`, `LevenbergMarquardt`) an epoch is an iteration over all
            rows, whatever batch_size and shuffle say, and it may stop early:
            `history.stop_reason` says why.
        shuffle: visit the rows in a new order every epoch, the same on every level.
        verbose: 0 silent, 1 a progress line, 2 a line per epoch (at most ten a second), "auto" a
            progress line where somebody watches.
        sample_weight: how much each row counts, (n,), not negative; divided by its mean.
        class_weight: {label: weight}, 1 where not named, or "balanced" for n / (classes · rows of
            the class); multiplied with sample_weight, and counts in the training loss only.
        validation_data: (X, y) or (X, y, sample_weight) to measure after every epoch.
        validation_split: the fraction of the rows that are kept from training and measured instead,
            drawn by the network's seed, evenly from all classes.
        metrics: names of `nnfast.metrics.METRICS`, or functions (y_true, y_pred) -> float of two
            arrays (n, outputs). They are measured after every epoch on all of the training data,
            at the cost of a forward pass, and on the validation data.
        callbacks: instances of `Callback`, called after every epoch.
        clip_value: the gradient's entries are cut to [-clip_value, clip_value].
        clip_norm: a longer gradient is then shortened to this Euclidean length.
        record: "weights", "gradients" or both: their histograms after every epoch, in `History`.
        resume: the path of a `Checkpoint`: go on from its newest file, if there is one, up to
            `epochs` epochs in all.

        Ctrl-C raises KeyboardInterrupt within 100 ms and leaves the network after its last update,
        as does an exception of a callback or of a source of batches; `network.history` then has the
        epochs before.

        Raises ValueError or TypeError for data or options that do not fit, and RuntimeError while
        another thread trains this network; the network is then as it was. Raises DivergenceError
        where the loss or the parameters stop being finite; the network is then back at its last
        good parameters.
        """
        training = Training(self, self._level, epochs, batch_size, shuffle, verbose)
        training.control = self._control
        if clip_value is not None or clip_norm is not None:
            training.read_control(clip_value, clip_norm)
        chosen = validation.optimizer(optimizer)
        # the core notices NaN and infinity by their results, without another look at all of X
        finite = self._factors is not None or not levels.is_compiled(self.level)
        if resume is not None:
            training.read_snapshot(resume)
        training.read_data(X, y, sample_weight, validation_split, finite=finite)
        if validation_data is not None or validation_split or metrics or record:
            training.read_measurements(validation_data, metrics, record)
        if class_weight is not None:
            training.data.weigh(training.door.class_weight(class_weight), self.dtype)
        if callbacks:
            training.read_callbacks(callbacks)
        if training.snapshot is not None:
            training.snapshot.require(training, chosen)
        last = training.snapshot.network.optimizer if training.snapshot else self._optimizer
        if isinstance(method := chosen or last, BatchMethod):
            validation.require_smooth(method, self._architecture, self._factors)
            training.require_whole(method)
        if isinstance(training.data, Rows):
            diagnostics.check_data(self, training.data.X)
        return self._run(training, chosen)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> History:
        """Train one epoch on a piece of the data, going on with the optimizer and its state.

        X, y and sample_weight are those of `fit`, as is what it returns and raises; the batch size
        is that of the last `fit`, or 32.
        """
        return self.fit(X, y, sample_weight=sample_weight, batch_size=self.batch_size, verbose=0)

    def _run(self, training: Training, optimizer: Optimizer | BatchMethod | None) -> History:
        if not self._busy.acquire(blocking=False):
            raise RuntimeError(
                "this network is being trained by another thread; train a net.copy() instead."
            )
        before = self._optimizer, self._state
        door, step = self._door, -1
        try:
            if training.snapshot is not None:
                other = training.snapshot.network
                self.reset(other.seed)
                self._parameters[:] = other._parameters
                self._optimizer, self._state = other._optimizer, other._state
            elif optimizer is not None or self._state is None or self._optimizer is None:
                self._optimizer = optimizer or OPTIMIZERS["adam"]()
                generator = self._state.shuffle if self._state else self._shuffle_seed
                self._state = TrainingState.fresh(self._architecture, self._optimizer, generator)
            self.batch_size, self.history = training.batch_size, training.history
            assert self._optimizer is not None
            assert self._state is not None
            self._door, step = training.door, self._state.step
            return training.run(self._optimizer, self._state)
        except ValueError:
            if self._state is not None and not self._state.step:  # NaN in X, found by its effects
                self._optimizer, self._state = before
            if self._state is None or self._state.step == step:
                self._door = door
            raise
        finally:
            self._busy.release()

    # ---- the state of training --------------------------------------------------------------

    @property
    def optimizer(self) -> Optimizer | BatchMethod | None:
        """The optimizer of the last `fit`, whose state the next one goes on from."""
        return self._optimizer

    @property
    def training_state(self) -> TrainingState | None:
        """What a training carries from update to update; None before the first `fit`."""
        return self._state

    def reset(self, seed: int | None = None) -> None:
        """Draw initial weights anew, as the constructor did, and forget what training has left.

        That is the optimizer's state, and the scales and classes that were not given to the
        constructor: the next `fit` finds them anew.

        seed: a new seed, or None for the same weights again.
        """
        super().reset(seed)
        self._door = self._door.forgotten()
        self._optimizer = self._state = None
        self.batch_size = 32
        self.history = History()

    def copy(self, level: str | None = None) -> Network:
        """An independent network with the same weights and training state, on `level` if given."""
        layers: list[int | Dense] = [self.sizes[0], *self._layers]
        twin = Network(layers, level=level or self.level, **self.options)
        twin._parameters[:] = self._parameters
        twin.open(self._door)
        twin._set_factors(self._frozen)
        twin.diagnosed |= self.diagnosed
        twin.batch_size = self.batch_size
        if self._optimizer is not None and self._state is not None:
            twin.resume(self._optimizer, self._state.copy())
        return twin

    def open(self, door: Door) -> None:
        """Let data come in, and outputs go out, through this door from now on."""
        self._door = door
        self.level = self.level  # which binds `predict`

    def resume(self, optimizer: Optimizer | BatchMethod, state: TrainingState) -> None:
        """Let the next `fit` go on with this optimizer from this state."""
        self._optimizer = optimizer
        self._state = state

    # ---- keeping ----------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """For `copy` and `pickle`: all but the lock and the level, which are made anew."""
        return {k: v for k, v in self.__dict__.items() if k not in ("_busy", "_level")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._busy = threading.Lock()
        here = self._level_name in levels.available()
        self.level = self._level_name if here else "fastest"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network and the state of its training into one file.

        The file is complete or unchanged: it is written beside `path` and then renamed. Loading it
        and going on equals never having stopped, bit for bit.

        Raises ValueError where a parameter or the optimizer's state is NaN or infinite, which
        `nnfast.load` would refuse, and OSError where the file cannot be written.
        """
        from nnfast import files

        files.save(self, path)
