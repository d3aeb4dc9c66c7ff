"""What a training run shows: its history, and a progress line while it lasts."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class History:
    """What one `fit` recorded: a list with one number per epoch under each name.

    `history["loss"]` is the mean loss over the rows of each epoch, every batch measured before the
    update it causes; with full batches `history["loss"][0]` is the loss of the initial weights.

    stop_reason: a sentence, where a batch method stopped before all epochs were done; else "".
    """

    def __init__(self) -> None:
        self.stop_reason = ""
        self._records: dict[str, list[float]] = {"loss": []}

    def __getitem__(self, name: str) -> list[float]:
        if name not in self._records:
            raise KeyError(f"no record {name!r}; this history has {', '.join(self._records)}")
        return self._records[name]

    def __contains__(self, name: object) -> bool:
        return name in self._records

    @property
    def epochs(self) -> int:
        """Number of epochs recorded."""
        return len(self._records["loss"])

    def to_dict(self) -> dict[str, list[float]]:
        """A copy as plain lists."""
        return {name: list(values) for name, values in self._records.items()}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the loss of each epoch into `ax`, or into a new figure, and return the axes.

        Needs matplotlib: `pip install "nnfast[plot]"`. Nothing is shown: `plt.show()` does that.
        """
        try:
            from matplotlib import pyplot
        except ImportError:
            raise ImportError(
                'History.plot draws with matplotlib; install it with: pip install "nnfast[plot]"'
            ) from None
        if ax is None:
            ax = pyplot.figure().add_subplot()
        for name, values in self._records.items():
            ax.plot(range(len(values)), values, label=name)
        ax.set_xlabel("epoch")
        ax.set_ylabel("loss")
        return ax

    def __repr__(self) -> str:
        losses = self._records["loss"]
        if not losses:
            return "History(0 epochs)"
        span = f"{losses[0]:.4g}" + (f" -> {losses[-1]:.4g}" if len(losses) > 1 else "")
        return f"History({len(losses)} epoch{'s' if len(losses) > 1 else ''}, loss {span})"


class Progress:
    """One line about a running training, rewritten (verbose 1) or repeated (verbose 2).

    "auto" is 1 on a terminal and in a notebook and 0 elsewhere, and stays silent for the first
    half second. It writes at most ten times a second.
    """

    INTERVAL = 0.1  # s
    SILENCE = 0.5  # s, with "auto"
    BAR = 20  # characters

    def __init__(self, verbose: int | str, epochs: int) -> None:
        self.epochs = epochs
        self.start = self.last = time.monotonic()
        self.stream = sys.stdout
        self.style = int(_is_interactive(self.stream)) if verbose == "auto" else int(verbose)
        if self.stream is None:  # Python without a console, such as pythonw
            self.style = 0
        self.silence = self.SILENCE if verbose == "auto" else 0.0
        self.width = 0

    def update(self, done: int, loss: float) -> None:
        """`done` epochs are over, the last with this loss."""
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
        line += f" {_duration(elapsed)} - {_duration(elapsed / done)}/epoch - loss {loss:.4g}"
        if not last:
            line += f" - eta {_duration(elapsed / done * (self.epochs - done))}"
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


class EpochClock:
    """Chooses how many epochs to hand to a level at once: as many as fit in 50 ms.

    A call costs more than an epoch of four rows; but between calls the progress line is written.
    The first call takes `first` of them.
    """

    TARGET = 0.05  # s

    def __init__(self, epochs: int, first: int) -> None:
        self.left = epochs
        self.size = max(1, first)
        self.started = 0.0

    def next(self) -> int:
        """Epochs for the next call; 0 when all are done."""
        self.size = min(self.size, self.left)
        self.started = time.perf_counter()
        return self.size

    def done(self, losses: Sequence[float]) -> None:
        """The call that began with `next` is over."""
        elapsed = time.perf_counter() - self.started
        self.left -= len(losses)
        fitting = int(self.size * self.TARGET / max(elapsed, 1e-9))
        self.size = max(1, min(fitting, 16 * self.size))
