"""`nnfast bench`: how fast a network is on this machine, on data of one's own."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import nnfast
from nnfast import datasets
from nnfast.cli import arguments, files, tables, tasks, train
from nnfast.cli.tables import Examples
from nnfast.network import Network

EXAMPLES = """
nnfast bench
nnfast bench --hidden 256,256 --batch-size 128
nnfast bench iris.csv --target species --seconds 0.2
"""


def add(commands: arguments.Commands) -> None:
    """Describe the command."""
    parser = arguments.command(
        commands, "bench", run, "measure the speed of a network on your data", EXAMPLES
    )
    parser.add_argument("data", nargs="?", help="as for nnfast train (default: the digits)")
    arguments.add_seconds(parser)
    arguments.add_json(parser)
    arguments.add_table_options(parser, "name, or position from 1 (default: the last)")
    arguments.add_network_options(parser)
    arguments.add_training_options(parser)
    parser.set_defaults(level="fastest", missing="drop", categories="one_hot")


def run(options: argparse.Namespace) -> None:
    """Train on every level, predict on the fastest, and print how long they take."""
    examples = tables.read(options) if options.data else Examples(*datasets.digits())
    task = tasks.choose(examples.y, "auto")
    network = train.make(task, examples.X.shape[1], options)
    y = task.targets(examples.y)
    method: Any = arguments.optimizer(options)
    network.fit(examples.X, y, batch_size=options.batch_size, optimizer=method, verbose=0)
    comparison = nnfast.compare(
        network,
        examples.X,
        y,
        batch_size=options.batch_size,
        optimizer=method,
        seconds=options.seconds,
        title=f"{options.data or 'digits'}, {len(y):,} rows: {train.shape(network)}, "
        f"{options.optimizer}, batch {options.batch_size}",
    )
    speeds = _speeds(network, examples.X, options.seconds)
    if options.json:
        files.write_json({**comparison.to_dict(), **speeds})
        return
    rows = {row.level: len(y) / row.seconds for row in comparison.rows}
    print(comparison)
    print(f"\n  training     {rows[network.level]:,.0f} rows per second, on {network.level}")
    print(f"  predicting   {speeds['rows_predicted_per_second']:,.0f} rows per second")
    print(f"  one row      {1e6 * speeds['seconds_to_predict_one_row']:,.2g} us")


def _speeds(network: Network, X: Any, seconds: float) -> dict[str, float]:
    return {
        "rows_predicted_per_second": len(X) / _time(lambda: network.predict(X), seconds / 4),
        "seconds_to_predict_one_row": _time(lambda: network.predict(X[:1]), seconds / 4),
    }


def _time(call: Callable[[], Any], seconds: float) -> float:
    """Seconds of a call: the least of rounds that take about `seconds` in all."""
    best, end = float("inf"), time.perf_counter() + seconds
    calls = 1
    while True:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        now = time.perf_counter()
        best = min(best, (now - start) / calls)
        if now > end:
            return best
        calls = max(1, int(seconds / 10 / best))
