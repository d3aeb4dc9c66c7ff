"""`python -m benchmarks.optimizers`: the time to a given error, of all optimizers and two peers.

All start from the same weights, compute in float64 and in one thread, and minimise the mean loss
over the training rows without penalties. A first run finds n, the epoch whose objective reaches the
goal; a second, fresh run of n epochs, with nothing watching it, is timed.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

import nnfast as nn
from benchmarks.optimizer_peers import Problem, Run, contenders
from benchmarks.report import processor
from benchmarks.selection import selected

FANN = Path("..", "shared", "data", "fann")
TRIALS = 2  # seeds after which a contender that never reached the goal is given up


@dataclass(frozen=True)
class Entry:
    """Medians over the seeds that reached the goal, and how many of those tried did."""

    epochs: float
    seconds: float
    reached: int
    seeds: int

    def text(self, fastest: bool) -> str:
        if not self.reached:
            return f"0/{self.seeds}"
        numbers = f"{self.epochs:.0f}, {milliseconds(self.seconds)} ms"
        return f"**{numbers}**, {self.share}" if fastest else f"{numbers}, {self.share}"

    @property
    def share(self) -> str:
        return f"{self.reached}/{self.seeds}"


Column = dict[str, Entry]


def milliseconds(seconds: float) -> str:
    """Three digits, never in powers of ten."""
    number = 1000 * seconds
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def problems(fann: Path) -> tuple[list[Problem], list[str]]:
    """The problems, and sentences about what is missing."""
    x = np.linspace(-1, 1, 50)[:, None]
    sine = np.sin(np.pi * x)
    bits, odd = nn.datasets.parity(5)
    irises, species = nn.datasets.iris()
    found = [
        Problem("sine", x, sine, (10,), 1e-4),
        Problem("sine_exact", x, sine, (10,), 1e-10),
        Problem("spirals", *nn.datasets.spirals(194), (20, 10), 0.1),
        Problem("parity", 2 * bits - 1, odd, (10,), 0.01),
        Problem("iris", nn.datasets.standardize(irises)[0], species, (8,), 0.04),
        Problem("digits", *nn.datasets.digits(), (32,), 0.01),
    ]
    try:
        X, Y = nn.datasets.load_fann(fann / "thyroid.train")
    except FileNotFoundError:
        return found, [f"thyroid is left out: there is no thyroid.train in {fann}."]
    X = nn.datasets.standardize(X)[0]
    return [*found, Problem("thyroid", X, Y.argmax(axis=1), (10,), 0.02)], []


def require_same_start(name: str, run: Run, losses: list[float]) -> None:
    """Raise RuntimeError unless the first loss, where it is that of all rows, is ours."""
    problem = run.problem
    if losses and (run.full_batch or problem.batch_size == len(problem.X)):
        ours = run.start.evaluate(problem.X, problem.y)["loss"]
        if not np.isclose(losses[0], ours, rtol=1e-9):
            raise RuntimeError(f"{name}, {problem.name}: starts from {losses[0]}, not {ours}.")


def measure(name: str, make: type[Run], problem: Problem, seeds: int, seconds: float) -> Entry:
    times, epochs = [], []
    for seed in range(seeds):
        if seed == TRIALS and not times:
            return Entry(np.nan, np.nan, 0, seed)
        run = make(problem, seed)
        losses = run.curve(seconds)
        require_same_start(name, run, losses)
        if losses and losses[-1] <= problem.goal:
            elapsed, count = run.timed(len(losses))
            times.append(elapsed)
            epochs.append(count)
    if not times:
        return Entry(np.nan, np.nan, 0, seeds)
    return Entry(median(epochs), median(times), len(times), seeds)


def fastest(column: Column, peers: bool | None = None) -> str | None:
    """The quickest of those that reached the goal from most seeds; peers: of these, or of ours."""
    some = {k: e for k, e in column.items() if peers is None or is_peer(k) == peers}
    most = max((e.reached for e in some.values()), default=0)
    full = {k: e.seconds for k, e in some.items() if e.reached == most > 0}
    return min(full, key=full.__getitem__, default=None)


def is_peer(name: str) -> bool:
    return " " in name


def table(columns: dict[str, Column]) -> str:
    names = next(iter(columns.values()))
    best = {problem: fastest(column) for problem, column in columns.items()}
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name in names:
        entries = [column[name].text(best[p] == name) for p, column in columns.items()]
        lines.append(f"| {name} | " + " | ".join(entries) + " |")
    return "\n".join(lines)


def verdict(column: Column) -> str:
    """Who is first, and where a peer's optimizer beats ours of the same name."""
    sentences = []
    ours, theirs = fastest(column, peers=False), fastest(column, peers=True)
    if ours and theirs:
        ratio = column[theirs].seconds / column[ours].seconds
        words = f"{ratio:.3g} times faster" if ratio >= 1 else f"{1 / ratio:.3g} times slower"
        shares = column[ours].share, column[theirs].share
        seeds = "" if len(set(shares)) == 1 else " (seeds {} against {})".format(*shares)
        sentences.append(f"nnfast's {ours} is {words} than the best peer, {theirs}{seeds}.")
    elif ours or theirs:
        sentences.append(f"Only {'nnfast reaches' if ours else 'peers reach'} the goal.")
    for name, entry in column.items():
        twin = column.get(name.split()[-1].lower())
        if not is_peer(name) or twin is None or not entry.reached:
            continue
        better = {
            "seeds that reach the goal": entry.reached > twin.reached,
            "time": entry.reached == twin.reached and entry.seconds < twin.seconds,
            "epochs": entry.reached == twin.reached and entry.epochs < twin.epochs,
        }
        if any(better.values()):
            where = " and ".join(name for name, is_better in better.items() if is_better)
            sentences.append(f"{name} beats nnfast's in {where}.")
    return " ".join(sentences) or "Nobody reaches the goal."


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.optimizers", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, default=FANN, metavar="FOLDER", help="folder of the FANN files")
    add("--seeds", type=int, default=5, help="initial weights of every problem (5)")
    add("--only", default="", metavar="sine,iris", help="problems; all without")
    add("--seconds", type=float, default=2.0, help="until the goal must be reached (2)")
    given = parser.parse_args()
    found, missing = problems(given.data)
    try:
        chosen = selected(found, given.only)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    begun = time.perf_counter()
    runs = contenders()
    columns: dict[str, Column] = {}
    for problem in chosen:
        columns[problem.name] = {
            name: measure(name, make, problem, given.seeds, given.seconds)
            for name, make in runs.items()
        }
        print(f"{problem.name} done", file=sys.stderr, flush=True)
    took = time.perf_counter() - begun
    print(
        f"{processor()}; nnfast {nn.__version__}, level {nn.info()['fastest_level']}; {took:.0f} s"
    )
    print(f"Epochs and milliseconds to the goal within {given.seconds:g} s, and how many seeds.\n")
    print(table(columns) + "\n")
    for problem in chosen:
        sizes = "-".join(map(str, problem.network(0).sizes))
        about = f"{len(problem.X)} rows, {sizes}, to {problem.goal:g}"
        print(f"- {problem.name} ({about}): {verdict(columns[problem.name])}")
    for sentence in missing:
        print(f"- {sentence}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
