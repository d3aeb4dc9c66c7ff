"""Networks to and from PyTorch's `torch.nn.Sequential`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nnfast import extras
from nnfast.exchange import chain
from nnfast.exchange.chain import Chain
from nnfast.levels.contract import Array
from nnfast.network import Network
from nnfast.structure import Structure

# activation: its class in torch.nn and the arguments with which it is ours
ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "relu": ("ReLU", {}),
    "linear": ("Identity", {}),
    "softmax": ("Softmax", {"dim": -1}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.01}),
    "elu": ("ELU", {"alpha": 1.0}),
    "selu": ("SELU", {}),
    "gelu": ("GELU", {"approximate": "none"}),
    "gelu_tanh": ("GELU", {"approximate": "tanh"}),
    "silu": ("SiLU", {}),
    # beyond its threshold it is z itself: there 1e-18 off, with torch's own of 20 it is 2e-9
    "softplus": ("Softplus", {"beta": 1.0, "threshold": 40.0}),
    "softsign": ("Softsign", {}),
    "hard_sigmoid": ("Hardsigmoid", {}),
}


def to_torch(network: Structure) -> Any:
    """What `Network.to_torch` describes."""
    torch = extras.load("torch", extra="torch", purpose="to_torch")
    chain.require_fitted(network)
    nn, dtype = torch.nn, getattr(torch, network.dtype)

    def linear(W: Array, b: Array | None) -> Any:
        part = nn.Linear(*W.shape, bias=b is not None, dtype=dtype)
        part.load_state_dict(
            {
                name: torch.tensor(np.ascontiguousarray(array), dtype=dtype)
                for name, array in (("weight", W.T), ("bias", b))
                if array is not None
            }
        )
        return part

    parts = []
    if (scaler := network.input_scaler) is not None:
        fixed = linear(np.diag(1 / scaler.scale), -scaler.shift / scaler.scale)
        parts.append(fixed.requires_grad_(False))
    if rate := network.architecture.input_dropout:
        parts.append(nn.Dropout(rate))
    for place, layer in enumerate(chain.layers(network), start=1):
        if layer.activation not in ACTIVATIONS:
            chain.unsupported("torch.nn", layer, place)
        parts.append(linear(layer.W, layer.b))
        name, arguments = ACTIVATIONS[layer.activation]
        if layer.activation != "linear":
            parts.append(getattr(nn, name)(**arguments))
        if layer.dropout:
            parts.append(nn.Dropout(layer.dropout))
    if (scaler := network.output_scaler) is not None:
        parts.append(linear(np.diag(scaler.scale), scaler.shift).requires_grad_(False))
    return nn.Sequential(*parts).eval()


def from_torch(module: Any, *, loss: str | None = None) -> Network:
    """A network with the outputs of a `torch.nn.Sequential` in eval mode.

    module: Linear, activations that are ours with the same numbers, Dropout, Identity, Flatten
        ahead of the first Linear, BatchNorm1d with its running statistics, and Sequentials of
        these. Dropout is that of the layer before it, or of the inputs.
    loss: as for `Network`. PyTorch's models often end in the numbers before a softmax or sigmoid;
        `torch.nn.Sequential(module, torch.nn.Softmax(1))` has it as its last activation.

    The dtype is float64 where a parameter is, else float32.

    Raises ValueError, which names the part and its place, for what a dense network does not have,
    TypeError for what is no module, and ImportError where torch is missing.
    """
    torch = extras.load("torch", extra="torch", purpose="from_torch")
    if not isinstance(module, torch.nn.Module):
        raise TypeError(
            f"module is of type {type(module).__name__}; expected a torch.nn.Sequential."
        )
    steps = Chain()
    for name, part in _parts(torch, module, ""):
        kind = type(part).__name__
        steps.place = f"{name} ({kind})" if name else kind
        own = type(part) is getattr(torch.nn, kind, None)  # and not of a class of the user
        (READERS.get(kind, _unknown) if own else _unknown)(steps, part)
    return steps.network(loss=loss, dtype=chain.dtype_of(list(module.parameters())))


def _parts(torch: Any, module: Any, name: str) -> Iterator[tuple[str, Any]]:
    """All parts with their places, such as "module[2][0]", those of inner Sequentials in order."""
    if type(module) is not torch.nn.Sequential:
        yield name, module
        return
    for k, part in enumerate(module):
        yield from _parts(torch, part, f"{name or 'module'}[{k}]")


def _unknown(steps: Chain, part: Any) -> None:
    steps.refuse(
        "a dense network has no such part. Put Linear layers and activations into one "
        "torch.nn.Sequential."
    )


def _array(tensor: Any) -> Array:
    array: Array = tensor.detach().double().cpu().numpy()
    return array


def _linear(steps: Chain, part: Any) -> None:
    steps.linear(_array(part.weight).T, None if part.bias is None else _array(part.bias))


def _flatten(steps: Chain, part: Any) -> None:
    if steps.units is not None or (part.start_dim, part.end_dim) != (1, -1):
        steps.refuse("only Flatten() ahead of the first Linear is a part of a dense network.")


def _batch_norm(steps: Chain, part: Any) -> None:
    if part.running_mean is None:
        steps.refuse("it has no running statistics, so that outputs depend on the other rows.")
    steps.scale(_array(part.running_mean), np.sqrt(_array(part.running_var) + part.eps))
    if part.affine:
        steps.affine(_array(part.weight), _array(part.bias))


def _activation(*names: str) -> Callable[[Chain, Any], None]:
    """A reader of a class that is one of these activations, by its arguments."""

    def read(steps: Chain, part: Any) -> None:
        for name in names:
            wanted = ACTIVATIONS[name][1]
            if all(_same(key, getattr(part, key), value) for key, value in wanted.items()):
                steps.activation(name)
                return
        given = ", ".join(f"{key}={getattr(part, key)!r}" for key in ACTIVATIONS[names[0]][1])
        described = " or ".join(f"{name} has {ACTIVATIONS[name][1]}" for name in names)
        steps.refuse(f"it has {given}; {described}.")

    return read


def _same(key: str, given: Any, ours: Any) -> bool:
    if key == "dim":  # None is torch's guess, which is 1 for rows of numbers
        return given in (-1, 1, None)
    return bool(given >= 20 if key == "threshold" else given == ours)


READERS: dict[str, Callable[[Chain, Any], None]] = {
    kind: _activation(*(name for name, (own, _) in ACTIVATIONS.items() if own == kind))
    for kind, _ in ACTIVATIONS.values()
} | {
    "Linear": _linear,
    "Dropout": lambda steps, part: steps.dropout(part.p),
    "Flatten": _flatten,
    "BatchNorm1d": _batch_norm,
}
