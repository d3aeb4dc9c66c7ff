"""What `NNClassifier` and `NNRegressor` have in common: parameters, training and pickles."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn import exceptions
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from nnfast import __version__, validation, weighting
from nnfast.formulas import Adam, BatchMethod, Optimizer
from nnfast.formulas.schedules import CosineDecay, Schedule
from nnfast.layers import Dense
from nnfast.levels.contract import Array
from nnfast.monitors import EarlyStopping
from nnfast.network import Network
from nnfast.scaling import Scaler
from nnfast.sklearn.scaling import standard

EPOCHS, UPDATES = 20, 1000  # epochs="auto": at least so many of both
ITERATIONS = 200  # epochs="auto" of a batch method
RATE = 0.004  # optimizer="auto": where the cosine begins
STEADY_RATE = 0.001  # optimizer="auto" in partial_fit, which does not know its end

DTYPES = (np.float64, np.float32)


class InconsistentVersionWarning(exceptions.InconsistentVersionWarning):  # type: ignore[misc]
    """An estimator was pickled with another version of nnfast than the one that loads it."""

    def __str__(self) -> str:
        return (
            f"this {self.estimator_name} was pickled with nnfast "
            f"{self.original_sklearn_version} and is loaded with {self.current_sklearn_version}; "
            "it may not work, or compute something else. Train it again, or keep networks as "
            "files: model.network_.save(path)."
        )


class NNEstimator(BaseEstimator, ABC):  # type: ignore[misc]
    """Base class of both estimators, whose docstrings tell what the parameters are."""

    network_: Network

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        loss: str | None = None,
        optimizer: Any = "auto",
        learning_rate: Any = None,
        epochs: int | str = "auto",
        batch_size: int | None = 64,
        standardize: bool = True,
        l1: float = 0.0,
        l2: float = 0.001,
        dropout: float = 0.0,
        max_norm: float | None = None,
        clip_norm: float | None = None,
        init: str = "glorot_uniform",
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        metrics: Any = (),
        callbacks: Any = (),
        warm_start: bool = False,
        random_state: Any = None,
        dtype: str | None = None,
        verbose: int | str = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.standardize = standardize
        self.l1 = l1
        self.l2 = l2
        self.dropout = dropout
        self.max_norm = max_norm
        self.clip_norm = clip_norm
        self.init = init
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.metrics = metrics
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.dtype = dtype
        self.verbose = verbose

    # ---- what the two differ in -------------------------------------------------------------

    @abstractmethod
    def _read_rows(self, X: Any, y: Any, fresh: bool) -> tuple[Array, Array]:
        """X (n, features) and y, checked; `fresh` where a new network begins with them."""

    @abstractmethod
    def _learn_targets(self, y: Array, classes: Any) -> None:
        """What the first y tells; classes: all labels there will be, None for those of y."""

    @abstractmethod
    def _targets(self, y: Array) -> Array:
        """y as the network takes it, (n, outputs) or labels of its classes (n,)."""

    @abstractmethod
    def _output_layer(self) -> Dense:
        """The last layer, which the targets and the loss decide."""

    def _output_scaler(self, y: Array, weight: Array | None) -> Scaler | None:
        return None

    def _class_weight(self) -> Any:
        return None

    def _classes(self) -> Any:
        """The labels that the network knows."""
        return None

    # ---- training ---------------------------------------------------------------------------

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None
    ) -> NNEstimator:
        """Train on X (n, features) and y, and return the estimator.

        sample_weight: how much each row counts, (n,), not negative; 2 counts as two such rows.
        validation_data: (X, y) or (X, y, sample_weight) that are measured after every epoch
            (`history_["val_loss"]`), and watched where early_stopping is set.

        Raises ValueError or TypeError for data or parameters that do not fit, DivergenceError where
        the training diverges.
        """
        fresh = not (self.warm_start and hasattr(self, "network_"))
        X, y, weight = self._read(X, y, sample_weight, fresh)
        epochs = self._epoch_count(len(X))
        optimizer = self._optimizer(epochs)
        if fresh:
            self._begin(X, y, weight)
        callbacks, held_out = list(self.callbacks), 0.0
        if self.early_stopping:
            callbacks.append(EarlyStopping("val_loss", self.n_iter_no_change))
            held_out = self.validation_fraction if validation_data is None else 0.0
        self._train(
            X,
            y,
            sample_weight=weight,
            epochs=epochs,
            optimizer=optimizer,
            validation_data=self._read_validation(validation_data),
            validation_split=held_out,
            callbacks=callbacks,
        )
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> None:
        fresh = not hasattr(self, "network_")
        X, y, weight = self._read(X, y, sample_weight, fresh)
        optimizer = self._optimizer(epochs=None)
        if fresh:
            self._begin(X, y, weight, classes)
        elif optimizer == self.network_.optimizer:
            optimizer = None  # goes on with its state
        self._train(
            X, y, sample_weight=weight, epochs=1, optimizer=optimizer, callbacks=self.callbacks
        )

    def _read(
        self, X: Any, y: Any, sample_weight: Any, fresh: bool
    ) -> tuple[Array, Array, Array | None]:
        X, y = self._read_rows(X, y, fresh)
        return X, y, weighting.sample_weight(sample_weight, len(X))

    def _read_validation(self, given: Any) -> Any:
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            return given  # None, or what `Network.fit` refuses
        X, y = self._read_rows(given[0], given[1], fresh=False)
        return X, self._targets(y), *given[2:]

    def _epoch_count(self, rows: int) -> int:
        if not isinstance(self.epochs, str):
            return validation.whole_number("epochs", self.epochs)
        validation.choice("epochs", self.epochs, ("auto",))
        if isinstance(self._optimizer(epochs=None), BatchMethod):
            return ITERATIONS
        size = rows if self.batch_size is None else self.batch_size
        updates = -(-rows // validation.whole_number("batch_size", size))
        return max(EPOCHS, -(-UPDATES // updates))

    def _optimizer(self, epochs: int | None) -> Optimizer | BatchMethod | None:
        """The optimizer of a training of so many epochs; None where nobody knows how many."""
        rate = self.learning_rate
        if isinstance(self.optimizer, str) and self.optimizer == "auto":
            if epochs is None:
                return Adam(STEADY_RATE if rate is None else rate)
            if not isinstance(rate, Schedule):
                rate = CosineDecay(RATE if rate is None else rate, epochs)
            return Adam(rate)
        chosen = validation.optimizer(self.optimizer)
        if rate is None:
            return chosen
        if not hasattr(chosen, "learning_rate"):
            raise ValueError(
                f"learning_rate is {rate!r}, but {self.optimizer!r} has no learning rate; leave "
                "it None."
            )
        return replace(chosen, learning_rate=rate)  # type: ignore[type-var]

    def _begin(self, X: Array, y: Array, weight: Array | None, classes: Any = None) -> None:
        """A new network for these data."""
        self._learn_targets(y, classes)
        scale = validation.true_or_false("standardize", self.standardize)
        self.network_ = Network(
            [X.shape[1], *self._hidden_layers(), self._output_layer()],
            loss=self.loss,
            init=self.init,
            l1=self.l1,
            l2=self.l2,
            max_norm=self.max_norm,
            dtype=X.dtype.name if self.dtype is None else self.dtype,
            seed=check_random_state(self.random_state).randint(2**31 - 1),
            input_scaler=standard(X, weight) if scale else None,
            output_scaler=self._output_scaler(y, weight) if scale else None,
            classes=self._classes(),
        )
        self.n_iter_ = 0
        self.loss_curve_: list[float] = []

    def _hidden_layers(self) -> list[Dense]:
        sizes = self.hidden_layer_sizes
        sizes = [sizes] if isinstance(sizes, (int, np.integer, Dense)) else list(sizes)
        names = self.activation
        names = [names] * len(sizes) if isinstance(names, str) else list(names)
        if len(names) != len(sizes):
            raise ValueError(
                f"activation has {len(names)} names for {len(sizes)} hidden layers; expected one "
                "name, or one for each layer."
            )
        return [
            size if isinstance(size, Dense) else Dense(size, name, dropout=self.dropout)
            for size, name in zip(sizes, names, strict=True)
        ]

    def _train(self, X: Array, y: Array, **options: Any) -> None:
        if not self.network_.parameters.flags.writeable:  # joblib.load(path, mmap_mode="r")
            self.network_ = self.network_.copy()
        self.history_ = self.network_.fit(
            X,
            self._targets(y),
            batch_size=self.batch_size,
            shuffle=self.shuffle,
            class_weight=self._class_weight(),
            metrics=self.metrics,
            clip_norm=self.clip_norm,
            verbose=int(self.verbose) if isinstance(self.verbose, bool) else self.verbose,
            **options,
        )
        self.n_iter_ += self.history_.epochs
        self.loss_curve_ += self.history_["loss"]
        self.loss_ = self.loss_curve_[-1]

    # ---- computing --------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Array:
        """The network's outputs, (n, outputs), for X (n, features)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=DTYPES, order="C", reset=False)
        return self.network_.predict(X)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    # ---- keeping ----------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_nnfast_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version = state.pop("_nnfast_version", "an unknown version")
        if version != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=__version__,
                    original_sklearn_version=version,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)
