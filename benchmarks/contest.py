"""One workload, all contenders: each in a pinned process of its own, measured in turns."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import worker
from benchmarks.data import numbers
from benchmarks.peers.plain_numpy import reference
from benchmarks.workloads import FIT_CALL, TRAIN, Array, Case, Workload

PATIENCE = 600  # s that a worker may take for one answer
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NNFAST_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)


@dataclass(frozen=True)
class Options:
    """seconds: of measurement per contender and workload, spread over the rounds."""

    rounds: int = 5
    seconds: float = 3.0
    libraries: dict[str, Path] = field(default_factory=dict)


@dataclass
class Row:
    """One contender's outcome.

    rounds: the median seconds of each round, of the whole workload; share: the part of the work
    that was done and stands for all; difference: from float64, in units of the largest
    change of a weight or of the largest output.
    """

    name: str
    note: str = ""
    rounds: list[float] = field(default_factory=list)
    share: float = 1.0
    difference: float = float("nan")
    right: bool = False

    @property
    def seconds(self) -> float:
        return median(self.rounds) if self.rounds else float("nan")


@dataclass
class Result:
    """peak: multiply-adds per second of the workload's cores, NaN where not measured."""

    workload: Workload
    rows: list[Row]
    peak: float
    note: str = ""

    def row(self, name: str) -> Row | None:
        """The contender's row, if it was measured and right."""
        return next((r for r in self.rows if r.name == name and r.right and r.rounds), None)


class Contender:
    """A worker process and the pipe to it."""

    def __init__(self, target: Any, threads: int, *arguments: Any) -> None:
        context = get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=target, args=(other, *arguments), daemon=True
        )
        with surroundings(threads):
            self.process.start()
        other.close()

    def answer(self) -> tuple[str, Any]:
        return receive(self.pipe)

    def measure(self, share: float) -> list[float]:
        try:
            self.pipe.send(share)
        except OSError:  # it has ended
            return []
        kind, content = self.answer()
        return content if kind == "times" else []

    def stop(self) -> None:
        try:
            self.pipe.send(0)
            self.process.join(5)
        except OSError:
            pass
        if self.process.is_alive():
            self.process.kill()
        self.pipe.close()


def receive(pipe: Connection) -> tuple[str, Any]:
    try:
        if pipe.poll(PATIENCE):
            kind, content = pipe.recv()
            return kind, content
        return "no", f"gave no answer within {PATIENCE} s"
    except (EOFError, OSError):
        return "no", "its process ended"


@contextmanager
def surroundings(threads: int) -> Iterator[None]:
    """Cores and variables that a process started meanwhile inherits."""
    pinned = hasattr(os, "sched_setaffinity")
    before, cores = dict(os.environ), os.sched_getaffinity(0) if pinned else set()
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    os.environ.update(
        CUDA_VISIBLE_DEVICES="", JAX_PLATFORMS="cpu", TF_CPP_MIN_LOG_LEVEL="3",
        TF_NUM_INTEROP_THREADS="1", KERAS_BACKEND="tensorflow",
    )  # fmt: skip
    if pinned:
        os.sched_setaffinity(0, sorted(cores)[-threads:])  # core 0 has most interrupts
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        if pinned:
            os.sched_setaffinity(0, cores)


class Judge:
    """Compares results with float64, computed once per amount of work."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.references: dict[int, Array] = {}

    def difference(self, result: Array, amount: int) -> float:
        if amount not in self.references:
            self.references[amount] = reference(self.case.part(amount))
        exact = self.references[amount]
        if result.shape != exact.shape:
            return float("inf")
        start = numbers(self.case.weights) if self.case.workload.task in (TRAIN, FIT_CALL) else 0
        return float(np.abs(result - exact).max() / np.abs(exact - start).max())


def contest(
    case: Case, contenders: list[tuple[str, str, str]], options: Options, judge: Judge
) -> Result:
    """Measure (name, peer, level) of every contender."""
    workload, result = case.workload, Result(case.workload, [], float("nan"))
    workers: dict[str, Contender] = {}
    rows = {name: Row(name) for name, _, _ in contenders}
    for name, peer, level in contenders:
        tell(f"{workload.key}: preparing {name}")
        process = Contender(worker.serve, workload.threads, peer, level, case, options.seconds / 3)
        kind, content = process.answer()
        if kind == "ready":
            workers[name] = process
            check(rows[name], content, workload, judge)
        else:
            rows[name].note = content
            process.stop()
    peaks = measure(workers, rows, workload, options)
    result.peak = median(peaks) if peaks else float("nan")
    result.rows = list(rows.values())
    tell("")
    return result


def check(row: Row, ready: worker.Ready, workload: Workload, judge: Judge) -> None:
    row.difference = judge.difference(ready.result, ready.checked)
    row.right = row.difference <= workload.tolerance
    row.share = ready.amount / workload.amount
    if not row.right:
        row.note = f"differs by more than {workload.tolerance:.0e}; not ranked"
    elif row.share < 1:
        row.note = f"extrapolated from 1/{1 / row.share:.3g} of the work"


def measure(
    workers: dict[str, Contender], rows: dict[str, Row], workload: Workload, options: Options
) -> list[float]:
    """Fill the rows' rounds in turns; return the ceiling's. A slow contender has fewer rounds."""
    library = list(options.libraries.values())[-1:]  # of the widest vectors
    peak = [
        Contender(worker.serve_ceiling, workload.threads, path, workload.dtype, workload.threads)
        for path in library
    ]
    for process in peak:
        process.answer()
    peaks: list[float] = []
    share, spent = options.seconds / options.rounds, dict.fromkeys(workers, 0.0)
    for turn in range(options.rounds):
        tell(f"{workload.key}: round {turn + 1} of {options.rounds}")
        for process in peak:
            peaks += process.measure(share)
        for name, process in workers.items():
            if spent[name] > options.seconds or not rows[name].right:
                continue
            time.sleep(0.005)  # the threads of the one before may still spin
            start = time.perf_counter()
            times = process.measure(share)
            spent[name] += time.perf_counter() - start
            if times:
                rows[name].rounds.append(median(times) / rows[name].share)
    for process in (*peak, *workers.values()):
        process.stop()
    return peaks


def tell(text: str) -> None:
    """Say what is going on, where somebody watches."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
