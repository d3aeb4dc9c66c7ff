"""`nnfast walkthrough`: one update of a small network with all of its arithmetic."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import nnfast
from nnfast.cli import arguments, files, matching, tasks
from nnfast.cli.problems import UsageError

EXAMPLES = """
nnfast data xor -o xor.csv
nnfast train xor.csv --hidden 2 --validation 0 -o xor.nnfast
nnfast walkthrough xor.nnfast xor.csv --row 2 --optimizer sgd -o update.html
"""


def add(commands: arguments.Commands) -> None:
    """Describe the command."""
    parser = arguments.command(
        commands, "walkthrough", run, "write out every number of one update", EXAMPLES
    )
    parser.add_argument("network", help="a saved network of at most 200 parameters")
    parser.add_argument("data", help="a table with targets, as for nnfast evaluate")
    parser.add_argument(
        "--row",
        type=arguments.whole(1),
        default=1,
        metavar="NUMBER",
        help="of the table, counted from 1 (default: 1)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help=".html, .md or .txt (default: standard output)",
    )
    parser.add_argument(
        "--digits",
        type=arguments.whole(1),
        default=8,
        metavar="NUMBER",
        help="after the point (default: 8)",
    )
    arguments.add_optimizer_options(parser, "sgd")
    arguments.add_table_options(
        parser, "name, or position from 1 (default: the one that the network does not take)"
    )


def run(options: argparse.Namespace) -> None:
    """Print the walkthrough, or write it into a file."""
    files.require_result(options.output, options.network, options.data)
    network = nnfast.load(options.network)
    settings = argparse.Namespace(**vars(options), missing=None)
    X, y = matching.read(network, settings, targets=True)
    if options.row > len(X):
        raise UsageError(f"{options.data} has {len(X)} rows of data, and no row {options.row}.")
    y = tasks.simplified(y) if network.classes is not None else y
    row = slice(options.row - 1, options.row)
    method: Any = arguments.optimizer(options)
    told = nnfast.walkthrough(network, X[row], y[row], method, digits=options.digits)
    if options.output is None or str(options.output) == files.STREAM:
        files.write_text(None, f"{told}\n")
    else:
        told.save(options.output)
        print(f"saved: {options.output}")
