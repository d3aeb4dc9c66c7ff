"""The command line: `nnfast` and `python -m nnfast`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import nnfast
from nnfast.comparison import report
from nnfast.layers import DTYPES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    parser = argparse.ArgumentParser(
        prog="nnfast", description="Dense neural networks, trained fast."
    )
    parser.add_argument("--version", action="version", version=f"nnfast {nnfast.__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    comparing = commands.add_parser(
        "compare", help="train the same networks on every level and compare"
    )
    comparing.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    comparing.add_argument("--dtype", choices=DTYPES, default="float64")
    comparing.add_argument(
        "--seconds",
        type=_seconds,
        default=1.0,
        help="to time each level on each network (default: 1)",
    )
    commands.add_parser("info", help="print version, levels and threads")
    options = parser.parse_args(arguments)
    try:
        if options.command == "info":
            _info()
        else:
            _compare(options.json, options.dtype, options.seconds)
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return 130
    except OSError as error:
        sys.stderr.write(f"nnfast: {error}\n")
        return 1
    return 0


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 3600")
    return seconds


def _info() -> None:
    for name, value in nnfast.info().items():
        text = ", ".join(value) if isinstance(value, list) else value
        print(f"{name.replace('_', ' '):<20} {text}")


def _compare(path: Path | None, dtype: str, seconds: float) -> None:
    if path is not None:
        path.touch()  # a path that cannot be written to is found now, not in a minute
    print(f"nnfast {nnfast.__version__}: the same training on every level, {dtype}\n")
    comparisons = report(sys.stdout, dtype, seconds)
    if path is not None:
        figures = {"info": nnfast.info(), "dtype": dtype}
        tables = [comparison.to_dict() for comparison in comparisons]
        path.write_text(json.dumps({**figures, "comparisons": tables}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
