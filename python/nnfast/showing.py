"""What is printed of objects: the expression that makes one, the table of a network."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nnfast.structure import Structure

WIDTH = 80  # columns


def expression(thing: object, positional: tuple[str, ...] = ()) -> str:
    """The call that makes `thing`, from its attributes that have the names of its arguments.

    Arguments with their default values are left out. The others are named, but those that have no
    default, or are `positional`.
    """
    values = vars(thing)
    parameters = inspect.signature(type(thing)).parameters
    parts = []
    for name, parameter in parameters.items():
        required = parameter.default is parameter.empty
        if name in values and (required or differs(values[name], parameter.default)):
            bare = required or name in positional
            parts.append(argument("" if bare else name, values[name]))
        elif required and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            return object.__repr__(thing)  # a class of the user's that keeps this elsewhere
    return f"{type(thing).__name__}({', '.join(parts)})"


def argument(name: str, value: Any) -> str:
    """`name=value`, or the value alone, as it is typed."""
    typed = repr(value.tolist() if isinstance(value, np.ndarray) else value)
    return f"{name}={typed}" if name else typed


def differs(value: Any, default: Any) -> bool:
    """Whether the value of an argument is not its default."""
    return value is not None if default is None else bool(value != default)


def network(net: Structure, defaults: Mapping[str, Any]) -> str:
    """The expression that makes a network with these options and other weights."""
    layers = ", ".join([str(net.sizes[0]), *(layer.typed() for layer in net.layers)])
    options = {**net.options, "level": net.level}
    changed = (name for name in defaults if name in options)
    named = [argument(k, options[k]) for k in changed if differs(options[k], defaults[k])]
    return f"{type(net).__name__}({', '.join([f'[{layers}]', *named])})"


def summary(net: Structure) -> str:
    """The table of a network's layers, at most 80 columns wide."""
    header = ("layer", "output", "activation", "parameters")
    table = [header, *layer_rows(net)]
    widths = [max(len(row[i]) for row in table) for i in range(4)]
    widths[0] = min(widths[0], WIDTH - sum(widths[1:]) - 6)
    lines = []
    for name, output, activation, count in table:
        name = textwrap.shorten(name, widths[0], placeholder=" ...")
        lines.append(
            f"{name:<{widths[0]}}  {output:<{widths[1]}}  {activation:<{widths[2]}}  "
            f"{count:>{widths[3]}}"
        )
    rule = "-" * len(lines[0])
    title = f"{net.sizes[0]:,} inputs, {', '.join(facts(net))}"
    return "\n".join(
        [*textwrap.wrap(title, WIDTH), rule, lines[0], rule, *lines[1:], rule, totals(net)]
    )


def layer_rows(net: Structure) -> list[tuple[str, str, str, str]]:
    """(name, shape of the outputs, activation, parameters) of every layer, as texts."""
    rows = []
    for k, (layer, (n, m, bias)) in enumerate(
        zip(net.layers, net.architecture.shapes, strict=True), start=1
    ):
        notes = [f"dense {k}"]
        notes += [] if bias else ["no bias"]
        notes += [f"dropout {layer.dropout:g}"] if layer.dropout else []
        notes += [] if layer.trainable else ["fixed"]
        rows.append((", ".join(notes), f"(n, {m})", layer.activation, f"{(n + bias) * m:,}"))
    return rows


def facts(net: Structure) -> list[str]:
    """What a network is beside its layers, in words."""
    state = getattr(net, "training_state", None)
    updates = state.step if state is not None else 0
    words = [f"loss {net.loss}", net.dtype, f"level {net.level}"]
    for name, scaler in (("inputs", net.input_scaler), ("outputs", net.output_scaler)):
        words += [] if scaler is None else [f"{name} scaled ({scaler.name})"]
    return [*words, f"trained for {updates:,} updates" if updates else "not trained"]


def totals(net: Structure) -> str:
    """How many parameters there are, how many are fixed, and the bytes they take."""
    frozen = int(net.frozen.sum())
    fixed = f" ({frozen:,} of them fixed)" if frozen else ""
    return f"{net.parameters.size:,} parameters{fixed}, {net.parameters.nbytes:,} bytes"
