"""`python -m benchmarks.sklearn_mlp`: nnfast.sklearn beside scikit-learn's own networks.

First with the defaults of both, on the data as they are; then with the same mathematics, on data
that are standardized before. The contenders take turns, seed by
seed, each in one thread; a seed draws the split into training and test rows and the initial
weights. Scores are those of the test rows: accuracy, or R² of a regression.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import sklearn
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import nnfast as nn
from benchmarks.report import processor
from benchmarks.selection import selected
from nnfast.sklearn import NNClassifier, NNRegressor

MNIST = Path("..", "shared", "data", "mnist")
OURS = "nnfast"
EPOCHS, BATCH = 50, 200  # of the same mathematics
PREDICTIONS = 5  # calls of which the median is taken

Parts = tuple[Any, Any, Any, Any]  # X, X_test, y, y_test
Make = Callable[[int], Any]


@dataclass(frozen=True)
class Problem:
    """Data, and how a seed splits them; rows: of training."""

    name: str
    split: Callable[[int], Parts]
    rows: int
    inputs: int
    regression: bool = False


@dataclass
class Measured:
    """What a contender gave on a problem, a number for each seed."""

    scores: list[float] = field(default_factory=list)
    fit: list[float] = field(default_factory=list)  # s
    predict: list[float] = field(default_factory=list)  # s


def fifth(name: str, X: Any, y: Any, regression: bool = False) -> Problem:
    """A problem of which a fifth, drawn by the seed, is tested on."""

    def split(seed: int) -> Parts:
        classes = None if regression else y
        parts: Parts = tuple(
            train_test_split(X, y, test_size=0.2, random_state=seed, stratify=classes)
        )
        return parts

    return Problem(name, split, len(split(0)[0]), X.shape[1], regression)


def problems(mnist: Path) -> tuple[list[Problem], list[str]]:
    """The problems, and sentences about what is missing."""
    friedman = datasets.make_friedman1(25_000, 50, noise=1.0, random_state=0)
    linear = datasets.make_regression(25_000, 50, n_informative=30, noise=10.0, random_state=0)
    found = [
        fifth("digits", *datasets.load_digits(return_X_y=True)),
        fifth("breast cancer", *datasets.load_breast_cancer(return_X_y=True)),
        fifth("linear", *linear, regression=True),
        fifth("Friedman 1", *friedman, regression=True),
    ]
    try:
        (X, y), (X_test, y_test) = nn.datasets.load_mnist(mnist)
    except FileNotFoundError:
        return found, [f"MNIST is left out: it is not in {mnist}."]

    def part(seed: int) -> Parts:
        chosen = np.random.default_rng(seed).choice(len(X), 10_000, replace=False)
        return X[chosen].astype(np.float64), X_test.astype(np.float64), y[chosen], y_test

    return [*found, Problem("MNIST", part, 10_000, X.shape[1])], []


def defaults(regression: bool) -> dict[str, Make]:
    theirs, ours = (MLPRegressor, NNRegressor) if regression else (MLPClassifier, NNClassifier)
    return {
        "scikit-learn": lambda seed: theirs(random_state=seed),
        "scikit-learn, scaled": lambda seed: make_pipeline(
            StandardScaler(), theirs(random_state=seed)
        ),
        OURS: lambda seed: ours(random_state=seed),
        "nnfast, float32": lambda seed: ours(random_state=seed, dtype="float32"),
    }


def same_mathematics(regression: bool) -> dict[str, Make]:
    """100 relu units, Adam with a rate of 0.001, no penalty, no end before the last epoch."""
    theirs, ours = (MLPRegressor, NNRegressor) if regression else (MLPClassifier, NNClassifier)
    return {
        "scikit-learn": lambda seed: theirs(
            random_state=seed, alpha=0.0, max_iter=EPOCHS, n_iter_no_change=EPOCHS, batch_size=BATCH
        ),
        OURS: lambda seed: ours(
            random_state=seed,
            l2=0.0,
            epochs=EPOCHS,
            batch_size=BATCH,
            optimizer=nn.Adam(0.001, epsilon=1e-8),
            standardize=False,
        ),
    }


def standardized(parts: Parts, regression: bool) -> Parts:
    """All by the mean and deviation of the training rows; y where it is numbers."""
    X, X_test, y, y_test = parts
    scaler = StandardScaler().fit(X)
    if regression:
        y, y_test = (y - y.mean()) / y.std(), (y_test - y.mean()) / y.std()
    return scaler.transform(X), scaler.transform(X_test), y, y_test


def measure(
    problem: Problem, contenders: dict[str, Make], seeds: int, scaled: bool
) -> dict[str, Measured]:
    results = {name: Measured() for name in contenders}
    for seed in range(seeds):
        parts = problem.split(seed)
        X, X_test, y, y_test = standardized(parts, problem.regression) if scaled else parts
        for name, make in contenders.items():
            model, result = make(seed), results[name]
            begun = time.perf_counter()
            model.fit(X, y)
            result.fit.append(time.perf_counter() - begun)
            times = []
            for _ in range(PREDICTIONS):
                begun = time.perf_counter()
                model.predict(X_test)
                times.append(time.perf_counter() - begun)
            result.predict.append(median(times))
            result.scores.append(model.score(X_test, y_test))
    return results


def table(results: dict[str, dict[str, Measured]], chosen: list[Problem]) -> str:
    lines = [
        "| data | estimator | score, mean (least) | fit | of nnfast | predict | of nnfast |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for problem in chosen:
        ours = results[problem.name][OURS]
        about = f"{problem.name}, {problem.rows:,} x {problem.inputs}"
        for name, result in results[problem.name].items():
            fit, predict = median(result.fit), median(result.predict)
            lines.append(
                f"| {about} | {name} | {mean(result.scores):.4f} ({min(result.scores):.4f}) "
                f"| {seconds(fit)} | {fit / median(ours.fit):.2g} "
                f"| {seconds(predict)} | {predict / median(ours.predict):.2g} |"
            )
            about = ""
    return "\n".join(lines)


def seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.sklearn_mlp", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, default=MNIST, metavar="FOLDER", help="folder of the MNIST files")
    add("--seeds", type=int, default=3, help="splits and initial weights (3)")
    add("--only", default="", metavar="digits,MNIST", help="problems; all without")
    given = parser.parse_args()
    found, missing = problems(given.data)
    try:
        chosen = selected(found, given.only)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    warnings.simplefilter("ignore", ConvergenceWarning)
    nn.set_num_threads(1)
    print(f"{processor()}; nnfast {nn.__version__}, scikit-learn {sklearn.__version__}; one thread")
    titles = {
        f"The defaults of both, {given.seeds} seeds": defaults,
        f"The same mathematics: {EPOCHS} epochs of Adam, batches of {BATCH}": same_mathematics,
    }
    with threadpool_limits(1):
        for title, contenders in titles.items():
            scaled = contenders is same_mathematics
            results = {
                p.name: measure(p, contenders(p.regression), given.seeds, scaled) for p in chosen
            }
            print(f"\n{title}.\n\n{table(results, chosen)}", flush=True)
    for sentence in missing:
        print(sentence)
    return 0


if __name__ == "__main__":
    sys.exit(main())
