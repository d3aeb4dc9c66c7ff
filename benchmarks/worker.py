"""The process of one contender: prepares its peer, shows a result, and measures when told to.

It answers with pairs (kind, content): ("ready", Ready), ("no", why), or ("times", seconds).
"""

from __future__ import annotations

import gc
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from benchmarks import ceiling, peers
from benchmarks.workloads import Array, Case

MOST = 2000  # runs in one turn


@dataclass(frozen=True)
class Ready:
    """result: of `checked` of the workload's amount; a run does `amount` of it."""

    result: Array
    checked: int
    amount: int


def serve(connection: Connection, name: str, level: str, case: Case, seconds: float) -> None:
    """Answer until told to stop. seconds: what a run may take before a part stands for all."""
    try:
        peer, ready = prepare(name, level, case, seconds)
    except ImportError as error:
        library = error.name or str(error)
        connection.send(("no", f"{library.split('.')[0]} is not installed; skipped"))
        return
    except RefusedError as reason:
        connection.send(("no", str(reason)))
        return
    except Exception as error:
        traceback.print_exc()
        connection.send(("no", f"failed: {type(error).__name__}: {error}".splitlines()[0]))
        return
    connection.send(("ready", ready))
    while share := connection.recv():
        connection.send(("times", measure(peer, share)))


class RefusedError(Exception):
    """The peer cannot do this workload."""


def prepare(name: str, level: str, case: Case, seconds: float) -> tuple[peers.Peer, Ready]:
    kind = peers.load(name)
    workload = case.workload
    if reason := kind.refusal(workload):
        raise RefusedError(reason)
    amount = workload.amount
    if kind.part is not None:
        amount = part_for(kind, level, case, max(seconds, kind.part))
    checked = min(amount, workload.checked or amount)
    result = None
    if checked < amount:
        result = outcome(kind(case.part(checked), level))
    peer = kind(case if amount == workload.amount else case.part(amount), level)
    whole = outcome(peer)
    if not np.isfinite(whole).all():
        raise RefusedError("gives numbers that are not finite")
    return peer, Ready(whole if result is None else result, checked, amount)


def outcome(peer: peers.Peer) -> Array:
    """Result of one run; it warms up as well."""
    peer.reset()
    peer.run()
    return np.array(peer.result())


def part_for(kind: type[peers.Peer], level: str, case: Case, seconds: float) -> int:
    """How much of the workload a run can do in about `seconds`; at least 1."""
    amount, most = 1, case.workload.amount
    while True:
        peer = kind(case.part(amount), level)
        peer.reset()
        elapsed = clock(peer)
        if elapsed < 10 * seconds:  # it may have been compiled
            peer.reset()
            elapsed = clock(peer)
        if amount == most or elapsed > seconds / 2:
            return min(most, max(1, int(amount * seconds / elapsed)))
        amount = min(most, amount * max(2, min(50, int(seconds / 2 / elapsed))))


def clock(peer: peers.Peer) -> float:
    start = time.perf_counter()
    peer.run()
    return time.perf_counter() - start


def measure(peer: peers.Peer, share: float) -> list[float]:
    """Seconds of runs that fill about `share`; short ones after one that is not counted."""
    times: list[float] = []
    gc.collect()
    gc.disable()
    start = time.perf_counter()
    while not times or (time.perf_counter() - start < share and len(times) < MOST):
        peer.reset()
        times.append(clock(peer))
    gc.enable()
    return times[1:] if len(times) > 3 else times


def serve_ceiling(connection: Connection, library: Path, dtype: str, threads: int) -> None:
    """Answer with the multiply-adds per second."""
    connection.send(("ready", None))
    while share := connection.recv():
        connection.send(("times", [ceiling.measure(library, dtype, threads, min(share, 0.05))]))
