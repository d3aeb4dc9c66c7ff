"""Batch methods in NumPy, on any objective: the text that shows how they work.

The state of a method lies in `TrainingState`: `slots`, rows as long as the parameters; `scalars`;
and `step`, the number of iterations made. An iteration is a function of these, the parameters and
the data, so that a training can be stopped between any two.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from nnfast.formulas import LBFGS, LOSSES, SCG, BatchMethod, LevenbergMarquardt, Quickprop, Rprop
from nnfast.levels.contract import (
    NO_CONTROL,
    Architecture,
    Array,
    Control,
    DivergenceError,
    TrainingState,
)

Step = tuple["Point", str]  # where an iteration ends, and why it should be the last, or ""


class Derivatives(Protocol):
    """The part of a level, in float64, that batch methods are made of."""

    architecture: Architecture

    def forward(self, parameters: Array, X: Array) -> Any: ...

    def loss_and_gradient(
        self, parameters: Array, X: Array, Y: Array, sample_weight: Array | None
    ) -> tuple[float, Any]: ...

    def jacobian(self, parameters: Array, X: Array) -> Any: ...


class Point:
    """Parameters, with the loss and the gradient there."""

    def __init__(self, objective: Objective, p: Array) -> None:
        self.p = p
        self.f, self.g = objective(p)


class Objective:
    """The mean loss of all rows with the penalties, as a function of the parameters.

    The parameters of a float32 network are rounded before they are evaluated; all else is float64.
    Frozen parameters, whose factor in `control` is 0, have a gradient of 0.
    """

    def __init__(
        self,
        level: Derivatives,
        X: Array,
        Y: Array,
        sample_weight: Array | None = None,
        control: Control = NO_CONTROL,
    ) -> None:
        self.level, self.X, self.Y = level, X.astype(np.float64), Y.astype(np.float64)
        self.weights = None if sample_weight is None else sample_weight.astype(np.float64)
        self.loss = LOSSES[level.architecture.loss]
        self.single = level.architecture.dtype == "float32"
        count = level.architecture.parameter_count
        self.free = np.ones(count, bool) if control.factors is None else control.factors != 0

    def __call__(self, p: Array) -> tuple[float, Array]:
        try:
            with np.errstate(all="ignore"):
                loss, gradient = self.level.loss_and_gradient(p, self.X, self.Y, self.weights)
                return float(loss), np.asarray(gradient) * self.free
        except OverflowError:  # of math.exp
            return math.inf, np.full_like(p, math.nan)

    def move(self, now: Array, step: Array) -> Array:
        """The parameters after a step."""
        p: Array = np.where(self.free, now + step, now)
        return p.astype(np.float32).astype(np.float64) if self.single else p

    def gauss_newton(self, p: Array) -> Array:
        """(parameters, parameters), as `LevenbergMarquardt` defines H."""
        assert self.loss.curvature is not None
        a = np.asarray(self.level.forward(p, self.X))
        J = np.asarray(self.level.jacobian(p, self.X))  # (n, outputs, parameters)
        with np.errstate(divide="ignore"):
            c = self.loss.curvature(a) / (a.size if self.loss.mean else len(a))
        if self.weights is not None:
            c = c * self.weights[:, None]
        # where a saturated output has an infinite curvature, its derivatives are zero
        J = (J * np.sqrt(np.where(np.isfinite(c), c, 0))[:, :, None]).reshape(a.size, -1)
        H: Array = (J * self.free).T @ (J * self.free)
        ridge = np.zeros_like(p)
        views = self.level.architecture.views(ridge)
        for rule, (W, _) in zip(self.level.architecture.regularization, views, strict=True):
            W[:] = rule.l2
        H += np.diag(ridge)
        return H


def minimise(
    objective: Objective,
    parameters: Array,
    state: TrainingState,
    method: BatchMethod,
    iterations: int,
) -> tuple[list[float], str]:
    """What `Level.minimise` describes."""
    before = parameters.copy(), state.copy()
    iterate = ITERATIONS[type(method)]
    losses: list[float] = []
    now, reason = Point(objective, parameters.astype(np.float64)), ""
    while len(losses) < iterations and not reason:
        losses.append(now.f)
        if not np.isfinite(now.f):
            parameters[:] = before[0]
            state.restore(before[1])
            raise DivergenceError("the training diverged", losses)
        if method.loss_goal is not None and now.f <= method.loss_goal:
            return losses, "goal"
        if abs(now.g).max() <= method.gradient_tolerance:
            return losses, "gradient"
        after = state.copy()  # an interruption ends between two iterations
        now, reason = iterate(objective, now, after, method)
        after.step += 1
        parameters[:] = now.p
        state.restore(after)
    return losses, reason


def is_small(step: Array, now: Point, method: BatchMethod) -> bool:
    """Whether no parameter moves by more than `step_tolerance` allows."""
    tolerance = method.step_tolerance
    return bool(abs(step).max() <= tolerance * (tolerance + abs(now.p).max()))


def rprop(objective: Objective, now: Point, state: TrainingState, method: Rprop) -> Step:
    """Slots: step sizes, last gradient, last move. Scalar: the last loss."""
    if state.step == 0:
        state.slots[0] = method.initial_step
    size, last, move = state.slots
    agrees, turns = last * now.g > 0, last * now.g < 0
    size[agrees] = np.minimum(size[agrees] * method.increase, method.largest_step)
    size[turns] = np.maximum(size[turns] * method.decrease, method.smallest_step)
    g = np.where(turns, 0, now.g)
    worse = method.variant == "irprop+" and state.step > 0 and now.f > state.scalars[0]
    move[:] = np.where(turns & worse, -move, -np.sign(g) * size)
    last[:] = g
    state.scalars[0] = now.f
    return Point(objective, objective.move(now.p, move)), "step" if is_small(
        size, now, method
    ) else ""


def quickprop(objective: Objective, now: Point, state: TrainingState, method: Quickprop) -> Step:
    """Slots: last gradient, last move."""
    last, move = state.slots
    g = now.g + method.decay * now.p
    shrink = method.mu / (1 + method.mu)
    far = np.where(move > 0, g < shrink * last, g > shrink * last)
    with np.errstate(divide="ignore", invalid="ignore"):
        jump = np.where(far, method.mu * move, move * (g / (last - g)))
    jump = np.where(move == 0, 0, jump)
    onward = (move == 0) | (g * move < 0)
    move[:] = jump - np.where(onward, method.learning_rate * g, 0)
    last[:] = g
    then = Point(objective, objective.move(now.p, move))
    return then, "step" if is_small(then.p - now.p, now, method) else ""


def lbfgs(objective: Objective, now: Point, state: TrainingState, method: LBFGS) -> Step:
    """Slots: s, then y, of `memory` pairs in turn. Scalars: pairs seen, and 1 / (s y) of each."""
    m = method.memory
    S, Y, rho = state.slots[:m], state.slots[m:], state.scalars[1:]
    pairs = int(state.scalars[0])
    while True:
        places = [k % m for k in range(max(0, pairs - m), pairs)]  # the oldest first
        d = -two_loops(now.g, S[places], Y[places], rho[places])
        length = 1.0 if pairs else min(1.0, 1 / abs(now.g).sum())
        then = line_search(objective, now, d, length) if now.g @ d < 0 else None
        if then is not None:
            break
        if pairs == 0:
            return now, "descent"
        pairs = 0  # once more, along the gradient
    if then.f >= now.f and abs(then.g).max() >= abs(now.g).max():
        return now, "descent"  # both within rounding: nothing is gained any more
    s, y = then.p - now.p, then.g - now.g
    if s @ y > np.finfo(float).eps * (y @ y):
        place = pairs % m
        S[place], Y[place], rho[place] = s, y, 1 / (s @ y)
        pairs += 1
    state.scalars[0] = pairs
    return then, "step" if is_small(s, now, method) else ""


def two_loops(g: Array, S: Array, Y: Array, rho: Array) -> Array:
    """H g by algorithm 7.4."""
    q: Array = g.copy()
    alphas: list[float] = []
    for s, y, r in zip(S[::-1], Y[::-1], rho[::-1], strict=True):
        alphas.append(r * (s @ q))
        q -= alphas[-1] * y
    if len(S):
        q /= rho[-1] * (Y[-1] @ Y[-1])
    for s, y, r in zip(S, Y, rho, strict=True):
        q += (alphas.pop() - r * (y @ q)) * s
    return q


class Trial:
    """A point on a line, its length, loss and slope there."""

    def __init__(self, length: float, point: Point, d: Array) -> None:
        self.length, self.point = length, point
        self.f = point.f if np.isfinite(point.f) else np.inf
        self.slope = float(point.g @ d)


def line_search(objective: Objective, now: Point, d: Array, length: float) -> Point | None:
    """A point that fulfils the strong Wolfe conditions, or at least is lower; None without."""
    sufficient, curvature, noise = 1e-4, 0.9, 1e-15
    start = Trial(0.0, now, d)
    low, high = start, None
    for _ in range(30):
        trial = Trial(length, Point(objective, objective.move(now.p, length * d)), d)
        decreases = trial.f <= start.f + sufficient * length * start.slope
        if decreases and abs(trial.slope) <= -curvature * start.slope:
            return trial.point
        # below the rounding of the loss the slopes tell (Hager & Zhang 2005)
        flat = trial.f <= start.f + noise * abs(start.f)
        most = (2 * sufficient - 1) * start.slope
        if flat and not decreases and curvature * start.slope <= trial.slope <= most:
            return trial.point
        if not decreases or (low is not start and trial.f >= low.f):
            high = trial
        elif high is None and trial.slope < 0:  # still downhill: further
            length = float(np.clip(cubic_minimum(low, trial), 2 * length, 10 * length))
            low = trial
            continue
        else:
            if high is None or trial.slope * (high.length - low.length) >= 0:
                high = low
            low = trial
        left, width = min(low.length, high.length), abs(high.length - low.length)
        length = float(np.clip(cubic_minimum(low, high), left + 0.1 * width, left + 0.9 * width))
    return low.point if low.f < start.f else None


def cubic_minimum(a: Trial, b: Trial) -> float:
    """The length of the minimum of the cubic through two trials (3.59), or else their middle."""
    with np.errstate(all="ignore"):
        difference = np.float64(b.length - a.length)
        d1 = a.slope + b.slope - 3 * (b.f - a.f) / difference
        d2 = np.copysign(np.sqrt(d1 * d1 - a.slope * b.slope), difference)
        length = b.length - difference * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2)
    return float(length) if np.isfinite(length) else (a.length + b.length) / 2


def scg(objective: Objective, now: Point, state: TrainingState, method: SCG) -> Step:
    """Slot: the direction. Scalars: lambda, lambda-bar, delta, 1 after a step that was refused."""
    scale, scale_bar, delta, refused = state.scalars.tolist()
    p, r = state.slots[0].copy(), -now.g
    if state.step == 0:
        scale, scale_bar = method.initial_lambda, 0.0
    if restart := state.step == 0 or not p @ r > 0:
        p = r
    mu, square = p @ r, p @ p
    if restart or not refused:  # curvature along the direction
        length = method.sigma / np.sqrt(square)
        delta = p @ (Point(objective, objective.move(now.p, length * p)).g - now.g) / length
    delta += (scale - scale_bar) * square
    if delta <= 0:  # makes the Hessian positive
        scale_bar = 2 * (scale - delta / square)
        delta = -delta + scale * square
        scale = scale_bar
    then = Point(objective, objective.move(now.p, mu / delta * p))
    comparison = 2 * delta * (now.f - then.f) / mu**2
    if not np.isfinite(comparison):
        comparison = -1.0
    small = is_small(then.p - now.p, now, method)
    if comparison >= 0:
        scale_bar = 0.0
        again = (state.step + 1) % len(p) == 0
        beta = 0.0 if again else (then.g @ then.g - then.g @ now.g) / mu
        p = beta * p - then.g
        if comparison >= 0.75:
            scale /= 4
    else:
        scale_bar = scale
    if comparison < 0.25:
        scale += delta * (1 - comparison) / square
    state.slots[0] = p
    state.scalars[:] = scale, scale_bar, delta, comparison < 0
    return then if comparison >= 0 else now, "step" if small else ""


def levenberg_marquardt(
    objective: Objective, now: Point, state: TrainingState, method: LevenbergMarquardt
) -> Step:
    """Scalars: damping mu, and nu, by which it grows next."""
    H = objective.gauss_newton(now.p)
    mu, nu = state.scalars.tolist()
    if state.step == 0:
        mu, nu = method.initial_damping * (H.diagonal().max() or 1.0), 2.0
    while np.isfinite(mu):
        d = solve_positive(H + mu * np.eye(len(H)), -now.g)
        if d is not None:
            p = objective.move(now.p, d)
            if is_small(p - now.p, now, method):
                return now, "step"
            then = Point(objective, p)
            gain = (now.f - then.f) / (d @ (mu * d - now.g) / 2)
            if gain > 0:
                mu *= max(1 / 3, 1 - (2 * gain - 1) ** 3)
                state.scalars[:] = max(mu, 1e-20), 2.0
                return then, ""
        mu, nu = mu * nu, nu * 2
    return now, "descent"


def solve_positive(A: Array, b: Array) -> Array | None:
    """x with A x = b by Cholesky's factors; None where A is not positive definite."""
    try:
        L = np.linalg.cholesky(A)
    except np.linalg.LinAlgError:
        return None
    x: Array = np.linalg.solve(L.T, np.linalg.solve(L, b))
    return x


ITERATIONS: dict[type[BatchMethod], Callable[[Objective, Point, TrainingState, Any], Step]] = {
    Rprop: rprop,
    Quickprop: quickprop,
    LBFGS: lbfgs,
    SCG: scg,
    LevenbergMarquardt: levenberg_marquardt,
}
