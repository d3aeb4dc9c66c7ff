"""`nnfast export`: a saved network as a file of another kind."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nnfast
from nnfast.cli import arguments, files, matching
from nnfast.cli.problems import UsageError
from nnfast.network import Network

EXAMPLES = """
nnfast export iris.nnfast iris.h
nnfast export iris.nnfast iris.h --numbers int8 --data iris.csv
nnfast export iris.nnfast iris.onnx
"""
OF_C = ("name", "numbers", "data")  # options


def add(commands: arguments.Commands) -> None:
    """Describe the command."""
    parser = arguments.command(
        commands, "export", run, "write a saved network as C, ONNX or NumPy's npz", EXAMPLES
    )
    parser.add_argument("network", help="a file of nnfast train or Network.save")
    parser.add_argument("file", type=Path, help=f"its suffix says what: {', '.join(WRITERS)}")
    group = parser.add_argument_group("C headers")
    group.add_argument("--name", help="what all symbols begin with (default: the file's name)")
    group.add_argument(
        "--numbers",
        choices=("float32", "float64", "int8", "int16"),
        help="of the arithmetic (default: the network's dtype)",
    )
    group.add_argument(
        "--data",
        metavar="FILE",
        help="CSV with rows such as those of the training, from which int8 and int16 take the "
        "ranges",
    )


def run(options: argparse.Namespace) -> None:
    """Write the file."""
    suffix = options.file.suffix.lower()
    if suffix not in WRITERS:
        raise UsageError(
            f"{options.file} ends in {repr(suffix) if suffix else 'no suffix'}; expected "
            f"{', '.join(WRITERS)}."
        )
    given = [f"--{name}" for name in OF_C if getattr(options, name) is not None]
    if given and suffix != ".h":
        raise UsageError(f"{given[0]} is for C headers only.")
    if str(options.numbers).startswith("int") and options.data is None:
        raise UsageError(
            f"--numbers {options.numbers} needs --data FILE, rows such as those of the training, "
            "which give the ranges."
        )
    files.require_writable(options.file, options.network, options.data)
    network = nnfast.load(options.network)
    WRITERS[suffix](network, options)
    print(f"saved: {options.file}")


def _write_c(network: Network, options: argparse.Namespace) -> None:
    name = options.name
    if name is None:
        name = re.sub(r"[^A-Za-z0-9]+", "_", options.file.stem).strip("_")
        name = name if name[:1].isalpha() else f"model_{name}".rstrip("_")
    network.to_c(options.file, name=name, numbers=options.numbers, data=_rows(network, options))


def _rows(network: Network, options: argparse.Namespace) -> Any:
    if options.data is None:
        return None
    table = {"target": None, "header": None, "delimiter": None, "missing": None}
    settings = argparse.Namespace(data=options.data, ignore=[], **table)
    return matching.read(network, settings, targets=False)[0]


WRITERS: dict[str, Callable[[Network, argparse.Namespace], None]] = {
    ".h": _write_c,
    ".onnx": lambda network, options: network.to_onnx(options.file),
    ".npz": lambda network, options: network.to_npz(options.file),
}
