"""Networks from scikit-learn's multi-layer perceptrons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnfast import extras
from nnfast.exchange import chain
from nnfast.exchange.chain import Chain
from nnfast.network import Network

ACTIVATIONS = {
    "identity": "linear",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "softmax": "softmax",
    "exp": "exponential",
}
LOSSES = {
    "log_loss": None,  # the one of the last activation
    "squared_error": "quadratic",
    "poisson": "poisson",
}


def from_sklearn(model: Any) -> Network:
    """A network with the outputs of a fitted MLPClassifier or MLPRegressor.

    model: the estimator; or a Pipeline of StandardScaler, MinMaxScaler, MaxAbsScaler or
        RobustScaler and the estimator, whose scaling becomes the network's `input_scaler`; or a
        TransformedTargetRegressor of one, with such a scaler of the targets.

    A classifier of two classes has one output, the probability of `model.classes_[1]`; of more
    classes, their probabilities; of several labels, the probability of each. `network.classes` are
    `model.classes_`. The penalty is `l2 = alpha / rows of a batch`; the solver "lbfgs", whose batch
    is all of the data and whose rows the model does not keep, leaves it at 0. The state of the
    optimizer is left behind. The dtype is that of the weights.

    Raises ValueError for a model that is not fitted, or a part that has no counterpart here, which
    is named; TypeError for what is no such model, and ImportError where scikit-learn is missing.
    """
    extras.load("sklearn", extra="sklearn", purpose="from_sklearn")
    steps = Chain()
    model, undo = _unwrap(steps, model)
    steps.place = kind = type(model).__name__
    if not hasattr(model, "coefs_"):
        steps.refuse("it is not fitted; call its fit first.")
    for k, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        last = k == len(model.coefs_) - 1
        name = model.out_activation_ if last else model.activation
        steps.linear(W, b)
        steps.activation(ACTIVATIONS[name])
    if undo is not None:
        _read_scaler(steps, undo, inverse=True)
    options: dict[str, Any] = {}
    if kind == "MLPClassifier" and model._label_binarizer.y_type_ != "multilabel-indicator":
        options["classes"] = model.classes_.tolist()
    loss = LOSSES[getattr(model, "loss", "log_loss")]
    return steps.network(loss=loss, dtype=chain.dtype_of(model.coefs_), l2=_l2(model), **options)


def _l2(model: Any) -> float:
    """alpha / (2 rows) Σ w² of a mini-batch is l2 / 2 Σ w²."""
    if model.solver == "lbfgs":
        return 0.0
    rows = model.t_ / model.n_iter_  # of an epoch
    batch = min(200, rows) if model.batch_size == "auto" else min(model.batch_size, rows)
    return float(model.alpha / batch)


def _unwrap(steps: Chain, model: Any) -> tuple[Any, Any]:
    """The perceptron in a model, after the scalers before it, and the scaler of the targets."""
    undo = None
    if _is(model, "compose", "TransformedTargetRegressor"):
        if not hasattr(model, "regressor_"):
            raise ValueError("the TransformedTargetRegressor is not fitted; call its fit first.")
        undo, model = model.transformer_, model.regressor_
    if _is(model, "pipeline", "Pipeline"):
        for name, part in model.steps[:-1]:
            steps.place = f"step {name!r} ({type(part).__name__})"
            if part not in (None, "passthrough"):
                _read_scaler(steps, part)
        model = model.steps[-1][1]
        if undo is None and _is(model, "compose", "TransformedTargetRegressor"):
            return _unwrap(steps, model)
    if not _is(model, "neural_network", "MLPClassifier", "MLPRegressor"):
        raise TypeError(
            f"model is or ends in a {type(model).__name__}; expected an MLPClassifier or an "
            "MLPRegressor, alone or in a Pipeline. An NNClassifier or NNRegressor has its network "
            "in `network_`."
        )
    return model, undo


def _is(model: Any, module: str, *names: str) -> bool:
    """Whether the model is of one of these classes of scikit-learn, and not of a class of them."""
    kind = type(model)
    return kind.__name__ in names and f"{kind.__module__}.".startswith(f"sklearn.{module}.")


def _standard(scaler: Any) -> tuple[Any, Any]:
    return (
        0.0 if scaler.mean_ is None or not scaler.with_mean else scaler.mean_,
        1.0 if scaler.scale_ is None else scaler.scale_,
    )


def _robust(scaler: Any) -> tuple[Any, Any]:
    return (
        0.0 if scaler.center_ is None else scaler.center_,
        1.0 if scaler.scale_ is None else scaler.scale_,
    )


# (shift, scale) of the map (x - shift) / scale
SCALERS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "StandardScaler": _standard,
    "MinMaxScaler": lambda scaler: (-scaler.min_ / scaler.scale_, 1 / scaler.scale_),
    "MaxAbsScaler": lambda scaler: (0.0, scaler.scale_),
    "RobustScaler": _robust,
}


def _read_scaler(steps: Chain, scaler: Any, inverse: bool = False) -> None:
    """Read a fitted scaler, of the inputs or, to be undone, of the targets."""
    if not _is(scaler, "preprocessing", *SCALERS):
        steps.refuse(f"{type(scaler).__name__} is none of {', '.join(SCALERS)}.")
    if not hasattr(scaler, "scale_"):
        steps.refuse("it is not fitted; call fit first.")
    if getattr(scaler, "clip", False):
        steps.refuse("it cuts numbers off, which a network's scaler does not; use clip=False.")
    shift, scale = SCALERS[type(scaler).__name__](scaler)
    if inverse:
        steps.affine(scale, shift)
    else:
        steps.scale(shift, scale)
