"""Looking inside a network: what every layer gives, and how the loss depends on the inputs.

Both are computed by the level itself, from the contract alone: the first layers of a network are a
network, and so is a network with a layer in front.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import levels
from nnfast.formulas import DEFAULT_LOSS, LOSSES
from nnfast.levels.contract import Architecture, Array
from nnfast.levels.numpy_arrays import NumpyArrays

if TYPE_CHECKING:
    from nnfast.network import Network

ROWS = 64  # that `input_gradient` hands to a level at once; a power of two, so that / ROWS is exact


def activations(network: Network, X: Any) -> list[Array]:
    """Outputs of every layer, one (n, units) array each; see `Network.activations`."""
    return [*hidden(network, network.door.inputs(X)), network.predict(X)]


def hidden(network: Network, X: Array) -> list[Array]:
    """Outputs of every layer but the last, for inputs as a level takes them."""
    own = network.architecture
    result = []
    for count in range(1, len(own.activations)):
        first = Architecture(
            sizes=own.sizes[: count + 1],
            activations=own.activations[:count],
            biases=own.biases[:count],
            loss=DEFAULT_LOSS[own.activations[count - 1]],
            dtype=own.dtype,
        )
        level = levels.LEVELS[network.level](first)
        outputs = level.forward(network.parameters[: first.parameter_count], X)
        result.append(np.asarray(outputs, own.dtype))
    return result


def input_gradient(network: Network, X: Any, y: Any) -> Array:
    """d(loss of row i) / dX[i], (n, inputs); see `Network.input_gradient`.

    A linear layer without bias is put in front, its weights some rows of X. The unit vector e_i
    reads row i of them, so that the gradient of these weights is that of the rows.
    """
    door = network.door
    X = door.inputs(X)
    Y = door.targets(y, len(X))
    parts = (slice(start, start + ROWS) for start in range(0, len(X), ROWS))
    gradients = [_input_gradient(network, X[part], Y[part]) for part in parts]
    return door.input_gradient(np.concatenate(gradients))


def _input_gradient(network: Network, X: Array, Y: Array) -> Array:
    own = network.architecture
    rows = len(X)
    lengthened = Architecture(
        sizes=(rows, *own.sizes),
        activations=("linear", *own.activations),
        biases=(False, *own.biases),
        loss=own.loss,
        dtype=own.dtype,
    )
    level = levels.LEVELS[network.level](lengthened)
    parameters = np.concatenate([X.ravel(), network.parameters])
    _, gradient = level.loss_and_gradient(parameters, np.eye(rows, dtype=own.dtype), Y)
    of_the_mean = np.asarray(gradient[: X.size], own.dtype).reshape(X.shape)
    return rows * of_the_mean


def row_losses(network: Network, X: Any, y: Any) -> Array:
    """The loss of every row, (n,), by the NumPy level; their mean is the loss of `evaluate`."""
    X = network.door.inputs(X)
    Y = network.door.targets(y, len(X))
    level = NumpyArrays(network.architecture)
    logits, outputs, _ = level.run(network.weights, X)
    values = LOSSES[network.loss].value(logits[-1], outputs[-1], Y, np)
    losses: Array = values.mean(axis=1) if LOSSES[network.loss].mean else values.sum(axis=1)
    return losses
