"""`nnfast predict`: a CSV of examples in, a CSV of predictions out."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import nnfast
from nnfast.cli import arguments, files, matching
from nnfast.cli.problems import UsageError
from nnfast.network import Network

EXAMPLES = """
nnfast predict iris.nnfast iris.csv
nnfast predict iris.nnfast iris.csv --probabilities -o species.csv
tail -n 1 iris.csv | nnfast predict iris.nnfast - --no-header --target 5
"""
PREDICTION = "prediction"  # name of the column


def add(commands: arguments.Commands) -> None:
    """Describe the command."""
    parser = arguments.command(
        commands, "predict", run, "predict every row of a table with a saved network", EXAMPLES
    )
    add_inputs(parser)
    arguments.add_output(parser, "the CSV of the predictions")
    arguments.add_table_options(
        parser, "a column to leave out, where there are no names to tell (position from 1)"
    )
    parser.add_argument(
        "--missing",
        choices=("mean",),
        help="fill gaps with the means, or the most frequent categories, of the training data",
    )
    parser.add_argument(
        "--probabilities", action="store_true", help="add the probability of each class"
    )


def add_inputs(parser: arguments.Parser) -> None:
    """The network and the table of commands that apply one to the other."""
    parser.add_argument("network", help="a file of nnfast train or Network.save")
    parser.add_argument(
        "data", help="CSV with the columns of the training, in any order; - is standard input"
    )


def run(options: argparse.Namespace) -> None:
    """Predict, and write one row for each."""
    files.require_result(options.output, options.network, options.data)
    network = nnfast.load(options.network)
    X, _ = matching.read(network, options, targets=False)
    outputs = network.predict(X)
    columns: dict[str, Any] = {}
    if has_classes(network):
        columns[PREDICTION] = network.predict_classes(X)
    else:
        single = outputs.shape[1] == 1
        columns |= {
            PREDICTION if single else f"{PREDICTION} {k}": column
            for k, column in enumerate(outputs.T, 1)
        }
    if options.probabilities:
        columns |= _probabilities(network, outputs)
    rows = zip(*(column.astype(str) for column in columns.values()), strict=True)
    files.write_table(options.output, list(columns), rows)


def has_classes(network: Network) -> bool:
    """Whether the outputs stand for classes, one of which a row has."""
    last = network.layers[-1]
    single = last.units == 1 and last.activation in ("sigmoid", "step")
    return network.classes is not None or last.activation == "softmax" or single


def _probabilities(network: Network, outputs: Any) -> dict[str, Any]:
    last = network.layers[-1]
    if not has_classes(network) or last.activation not in ("sigmoid", "softmax"):
        raise UsageError(
            f"--probabilities needs a network of classes with sigmoid or softmax outputs; this one "
            f"has {last.units} {last.activation}."
        )
    if outputs.shape[1] == 1:
        outputs = np.hstack([1 - outputs, outputs])
    classes = network.classes or range(outputs.shape[1])
    return {f"p({label})": column for label, column in zip(classes, outputs.T, strict=True)}
