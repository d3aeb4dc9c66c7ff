"""Parsers, and the options that several commands have."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from nnfast import levels
from nnfast.cli.problems import USAGE, UsageError
from nnfast.formulas import ACTIVATIONS, BATCH_METHODS, OPTIMIZERS, BatchMethod, Optimizer
from nnfast.layers import DTYPES, Dense

METHODS: dict[str, Any] = {**OPTIMIZERS, **BATCH_METHODS}
NONE = "none"
WIDTH = 80  # columns of a page of help


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Pages of help that fit a narrow terminal, and whose examples stay as they are."""

    def __init__(self, prog: str) -> None:
        width = min(WIDTH, shutil.get_terminal_size().columns)
        super().__init__(prog, max_help_position=26, width=width - 2)


class Parser(argparse.ArgumentParser):
    """A parser that tells mistakes in one line, and has no colours."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": Formatter, "allow_abbrev": False, **options})
        self.color = False  # which Python 3.14 has

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


Commands = Any  # what `add_subparsers` gives; argparse has no public name for it
Run = Callable[[argparse.Namespace], None]


def command(commands: Commands, name: str, run: Run, summary: str, examples: str) -> Parser:
    """A new command: what it does, on a line, and commands that can be typed as they stand."""
    lines = "\n".join(f"  {line}" for line in examples.strip().splitlines())
    parser: Parser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"examples:\n{lines}",
    )
    parser.set_defaults(run=run)
    return parser


# ---- kinds of values ------------------------------------------------------------------------


def whole(least: int) -> Callable[[str], int]:
    """A whole number from `least`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least}")
        return number

    return read


def number(low: float, high: float, words: str) -> Callable[[str], float]:
    """A number above `low` and at most `high`; words: what is said of others."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = low
        if not low < value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is no {words}")
        return value

    return read


def share(text: str) -> float:
    """A number from 0, below 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0, below 1")
    return value


def hidden(text: str) -> tuple[int, ...]:
    """Units of the hidden layers: "16,16", or "none"."""
    if text == NONE:
        return ()
    read = whole(1)
    try:
        return tuple(read(part) for part in text.split(","))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no list of whole numbers such as 16,16, nor {NONE!r}"
        ) from None


def names(text: str) -> list[str]:
    """Names between commas."""
    return [name.strip() for name in text.split(",")]


def character(text: str) -> str:
    """The character between two fields, or "tab"."""
    text = "\t" if text in ("tab", r"\t") else text
    if len(text) != 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not one character, nor 'tab'")
    return text


# ---- options of several commands ------------------------------------------------------------


def add_table_options(parser: Parser, target: str) -> Any:
    """How a table is read; the group of these options. target: what is said of its column."""
    group = parser.add_argument_group("the table")
    group.add_argument("--target", metavar="COLUMN", help=target)
    group.add_argument(
        "--ignore",
        type=names,
        default=[],
        metavar="COLUMN,...",
        help="columns that are no inputs, such as a row's number; names, or positions from 1",
    )
    group.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first row holds the names of the columns (default: where none of its "
        "fields is a number)",
    )
    group.add_argument(
        "--delimiter",
        type=character,
        metavar="CHARACTER",
        help="between two fields, or 'tab' (default: a comma, in .tsv files a tab)",
    )
    return group


def add_network_options(parser: Parser) -> None:
    """What the network is."""
    group = parser.add_argument_group("the network")
    group.add_argument(
        "--hidden",
        type=hidden,
        default=(16,),
        metavar="UNITS",
        help="of the hidden layers, such as 16,16, or none (default: 16)",
    )
    group.add_argument(
        "--activation",
        choices=ACTIVATIONS,
        default="relu",
        metavar="NAME",
        help=f"of the hidden layers (default: relu): {', '.join(ACTIVATIONS)}",
    )
    group.add_argument(
        "--scale",
        choices=("standard", "minmax", NONE),
        default="standard",
        help="the inputs, and the targets of a regression; the network keeps the scales "
        "(default: standard, mean 0 and deviation 1)",
    )
    group.add_argument(
        "--dtype", choices=DTYPES, default="float32", help="of its numbers (default: float32)"
    )
    group.add_argument(
        "--seed",
        type=whole(0),
        default=0,
        metavar="NUMBER",
        help="draws weights, order and validation rows (default: 0)",
    )


def add_training_options(parser: Parser) -> Any:
    """How the network is trained; the group of these options."""
    group = parser.add_argument_group("the training")
    add_optimizer_options(group, "adam")
    group.add_argument(
        "--batch-size",
        type=whole(1),
        default=32,
        metavar="ROWS",
        help="of an update (default: 32)",
    )
    return group


def add_optimizer_options(group: Any, default: str) -> None:
    """How weights are updated."""
    group.add_argument(
        "--optimizer",
        choices=METHODS,
        default=default,
        metavar="NAME",
        help=f"changes the weights (default: {default}): {', '.join(METHODS)}",
    )
    group.add_argument(
        "--learning-rate",
        type=number(0, float("inf"), "number above 0"),
        metavar="NUMBER",
        help="of its steps (default: the optimizer's own)",
    )


def add_level(parser: Parser) -> None:
    """Which implementation computes."""
    parser.add_argument(
        "--level",
        choices=("fastest", *levels.available()),
        default="fastest",
        metavar="NAME",
        help=f"which computes (default: fastest): {', '.join(levels.available())}",
    )


def add_output(parser: Parser, what: str, *, required: bool = False) -> None:
    """Where the result goes."""
    default = "" if required else " (default: standard output)"
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", required=required, help=f"{what}{default}"
    )


def add_seconds(parser: Parser) -> None:
    """How long a measurement takes."""
    parser.add_argument(
        "--seconds",
        type=number(0, 3600, "number above 0 and at most 3600"),
        default=1.0,
        metavar="NUMBER",
        help="of each measurement (default: 1)",
    )


def add_json(parser: Parser) -> None:
    """Figures for other programs."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object; messages go to stderr"
    )


def optimizer(options: argparse.Namespace) -> Optimizer | BatchMethod:
    """The optimizer that the options name."""
    kind = METHODS[options.optimizer]
    if options.learning_rate is None:
        return kind()  # type: ignore[no-any-return]
    if "learning_rate" not in kind.__dataclass_fields__:
        raise UsageError(f"{options.optimizer} has no learning rate; leave --learning-rate out.")
    return kind(learning_rate=options.learning_rate)  # type: ignore[no-any-return]


def layers(options: argparse.Namespace) -> list[Dense]:
    """The hidden layers that the options name."""
    return [Dense(units, options.activation) for units in options.hidden]
