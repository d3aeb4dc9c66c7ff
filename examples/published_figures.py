"""Published figures of batch methods, measured again: encoders, parity, two spirals.

`python published_figures.py` takes about a minute; `--runs 100` runs more starts,
`--spirals FOLDER` reads two-spiral.train and two-spiral.test of FANN from there.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np

import nnfast as nn

parser = argparse.ArgumentParser(description="Measure published figures of batch methods again.")
parser.add_argument("--runs", type=int, default=20, help="starts per row")
parser.add_argument("--spirals", type=Path, metavar="FOLDER", help="where two-spiral.* are")
arguments = parser.parse_args()

warnings.simplefilter("ignore", nn.TrainingWarning)  # starts that get stuck are counted below


def epochs_to_solve(sizes, X, y, method, spread, seed, most):
    """Epochs until all outputs are within 0.4 of their targets (Fahlman's rule); None if never."""
    net = nn.Network(sizes, loss="quadratic", dtype="float64", seed=seed)
    net.parameters[:] = np.random.default_rng(seed).uniform(-spread, spread, net.parameters.size)

    def solved(*_):
        return bool((abs(net.predict(X) - y.reshape(len(X), -1)) < 0.4).all())

    try:
        watch = nn.LambdaCallback(on_epoch_end=solved)
        history = net.fit(X, y, epochs=most, optimizer=method, callbacks=[watch])
    except nn.DivergenceError:
        return None
    return history.epochs if solved() else None


def row(title, sizes, X, y, method, spread, most, published):
    epochs = [
        epochs_to_solve(sizes, X, y, method, spread, seed, most) for seed in range(arguments.runs)
    ]
    solved = [n for n in epochs if n is not None]
    text = f"{np.mean(solved):5.0f} ± {np.std(solved):<4.0f}" if solved else f"{'-':>5}       "
    print(f"{title:34}{len(solved):4} of {arguments.runs:<4}{text}  {published}", flush=True)


HEAD = f"{'':34}{'solved':>11} {'epochs':>10}     published"

print("Encoders (Riedmiller & Braun 1993), sigmoid, squared error, every output within 0.4")
print(HEAD)
for n, hidden, most, published in [
    (10, 5, 1000, {"Rprop": "19 ± 3", "Quickprop": "21 ± 3"}),
    (12, 2, 5000, {"Rprop": "322 ± 112", "Quickprop": "405 ± 608"}),
]:
    X = np.eye(n)
    # Quickprop's rate is 1 for the sum over the n patterns, n for their mean
    for title, method, spread in [
        ("iRprop-, first step 1, ±1", nn.Rprop(initial_step=1.0), 1.0),
        ("iRprop-, first step 0.1, ±2", nn.Rprop(initial_step=0.1), 2.0),
        ("iRprop-, steps up to 0.5, ±2", nn.Rprop(initial_step=0.5, largest_step=0.5), 2.0),
        ("iRprop+, first step 1, ±1", nn.Rprop("irprop+", initial_step=1.0), 1.0),
        (f"Quickprop, rate {n}, ±1", nn.Quickprop(learning_rate=n), 1.0),
        (f"Quickprop, rate {n / 10}, ±1", nn.Quickprop(learning_rate=n / 10), 1.0),
        (f"Quickprop, rate {n}, mu 1.2, ±2", nn.Quickprop(learning_rate=n, mu=1.2), 2.0),
        ("SCG, ±1", nn.SCG(), 1.0),
        ("L-BFGS, ±1", nn.LBFGS(), 1.0),
        ("Levenberg-Marquardt, ±1", nn.LevenbergMarquardt(), 1.0),
    ]:
        figure = published.get(type(method).__name__, "")
        row(f"{n}-{hidden}-{n} {title}", [n, hidden, n], X, X, method, spread, most, figure)

print("\nParity of 8 bits, 8-16-1 (backpropagation: about 2,000 epochs, Tesauro & Janssens 1988)")
print(HEAD)
X, y = nn.datasets.parity(8)
for method in (nn.Rprop(), nn.Quickprop(2.0), nn.SCG(), nn.LBFGS(), nn.LevenbergMarquardt()):
    row(f"{type(method).__name__}, ±1", [8, 16, 1], X, y, method, 1.0, 2000, "")

if arguments.spirals:
    train = nn.datasets.load_fann(arguments.spirals / "two-spiral.train")
    test = nn.datasets.load_fann(arguments.spirals / "two-spiral.test")
    nn.set_num_threads(1)
    print("\nTwo spirals, 2-20-10-1 tanh, Levenberg-Marquardt, one thread, up to 5,000 iterations")
    print("published (OpenANN's benchmark): 188.25 of 193 test points, 768 iterations, 5.98 s")
    results = []
    for seed in range(arguments.runs):
        layers = [2, nn.Dense(20, "tanh"), nn.Dense(10, "tanh"), nn.Dense(1, "tanh")]
        net = nn.Network(layers, loss="quadratic", dtype="float64", seed=seed)
        start = time.process_time()
        method = nn.LevenbergMarquardt(0.01, loss_goal=1e-3)
        history = net.fit(train[0], 2 * train[1] - 1, epochs=5000, optimizer=method)
        seconds = time.process_time() - start
        right = ((net.predict(test[0]) > 0) == (test[1] > 0.5)).sum()
        results.append((right, history.epochs, seconds))
    names = ("right", "iterations", "CPU seconds")
    for name, values in zip(names, np.transpose(results), strict=True):
        print(f"  {name:11} mean {values.mean():8.2f}  from {values.min():g} to {values.max():g}")
