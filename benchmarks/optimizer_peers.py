"""The contenders of `benchmarks.optimizers`: nnfast, scikit-learn and PyTorch, one interface."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nnfast as nn
from nnfast.formulas import BATCH_METHODS, OPTIMIZERS

Floats = NDArray[np.float64]

# Where the defaults are no good choice for small problems. The peers' SGD and Adam get the same.
SETTINGS: dict[str, dict[str, float]] = {
    "sgd": {"learning_rate": 0.1, "momentum": 0.9},
    "adagrad": {"learning_rate": 0.1},
    "rmsprop": {"learning_rate": 0.003},
    "adam": {"learning_rate": 0.01},
    "adamw": {"learning_rate": 0.01, "weight_decay": 1e-4},
    "nadam": {"learning_rate": 0.01},
}


@dataclass(frozen=True)
class Problem:
    """Data, network and goal. y: (n,) labels, or (n, outputs) numbers of a regression.

    hidden: the units of the hidden layers, all tanh.
    """

    name: str
    X: Floats
    y: NDArray[Any]
    hidden: tuple[int, ...]
    goal: float

    @property
    def regression(self) -> bool:
        return self.y.dtype.kind == "f"

    @property
    def batch_size(self) -> int:
        """Rows per update of the first-order methods."""
        return 32 if len(self.X) > 64 else len(self.X)

    @property
    def outputs(self) -> int:
        classes = 0 if self.regression else int(self.y.max()) + 1
        return self.y.shape[1] if self.regression else 1 if classes == 2 else classes

    def network(self, seed: int) -> nn.Network:
        """The initial weights of this seed; the loss is the one that belongs to the last layer."""
        last = "linear" if self.regression else "sigmoid" if self.outputs == 1 else "softmax"
        layers = [nn.Dense(units, "tanh") for units in self.hidden]
        return nn.Network(
            [self.X.shape[1], *layers, nn.Dense(self.outputs, last)], dtype="float64", seed=seed
        )


class Run:
    """One contender on one problem from the initial weights of one seed."""

    full_batch = False

    def __init__(self, problem: Problem, seed: int) -> None:
        self.problem, self.seed = problem, seed
        self.start = problem.network(seed)

    def curve(self, seconds: float) -> list[float]:
        """The objective of every epoch until the goal, the time limit or the method's own end."""
        raise NotImplementedError

    def timed(self, epochs: int) -> tuple[float, int]:
        """Seconds of a training of so many entries of the curve, and how many epochs those are."""
        raise NotImplementedError


class Ours(Run):
    def __init__(self, name: str, problem: Problem, seed: int) -> None:
        super().__init__(problem, seed)
        kinds: dict[str, Any] = {**OPTIMIZERS, **BATCH_METHODS}
        self.optimizer = kinds[name](**SETTINGS.get(name, {}))
        self.full_batch = name in BATCH_METHODS

    def _fit(self, network: nn.Network, epochs: int, callbacks: list[nn.Callback]) -> nn.Network:
        network.fit(
            self.problem.X,
            self.problem.y,
            epochs=epochs,
            batch_size=self.problem.batch_size,
            optimizer=self.optimizer,
            callbacks=callbacks,
            verbose=0,
        )
        return network

    def curve(self, seconds: float) -> list[float]:
        network = self.start.copy()
        try:
            limits = [nn.LossGoal(self.problem.goal), nn.TimeLimit(seconds)]
            self._fit(network, 10**7, limits)
        except nn.DivergenceError:
            return []
        return list(network.history["loss"])

    def timed(self, epochs: int) -> tuple[float, int]:
        network = self.start.copy()
        begun = time.perf_counter()
        self._fit(network, epochs, [])
        return time.perf_counter() - begun, epochs


class Enough(Exception):  # noqa: N818  (the goal or the limit, no error)
    """Raised inside scikit-learn's training, which has no other way to be ended."""


class Scikit(Run):
    """The estimator is subclassed to start from our weights and to see the loss."""

    def __init__(self, solver: str, problem: Problem, seed: int) -> None:
        super().__init__(problem, seed)
        self.solver, self.full_batch = solver, solver == "lbfgs"
        self.y = problem.y.ravel()

    def _estimator(self, watch: Callable[[float], None] | None, **limits: int) -> Any:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        base: Any = MLPRegressor if self.problem.regression else MLPClassifier
        weights = iter(self.start.weights)

        class Started(base):
            def _init_coef(self, *_: Any) -> tuple[Floats, Floats]:
                W, b = next(weights)
                return W.copy(), b.copy()

        class Watched(Started):
            def _loss_grad_lbfgs(self, *arguments: Any) -> Any:
                loss, gradient = super()._loss_grad_lbfgs(*arguments)
                watch(loss)
                return loss, gradient

            def _update_no_improvement_count(self, *_: Any) -> None:
                watch(self.loss_)

        return (Watched if watch else Started)(
            hidden_layer_sizes=self.problem.hidden,
            activation="tanh",
            solver=self.solver,
            alpha=0.0,
            batch_size=self.problem.batch_size,
            learning_rate_init=SETTINGS.get(self.solver, {}).get("learning_rate", 0.001),
            momentum=SETTINGS["sgd"]["momentum"],
            nesterovs_momentum=False,
            tol=0.0,
            n_iter_no_change=10**7,
            random_state=self.seed,
            **{"max_iter": 10**7, "max_fun": 10**7, **limits},
        )

    def _fit(self, estimator: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the limit of epochs is reached, as intended
            return estimator.fit(self.problem.X, self.y)

    def curve(self, seconds: float) -> list[float]:
        """Of L-BFGS every evaluation."""
        losses: list[float] = []
        end = time.perf_counter() + seconds
        scale = 2.0 if self.problem.regression else 1.0  # its squared loss is half the mean

        def watch(loss: float) -> None:
            losses.append(scale * loss)
            if losses[-1] <= self.problem.goal or time.perf_counter() > end:
                raise Enough

        with suppress(Enough):
            self._fit(self._estimator(watch))
        return losses

    def timed(self, epochs: int) -> tuple[float, int]:
        # SciPy ends after the first iteration with more than max_fun evaluations
        limit = {"max_fun": max(1, epochs - 1)} if self.full_batch else {"max_iter": epochs}
        estimator = self._estimator(None, **limit)
        begun = time.perf_counter()
        self._fit(estimator)
        # the loss after k iterations is the entry k + 1 of a history of losses before each step
        return time.perf_counter() - begun, estimator.n_iter_ + self.full_batch


class Torch(Run):
    def __init__(self, optimizer: str, problem: Problem, seed: int) -> None:
        super().__init__(problem, seed)
        import torch

        self.torch, self.optimizer = torch, optimizer
        self.full_batch = optimizer == "LBFGS"
        self.X = torch.from_numpy(problem.X)
        self.Y = torch.from_numpy(problem.y)
        if problem.regression:
            self.loss: Any = torch.nn.functional.mse_loss
        elif problem.outputs == 1:
            self.Y = self.Y.double()[:, None]
            self.loss = torch.nn.functional.binary_cross_entropy_with_logits
        else:
            self.loss = torch.nn.functional.cross_entropy

    def _model(self) -> Any:
        torch = self.torch
        layers: list[Any] = []
        for (inputs, outputs), (W, b) in zip(
            pairwise(self.start.sizes), self.start.weights, strict=True
        ):
            linear = torch.nn.Linear(inputs, outputs, dtype=torch.float64)
            linear.weight.data = torch.tensor(W.T.copy())
            linear.bias.data = torch.tensor(b)
            layers += [linear, torch.nn.Tanh()]
        return torch.nn.Sequential(*layers[:-1])

    def _epochs(self, model: Any, steps_per_call: int) -> Callable[[], float]:
        """A function that trains one epoch, or so many steps of L-BFGS, and returns the loss."""
        torch = self.torch
        if self.optimizer == "LBFGS":
            method = torch.optim.LBFGS(
                model.parameters(),
                max_iter=steps_per_call,
                max_eval=10**9,
                tolerance_grad=0.0,
                tolerance_change=0.0,
                history_size=10,
                line_search_fn="strong_wolfe",
            )

            def closure() -> Any:
                method.zero_grad()
                loss = self.loss(model(self.X), self.Y)
                loss.backward()
                return loss

            return lambda: method.step(closure).item()
        method = torch.optim.Adam(
            model.parameters(), lr=SETTINGS["adam"]["learning_rate"], fused=True
        )
        order = torch.Generator().manual_seed(self.seed)
        return partial(self._adam_epoch, model, method, order)

    def _adam_epoch(self, model: Any, method: Any, order: Any) -> float:
        batches = self.torch.randperm(len(self.X), generator=order).split(self.problem.batch_size)
        total = 0.0
        for rows in batches:
            method.zero_grad()
            loss = self.loss(model(self.X[rows]), self.Y[rows])
            loss.backward()
            method.step()
            total += loss.item() * len(rows)  # the last batch is smaller
        return total / len(self.X)

    def curve(self, seconds: float) -> list[float]:
        epoch = self._epochs(self._model(), 1)
        end = time.perf_counter() + seconds
        losses = [epoch()]
        while self.problem.goal < losses[-1] and time.perf_counter() < end:
            losses.append(epoch())
        return losses

    def timed(self, epochs: int) -> tuple[float, int]:
        epoch = self._epochs(self._model(), epochs)
        begun = time.perf_counter()
        for _ in range(1 if self.full_batch else epochs):
            epoch()
        return time.perf_counter() - begun, epochs


def contenders() -> dict[str, Callable[[Problem, int], Run]]:
    """By name; libraries that are not installed are left out. All compute in one thread."""
    nn.set_num_threads(1)
    found: dict[str, Callable[[Problem, int], Run]] = {
        name: partial(Ours, name) for name in {**OPTIMIZERS, **BATCH_METHODS}
    }
    with suppress(ImportError):
        import sklearn.neural_network  # noqa: F401
        from threadpoolctl import threadpool_limits

        threadpool_limits(1)
        found.update({f"scikit-learn {s}": partial(Scikit, s) for s in ("lbfgs", "adam", "sgd")})
    with suppress(ImportError):
        import torch

        torch.set_num_threads(1)
        found.update({f"PyTorch {s}": partial(Torch, s) for s in ("LBFGS", "Adam")})
    return found
