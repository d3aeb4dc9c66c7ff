"""Saving and loading a network: its description and state in one `tensorfile`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from nnfast import levels, tensorfile, validation
from nnfast.door import Door
from nnfast.formulas import (
    BATCH_METHODS,
    OPTIMIZERS,
    BatchMethod,
    Optimizer,
    Schedule,
    read_schedule,
)
from nnfast.layers import Dense
from nnfast.levels.contract import Array, TrainingState
from nnfast.network import Network
from nnfast.scaling import SCALERS, Scaler
from nnfast.tensorfile import FormatError

VERSION = 1
# of a TrainingState; files from before dropout and schedules do not have the last two
COUNTERS = {"step": None, "shuffle": None, "noise": 0, "epoch": 0}
TRAINING = {"optimizer": None, "rate_factor": 1.0, **COUNTERS}
SCALED = {"input_scaler", "output_scaler"}
GIVEN = (*sorted(SCALED), "classes")
PREFIX = "training."  # of the names of `Extra.arrays`
Path = str | os.PathLike[str]


@dataclass
class Extra:
    """What a file holds beside the network: of a checkpoint, how far its training is.

    description: numbers, texts, None, and lists and dicts of them; arrays: by names of their own.
    """

    description: dict[str, Any]
    arrays: dict[str, Array]


def save(network: Network, path: Path, extra: Extra | None = None) -> None:
    """Write what `Network.save` describes, and `extra`."""
    arrays = {"parameters": network.parameters}
    description: dict[str, Any] = {
        "inputs": network.sizes[0],
        "layers": [asdict(layer) for layer in network.layers],
        "batch_size": network.batch_size,
        **{k: v for k, v in network.options.items() if k not in network.door.options},
    }
    _describe_door(network.door, description, arrays)
    if network.frozen.any():
        arrays["frozen"] = network.frozen.astype(np.uint8)
    optimizer, state = network.optimizer, network.training_state
    if optimizer is not None and state is not None:
        arrays["slots"] = state.slots
        if state.scalars.size:
            arrays["scalars"] = state.scalars
        description["optimizer"] = _describe(optimizer)
        description |= {name: getattr(state, name) for name in (*COUNTERS, "rate_factor")}
    for name, array in arrays.items():
        validation.require_finite(name, array, array.dtype.name)
    metadata = {"format": "nnfast", "version": str(VERSION)}
    metadata["network"] = json.dumps(description, allow_nan=False)
    if extra is not None:
        metadata["training"] = json.dumps(extra.description, allow_nan=False)
        arrays |= {PREFIX + name: array for name, array in extra.arrays.items()}
    tensorfile.write(path, arrays, metadata)


def _describe_door(door: Door, description: dict[str, Any], arrays: dict[str, Array]) -> None:
    """Add what a door has; nothing where it has nothing, as in files from before there were any."""
    learned = {name: value for name, value in door.options.items() if value is not None}
    for name, value in learned.items():
        if isinstance(value, Scaler):
            description[name] = {"name": value.name, **value.options}
            if value.fitted:
                arrays |= {f"{name}.shift": value.shift, f"{name}.scale": value.scale}
        else:
            description[name] = value
    if learned:
        description["given"] = sorted(door.given)
    if door.feature_names is not None:
        description["feature_names"] = door.feature_names


def _read_door(
    description: dict[str, Any], arrays: dict[str, Array], inputs: int
) -> dict[str, Any]:
    """Turn what `_describe_door` added into arguments of `Network`; the rest of its door."""
    for name in SCALED & description.keys():
        options = dict(description[name])
        kind = SCALERS[options.pop("name")]
        parts = {part: arrays.pop(f"{name}.{part}", None) for part in ("shift", "scale")}
        for part in parts.values():
            if part is not None:
                _require(part, part.shape, "float64", name)
        description[name] = kind(**options, **parts)
    given, names = description.pop("given", []), description.pop("feature_names", None)
    for name in given:
        validation.choice("given option", name, GIVEN)
    if names is not None and not _are_names(names, inputs):
        raise ValueError(f"feature_names are {names!r}")
    return {"given": frozenset(given), "feature_names": None if names is None else tuple(names)}


def _describe(optimizer: Optimizer | BatchMethod) -> dict[str, Any]:
    description = {"name": optimizer.name, **vars(optimizer)}
    return {k: v.to_dict() if isinstance(v, Schedule) else v for k, v in description.items()}


def load(path: Path, *, level: str = "fastest") -> Network:
    """The network that `Network.save` wrote, with the state of its training, on `level`.

    Nothing in the file is executed, and it is checked before it is used.

    Raises FormatError, a ValueError, for a file that is damaged or something else, and
    FileNotFoundError or another OSError where it cannot be read.
    """
    return read(path, level)[0]


def read(path: Path, level: str) -> tuple[Network, Extra | None]:
    """The network of a file, and what the file holds beside it."""
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
        extra = None
        if "training" in metadata:
            own = [name for name in arrays if name.startswith(PREFIX)]
            kept = {name.removeprefix(PREFIX): arrays.pop(name) for name in own}
            extra = Extra(json.loads(metadata["training"]), kept)
        return _network(json.loads(metadata["network"]), arrays, level), extra
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, MemoryError) as error:
        raise FormatError(f"{path} does not describe a network: {error}") from error


def _network(description: dict[str, Any], arrays: dict[str, Array], level: str) -> Network:
    layers = [Dense(**layer) for layer in description.pop("layers")]
    sizes = [description.pop("inputs"), *(layer.units for layer in layers)]
    parameters = arrays.pop("parameters")
    count = sum((n + layer.bias) * layer.units for n, layer in zip(sizes, layers, strict=False))
    if parameters.shape != (count,):  # before a network of that size is made
        raise ValueError(f"{parameters.size} parameters for layers that have {count}")
    training = {name: description.pop(name, default) for name, default in TRAINING.items()}
    batch_size = description.pop("batch_size", 32)
    learned = _read_door(description, arrays, sizes[0])
    network = Network([sizes[0], *layers], level=level, **description)
    _require(parameters, (count,), network.dtype, "parameters")
    network.parameters[:] = parameters
    network.open(replace(network.door, **learned))
    if batch_size is not None:
        batch_size = validation.whole_number("batch_size", batch_size)
    network.batch_size = batch_size
    if training["optimizer"] is not None:
        _resume(network, arrays, **training)
    if "frozen" in arrays:
        _require(arrays["frozen"], (count,), "uint8", "frozen")
        network.freeze(network.architecture.views(arrays.pop("frozen") != 0))
    if arrays:
        raise ValueError(f"unexpected arrays {', '.join(arrays)}")
    return network


def _resume(
    network: Network, arrays: dict[str, Array], optimizer: Any, rate_factor: Any, **counters: Any
) -> None:
    """Give the network the state of its training."""
    chosen = _read_optimizer(optimizer)
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
    rate_factor = validation.positive("rate_factor", rate_factor)
    network.resume(chosen, TrainingState(**state, **counters, rate_factor=rate_factor))


def _read_optimizer(description: dict[str, Any]) -> Optimizer | BatchMethod:
    kinds: dict[str, Any] = {**OPTIMIZERS, **BATCH_METHODS}
    kind = kinds[description.pop("name")]
    rate = description.get("learning_rate")
    if isinstance(rate, dict):
        description["learning_rate"] = read_schedule(rate)
    chosen: Optimizer | BatchMethod = kind(**description)
    return chosen


def _are_names(value: Any, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and {*map(type, value)} == {str}


def _require(array: Array, shape: tuple[int, ...], dtype: str, name: str) -> None:
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{name} are {array.dtype} {array.shape}, not {dtype} {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} hold NaN or infinity")
