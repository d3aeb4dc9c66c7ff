"""Learning rates that change during training, each written once; see `nnfast.formulas`.

A schedule takes the place of a number: `SGD(learning_rate=CosineDecay(0.1, epochs=20))`. Its time t
counts epochs since the optimizer began, also over several calls of `fit`, and has fractions: update
u of the U in epoch e, both counted from 0, is made at t = e + u / U.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nnfast.formulas.checks import require_fraction, require_not_negative, require_positive

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Schedule:
    """What all schedules have in common: they begin at the rate `start`."""

    start: float

    name: ClassVar[str]

    def __post_init__(self) -> None:
        require_positive(self, "start")

    def __call__(self, t: Times) -> Times:
        """The learning rate at each time, in epochs."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Name and fields, which `read_schedule` understands."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class StepDecay(Schedule):
    """start factor^⌊t / epochs⌋: the rate is multiplied by `factor` after every `epochs` epochs.

    Raises ValueError for a factor outside [0, 1) or another field that is not positive.
    """

    factor: float = 0.5
    epochs: float = 10.0

    name: ClassVar[str] = "step_decay"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fraction(self, "factor")
        require_positive(self, "epochs")

    def __call__(self, t: Times) -> Times:
        return self.start * self.factor ** np.floor(t / self.epochs)


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """start factor^(t / epochs): as `StepDecay`, without steps.

    Raises ValueError for a factor outside [0, 1) or another field that is not positive.
    """

    factor: float = 0.5
    epochs: float = 10.0

    name: ClassVar[str] = "exponential_decay"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fraction(self, "factor")
        require_positive(self, "epochs")

    def __call__(self, t: Times) -> Times:
        return self.start * self.factor ** (t / self.epochs)


@dataclass(frozen=True)
class InverseTimeDecay(Schedule):
    """start / (1 + t / epochs): half of it after `epochs` epochs, a third after twice as many.

    The classical decay of stochastic approximation (Robbins & Monro 1951).

    Raises ValueError for a field that is not positive.
    """

    epochs: float = 10.0

    name: ClassVar[str] = "inverse_time_decay"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "epochs")

    def __call__(self, t: Times) -> Times:
        return self.start / (1 + t / self.epochs)


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """Half a wave of the cosine, from `start` to `end` (Loshchilov & Hutter 2017).

        t < warmup             start t / warmup
        warmup <= t < epochs   end + (start - end) (1 + cos(π s)) / 2,
                               s = (t - warmup) / (epochs - warmup)
        t >= epochs            end

    The linear warm-up (Goyal et al. 2017) is part of the `epochs`; its first update has rate 0.

    Raises ValueError for a start or epochs that are not positive, an end or warmup that is
    negative, and a warmup that leaves nothing of the epochs.
    """

    epochs: float = 10.0
    end: float = 0.0
    warmup: float = 0.0

    name: ClassVar[str] = "cosine_decay"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "epochs")
        require_not_negative(self, "end")
        require_not_negative(self, "warmup")
        if self.warmup >= self.epochs:
            raise ValueError(
                f"CosineDecay: warmup is {self.warmup!r}, of {self.epochs!r} epochs in all; "
                "expected less."
            )

    def __call__(self, t: Times) -> Times:
        s = np.clip((t - self.warmup) / (self.epochs - self.warmup), 0, 1)
        decay = self.end + (self.start - self.end) * (1 + np.cos(math.pi * s)) / 2
        if not self.warmup:
            return decay
        return np.where(t < self.warmup, self.start * t / self.warmup, decay)


SCHEDULES: dict[str, type[Schedule]] = {
    schedule.name: schedule
    for schedule in (StepDecay, ExponentialDecay, InverseTimeDecay, CosineDecay)
}


def read_schedule(description: dict[str, Any]) -> Schedule:
    """The schedule that `Schedule.to_dict` describes."""
    fields = dict(description)
    return SCHEDULES[fields.pop("name")](**fields)
