"""The line that a training shows while it lasts."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any


class Progress:
    """One line about a running training, rewritten (verbose 1) or repeated (verbose 2).

    "auto" is 1 on a terminal and in a notebook and 0 elsewhere, and stays silent for the first
    half second. It writes at most ten times a second.
    """

    INTERVAL = 0.1  # s
    SILENCE = 0.5  # s, with "auto"
    BAR = 20  # characters

    def __init__(self, verbose: int | str, epochs: int, done: int = 0) -> None:
        self.epochs = epochs
        self.before = done  # epochs of an earlier run that this one resumes
        self.start = self.last = time.monotonic()
        self.stream = sys.stdout
        self.style = int(_is_interactive(self.stream)) if verbose == "auto" else int(verbose)
        if self.stream is None:  # Python without a console, such as pythonw
            self.style = 0
        self.silence = self.SILENCE if verbose == "auto" else 0.0
        self.width = 0

    def update(self, done: int, logs: Mapping[str, float]) -> None:
        """`done` epochs are over, the last with these records."""
        now = time.monotonic()
        elapsed = now - self.start
        last = done == self.epochs
        if not self.style or elapsed < self.silence:
            return
        if now - self.last < self.INTERVAL and not last:
            return
        self.last = now
        line = f"epoch {done}/{self.epochs}"
        if self.style == 1:
            filled = self.BAR * done // self.epochs
            line += " [" + "=" * filled + "." * (self.BAR - filled) + "]"
        each = elapsed / (done - self.before)
        line += f" {_duration(elapsed)} - {_duration(each)}/epoch"
        line += "".join(f" - {name} {value:.4g}" for name, value in logs.items())
        if not last:
            line += f" - eta {_duration(each * (self.epochs - done))}"
        if self.style == 1:
            self.stream.write("\r" + line.ljust(self.width))
            self.width = len(line)
        else:
            self.stream.write(line + "\n")
        self.stream.flush()

    def close(self) -> None:
        """End the rewritten line."""
        if self.width:
            self.stream.write("\n")
            self.stream.flush()


def _is_interactive(stream: Any) -> bool:
    isatty = getattr(stream, "isatty", None)  # a replaced stdout may have nothing but write
    return bool(isatty and isatty()) or type(stream).__module__.startswith("ipykernel")


def _duration(seconds: float) -> str:
    if seconds >= 59.95:  # less is at most 59.9s in three digits
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}m{rest:02}s"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= 0.9995 * size:
            return f"{seconds / size:.3g}{unit}"
    return f"{seconds * 1e6:.3g}us"
