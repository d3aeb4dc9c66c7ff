"""A network as one C header: what `Network.to_c` writes."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import __version__, scaling, tensorfile, validation
from nnfast.exchange import c_fixed, c_float, c_math, c_text
from nnfast.exchange.fixed_point import LIMITS
from nnfast.formulas import LOSSES
from nnfast.levels.contract import Array

if TYPE_CHECKING:
    from nnfast.scaling import Scaler
    from nnfast.structure import Structure

EXAMPLES = 4  # of the self-test


def write(
    network: Structure,
    path: str | os.PathLike[str],
    *,
    name: str,
    numbers: str | None,
    math: str,
    data: Any,
    self_test: bool,
) -> None:
    """Write what `Network.to_c` describes."""
    _require_name(name)
    kinds = (*c_float.TYPES, *LIMITS)
    numbers = validation.choice("numbers", network.dtype if numbers is None else numbers, kinds)
    math = validation.choice("math", math, c_math.NOTES)
    self_test = validation.true_or_false("self_test", self_test)
    if numbers in LIMITS and math != "libm":
        raise ValueError(f"math={math!r} is for floating-point numbers; {numbers} has tables.")
    if numbers in LIMITS and data is None:
        raise ValueError(
            f"numbers={numbers!r} needs data: rows such as those of the training, whose ranges it "
            "takes and on which its error is measured; give data=X."
        )
    rows = None if data is None else network.door.raw_inputs(data)
    model = _read(network, name, "float64" if numbers == "float64" else "float32", rows)
    _require_fitting(model, numbers)
    if numbers in LIMITS:
        assert rows is not None
        part = c_fixed.part(model, numbers, rows, network.predict(rows))
    else:
        part = c_float.part(model, numbers, math)
    file = os.path.basename(os.fspath(path))
    text = c_text.header(model, part, _title(network, name), file if self_test else "")
    tensorfile.replace(path, [text.encode()])


def _require_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"name is {name!r}; expected a C identifier such as 'model'.")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", name):
        raise ValueError(
            f"name is {name!r}; expected a C identifier such as 'model': letters, digits and "
            "single underscores between them, a letter first."
        )


def _read(network: Structure, name: str, dtype: str, rows: Array | None) -> c_text.Model:
    """The network with float64 parameters, and a few rows of `dtype` with its outputs."""
    parameters = network.parameters
    validation.require_finite("parameters", parameters, network.dtype)
    scaler = _scaler("input_scaler", network.input_scaler)
    if rows is None:
        rows = np.random.default_rng(0).standard_normal((EXAMPLES, network.sizes[0]))
        if scaler is not None:
            rows = rows * scaler[1] + scaler[0]
    chosen = np.linspace(0, len(rows) - 1, min(EXAMPLES, len(rows))).astype(int)
    with np.errstate(over="ignore"):
        inputs = rows[chosen].astype(dtype)
    validation.require_finite("X", inputs, dtype)
    return c_text.Model(
        name=name,
        architecture=network.architecture,
        weights=network.architecture.views(parameters.astype(np.float64)),
        input_scaler=scaler,
        output_scaler=_scaler("output_scaler", network.output_scaler),
        classes=network.classes,
        threshold=LOSSES[network.loss].threshold,
        examples=(inputs, network.predict(inputs)),
    )


def _scaler(name: str, scaler: Scaler | None) -> c_text.Scaler | None:
    """(shift, scale) of a scaler."""
    if scaler is None:
        return None
    scaling.require_fitted(name, scaler)
    return scaler.shift, scaler.scale


def _require_fitting(model: c_text.Model, numbers: str) -> None:
    """Refuse what float32 rounds to infinity, and scales that it rounds to 0."""
    if numbers != "float32":
        return
    single = np.finfo(np.float32)
    scalers = [pair for pair in (model.input_scaler, model.output_scaler) if pair is not None]
    arrays = [a for pair in (*model.weights, *scalers) for a in pair if a is not None]
    large = any(abs(values).max() > single.max for values in arrays)
    if large or any(scale.min() < single.tiny for _, scale in scalers):
        raise ValueError(
            "the network has weights or scales beyond the range of float32; choose "
            'numbers="float64".'
        )


def _title(network: Structure, name: str) -> list[str]:
    """The first lines of the comment."""
    layers = [
        f"{layer.units} {layer.activation}" + (" (no bias)" if not layer.bias else "")
        for layer in network.layers
    ]
    return [
        f"{name}: a neural network, written by nnfast {__version__}.",
        "",
        f"layers   {network.sizes[0]} inputs -> {' -> '.join(layers)}",
        f"         {network.parameters.size:,} parameters",
    ]
