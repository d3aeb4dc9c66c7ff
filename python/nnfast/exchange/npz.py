"""Weights to and from NumPy's .npz archives."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nnfast import tensorfile, validation
from nnfast.datasets._reading import existing_file
from nnfast.datasets.npz import opened, read_array
from nnfast.exchange import chain
from nnfast.exchange.chain import Chain
from nnfast.formulas import ACTIVATIONS
from nnfast.network import Network
from nnfast.structure import Structure

NUMBERS, TEXT = "biuf", "U"


def to_npz(network: Structure, path: str | os.PathLike[str]) -> None:
    """What `Network.to_npz` describes."""
    chain.require_fitted(network)
    arrays: dict[str, Any] = {}
    for k, (W, b) in enumerate(network.weights, start=1):
        arrays[f"W{k}"] = W
        if b is not None:
            arrays[f"b{k}"] = b
    arrays["activations"] = np.array([layer.activation for layer in network.layers])
    for side in ("input", "output"):
        if (scaler := getattr(network, f"{side}_scaler")) is not None:
            arrays |= {f"{side}_shift": scaler.shift, f"{side}_scale": scaler.scale}
    np.savez(file := io.BytesIO(), **arrays)
    tensorfile.replace(path, [file.getvalue()])


def from_npz(
    path: str | os.PathLike[str],
    activations: str | Sequence[str] | None = None,
    *,
    loss: str | None = None,
) -> Network:
    """A network of the arrays W1, b1, W2, b2, ... of an .npz archive.

    path: W1 (inputs, units), W2 (units, units) and so on, b1 (units,) where the layer has a bias.
        It may also hold what `Network.to_npz` writes: activations, input_shift and input_scale,
        output_shift and output_scale. Other arrays are not looked at.
    activations: the name of each layer's activation, or one name for all; None takes those of the
        archive.
    loss: as for `Network`.

    The dtype is float64 where that of a W is, else float32. Nothing is unpickled.

    Raises ValueError for an archive that is damaged or does not hold such arrays, TypeError for
    activations that are no names, OSError where the file cannot be read.
    """
    file = existing_file(path)
    with opened(file) as archive:
        names = {name.removesuffix(".npy") for name in archive.namelist()}
        wanted = [*_layer_names(names)]
        wanted += [f"{side}_{part}" for side in ("input", "output") for part in ("shift", "scale")]
        arrays = {n: read_array(archive, n, file, NUMBERS) for n in wanted if n in names}
        if activations is None and "activations" in names:
            activations = read_array(archive, "activations", file, TEXT).ravel().tolist()
    with chain.reading(path):
        return _network(arrays, activations, loss)


def _layer_names(names: set[str]) -> Iterator[str]:
    """W1, b1, W2 ... up to the first W that is not there."""
    k = 1
    while f"W{k}" in names:
        yield from (f"W{k}", f"b{k}")
        k += 1


def _network(arrays: dict[str, Any], activations: Any, loss: str | None) -> Network:
    weights = [array for name, array in arrays.items() if name[0] == "W"]
    if not weights:
        raise ValueError("there is no array 'W1', the weights of the first layer.")
    if activations is None:
        raise ValueError("there is no array 'activations'; give activations=, a name per layer.")
    if isinstance(activations, str):
        activations = [activations] * len(weights)
    if len(activations) != len(weights):
        raise ValueError(f"there are {len(activations)} activations for {len(weights)} layers.")
    steps = Chain()
    if "input_shift" in arrays:
        steps.scale(arrays["input_shift"], arrays.get("input_scale", 1.0))
    for k, (W, name) in enumerate(zip(weights, activations, strict=True), start=1):
        steps.place = f"W{k}"
        steps.linear(W, arrays.get(f"b{k}"))
        steps.activation(validation.choice("activation", name, ACTIVATIONS))
    if "output_scale" in arrays:
        steps.affine(arrays["output_scale"], arrays.get("output_shift", 0.0))
    return steps.network(loss=loss, dtype=chain.dtype_of(weights))
