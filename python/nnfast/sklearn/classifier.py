"""NNClassifier: a network that tells classes apart, as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d, validate_data

from nnfast import validation
from nnfast.formulas import losses_for
from nnfast.layers import Dense
from nnfast.levels.contract import Array
from nnfast.sklearn.base import DTYPES, NNEstimator


class NNClassifier(ClassifierMixin, NNEstimator):  # type: ignore[misc]
    """Classifier: two classes, several, or several labels at once.

    y: class labels of any kind, (n,); or 0 and 1, (n, labels), for several labels at once. Two
        classes are one sigmoid output, several are softmax outputs, labels are sigmoid outputs.
    loss: None for "binary_cross_entropy" or "cross_entropy", or a loss for such outputs, as
        "categorical_focal" or "mean_squared_error".
    class_weight: {label: weight}, 1 where not named, or "balanced" for n / (classes · rows of the
        class); counts in the training loss only.

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
        before the network sees it.
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

    classes_: the class labels, (classes,), sorted; of labels 0 ... labels - 1.
    network_: the trained `Network`, which has the scalers in it.
    history_: the `History` of the last training; n_iter_, loss_curve_, loss_: how many epochs the
        network has been trained in all, the loss of each, and the last.
    n_features_in_, feature_names_in_: as in all of scikit-learn.
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        loss: str | None = None,
        class_weight: Any = None,
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
        super().__init__(
            hidden_layer_sizes,
            activation,
            loss=loss,
            optimizer=optimizer,
            learning_rate=learning_rate,
            epochs=epochs,
            batch_size=batch_size,
            standardize=standardize,
            l1=l1,
            l2=l2,
            dropout=dropout,
            max_norm=max_norm,
            clip_norm=clip_norm,
            init=init,
            shuffle=shuffle,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            metrics=metrics,
            callbacks=callbacks,
            warm_start=warm_start,
            random_state=random_state,
            dtype=dtype,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> NNClassifier:
        """Train one epoch on a piece of the data, going on with the optimizer and its state.

        early_stopping has no part in it.

        classes: all labels there will be, needed by the first call. The scale of the inputs is
            that of the first piece, or of the last `fit`.

        Raises ValueError or TypeError for data or parameters that do not fit.
        """
        if hasattr(self, "network_"):
            if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
                raise ValueError(
                    f"classes is {classes!r}, but the first call had {self.classes_.tolist()}."
                )
        elif classes is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: all labels there will be."
            )
        self._partial_fit(X, y, sample_weight, classes)
        return self

    def predict(self, X: Any) -> Array:
        """The most probable class of each row of X (n, features), (n,).

        Of several labels at once, 1 for those whose probability is at least 0.5, (n, labels).

        Raises ValueError or TypeError for data that do not fit, NotFittedError before `fit`.
        """
        P = self.predict_proba(X)
        if self._multilabel:
            return (P >= 0.5).astype(np.int64)
        labels: Array = self.classes_[P.argmax(axis=1)]
        return labels

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes, (n, classes), or of each label, (n, labels).

        Raises what `predict` raises.
        """
        P = self._outputs(X)
        return np.hstack([1 - P, P]) if P.shape[1] == 1 else P

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of `predict_proba`; a probability that is rounded to 0 gives -inf."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    # ---- targets ----------------------------------------------------------------------------

    def _read_rows(self, X: Any, y: Any, fresh: bool) -> tuple[Array, Array]:
        X, y = validate_data(self, X, y, dtype=DTYPES, order="C", multi_output=True, reset=fresh)
        check_classification_targets(y)
        if issparse(y):
            y = y.toarray()
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _learn_targets(self, y: Array, classes: Any) -> None:
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y has several columns of classes; expected one column, or 0 and 1 for several "
                "labels at once. Train one classifier for each column: "
                "sklearn.multioutput.MultiOutputClassifier."
            )
        self._multilabel = kind == "multilabel-indicator"
        if self._multilabel:
            self.classes_ = np.arange(y.shape[1])
        else:
            self.classes_ = np.unique(y if classes is None else classes)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has one class, {self.classes_.tolist()[0]!r}; a classifier needs at least two."
            )

    def _targets(self, y: Array) -> Array:
        if self._multilabel:
            return y
        if y.ndim > 1:
            raise ValueError(f"y has shape {y.shape}; expected {(len(y),)}, a class for each row.")
        return y

    def _output_layer(self) -> Dense:
        if self._multilabel:
            activations = ["sigmoid"]
        elif len(self.classes_) == 2:
            activations = ["sigmoid", "softmax"]
        else:
            activations = ["softmax"]
        choices = {loss: name for name in reversed(activations) for loss in losses_for(name)}
        activation = activations[0]
        if self.loss is not None:
            activation = choices[validation.choice("loss", self.loss, choices)]
        single = activation == "sigmoid" and not self._multilabel
        return Dense(1 if single else len(self.classes_), activation)

    def _class_weight(self) -> Any:
        return self.class_weight

    def _classes(self) -> Any:
        return None if self._multilabel else self.classes_.tolist()
