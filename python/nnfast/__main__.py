"""The command line: `nnfast` and `python -m nnfast`."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import nnfast
from nnfast.cli import (
    bench,
    compare,
    evaluate,
    export,
    predict,
    problems,
    sets,
    show,
    train,
    walkthrough,
)
from nnfast.cli.arguments import Parser

COMMANDS = (train, predict, evaluate, show, walkthrough, export, compare, bench, sets)


def parser() -> Parser:
    """The parser of all commands."""
    root = Parser(
        prog="nnfast",
        description="Dense neural networks, trained fast.",
        epilog="nnfast COMMAND --help tells more, with examples.",
    )
    root.add_argument("--version", action="version", version=f"nnfast {nnfast.__version__}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for module in COMMANDS:
        module.add(commands)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0, 1 for a failure, 2 for a mistake of the user's.

    An interrupt gives 130, a reader of standard output that has gone away 141.
    """
    root = parser()
    options = root.parse_args(arguments)
    if options.command is None:
        root.print_help(sys.stderr)
        return problems.USAGE
    name = f"{root.prog} {options.command}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", nnfast.TrainingWarning)
            warnings.showwarning = _show_warning
            options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{name}: interrupted\n")
        return problems.INTERRUPTED
    except BrokenPipeError:
        # what is left in the buffer has nowhere to go when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return problems.NO_READER
    except (*problems.MISTAKES, *problems.FAILURES) as error:
        sys.stderr.write(f"{name}: {problems.sentence(error)}\n")
        return problems.status(error)
    return 0


def _show_warning(message: Warning | str, *rest: Any, **more: Any) -> None:
    """A warning as one line, without the place in the code."""
    sys.stderr.write(f"warning: {' '.join(str(message).split())}\n")


if __name__ == "__main__":
    sys.exit(main())
