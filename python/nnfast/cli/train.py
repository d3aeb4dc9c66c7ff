"""`nnfast train`: from a file of examples to a file with a network."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nnfast import CSVLogger, EarlyStopping, History, Network, datasets
from nnfast.cli import arguments, files, tables, tasks, terminal
from nnfast.cli.problems import UsageError
from nnfast.cli.tables import Examples, Pair
from nnfast.cli.tasks import Task

EXAMPLES = """
nnfast data iris -o iris.csv
nnfast train iris.csv --target species --hidden 16,16 --epochs 200 \\
    -o iris.nnfast
nnfast train flats.csv --target price --missing median \\
    --categories one_hot --patience 20 -o flats.nnfast
"""
METRICS = {tasks.CLASSIFICATION: ["accuracy"], tasks.REGRESSION: ["r2", "mae"]}


def add(commands: arguments.Commands) -> None:
    """Describe the command."""
    parser = arguments.command(
        commands, "train", run, "train a network on a table and save it", EXAMPLES
    )
    parser.add_argument(
        "data",
        help="CSV, or by suffix .arff, .data (FANN), .dt (Proben1), .libsvm, .npz; - is standard "
        "input",
    )
    arguments.add_output(parser, "the network", required=True)
    table = arguments.add_table_options(parser, "name, or position from 1 (default: the last)")
    table.add_argument(
        "--missing",
        choices=("drop", "mean", "median", "most_frequent"),
        help="drop rows with gaps, or fill them in",
    )
    table.add_argument(
        "--categories", choices=("one_hot",), help="a column of 0 and 1 for every text of a column"
    )
    table.add_argument(
        "--task",
        choices=tasks.TASKS,
        default="auto",
        help=f"auto takes texts and up to {tasks.MOST_CLASSES} different whole numbers for classes",
    )
    arguments.add_network_options(parser)
    _add_measuring(arguments.add_training_options(parser))
    arguments.add_level(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress, no report")
    arguments.add_json(parser)


def _add_measuring(group: Any) -> None:
    """What is measured while training, and what follows from it."""
    group.add_argument(
        "--epochs",
        type=arguments.whole(1),
        default=100,
        metavar="NUMBER",
        help="visits of every row (default: 100)",
    )
    group.add_argument(
        "--validation",
        type=arguments.share,
        default=0.2,
        metavar="SHARE",
        help="of the rows, kept from training to measure (default: 0.2)",
    )
    group.add_argument(
        "--patience",
        type=arguments.whole(1),
        metavar="EPOCHS",
        help="without a better loss of the validation rows end the training; the best weights stay",
    )
    group.add_argument("--log", type=Path, metavar="FILE", help="a CSV with a line per epoch")


def run(options: argparse.Namespace) -> None:
    """Read, train, save, report."""
    files.require_writable(options.output, options.data)
    if options.log is not None:
        files.require_writable(options.log, options.data)
    method = arguments.optimizer(options)
    examples = tables.read(options)
    task = tasks.choose(examples.y, options.task)
    parts = divide(examples, task, options)
    network = make(task, parts["training"][0].shape[1], options)
    tell = _speaker(options)
    tell(f"{task}\n{shape(network)}, {network.parameters.size:,} parameters")
    start = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):  # standard output is for the result
        history = network.fit(
            *parts["training"],
            epochs=options.epochs,
            batch_size=options.batch_size,
            optimizer=method,
            verbose=0 if options.quiet else "auto",
            validation_data=parts.get("validation"),
            callbacks=_callbacks(options, "validation" in parts),
        )
    seconds = time.perf_counter() - start
    network.open(replace(network.door, feature_names=examples.names))
    network.save(options.output)
    quality = {name: network.evaluate(*part, METRICS[task.kind]) for name, part in parts.items()}
    rows = {name: len(X) for name, (X, _) in parts.items()}
    tell(f"{terminal.count(history.epochs, 'epoch')} in {seconds:.2g} s. {history.stop_reason}\n")
    tell(quality_table(quality, rows))
    tell(f"\nsaved: {options.output}")
    if options.json:
        files.write_json(_figures(network, task, history, seconds, quality, rows, options))


def make(task: Task, inputs: int, options: argparse.Namespace) -> Network:
    """An untrained network."""
    scaler = None if options.scale == arguments.NONE else options.scale
    return Network(
        [inputs, *arguments.layers(options), task.last_layer],
        input_scaler=scaler,
        output_scaler=scaler if task.kind == tasks.REGRESSION else None,
        classes=task.classes,
        dtype=options.dtype,
        seed=options.seed,
        level=options.level,
    )


def divide(examples: Examples, task: Task, options: argparse.Namespace) -> dict[str, Pair]:
    """The rows to train on, and those to measure on: what the file keeps, or a share by the seed.

    Of classes with two rows or more the share is that of each.
    """
    X, y = examples.X, task.targets(examples.y)
    parts = {"training": (X, y)}
    if examples.held_out is not None:
        parts["validation"] = examples.held_out
    elif options.validation:
        if len(X) < 2:
            raise UsageError(
                f"{options.data} has one row, and none to spare for validation; give "
                "--validation 0."
            )
        even = task.classes is not None and np.unique(y, return_counts=True)[1].min() > 1
        X, X_held_out, y, y_held_out = datasets.train_test_split(
            X, y, test_size=options.validation, seed=options.seed, stratify=bool(even)
        )
        parts = {"training": (X, y), "validation": (X_held_out, y_held_out)}
    if examples.test is not None:
        parts["test"] = examples.test
    return {name: (X, task.targets(y)) for name, (X, y) in parts.items()}


def quality_table(quality: dict[str, dict[str, float]], rows: dict[str, int]) -> str:
    """What was measured, a line for each part of the rows."""
    names = list(next(iter(quality.values())))
    lines = [f"{'':<12}{'rows':>9}" + "".join(f"{name:>12}" for name in names)]
    for part, values in quality.items():
        numbers = "".join(f"{values[name]:>12.4g}" for name in names)
        lines.append(f"{part:<12}{rows[part]:>9,}{numbers}")
    return "\n".join(lines)


def _callbacks(options: argparse.Namespace, held_out: bool) -> list[Any]:
    callbacks: list[Any] = []
    if options.patience is not None:
        monitor = "val_loss" if held_out else "loss"
        callbacks.append(EarlyStopping(monitor, patience=options.patience))
    if options.log is not None:
        callbacks.append(CSVLogger(options.log))
    return callbacks


def _speaker(options: argparse.Namespace) -> Callable[[str], None]:
    """What prints the report, where it belongs."""
    if options.quiet:
        return lambda text: None
    return lambda text: print(text, file=sys.stderr if options.json else sys.stdout, flush=True)


def shape(network: Network) -> str:
    layers = " -> ".join(f"{layer.units} {layer.activation}" for layer in network.layers)
    return f"{terminal.count(network.sizes[0], 'input')} -> {layers}"


def _figures(
    network: Network,
    task: Task,
    history: History,
    seconds: float,
    quality: dict[str, dict[str, float]],
    rows: dict[str, int],
    options: argparse.Namespace,
) -> dict[str, Any]:
    return {
        "network": str(options.output),
        "task": task.kind,
        "classes": None if task.classes is None else list(task.classes),
        "features": network.feature_names,
        "sizes": network.sizes,
        "parameters": network.parameters.size,
        "seed": network.seed,
        "level": network.level,
        "epochs": history.epochs,
        "stop_reason": history.stop_reason,
        "seconds": seconds,
        **{name: {"rows": rows[name], **values} for name, values in quality.items()},
    }
