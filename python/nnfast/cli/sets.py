"""`nnfast data`: the built-in data sets as CSV."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from nnfast import datasets
from nnfast.cli import arguments, files
from nnfast.cli.problems import UsageError

EXAMPLES = """
nnfast data iris -o iris.csv
nnfast data spirals --rows 500 --noise 0.02 > spirals.csv
nnfast data xor
"""
FIXED: dict[str, Callable[[], Any]] = {
    "iris": datasets.iris,
    "digits": datasets.digits,
    "people": datasets.people,
    "ten_points": datasets.ten_points,
    **{name: lambda name=name: datasets.gate(name) for name in datasets.GATES},  # type: ignore[misc]
}
DRAWN: dict[str, Callable[..., Any]] = {
    "spirals": datasets.spirals,
    "moons": datasets.moons,
    "circles": datasets.circles,
    "checkerboard": datasets.checkerboard,
    "blobs": datasets.blobs,
}
TARGET = {"iris": "species", "digits": "digit", "people": "female"}


def add(commands: arguments.Commands) -> None:
    """Describe the command."""
    parser = arguments.command(commands, "data", run, "write a built-in data set as CSV", EXAMPLES)
    known = (*FIXED, *DRAWN)
    parser.add_argument("name", choices=known, metavar="NAME", help=", ".join(known))
    arguments.add_output(parser, "the CSV")
    group = parser.add_argument_group(", ".join(DRAWN))
    group.add_argument(
        "--rows", type=arguments.whole(1), metavar="NUMBER", help="how many (default: 200)"
    )
    group.add_argument(
        "--noise", type=float, metavar="NUMBER", help="standard deviation (default: 0, of blobs 1)"
    )
    group.add_argument(
        "--seed", type=arguments.whole(0), metavar="NUMBER", help="of what is drawn (default: 0)"
    )


def run(options: argparse.Namespace) -> None:
    """Write the set, the target in the last column."""
    files.require_result(options.output)
    X, y = table = FIXED[options.name]() if options.name in FIXED else _drawn(options)
    if options.name in FIXED and _choices(options):
        raise UsageError(f"{options.name} is as it is; leave {_choices(options)[0]} out.")
    if options.name == "iris":
        y = np.array(datasets.IRIS_CLASSES)[y]
    names = getattr(table, "feature_names", None) or [f"x{k + 1}" for k in range(X.shape[1])]
    rows = ([*(f"{x:.15g}" for x in row), label] for row, label in zip(X, y.ravel(), strict=True))
    files.write_table(options.output, [*names, TARGET.get(options.name, "y")], rows)


def _choices(options: argparse.Namespace) -> list[str]:
    names = ("rows", "noise", "seed")
    return [f"--{name}" for name in names if getattr(options, name) is not None]


def _drawn(options: argparse.Namespace) -> Any:
    chosen: dict[str, Any] = {"seed": options.seed or 0}
    if options.noise is not None:
        chosen["spread" if options.name == "blobs" else "noise"] = options.noise
    return DRAWN[options.name](options.rows or 200, **chosen)
