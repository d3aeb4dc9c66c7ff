"""`nnfast evaluate`: how good a saved network is on a table."""

from __future__ import annotations

import argparse

import nnfast
from nnfast.cli import arguments, files, matching, tasks, train
from nnfast.cli.predict import add_inputs
from nnfast.metrics import METRICS as KNOWN

EXAMPLES = """
nnfast evaluate iris.nnfast iris.csv
nnfast evaluate iris.nnfast iris.csv --target species --metrics accuracy,f1
nnfast evaluate iris.nnfast iris.csv --json
"""


def add(commands: arguments.Commands) -> None:
    """Describe the command."""
    parser = arguments.command(
        commands, "evaluate", run, "measure a saved network on a table with targets", EXAMPLES
    )
    add_inputs(parser)
    arguments.add_table_options(
        parser, "name, or position from 1 (default: the one that the network does not take)"
    )
    parser.add_argument(
        "--missing",
        choices=("drop", "mean"),
        help="drop rows with gaps, or fill them with the means of the training data",
    )
    parser.add_argument(
        "--metrics",
        type=arguments.names,
        metavar="NAMES",
        help=f"between commas: {', '.join(KNOWN)} (default: accuracy of classes, r2 and mae of "
        "numbers)",
    )
    arguments.add_json(parser)


def run(options: argparse.Namespace) -> None:
    """Measure, and print."""
    network = nnfast.load(options.network)
    X, y = matching.read(network, options, targets=True)
    y = tasks.simplified(y) if network.classes is not None else y
    of_numbers = network.layers[-1].activation == "linear"
    usual = train.METRICS[tasks.REGRESSION] if of_numbers else None
    quality = network.evaluate(X, y, options.metrics or usual)
    if options.json:
        files.write_json({"rows": len(X), **quality})
    else:
        print(train.quality_table({"all": quality}, {"all": len(X)}))
