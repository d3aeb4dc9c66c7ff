"""Saving and loading a network: its description and state in one `tensorfile`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Any

import numpy as np

from nnfast import levels, tensorfile, validation
from nnfast.formulas import BATCH_METHODS, OPTIMIZERS
from nnfast.layers import Dense
from nnfast.levels.contract import Array, TrainingState
from nnfast.network import Network
from nnfast.tensorfile import FormatError

VERSION = 1
Path = str | os.PathLike[str]


def save(network: Network, path: Path) -> None:
    """Write what `Network.save` describes."""
    arrays = {"parameters": network.parameters}
    description: dict[str, Any] = {
        "inputs": network.sizes[0],
        "layers": [asdict(layer) for layer in network.layers],
        **network.options,
    }
    if network.frozen.any():
        arrays["frozen"] = network.frozen.astype(np.uint8)
    optimizer, state = network.optimizer, network.training_state
    if optimizer is not None and state is not None:
        arrays["slots"] = state.slots
        if state.scalars.size:
            arrays["scalars"] = state.scalars
        description["optimizer"] = {"name": optimizer.name, **asdict(optimizer)}
        description["step"] = state.step
        description["shuffle"] = state.shuffle
        description["noise"] = state.noise
    for name, array in arrays.items():
        validation.require_finite(name, array, array.dtype.name)
    text = json.dumps(description, allow_nan=False)
    tensorfile.write(path, arrays, {"format": "nnfast", "version": str(VERSION), "network": text})


def load(path: Path, *, level: str = "fastest") -> Network:
    """The network that `Network.save` wrote, with the state of its training, on `level`.

    Nothing in the file is executed, and it is checked before it is used.

    Raises FormatError, a ValueError, for a file that is damaged or something else, and
    FileNotFoundError or another OSError where it cannot be read.
    """
    level = levels.resolve(level)
    arrays, metadata = tensorfile.read(path)
    if metadata.get("format") != "nnfast":
        raise FormatError(f"{path} is not a network that nnfast saved.")
    if metadata.get("version") != str(VERSION):
        raise FormatError(
            f"{path} has format version {metadata.get('version')!r}; this nnfast reads version "
            f"{VERSION}. A newer nnfast may read it."
        )
    try:
        return _network(json.loads(metadata["network"]), arrays, level)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, MemoryError) as error:
        raise FormatError(f"{path} does not describe a network: {error}") from error


def _network(description: dict[str, Any], arrays: dict[str, Array], level: str) -> Network:
    layers = [Dense(**layer) for layer in description.pop("layers")]
    sizes = [description.pop("inputs"), *(layer.units for layer in layers)]
    parameters = arrays.pop("parameters")
    count = sum((n + layer.bias) * layer.units for n, layer in zip(sizes, layers, strict=False))
    if parameters.shape != (count,):  # before a network of that size is made
        raise ValueError(f"{parameters.size} parameters for layers that have {count}")
    optimizer = description.pop("optimizer", None)
    counters = {k: description.pop(k, None) for k in ("step", "shuffle")}
    counters["noise"] = description.pop("noise", 0)  # files before dropout have none
    network = Network([sizes[0], *layers], level=level, **description)
    _require(parameters, (count,), network.dtype, "parameters")
    network.parameters[:] = parameters
    if optimizer is not None:
        kinds: dict[str, Any] = {**OPTIMIZERS, **BATCH_METHODS}
        chosen = kinds[optimizer.pop("name")](**optimizer)
        fresh = TrainingState.fresh(network.architecture, chosen, 0)
        state: dict[str, Any] = {
            "slots": arrays.pop("slots"),
            "scalars": arrays.pop("scalars", fresh.scalars),
        }
        for name, array in state.items():
            expected = getattr(fresh, name)
            _require(array, expected.shape, expected.dtype.name, name)
        for name, value in counters.items():
            if type(value) is not int or not 0 <= value < 2**64:
                raise ValueError(f"{name} is {value!r}")
        network.resume(chosen, TrainingState(**state, **counters))
    if "frozen" in arrays:
        _require(arrays["frozen"], (count,), "uint8", "frozen")
        network.freeze(network.architecture.views(arrays.pop("frozen") != 0))
    if arrays:
        raise ValueError(f"unexpected arrays {', '.join(arrays)}")
    return network


def _require(array: Array, shape: tuple[int, ...], dtype: str, name: str) -> None:
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{name} are {array.dtype} {array.shape}, not {dtype} {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} hold NaN or infinity")
