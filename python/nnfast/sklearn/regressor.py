"""NNRegressor: a network that predicts numbers, as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any

from sklearn.base import RegressorMixin
from sklearn.utils.validation import validate_data

from nnfast import validation
from nnfast.formulas import LOSSES, losses_for
from nnfast.layers import Dense
from nnfast.levels.contract import Array
from nnfast.scaling import Scaler
from nnfast.sklearn.base import DTYPES, NNEstimator
from nnfast.sklearn.scaling import standard


class NNRegressor(RegressorMixin, NNEstimator):  # type: ignore[misc]
    """Regressor of one number or several for each row.

    y: numbers, (n,) or (n, outputs); predictions have the same form.
    loss: None for "mean_squared_error", or another, as "mean_absolute_error", "huber", "log_cosh",
        or "poisson" for counts. The outputs are linear, for "poisson" exponential, for
        "binary_cross_entropy" (targets from 0 to 1) sigmoid.

    hidden_layer_sizes: units of the hidden layers; an entry may be a `Dense` with options of its
        own.
    activation: of the hidden layers, one name or one for each.
    optimizer: "auto" is Adam whose rate falls from 0.004 to 0 along half a cosine over the epochs
        (in `partial_fit`, which does not know how many there will be, a steady 0.001); or an
        optimizer as for `Network.fit`.
    learning_rate: a number or a schedule instead of the optimizer's own, None to keep it. With
        optimizer="auto" a number is where the cosine begins.
    epochs: how often every row is visited; "auto" is 20, or more up to 1,000 updates (200
        iterations of a batch method).
    batch_size: rows per update; None takes all rows at once.
    standardize: scale every input to mean 0 and standard deviation 1, weighted by sample_weight,
        before the network sees it, and every target that may be any number; the loss is then that
        of scaled targets.
    l1, l2, max_norm, init: as of `Network`; dropout: of every hidden layer.
    clip_norm, shuffle, metrics, callbacks, verbose: as for `Network.fit`.
    early_stopping: end when the loss of validation_data, or of validation_fraction of the rows,
        which are then not trained on, has not become better for n_iter_no_change epochs, and go
        back to the best weights.
    warm_start: `fit` goes on from the weights of the last one, with a fresh optimizer.
    random_state: int, RandomState or None; draws initial weights, order of rows and validation
        rows.
    dtype: "float32" or "float64" for the network; None takes float32 for X in float32, and else
        float64.
    network_: the trained `Network`, which has the scalers in it.
    history_: the `History` of the last training; n_iter_, loss_curve_, loss_: how many epochs the
        network has been trained in all, the loss of each, and the last.
    n_features_in_, feature_names_in_: as in all of scikit-learn.
    """

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> NNRegressor:
        """Train one epoch on a piece of the data, going on with the optimizer and its state.

        early_stopping has no part in it.
        The scale of inputs and targets is that of the first piece, or of the last `fit`.

        Raises ValueError or TypeError for data or parameters that do not fit.
        """
        self._partial_fit(X, y, sample_weight)
        return self

    def predict(self, X: Any) -> Array:
        """Predictions for X (n, features), (n,) or (n, outputs) as y was.

        Raises ValueError or TypeError for data that do not fit, NotFittedError before `fit`.
        """
        Y = self._outputs(X)
        return Y.reshape(-1) if self._flat else Y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    # ---- targets ----------------------------------------------------------------------------

    def _read_rows(self, X: Any, y: Any, fresh: bool) -> tuple[Array, Array]:
        X, y = validate_data(
            self, X, y, dtype=DTYPES, order="C", multi_output=True, y_numeric=True, reset=fresh
        )
        return X, y

    def _learn_targets(self, y: Array, classes: Any) -> None:
        self._flat = y.ndim == 1
        self.n_outputs_ = 1 if self._flat else y.shape[1]

    def _output_layer(self) -> Dense:
        activations = ("linear", "exponential", "sigmoid")
        choices = {loss: name for name in reversed(activations) for loss in losses_for(name)}
        activation = choices[validation.choice("loss", self._loss_name, choices)]
        return Dense(self.n_outputs_, activation)

    def _output_scaler(self, y: Array, weight: Array | None) -> Scaler | None:
        """Targets are scaled where they may be any numbers."""
        if LOSSES[self._loss_name].targets != "any":
            return None
        return standard(y.reshape(len(y), -1), weight)

    @property
    def _loss_name(self) -> str:
        return "mean_squared_error" if self.loss is None else self.loss

    def _targets(self, y: Array) -> Array:
        return y.reshape(len(y), -1)
