"""How many threads the compiled levels may use. The results do not depend on it."""

from __future__ import annotations

import math
import operator
import os
from pathlib import Path

MOST = 1024

_chosen: int | None = None


def get_num_threads() -> int:
    """The largest number of threads that one call uses; small jobs use one.

    Unless `set_num_threads` has chosen: the processors this process may run on, or less where
    NNFAST_NUM_THREADS, OMP_NUM_THREADS or the quota of a container (cgroup) says so.
    """
    global _chosen
    if _chosen is None:
        _chosen = _default()
    return _chosen


def set_num_threads(n: int) -> None:
    """Let one call use up to n threads.

    Raises TypeError unless n is a whole number, ValueError unless it is from 1 to 1024.
    """
    global _chosen
    if isinstance(n, bool):
        raise TypeError(f"set_num_threads({n!r}): expected a whole number.")
    try:
        count = operator.index(n)
    except TypeError:
        raise TypeError(f"set_num_threads({n!r}): expected a whole number.") from None
    if not 1 <= count <= MOST:
        raise ValueError(f"set_num_threads({count}): expected a number from 1 to {MOST}.")
    _chosen = count


def _default() -> int:
    limits = [_processors(), _quota()]
    for variable in ("NNFAST_NUM_THREADS", "OMP_NUM_THREADS"):
        # OpenMP allows one number per level of nesting: the first counts
        text = os.environ.get(variable, "").split(",")[0].strip()
        if text.isdecimal() and int(text) > 0:
            limits.append(int(text))
            break
    return max(1, min(*limits, MOST))


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota() -> int:
    """Whole processors that the control group grants; any number where it sets no quota."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        return 2**31
