"""Networks to and from Keras 3 models."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nnfast import extras
from nnfast.exchange import chain
from nnfast.exchange.chain import Chain
from nnfast.network import Network
from nnfast.structure import Structure

# activations that are ours under the same name; Keras' function leaky_relu has another slope
ACTIVATIONS = (
    "sigmoid",
    "tanh",
    "relu",
    "linear",
    "softmax",
    "elu",
    "selu",
    "gelu",
    "silu",
    "softplus",
    "softsign",
    "hard_sigmoid",
    "exponential",
)
LOSSES = {
    "binary_crossentropy": "binary_cross_entropy",
    "categorical_crossentropy": "cross_entropy",
    "sparse_categorical_crossentropy": "cross_entropy",
    "categorical_focal_crossentropy": "categorical_focal",
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "huber_loss": "huber",
}
LEAK = 0.01


def to_keras(network: Structure) -> Any:
    """What `Network.to_keras` describes."""
    keras = extras.load("keras", extra="keras", purpose="to_keras")
    chain.require_fitted(network)
    parts = keras.layers
    model = keras.Sequential([keras.Input((network.sizes[0],), dtype=network.dtype)])

    def add(kind: Any, *arguments: Any, **options: Any) -> Any:
        model.add(part := kind(*arguments, dtype=network.dtype, **options))
        return part

    if (scaler := network.input_scaler) is not None:
        add(parts.Rescaling, (1 / scaler.scale).tolist(), (-scaler.shift / scaler.scale).tolist())
    if rate := network.architecture.input_dropout:
        add(parts.Dropout, rate)
    for place, layer in enumerate(chain.layers(network), start=1):
        leaky = layer.activation == "leaky_relu"
        if layer.activation not in ACTIVATIONS and not leaky:
            chain.unsupported("Keras", layer, place)
        activation = "linear" if leaky else layer.activation
        bias = layer.b is not None
        dense = add(parts.Dense, layer.W.shape[1], activation=activation, use_bias=bias)
        dense.set_weights([layer.W, layer.b] if bias else [layer.W])
        if leaky:
            add(parts.LeakyReLU, LEAK)
        if layer.dropout:
            add(parts.Dropout, layer.dropout)
    if (scaler := network.output_scaler) is not None:
        add(parts.Rescaling, scaler.scale.tolist(), scaler.shift.tolist())
    return model


def from_keras(model: Any, *, loss: str | None = None) -> Network:
    """A network with the outputs of a Keras 3 model that is a chain of dense layers.

    model: a built `keras.Sequential`, or a functional model in which every layer takes the output
        of the one before: Dense, Activation and the layers of activations that are ours with the
        same numbers, Dropout, Normalization, Rescaling, BatchNormalization, Flatten ahead of the
        first Dense, and Sequentials of these. Dropout is that of the layer before it, or of the
        inputs; what scales the inputs or the outputs becomes the network's scalers.
    loss: as for `Network`; None takes the one that the model was compiled with, if it is ours and
        goes with the last activation.

    The dtype is float64 where a weight is, else float32. Regularizers, constraints and the state of
    the optimizer are left behind.

    Raises ValueError, which names the layer, for what a dense network does not have, TypeError for
    what is no model, and ImportError where Keras is missing.
    """
    keras = extras.load("keras", extra="keras", purpose="from_keras")
    if not isinstance(model, keras.Model):
        raise TypeError(f"model is of type {type(model).__name__}; expected a Keras model.")
    if not model.built:
        raise ValueError("the model is not built; give it a keras.Input, or call it once.")
    steps = Chain()
    flat = None
    for layer in _layers(keras, model):
        steps.place = f"layer {layer.name!r} ({type(layer).__name__})"
        if flat is None and type(layer) is not keras.layers.InputLayer:
            flat = len(model.inputs[0].shape) == 2 or type(layer) is keras.layers.Flatten
            if not flat:
                steps.refuse(f"inputs have shape {model.inputs[0].shape}; put a Flatten first.")
        _read(keras, steps, layer)
    last = steps.activations[-1] if steps.activations else ""
    loss = loss or chain.known_loss(_loss_name(model), last)
    return steps.network(loss=loss, dtype=chain.dtype_of(model.weights))


def _layers(keras: Any, model: Any) -> Iterator[Any]:
    """The layers in order, those of inner Sequentials too."""
    if type(model) is keras.Sequential:
        for layer in model.layers:
            yield from _layers(keras, layer)
    elif isinstance(model, keras.Model):
        ends = [*model.inputs, *(part.output for part in model.layers[1:])]
        starts = [*(part.input for part in model.layers[1:]), *model.outputs]
        if len(ends) != len(starts) or any(map(operator.is_not, starts, ends)):
            raise ValueError(
                f"in the model {model.name!r} not every layer takes the output of the layer before "
                "it; a dense network is one chain of layers."
            )
        yield from model.layers
    else:
        yield model


def _read(keras: Any, steps: Chain, layer: Any) -> None:
    kind = type(layer).__name__
    own = type(layer) is getattr(keras.layers, kind, None)
    if not own or kind not in READERS:
        steps.refuse("a dense network has no such layer.")

    def array(tensor: Any) -> Any:
        return np.asarray(keras.ops.convert_to_numpy(tensor), np.float64)

    READERS[kind](steps, layer, array)
    activation = getattr(layer, "activation", None)
    if isinstance(activation, keras.Layer):
        _read(keras, steps, activation)
    elif activation is not None:
        name = keras.activations.serialize(activation)
        if name not in ACTIVATIONS:
            steps.refuse(f"its activation {name!r} is not one of {', '.join(ACTIVATIONS)}.")
        steps.activation(name)


Reader = Callable[[Chain, Any, Callable[[Any], Any]], None]


def _dense(steps: Chain, layer: Any, array: Callable[[Any], Any]) -> None:
    steps.linear(array(layer.kernel), None if layer.bias is None else array(layer.bias))


def _flatten(steps: Chain, layer: Any, array: Callable[[Any], Any]) -> None:
    if steps.units is not None:
        steps.refuse("only a Flatten ahead of the first Dense is a part of a dense network.")


def _normalization(steps: Chain, layer: Any, array: Callable[[Any], Any]) -> None:
    mean, variance = array(layer.mean), array(layer.variance)
    scale = np.maximum(np.sqrt(variance), 1e-7)  # Keras' epsilon
    if layer.invert:
        steps.affine(scale, mean)
    else:
        steps.scale(mean, scale)


def _batch_normalization(steps: Chain, layer: Any, array: Callable[[Any], Any]) -> None:
    steps.scale(array(layer.moving_mean), np.sqrt(array(layer.moving_variance) + layer.epsilon))
    gamma = 1.0 if layer.gamma is None else array(layer.gamma)
    steps.affine(gamma, 0.0 if layer.beta is None else array(layer.beta))


def _with(activation: str, **numbers: Any) -> Reader:
    """A reader of a layer that is this activation if it has these numbers."""

    def read(steps: Chain, layer: Any, array: Callable[[Any], Any]) -> None:
        given = {name: getattr(layer, name) for name in numbers}
        if given != numbers:
            steps.refuse(f"it has {given}; {activation} has {numbers}.")
        steps.activation(activation)

    return read


def _relu(steps: Chain, layer: Any, array: Callable[[Any], Any]) -> None:
    name = "leaky_relu" if layer.negative_slope == LEAK else "relu"
    slope = LEAK if name == "leaky_relu" else 0.0
    _with(name, negative_slope=slope, max_value=None, threshold=0.0)(steps, layer, array)


READERS: dict[str, Reader] = {
    "InputLayer": lambda steps, layer, array: None,
    "Identity": lambda steps, layer, array: None,
    "Dense": _dense,
    "Activation": lambda steps, layer, array: None,  # the reading of `activation` is that of Dense
    "Dropout": lambda steps, layer, array: steps.dropout(layer.rate),
    "Flatten": _flatten,
    "Normalization": _normalization,
    "Rescaling": lambda steps, layer, array: steps.affine(layer.scale, layer.offset),
    "BatchNormalization": _batch_normalization,
    "ReLU": _relu,
    "LeakyReLU": _with("leaky_relu", negative_slope=LEAK),
    "ELU": _with("elu", alpha=1.0),
    "Softmax": _with("softmax", axis=-1),
}


def _loss_name(model: Any) -> str | None:
    """Our name of the loss that a model was compiled with."""
    loss = getattr(model, "loss", None)
    options = getattr(loss, "_fn_kwargs", {})
    if options.get("from_logits") or options.get("delta", 1.0) != 1.0:
        return None
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", getattr(loss, "name", None))
    return LOSSES.get(str(name), None if name is None else str(name))
