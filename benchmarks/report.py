"""Tables of what was measured, and the same figures as plain numbers."""

from __future__ import annotations

import math
import platform
from pathlib import Path
from typing import Any

import nnfast as nn
from benchmarks.contest import Result, Row
from benchmarks.peers import OWN, UNROLLED
from benchmarks.workloads import FIT_CALL, ONE_ROW, PREDICT, TRAIN, Workload

OURS = "nnfast"
LEVELS = {"numpy": 1.3, "python": 100.0}  # how many times faster than these levels nnfast must be


def table(result: Result) -> str:
    """All contenders of one workload, fastest first."""
    w = result.workload
    threads = f"{w.threads} thread{'s' if w.threads > 1 else ''}"
    lines = [f"{w.key}  {w.title}, {w.dtype}, {threads}"]
    if result.note:
        lines.append(f"  {result.note}")
    unit, _ = per(w)
    lines.append(
        f"  {'':<16}{'seconds':>11}{unit:>12}{'x nnfast':>10}{'difference':>12}{'% of peak':>11}"
    )
    for row in sorted(result.rows, key=lambda r: (math.isnan(r.seconds), r.seconds)):
        lines.append("  " + line(row, result).rstrip())
    return "\n".join(lines)


def line(row: Row, result: Result) -> str:
    if not row.rounds:
        shown = "" if math.isnan(row.difference) else f"{row.difference:.1e}"
        return f"{row.name:<16}{'-':>11}{'':>22}{shown:>12}{'':>11}  {row.note}"
    w = result.workload
    _, count = per(w)
    ours = result.row(OURS)
    ratio = f"{row.seconds / ours.seconds:.3g}" if ours else "-"
    peak = percent(row, result)
    return (
        f"{row.name:<16}{row.seconds:>11.4g}{quantity(row.seconds / count):>12}{ratio:>10}"
        f"{row.difference:>12.1e}{'-' if peak is None else f'{peak:.1f}':>11}  {row.note}"
    )


def per(w: Workload) -> tuple[str, int]:
    """What a time is divided by for a second look: its name and number."""
    if w.task == TRAIN:
        return "per update", w.updates
    return ("per row", w.rows) if w.task == PREDICT else ("per call", w.calls)


def percent(row: Row, result: Result) -> float | None:
    """Of the FMA peak of the workload's cores, counted dense."""
    w = result.workload
    if math.isnan(result.peak) or w.task in (ONE_ROW, FIT_CALL):
        return None
    return 100 * w.multiply_adds / row.seconds / result.peak


def quantity(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def best_peer(result: Result) -> Row | None:
    """The fastest right one that is neither a level of nnfast nor written out for the sizes."""
    rows = [
        r for r in result.rows
        if r.right and r.rounds and r.name.split()[0] not in (*OWN, UNROLLED)
    ]  # fmt: skip
    return min(rows, key=lambda r: r.seconds, default=None)


def ratio(result: Result, other: Row | None) -> float | None:
    """How many times faster nnfast is."""
    ours = result.row(OURS)
    return other.seconds / ours.seconds if ours and other else None


def summary(results: list[Result]) -> str:
    """One line per workload: the best peer, and whether what must be is reached."""
    head = ("workload", "best peer", "time", "nnfast", "ratio", "must", "aim", "% peak", "must",
            "numpy", "python", "unrolled", "met")  # fmt: skip
    rows = [head, *(summary_cells(result) for result in results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = []
    for row in rows:
        cells = (
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    lines.append("")
    lines.append(
        "ratio, numpy, python, unrolled: how many times faster nnfast is than the best peer, its "
        'own levels\n"numpy" and "python" (~: from part of the work), and Numba with every '
        "multiplication written out."
    )
    return "\n".join(lines)


def summary_cells(result: Result) -> tuple[str, ...]:
    goal, best, ours = result.workload.goal, best_peer(result), result.row(OURS)
    peak = percent(ours, result) if ours else None
    own = []
    for name in ("numpy", "python", UNROLLED):
        row = result.row(name)
        mark = "~" if row and row.share < 1 else ""
        own.append(mark + number(ratio(result, row)))
    return (
        result.workload.key,
        best.name if best else "-",
        quantity(best.seconds / per_call(result)) if best else "-",
        quantity(ours.seconds / per_call(result)) if ours else "-",
        number(ratio(result, best)),
        number(goal.must),
        number(goal.aim),
        number(peak),
        number(goal.peak),
        *own,
        {True: "yes", False: "NO", None: "-"}[met(result)],
    )


def per_call(result: Result) -> int:
    """Times of calls are shown for one call."""
    return result.workload.calls


def met(result: Result) -> bool | None:
    """Whether every goal that could be measured is reached; None where none could."""
    goal, ours = result.workload.goal, result.row(OURS)
    if ours is None:
        return None
    pairs = [(ratio(result, best_peer(result)), goal.must), (percent(ours, result), goal.peak)]
    if result.workload.task != FIT_CALL:
        pairs += [(ratio(result, result.row(name)), least) for name, least in LEVELS.items()]
    answers = [have >= want for have, want in pairs if have is not None and want is not None]
    return all(answers) if answers else None


def number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def processor() -> str:
    """Name of the processor, as the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text()
        return next(v.split(":")[1].strip() for v in text.splitlines() if "model name" in v)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def figures(results: list[Result], peaks: dict[str, float], options: Any) -> dict[str, Any]:
    """Everything as plain numbers, for JSON."""
    return {
        "machine": {"processor": processor(), **nn.info()},
        "multiply_adds_per_second_of_one_core": peaks,
        "rounds": options.rounds,
        "seconds_per_contender": options.seconds,
        "workloads": [
            {
                "key": r.workload.key,
                "title": r.workload.title,
                "dtype": r.workload.dtype,
                "threads": r.workload.threads,
                "note": r.note,
                "multiply_adds": r.workload.multiply_adds,
                "peak_multiply_adds_per_second": finite(r.peak),
                "best_peer": best.name if (best := best_peer(r)) else None,
                "ratio": ratio(r, best),
                "goal": vars(r.workload.goal),
                "met": met(r),
                "contenders": [contender(row, r) for row in r.rows],
            }
            for r in results
        ],
    }


def contender(row: Row, result: Result) -> dict[str, Any]:
    return {
        "name": row.name,
        "seconds": finite(row.seconds),
        "rounds": row.rounds,
        "share_of_the_work_measured": row.share,
        "largest_relative_difference_from_float64": finite(row.difference),
        "right": row.right,
        "percent_of_peak": percent(row, result) if row.rounds else None,
        "note": row.note,
    }


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
