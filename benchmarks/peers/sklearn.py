"""scikit-learn: MLPClassifier and MLPRegressor, started from the given weights."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.neural_network import _multilayer_perceptron as module
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer

from benchmarks.data import numbers
from benchmarks.peers import Peer
from benchmarks.workloads import TRAIN, Array, Workload
from nnfast import Adam

NAMES = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "linear": "identity"}


class PaperAdam(AdamOptimizer):
    """Adam with epsilon added to the corrected root, as in the paper; else scikit-learn's own."""

    def _get_updates(self, grads: list[Array]) -> list[Array]:
        self.t += 1
        b1, b2 = self.beta_1, self.beta_2
        self.ms = [b1 * m + (1 - b1) * g for m, g in zip(self.ms, grads, strict=True)]
        self.vs = [b2 * v + (1 - b2) * g**2 for v, g in zip(self.vs, grads, strict=True)]
        rate = self.learning_rate_init / (1 - b1**self.t)
        correction = (1 - b2**self.t) ** -0.5
        return [
            -rate * m / (correction * np.sqrt(v) + self.epsilon)
            for m, v in zip(self.ms, self.vs, strict=True)
        ]


class ScikitLearn(Peer):
    """`fit` with warm start; its losses pair with their outputs, and squared error with none."""

    part = 2.0

    @classmethod
    def refusal(cls, workload: Workload) -> str:
        *hidden, last = workload.activations
        if len(set(hidden)) > 1 or workload.task not in (TRAIN, "predict", "one row"):
            return super().refusal(workload) or "has one activation for all hidden layers"
        fits = workload.paired or (last == "linear" and workload.slope_factor == 1)
        if workload.task == TRAIN and not fits:
            return "has no squared error with this output"
        return ""

    def prepare(self, level: str) -> None:
        w, o = self.workload, self.workload.optimizer
        module.AdamOptimizer = PaperAdam
        adam = isinstance(o, Adam)
        options: dict[str, Any] = {
            "hidden_layer_sizes": w.sizes[1:-1],
            "activation": NAMES[w.activations[0]],
            "solver": "adam" if adam else "sgd",
            "learning_rate_init": o.learning_rate,
            "alpha": 0.0,
            "batch_size": min(w.batch, w.rows),
            "max_iter": 1,
            "shuffle": False,
            "tol": 0.0,
            "momentum": 0.0,
            "nesterovs_momentum": False,
            "n_iter_no_change": 10**9,
            "warm_start": True,
        }
        if adam:
            options |= {"beta_1": o.beta1, "beta_2": o.beta2, "epsilon": o.epsilon}
        warnings.simplefilter("ignore", ConvergenceWarning)
        self.classifies = w.activations[-1] != "linear"
        self.model = (MLPClassifier if self.classifies else MLPRegressor)(**options)
        self.y = self.targets(self.case.Y)
        # an update with one row of each class makes the arrays
        few = max(2, w.sizes[-1]) if self.classifies else 2
        classes = np.arange(few) % max(2, w.sizes[-1])
        Y = np.eye(w.sizes[-1])[classes] if self.several() else classes
        X = np.zeros((few, w.sizes[0]), w.dtype)
        if not self.classifies:
            Y = np.zeros((few, w.sizes[-1]), w.dtype)
        self.model.set_params(batch_size=few).fit(X, Y)
        self.model.set_params(max_iter=w.epochs, batch_size=options["batch_size"])
        self.reset()

    def several(self) -> bool:
        """Whether every output is a probability of its own."""
        return self.workload.sizes[-1] > 1 and self.workload.activations[-1] == "sigmoid"

    def targets(self, Y: Array) -> Array:
        if not self.classifies or self.several():
            return Y
        return Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0].astype(int)

    def reset(self) -> None:
        self.model.coefs_ = [W.copy() for W, _ in self.case.weights]
        self.model.intercepts_ = [b.copy() for _, b in self.case.weights]

    def train(self) -> None:
        self.model.fit(self.case.X, self.y)

    def predict(self) -> None:
        if self.classifies:
            self.outputs = self.model.predict_proba(self.case.X)
        else:
            self.outputs = self.model.predict(self.case.X)

    def result(self) -> Array:
        if self.workload.task == TRAIN:
            return numbers(list(zip(self.model.coefs_, self.model.intercepts_, strict=True)))
        # two columns, for the classes 0 and 1, where there is one output
        return self.outputs[:, -self.workload.sizes[-1] :]
