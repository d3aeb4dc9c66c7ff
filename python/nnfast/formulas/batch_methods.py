"""Batch methods: optimizers that look at all rows before every step, for small networks.

Each class tells what it computes and holds its settings; the steps themselves are in
`nnfast.levels.batch_methods` for NumPy and in `cpp/` for the compiled levels.

    p  parameters      g  gradient of the mean loss over all rows      f  that loss
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import ClassVar

from nnfast.formulas.checks import (
    require_fraction,
    require_not_negative,
    require_number,
    require_positive,
)
from nnfast.formulas.losses import LOSSES


@dataclass(frozen=True, kw_only=True)
class BatchMethod:
    """What the batch methods share: when they stop before all epochs are done.

    gradient_tolerance: stop where no entry of the gradient is larger.
    loss_goal: stop where the loss is not larger; None has no goal.
    step_tolerance: stop where the longest step of a parameter is at most
        step_tolerance (step_tolerance + largest parameter) (Madsen, Nielsen & Tingleff 2004); 0
        stops where no parameter moves any more.

    Raises ValueError for a negative tolerance or a loss goal that is not finite.
    """

    gradient_tolerance: float = 1e-10
    loss_goal: float | None = None
    step_tolerance: float = 0.0

    name: ClassVar[str]
    scalars: ClassVar[int] = 0  # numbers of state beside the slots

    def __post_init__(self) -> None:
        require_not_negative(self, "gradient_tolerance")
        require_not_negative(self, "step_tolerance")
        if self.loss_goal is not None and not math.isfinite(require_number(self, "loss_goal")):
            raise ValueError(
                f"{type(self).__name__}: loss_goal is {self.loss_goal!r}; expected a finite "
                "number or None."
            )

    @property
    def slots(self) -> int:
        """Vectors of state that are kept, each as long as the parameters."""
        raise NotImplementedError

    @property
    def settings(self) -> list[float]:
        """The fields as numbers, in the order of their declaration, for C++."""
        goal = -math.inf if self.loss_goal is None else self.loss_goal
        own = [getattr(self, field.name) for field in fields(self)[len(fields(BatchMethod)) :]]
        numbers = [Rprop.VARIANTS.index(v) if isinstance(v, str) else v for v in own]
        return [self.gradient_tolerance, goal, self.step_tolerance, *map(float, numbers)]

    def check(self, parameters: int, loss: str) -> None:
        """Raise ValueError for a network that the method is not made for."""


@dataclass(frozen=True)
class Rprop(BatchMethod):
    """Resilient propagation (Riedmiller & Braun 1993): every parameter has a step size of its own.

    The size grows by `increase` where the gradient kept its sign, and shrinks by `decrease` where
    it changed it; the step goes against the sign of g, and how large g is does not matter.

    variant: after a change of sign, "irprop-" lets the parameter stay for one iteration; "irprop+"
        takes its last step back if the loss has grown (Igel & Hüsken 2000, 2003).
    initial_step, smallest_step, largest_step: of the step sizes.

    Raises ValueError for an unknown variant or for settings out of order.
    """

    variant: str = "irprop-"
    increase: float = 1.2
    decrease: float = 0.5
    initial_step: float = 0.1
    smallest_step: float = 1e-6
    largest_step: float = 50.0

    name: ClassVar[str] = "rprop"
    scalars: ClassVar[int] = 1  # the last loss
    VARIANTS: ClassVar[tuple[str, ...]] = ("irprop-", "irprop+")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant not in self.VARIANTS:
            raise ValueError(
                f"Rprop: variant is {self.variant!r}; choose from {', '.join(self.VARIANTS)}."
            )
        if not require_number(self, "increase") > 1:
            raise ValueError(f"Rprop: increase is {self.increase!r}; expected more than 1.")
        require_fraction(self, "decrease")
        for field in ("decrease", "initial_step", "smallest_step", "largest_step"):
            require_positive(self, field)
        if not self.smallest_step <= self.initial_step <= self.largest_step:
            raise ValueError(
                f"Rprop: initial_step is {self.initial_step!r}; expected a number from "
                f"smallest_step, {self.smallest_step!r}, to largest_step, {self.largest_step!r}."
            )

    @property
    def slots(self) -> int:
        """The step sizes, the last gradient, the last move."""
        return 3


@dataclass(frozen=True)
class Quickprop(BatchMethod):
    """Quickprop (Fahlman 1988): every parameter jumps to the minimum of its own parabola.

    The parabola goes through the last two slopes; with the last move d and gradient g',

        d <- d g / (g' - g)       but mu d where that is further, or the parabola opens downward
        d <- ... - learning_rate g     at first, and while the gradient points on
        p <- p + d

    learning_rate: epsilon, for the gradient of the mean loss (FANN's default).
    mu: the most that a move may grow.
    decay: adds decay p to the gradient. Fahlman used 0.0001, which keeps weights small; the minimum
        is then not that of the loss.

    Raises ValueError for a learning rate or mu that is not positive, or a negative decay.
    """

    learning_rate: float = 0.7
    mu: float = 1.75
    decay: float = 0.0

    name: ClassVar[str] = "quickprop"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "learning_rate")
        require_positive(self, "mu")
        require_not_negative(self, "decay")

    @property
    def slots(self) -> int:
        """The last gradient, the last move."""
        return 2


@dataclass(frozen=True)
class LBFGS(BatchMethod):
    """L-BFGS (Liu & Nocedal 1989), as algorithms 7.4 and 7.5 of Nocedal & Wright (2006).

    The direction is -H g, where H, an approximation of the inverse Hessian, is made of the last
    `memory` steps and changes of gradient. Each step is as long as the strong Wolfe conditions ask
    (c1 = 1e-4, c2 = 0.9), found by bracketing and cubic interpolation (algorithms 3.5 and 3.6), and
    near the end by the approximate ones of Hager & Zhang (2005). One iteration evaluates the loss
    one to three times.

    Raises ValueError for a memory below 1 or above 1,000.
    """

    memory: int = 10

    name: ClassVar[str] = "lbfgs"

    def __post_init__(self) -> None:
        super().__post_init__()
        memory = require_number(self, "memory")
        if memory != math.floor(memory) or not 1 <= memory <= 1000:
            raise ValueError(
                f"LBFGS: memory is {self.memory!r}; expected a whole number from 1 to 1,000."
            )
        object.__setattr__(self, "memory", int(memory))

    @property
    def slots(self) -> int:
        """The steps s, then the changes of gradient y."""
        return 2 * self.memory

    @property
    def scalars(self) -> int:  # type: ignore[override]
        """How many pairs (s, y) there were, and 1 / (s y) of those that are kept."""
        return 1 + self.memory


@dataclass(frozen=True)
class SCG(BatchMethod):
    """Scaled conjugate gradients (Møller 1993): no line search, two gradients per iteration.

    The curvature along the direction comes from a difference of gradients; a scale, raised where
    that is negative or predicts the loss badly, keeps the step in the region that it describes. An
    iteration whose step would raise the loss is not made, and counts.

    sigma: of the difference, relative to the direction; initial_lambda: the first scale.

    Raises ValueError where one of them is not positive.
    """

    sigma: float = 1e-4
    initial_lambda: float = 1e-6

    name: ClassVar[str] = "scg"
    scalars: ClassVar[int] = 4  # lambda, lambda-bar, delta, whether the last step was refused

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "sigma")
        require_positive(self, "initial_lambda")

    @property
    def slots(self) -> int:
        """The direction."""
        return 1


@dataclass(frozen=True)
class LevenbergMarquardt(BatchMethod):
    """The Levenberg-Marquardt method (Levenberg 1944, Marquardt 1963; Hagan & Menhaj 1994).

        (H + mu I) d = -g,   p <- p + d,   H = mean over the rows of J^T C J

    J (outputs, parameters) is the Jacobian of a row's outputs, C the diagonal of the loss's
    expected second derivatives: 2 / outputs for "mean_squared_error", 1 for "quadratic"; for a
    cross-entropy H is the Fisher matrix (the generalised Gauss-Newton matrix). mu follows the ratio
    of the decrease to the predicted one (Nielsen 1999); a step that would raise the loss is tried
    again with larger mu within the iteration. The damping is Levenberg's: Marquardt's, a multiple
    of H's diagonal, lets the weights of saturated units run away.

    initial_damping: the first mu, relative to the largest entry of H's diagonal.

    Takes 8 parameters² bytes and, per iteration, rows x outputs x parameters² / 2 + parameters³ / 6
    multiplications.

    Raises ValueError where initial_damping is not positive.
    """

    initial_damping: float = 1e-3

    name: ClassVar[str] = "levenberg_marquardt"
    scalars: ClassVar[int] = 2  # mu, and the factor by which it grows next
    MOST_PARAMETERS: ClassVar[int] = 5000

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "initial_damping")

    @property
    def slots(self) -> int:
        """None."""
        return 0

    def check(self, parameters: int, loss: str) -> None:
        if parameters > self.MOST_PARAMETERS:
            raise ValueError(
                f"LevenbergMarquardt solves for all parameters at once and takes networks of at "
                f"most {self.MOST_PARAMETERS:,}; this one has {parameters:,}. Use LBFGS() or SCG()."
            )
        if LOSSES[loss].curvature is None:
            fitting = ", ".join(name for name, one in LOSSES.items() if one.curvature)
            raise ValueError(
                f"LevenbergMarquardt is not defined for the loss {loss!r}, but for {fitting}. "
                "Use LBFGS() or SCG()."
            )


BATCH_METHODS: dict[str, type[BatchMethod]] = {
    method.name: method for method in (Rprop, Quickprop, LBFGS, SCG, LevenbergMarquardt)
}


def stop_reason(reason: str, method: BatchMethod) -> str:
    """The sentence for a reason that `Level.minimise` gives."""
    return {
        "goal": f"The loss has reached the goal of {method.loss_goal!r}.",
        "gradient": (
            "The method has converged: no entry of the gradient is larger than "
            f"{method.gradient_tolerance!r}."
        ),
        "step": (
            "The method has converged: no parameter moves by more than step_tolerance "
            f"{method.step_tolerance!r} allows."
        ),
        "descent": ("The method has converged: within rounding, no step lowers the loss any more."),
    }[reason]
