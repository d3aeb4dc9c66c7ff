"""`nnfast show`: a saved network, or the log of a training."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import nnfast
from nnfast import datasets, extras
from nnfast.cli import arguments, files, terminal
from nnfast.cli.problems import UsageError
from nnfast.history import History

EXAMPLES = """
nnfast show iris.nnfast
nnfast train iris.csv --log iris.log.csv -o iris.nnfast
nnfast show iris.log.csv --plot curves.png
"""


def add(commands: arguments.Commands) -> None:
    """Describe the command."""
    parser = arguments.command(
        commands, "show", run, "show the layers of a network, or the curves of a training", EXAMPLES
    )
    parser.add_argument("file", help="a saved network, or a .csv of nnfast train --log")
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw into a .png, .svg or .pdf instead; needs matplotlib",
    )


def run(options: argparse.Namespace) -> None:
    """Show what is in the file, in the terminal or in a picture."""
    files.require_result(options.plot, options.file)
    with files.source(options.file) as path:
        if path.suffix.lower() == ".csv":
            _show_log(path, options.plot)
        else:
            _show_network(path, options.plot)


def _show_network(path: Path, picture: Path | None) -> None:
    network = nnfast.load(path)
    if picture is not None:
        _prepare()
        from nnfast.plots import DiagramDisplay

        _save(DiagramDisplay.from_network(network), picture)
        return
    network.summary()
    print(f"\n{terminal.diagram(network)}")


def _show_log(path: Path, picture: Path | None) -> None:
    columns, _ = table = datasets.load_csv(path, label=None, header=True)
    records = dict(zip(table.feature_names, columns.T.tolist(), strict=True))
    if "loss" not in records:
        raise UsageError(f"{path} has no column 'loss'; it is no file of nnfast train --log.")
    records.pop("epoch", None)
    if picture is not None:
        _prepare()
        from nnfast.plots import HistoryDisplay

        _save(HistoryDisplay.from_history(_history(records), None), picture)
        return
    for name in dict.fromkeys(name.removeprefix("val_") for name in records):
        both = {own: records[own] for own in (name, f"val_{name}") if own in records}
        print(terminal.chart(both) + "\n")
    last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in records.items())
    print(f"epoch {len(columns)}: {last}")


def _history(records: dict[str, list[float]]) -> History:
    history = History()
    history.add_losses(records["loss"])
    for name, values in records.items():
        if name != "loss":
            for value in values:
                history.append({name: value})
    return history


def _prepare() -> None:
    """Have matplotlib draw without a screen."""
    extras.load("matplotlib", extra="plot", purpose="--plot").use("Agg")


def _save(display: Any, picture: Path) -> None:
    display.figure_.savefig(picture)
    print(f"saved: {picture}")
