"""`nnfast compare` and `nnfast info`: what this machine does."""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path
from typing import Any

import nnfast
from nnfast.cli import arguments, files
from nnfast.comparison import report
from nnfast.layers import DTYPES

COMPARE_EXAMPLES = """
nnfast compare
nnfast compare --dtype float32 --json figures.json
"""
INFO_EXAMPLES = """
nnfast info
nnfast info --json
"""


def add(commands: arguments.Commands) -> None:
    """Describe the commands."""
    comparing = arguments.command(
        commands,
        "compare",
        _compare,
        "train the same networks on every level and compare",
        COMPARE_EXAMPLES,
    )
    comparing.add_argument(
        "--json",
        type=Path,
        nargs="?",
        const=Path(files.STREAM),
        metavar="FILE",
        help="also write the figures here; without FILE print them instead",
    )
    comparing.add_argument("--dtype", choices=DTYPES, default="float64")
    arguments.add_seconds(comparing)
    telling = arguments.command(
        commands, "info", _info, "print version, levels and threads", INFO_EXAMPLES
    )
    arguments.add_json(telling)


def _info(options: argparse.Namespace) -> None:
    if options.json:
        files.write_json(dict(nnfast.info()))
        return
    for name, value in nnfast.info().items():
        text = ", ".join(value) if isinstance(value, list) else value
        print(f"{name.replace('_', ' '):<20} {text}")


def _compare(options: argparse.Namespace) -> None:
    alone = options.json == Path(files.STREAM)
    if options.json is not None and not alone:
        options.json.touch()  # a path that cannot be written to is found now, not in a minute
    stream: Any = io.StringIO() if alone else sys.stdout
    stream.write(f"nnfast {nnfast.__version__}: the same training on every level, ")
    stream.write(f"{options.dtype}\n\n")
    comparisons = report(stream, options.dtype, options.seconds)
    if options.json is not None:
        figures = {"info": nnfast.info(), "dtype": options.dtype}
        compared = [comparison.to_dict() for comparison in comparisons]
        text = json.dumps({**figures, "comparisons": compared}, indent=2) + "\n"
        files.write_text(options.json, text)
