"""`python -m benchmarks`: measure nnfast and its peers, and print the tables."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import nnfast as nn
from benchmarks import ceiling, chart, data, report
from benchmarks.contest import Judge, Options, Result, contest
from benchmarks.peers import PEERS
from benchmarks.workloads import Case, Workload, select, shortened

MNIST = Path("..", "shared", "data", "mnist")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--only", default="", metavar="W1,W4", help="workloads; all without")
    add("--peers", default=",".join(PEERS), metavar="nnfast,numba", help="contenders; all without")
    add("--levels", default="fastest", metavar="fastest,avx2", help="levels of nnfast to measure")
    add("--rounds", type=int, default=5, help="turns that the contenders take (5)")
    add("--seconds", type=float, default=3.0, help="time per contender and workload (3)")
    add("--quick", action="store_true", help="a tenth of the work, two rounds, half a second")
    add("--data", type=Path, default=MNIST, metavar="FOLDER", help="folder of the MNIST files")
    add("--json", type=Path, metavar="FILE", help="write all figures")
    add("--chart", type=Path, metavar="FILE.svg", help="draw the ratios")
    return parser.parse_args()


def chosen_contenders(peers: str, levels: str) -> list[tuple[str, str, str]]:
    """(name, peer, level) of every contender; the first level of nnfast goes by its plain name.

    Raises ValueError for an unknown name.
    """
    names = [name for name in peers.split(",") if name]
    for name in names:
        if name not in PEERS:
            raise ValueError(f"there is no peer {name!r}; choose from {', '.join(PEERS)}.")
    contenders = []
    for name in names:
        if name != "nnfast":
            contenders.append((name, name, "fastest"))
            continue
        for i, level in enumerate(levels.split(",")):
            nn.levels.resolve(level)
            contenders.append((f"nnfast {level}" if i else "nnfast", name, level))
    return contenders


def run(
    workloads: list[Workload], contenders: list[tuple[str, str, str]], options: Options, mnist: Path
) -> list[Result]:
    """Measure everything, and print each table as it is ready."""
    results = []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    case: Case | None = None
    for workload in workloads:
        if workload.threads > (cores or 1):
            print(f"{workload.key}  needs {workload.threads} cores; skipped\n")
            continue
        if case is None or replace(case.workload, key="", threads=1, goal=workload.goal) != replace(
            workload, key="", threads=1
        ):
            case, note = data.make(workload, mnist)
            judge = Judge(case)
        case = Case(workload, case.X, case.Y, case.weights)
        result = contest(case, contenders, options, judge)
        result.note = note
        results.append(result)
        print(report.table(result) + "\n", flush=True)
    return results


def main() -> int:
    given = arguments()
    options = Options(given.rounds, given.seconds)
    try:
        workloads = select([key for key in given.only.split(",") if key])
        contenders = chosen_contenders(given.peers, given.levels)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if given.quick:
        workloads = [shortened(w) for w in workloads]
        options = Options(min(2, given.rounds), min(0.5, given.seconds))
    with tempfile.TemporaryDirectory() as folder:
        libraries = ceiling.build(Path(folder))
        options = replace(options, libraries=libraries)
        peaks = {
            f"{name} {dtype}": ceiling.measure(path, dtype, 1, 0.2)
            for name, path in libraries.items()
            for dtype in ("float32", "float64")
        }
        print(heading(peaks))
        results = run(workloads, contenders, options, given.data)
    print(report.summary(results))
    if given.json:
        text = json.dumps(report.figures(results, peaks, options), indent=1)
        given.json.write_text(text + "\n")
    if given.chart:
        try:
            chart.write(results, given.chart)
        except ImportError:
            print("the chart needs matplotlib, which is not installed", file=sys.stderr)
    return 0


def heading(peaks: dict[str, float]) -> str:
    lines = [f"{report.processor()}; nnfast {nn.__version__}, level {nn.info()['fastest_level']}"]
    if not peaks:
        lines.append("no C++ compiler was found: percentages of the FMA peak are left out")
    lines += [f"  {name}: {peak / 1e9:.1f} GFMA/s on one core" for name, peak in peaks.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
