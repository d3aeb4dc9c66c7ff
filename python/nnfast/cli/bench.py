"""`nnfast bench`: how fast a network is on this machine, on data of one's own."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import nnfast
from nnfast import datasets
from nnfast.cli import arguments, files, tables, tasks, terminal, train
from nnfast.cli.problems import UsageError
from nnfast.cli.tables import Examples
from nnfast.formulas import BatchMethod
from nnfast.network import Network

EXAMPLES = """
nnfast bench
nnfast bench --hidden 256,256 --batch-size 128
nnfast bench iris.csv --target species --compare
"""
ROUNDS = 10  # of a measurement, the fastest of which counts


def add(commands: arguments.Commands) -> None:
    """Describe the command."""
    parser = arguments.command(
        commands, "bench", run, "measure the speed of a network on your data", EXAMPLES
    )
    parser.add_argument("data", nargs="?", help="as for nnfast train (default: the digits)")
    arguments.add_seconds(parser)
    parser.add_argument(
        "--compare",
        action="store_true",
        help="all levels too; the slow ones take their time with wide layers",
    )
    arguments.add_level(parser)
    arguments.add_json(parser)
    arguments.add_table_options(parser, "name, or position from 1 (default: the last)")
    arguments.add_network_options(parser)
    arguments.add_training_options(parser)
    parser.set_defaults(missing="drop", categories="one_hot")


def run(options: argparse.Namespace) -> None:
    """Train and predict, and print how long they take."""
    method: Any = arguments.optimizer(options)
    if isinstance(method, BatchMethod):
        raise UsageError(f"{options.optimizer} is a batch method; bench times updates of batches.")
    examples = tables.read(options) if options.data else Examples(*datasets.digits())
    task = tasks.choose(examples.y, "auto")
    network = train.make(task, examples.X.shape[1], options)
    X, y = examples.X, task.targets(examples.y)
    batch = {"batch_size": options.batch_size, "optimizer": method}
    network.fit(X, y, verbose=0, **batch)
    title = (
        f"{options.data or 'digits'}, {terminal.count(len(X), 'row')}: {train.shape(network)}, "
        f"{options.optimizer}, batch {options.batch_size}"
    )
    figures: dict[str, Any] = {"title": title, "level": network.level}
    figures |= _speeds(network, X, y, options)
    if not options.json:
        _print(figures)
    if options.compare:
        compared = nnfast.compare(network, X, y, **batch, seconds=options.seconds, title=title)
        figures["compared"] = compared.to_dict()
        if not options.json:
            print(f"\n{compared}")
    if options.json:
        files.write_json(figures)


def _print(figures: dict[str, Any]) -> None:
    print(f"{figures['title']}, on {figures['level']}\n")
    for words, name in (("training", "rows_trained"), ("predicting", "rows_predicted")):
        print(f"  {words:<12}{figures[f'{name}_per_second']:>14,.0f} rows per second")
    print(f"  {'one row':<12}{1e6 * figures['seconds_to_predict_one_row']:>14,.3g} us")
    sys.stdout.flush()


def _speeds(network: Network, X: Any, y: Any, options: argparse.Namespace) -> dict[str, float]:
    def train_epochs(count: int) -> None:
        network.fit(X, y, epochs=count, batch_size=options.batch_size, verbose=0)

    def predict(rows: Any) -> Callable[[int], None]:
        def repeat(count: int) -> None:
            for _ in range(count):
                network.predict(rows)

        return repeat

    seconds = options.seconds
    return {
        "rows_trained_per_second": len(X) / _time(train_epochs, seconds),
        "rows_predicted_per_second": len(X) / _time(predict(X), seconds),
        "seconds_to_predict_one_row": _time(predict(X[:1]), seconds),
    }


def _time(work: Callable[[int], None], seconds: float) -> float:
    """Seconds of one repetition of `work(count)`, measured for about `seconds` in all."""
    best, count = float("inf"), 1
    end = time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        work(count)
        now = time.perf_counter()
        best = min(best, (now - start) / count)
        if now > end:
            return best
        count = max(1, int(seconds / ROUNDS / best))
