"""Network: the dense neural network that a user trains."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from nnfast import diagnostics, inspection, levels, validation
from nnfast.formulas import DEFAULT_LOSS, LOSSES, OPTIMIZERS, BatchMethod, Optimizer, losses_for
from nnfast.gradients import GradientCheck, gradient_check
from nnfast.initializers import BIAS_INITIALIZERS, INITIALIZERS
from nnfast.layers import DTYPES, Dense, dtype_name, read_layers
from nnfast.levels.compiled import Predictor, bind
from nnfast.levels.contract import (
    NO_CONTROL,
    Architecture,
    Array,
    Control,
    DivergenceError,
    Pair,
    Regularization,
    TrainingState,
)
from nnfast.range_test import LearningRateRange, find_learning_rate
from nnfast.training import EpochClock, History, Progress

MULTIPLICATIONS = 2_000_000  # of the first call of a level: a few milliseconds where it is compiled


class Network(Predictor):
    """A dense neural network: a function of one flat array of parameters.

        net = Network([2, 4, 1])                                     # sigmoid throughout
        net = Network([784, Dense(64, "relu"), Dense(10, "softmax")], seed=0)
        history = net.fit(X, y, epochs=10, batch_size=32, optimizer="adam")

    layers: the number of inputs, then for each layer a `Dense`, or a number n short for `Dense(n)`.
    loss: "mean_squared_error", "quadratic", "binary_cross_entropy" (sigmoid outputs),
        "cross_entropy" (softmax outputs) or "perceptron" (step outputs); None takes the one that
        belongs to the last activation.
    init, bias_init: how the weights and biases of all layers start.
    l1, l2, max_norm: penalties and limit of the weights of all layers, as in `Dense`.
    input_dropout: the fraction of the inputs that are zero in each row of an update, as with
        `Dense(dropout=...)`; input_noise: the standard deviation of normal numbers added to them
        (Sietsma & Dow 1991).
    dtype: "float32" or "float64".
    seed: a whole number makes initial weights and shuffling repeatable; None draws one.
    level: which implementation computes; see `nnfast.levels.available()`. It can be changed at any
        time: `net.level = "numpy"`.

    Raises ValueError or TypeError, with the choices, for what it cannot be built from.
    """

    def __init__(
        self,
        layers: Sequence[int | Dense],
        *,
        loss: str | None = None,
        init: str = "glorot_uniform",
        bias_init: str = "zeros",
        l1: float = 0.0,
        l2: float = 0.0,
        max_norm: float | None = None,
        input_dropout: float = 0.0,
        input_noise: float = 0.0,
        dtype: str = "float32",
        seed: int | None = None,
        level: str = "fastest",
    ) -> None:
        inputs, self._layers = read_layers(layers)
        self._init = validation.choice("init", init, INITIALIZERS)
        self._bias_init = validation.choice("bias_init", bias_init, BIAS_INITIALIZERS)
        rules = Regularization(
            l1=validation.not_negative("l1", l1),
            l2=validation.not_negative("l2", l2),
            max_norm=math.inf if max_norm is None else validation.positive("max_norm", max_norm),
        )
        self._rules = rules
        if self._layers[-1].dropout:
            raise ValueError(
                f"the last layer has dropout={self._layers[-1].dropout}; its outputs are the "
                "network's, and none of them can be left out. Give the dropout to a layer before."
            )
        output = self._layers[-1].activation
        if loss is None:
            loss = DEFAULT_LOSS[output]
        elif validation.choice("loss", loss, LOSSES) not in losses_for(output):
            raise ValueError(
                f"the loss {loss!r} does not go with a last layer of activation {output!r}; "
                f"choose from {', '.join(losses_for(output))}."
            )
        self._architecture = Architecture(
            sizes=(inputs, *(layer.units for layer in self._layers)),
            activations=tuple(layer.activation for layer in self._layers),
            biases=tuple(layer.bias for layer in self._layers),
            loss=loss,
            dtype=validation.choice("dtype", dtype_name(dtype), DTYPES),
            regularization=tuple(layer.regularization(rules) for layer in self._layers),
            input_dropout=validation.fraction("input_dropout", input_dropout),
            input_noise=validation.not_negative("input_noise", input_noise),
        )
        self._parameters = np.zeros(self._architecture.parameter_count, self.dtype)
        self._set_factors(np.zeros(len(self._parameters), bool))
        self.level = level
        self._busy = threading.Lock()
        self.diagnosed: set[str] = set()  # what `nnfast.diagnostics` has looked at and warned of
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        self.reset(seed)

    # ---- what it is -------------------------------------------------------------------------

    @property
    def layers(self) -> tuple[Dense, ...]:
        """The layers after the inputs."""
        return self._layers

    @property
    def architecture(self) -> Architecture:
        """What a level computes: sizes, activations, biases, loss and dtype."""
        return self._architecture

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units per layer, the inputs first."""
        return self._architecture.sizes

    @property
    def loss(self) -> str:
        """Name of the loss."""
        return self._architecture.loss

    @property
    def dtype(self) -> str:
        """ "float32" or "float64"."""
        return self._architecture.dtype

    @property
    def seed(self) -> int:
        """The seed that initial weights and shuffling come from."""
        return self._seed

    @property
    def level(self) -> str:
        """Name of the level that computes; settable."""
        return self._level_name

    @level.setter
    def level(self, name: str) -> None:
        name = levels.resolve(name)
        self._level = levels.LEVELS[name](self._architecture)
        self._level_name = name
        bind(self, self._level, self._parameters)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments, without `level`, that make a network like this one."""
        return {
            "loss": self.loss,
            "init": self._init,
            "bias_init": self._bias_init,
            "l1": self._rules.l1,
            "l2": self._rules.l2,
            "max_norm": None if self._rules.max_norm == math.inf else self._rules.max_norm,
            "input_dropout": self._architecture.input_dropout,
            "input_noise": self._architecture.input_noise,
            "dtype": self.dtype,
            "seed": self._seed,
        }

    @property
    def optimizer(self) -> Optimizer | BatchMethod | None:
        """The optimizer of the last `fit`, whose state the next one goes on from."""
        return self._optimizer

    @property
    def training_state(self) -> TrainingState | None:
        """What a training carries from update to update; None before the first `fit`."""
        return self._state

    # ---- parameters -------------------------------------------------------------------------

    @property
    def parameters(self) -> Array:
        """All parameters, (parameters,): a view that can be written to.

        Layer by layer W (inputs, outputs) row by row, then b (outputs,) where the layer has one.
        """
        return self._parameters[:]

    @property
    def weights(self) -> list[Pair]:
        """(W, b) of every layer, views into `parameters`; b is None for a layer without bias."""
        return self._architecture.views(self._parameters)

    def set_weights(self, weights: Sequence[tuple[Any, Any]]) -> None:
        """Copy (W, b) of every layer in: W (inputs, outputs), b (outputs,) or None without bias.

        Raises TypeError or ValueError for what is no list of pairs, a wrong number of layers or a
        wrong shape, before anything is changed.
        """
        views = self.weights
        if not isinstance(weights, (list, tuple)):
            raise TypeError(f"weights is {weights!r}; expected a list of pairs (W, b).")
        if len(weights) != len(views):
            raise ValueError(
                f"set_weights was given {len(weights)} layers; this network has {len(views)}, "
                "each one pair (W, b)."
            )
        new = self._parameters.copy()
        for k, (pair, own) in enumerate(zip(weights, self._architecture.views(new), strict=True)):
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise TypeError(f"weights[{k}] is not a pair (W, b); use b = None without bias.")
            for name, value, view in zip("Wb", pair, own, strict=True):
                validation.copy_weights(f"weights[{k}]: {name}", value, view, self.dtype)
        self._parameters[:] = new

    def freeze(self, masks: Sequence[tuple[Any, Any]] | None) -> None:
        """Choose single parameters that training leaves as they are.

        masks: (mask of W, mask of b) of every layer, arrays of True for frozen and False, or one
            True or False for all of W or b; b's is None for a layer without bias. None frees all
            but the layers with trainable=False.

        Raises TypeError or ValueError for masks that do not fit, before anything is changed.
        """
        frozen = np.zeros(len(self._parameters), bool)
        if masks is not None:
            validation.fill_masks("masks", masks, self._architecture.views(frozen))
        self._set_factors(frozen)

    @property
    def frozen(self) -> Array:
        """Which parameters training leaves as they are, bool, laid out like `parameters`."""
        if self._factors is None:
            return np.zeros(len(self._parameters), bool)
        frozen: Array = self._factors == 0
        return frozen

    def _set_factors(self, frozen: Array) -> None:
        """What multiplies each parameter's step: the layer's factor, or 0; None for all 1."""
        factors = np.ones(len(self._parameters), self.dtype)
        for layer, pair in zip(self._layers, self._architecture.views(factors), strict=True):
            for view in pair:
                if view is not None:
                    view[:] = layer.learning_rate_factor * layer.trainable
        factors[frozen] = 0
        self._frozen = frozen
        self._factors = None if (factors == 1).all() else factors
        self._control = NO_CONTROL if self._factors is None else Control(factors=self._factors)

    def reset(self, seed: int | None = None) -> None:
        """Draw initial weights anew, as the constructor did, and forget the optimizer's state.

        seed: a new seed, or None for the same weights again.
        """
        if seed is not None:
            self._seed = validation.whole_number("seed", seed, least=0)
        rng = np.random.default_rng(self._seed)
        for layer, (W, b) in zip(self._layers, self.weights, strict=True):
            W[:] = INITIALIZERS[layer.init or self._init](rng, *W.shape)
            if b is not None:
                draw = BIAS_INITIALIZERS[layer.bias_init or self._bias_init]
                b[:] = draw(rng, 1, len(b))[0]
        self._shuffle_seed = int(rng.integers(2**64, dtype=np.uint64))
        self._optimizer: Optimizer | BatchMethod | None = None
        self._state: TrainingState | None = None

    def copy(self, level: str | None = None) -> Network:
        """An independent network with the same weights and training state, on `level` if given."""
        layers: list[int | Dense] = [self.sizes[0], *self._layers]
        twin = Network(layers, level=level or self.level, **self.options)
        twin._parameters[:] = self._parameters
        twin._set_factors(self._frozen)
        twin.diagnosed |= self.diagnosed
        if self._optimizer is not None and self._state is not None:
            twin.resume(self._optimizer, self._state.copy())
        return twin

    def resume(self, optimizer: Optimizer | BatchMethod, state: TrainingState) -> None:
        """Let the next `fit` go on with this optimizer from this state."""
        self._optimizer = optimizer
        self._state = state

    # ---- computing --------------------------------------------------------------------------

    def _predict(self, X: Any) -> Array:
        """What `predict` does unless X is ready for the compiled core and has a few rows only."""
        X = validation.inputs(X, self._architecture)
        return np.asarray(self._level.forward(self._parameters, X), self.dtype)

    def predict_classes(self, X: Any) -> Array:
        """Class of each row, (n,) int64: the largest output, or output >= 0.5 of a single one."""
        return _classes(self.predict(X))

    def evaluate(self, X: Any, y: Any) -> dict[str, float]:
        """{"loss": mean loss, "accuracy": fraction right}; y as for `fit`.

        The accuracy is that of `predict_classes` where y holds classes: 0 and 1 for one output,
        labels or one-hot rows for several. For other rows of 0 and 1 it counts every entry, right
        where output >= 0.5 agrees; where y holds other numbers there is no "accuracy".
        """
        X, Y = self._data(X, y)
        result = {"loss": float(self._level.loss(self._parameters, X, Y))}
        if ((Y == 0) | (Y == 1)).all():
            outputs = np.asarray(self._level.forward(self._parameters, X), self.dtype)
            if (Y.sum(axis=1) == 1).all() or Y.shape[1] == 1:
                right = _classes(outputs) == _classes(Y)
            else:
                right = (outputs >= 0.5) == (Y == 1)
            result["accuracy"] = float(right.mean())
        return result

    def loss_and_gradient(self, X: Any, y: Any) -> tuple[float, Array]:
        """The mean loss over the rows, and its gradient, laid out like `parameters`."""
        X, Y = self._data(X, y)
        loss, gradient = self._level.loss_and_gradient(self._parameters, X, Y)
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
        X = validation.inputs(X, self._architecture)
        return np.asarray(self._level.jacobian(self._parameters, X), self.dtype)

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
        y: Any,
        *,
        epochs: int = 1,
        batch_size: int | None = 32,
        optimizer: Optimizer | BatchMethod | str | None = None,
        shuffle: bool = True,
        verbose: int | str = "auto",
    ) -> History:
        """Train on inputs X (n, inputs) and targets y, and return the loss of every epoch.

        y: (n, outputs); (n,) for one output; class labels (n,), whole numbers from 0, for several.
        epochs: how often every row is visited.
        batch_size: rows per update; None takes all rows at once, 1 updates after every row. A last,
            smaller batch takes what is left.
        optimizer: an `SGD` or `Adam`, or its name, starts with fresh state; None goes on with the
            last one and its state, or starts `Adam()`. With a batch method (`Rprop`, `Quickprop`,
            `LBFGS`, `SCG`, `LevenbergMarquardt`) an epoch is an iteration over all rows, whatever
            batch_size and shuffle say, and it may stop early: `history.stop_reason` says why.
        shuffle: visit the rows in a new order every epoch, the same on every level.
        verbose: 0 silent, 1 a progress line, 2 a line per epoch (at most ten a second), "auto" a
            progress line where somebody watches.

        Ctrl-C raises KeyboardInterrupt within 100 ms and leaves the network after its last update.

        Raises ValueError or TypeError for data or options that do not fit, and RuntimeError while
        another thread trains this network; the network is then as it was. Raises DivergenceError
        where the loss or the parameters stop being finite; the network is then back at its last
        good parameters.
        """
        # the core notices NaN and infinity by their results, without another look at all of X
        compiled = levels.is_compiled(self.level)
        X = validation.inputs(
            X, self._architecture, finite=not compiled or self._factors is not None
        )
        Y = validation.targets(y, len(X), self._architecture)
        epochs = validation.whole_number("epochs", epochs)
        rows = len(X) if batch_size is None else validation.whole_number("batch_size", batch_size)
        if not isinstance(shuffle, (bool, np.bool_)):
            raise TypeError(f"shuffle is {shuffle!r}; expected True or False.")
        if isinstance(verbose, bool) or verbose not in (0, 1, 2, "auto"):
            raise ValueError(f"verbose is {verbose!r}; choose from 0, 1, 2, 'auto'.")
        chosen = validation.optimizer(optimizer)
        if isinstance(batch_method := chosen or self._optimizer, BatchMethod):
            validation.require_smooth(batch_method, self._architecture, self._factors)
        diagnostics.check_data(self, X)
        if not self._busy.acquire(blocking=False):
            raise RuntimeError(
                "this network is being trained by another thread; train a net.copy() instead."
            )
        try:
            return self._train(X, Y, epochs, min(rows, len(X)), chosen, bool(shuffle), verbose)
        finally:
            self._busy.release()

    def _train(
        self,
        X: Array,
        Y: Array,
        epochs: int,
        batch_size: int,
        optimizer: Optimizer | BatchMethod | None,
        shuffle: bool,
        verbose: int | str,
    ) -> History:
        before = self._optimizer, self._state
        if optimizer is not None or self._state is None or self._optimizer is None:
            self._optimizer = optimizer or OPTIMIZERS["adam"]()
            generator = self._state.shuffle if self._state else self._shuffle_seed
            self._state = TrainingState.fresh(self._architecture, self._optimizer, generator)
        history, progress = History(), Progress(verbose, epochs)
        clock = EpochClock(epochs, first=MULTIPLICATIONS // (len(X) * len(self._parameters)))
        try:
            train = partial(
                levels.train,
                self._level,
                self._parameters,
                self._state,
                X,
                Y,
                batch_size=batch_size,
                optimizer=self._optimizer,
                shuffle=shuffle,
                control=self._control,
            )
            while not history.stop_reason and (size := clock.next()):
                try:
                    losses, history.stop_reason = train(epochs=size)
                except DivergenceError as error:
                    reason = self._diverged(history, error.losses, train, X, Y)
                    if isinstance(reason, ValueError):  # nothing has changed
                        self._optimizer, self._state = before
                    raise reason from None
                clock.done(losses)
                history["loss"].extend(losses)
                progress.update(history.epochs, losses[-1])
        finally:
            progress.close()
        diagnostics.check_units(self, X, Y, history.epochs)
        return history

    def _diverged(
        self,
        history: History,
        losses: Sequence[float],
        train: Callable[..., tuple[Sequence[float], str]],
        X: Array,
        Y: Array,
    ) -> Exception:
        """Train again up to the last good epoch of a call that has changed nothing; the error."""
        try:
            validation.require_finite("X", X, self.dtype)
        except ValueError as error:
            return error
        finite = next((k for k, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))
        if finite > 1:
            history["loss"].extend(train(epochs=finite - 1)[0])
        assert self._optimizer is not None
        epoch, last = history.epochs, losses[finite - 1] if finite else None
        why = diagnostics.explain_divergence(self, X, Y, self._optimizer, epoch + 1, last)
        return DivergenceError(
            f"{why} The network is back at its weights after epoch {epoch}.", history["loss"]
        )

    def _data(self, X: Any, y: Any) -> tuple[Array, Array]:
        X = validation.inputs(X, self._architecture)
        return X, validation.targets(y, len(X), self._architecture)

    # ---- showing and keeping ----------------------------------------------------------------

    def summary(self) -> None:
        """Print the layers with their shapes and numbers of parameters."""
        rows = [("layer", "outputs", "activation", "parameters")]
        for k, (layer, (n, m, bias)) in enumerate(
            zip(self._layers, self._architecture.shapes, strict=True), start=1
        ):
            name = f"dense {k}" + ("" if bias else " (no bias)")
            rows.append((name, f"{m:,}", layer.activation, f"{(n + bias) * m:,}"))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        print(repr(self))
        for name, outputs, activation, count in rows:
            print(
                f"  {name.ljust(widths[0])}  {outputs.rjust(widths[1])}  "
                f"{activation.ljust(widths[2])}  {count.rjust(widths[3])}"
            )
        size = self._parameters.nbytes
        print(f"  {self._parameters.size:,} parameters, {size:,} bytes")

    def __repr__(self) -> str:
        layers = " -> ".join(f"{layer.units} {layer.activation}" for layer in self._layers)
        return (
            f"<Network {self.sizes[0]} -> {layers}, {self.loss}, {self.dtype}, level {self.level}>"
        )

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


def _classes(outputs: Array) -> Array:
    one = outputs.shape[1] == 1
    classes: Array = outputs[:, 0] >= 0.5 if one else outputs.argmax(axis=1)
    return classes.astype(np.int64)
