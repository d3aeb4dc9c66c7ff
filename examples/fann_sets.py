"""Three data sets of the FANN library, and what is published about them.

    python fann_sets.py FOLDER [--seeds 5]

FOLDER holds thyroid, mushroom and kin32fm, each as .train and .test. The figures are means (and
standard deviations) over the seeds.

thyroid    21-16-8-3 with Rprop and early stopping, as in L. Prechelt, "PROBEN1: A set of neural
           network benchmark problems and benchmarking rules", Karlsruhe 1994. FANN divides
           PROBEN1's rows into halves; where they are in PROBEN1's order, that of thyroid1, the
           first half of the second file is PROBEN1's validation part and the rest its test part.
mushroom   no hidden layer: the classes are linearly separable.
kin32fm    the forward kinematics of a robot arm (the Kin family of DELVE, Toronto 1996): no figure
           is published for this division, so the variance of the targets stands beside the error.
"""

import argparse
from functools import cache
from pathlib import Path

import numpy as np

import nnfast as nn

parser = argparse.ArgumentParser(description="Train on thyroid, mushroom and kin32fm of FANN.")
parser.add_argument("folder", type=Path, help="where the .train and .test files are")
parser.add_argument("--seeds", type=int, default=5, help="initial weights (5)")
arguments = parser.parse_args()


@cache
def load(name):
    return [
        nn.datasets.load_fann(arguments.folder / f"{name}.{part}") for part in ("train", "test")
    ]


def train_and_stop_early(net, train, validation, **options):
    """Train to the weights of the epoch with the least validation loss."""
    stopping = nn.EarlyStopping(patience=100)
    net.fit(*train, validation_data=validation, callbacks=[stopping], verbose=0, **options)


def test_error(net, test):
    return 100 * (1 - net.evaluate(*test)["accuracy"])


def thyroid(seed):
    train, (X, Y) = load("thyroid")
    validation, test = (X[:1800], Y[:1800]), (X[1800:], Y[1800:])
    layers = [nn.Dense(16, "tanh"), nn.Dense(8, "tanh"), nn.Dense(3, "softmax")]
    net = nn.Network([21, *layers], dtype="float64", seed=seed)
    train_and_stop_early(net, train, validation, epochs=2000, optimizer="rprop")
    return test_error(net, test)


def mushroom(seed):
    train, test = load("mushroom")
    net = nn.Network([125, nn.Dense(2, "softmax")], dtype="float64", seed=seed)
    net.fit(*train, epochs=100, optimizer="lbfgs", verbose=0)
    return test_error(net, test)


def kin32fm(seed):
    (X, Y), test = load("kin32fm")
    net = nn.Network(
        [32, nn.Dense(20, "tanh"), nn.Dense(1, "linear")], dtype="float64", seed=seed, l2=1e-4
    )
    train, validation = (X[:1536], Y[:1536]), (X[1536:], Y[1536:])
    train_and_stop_early(net, train, validation, epochs=300, optimizer="scg")
    return net.evaluate(*test)["loss"]


def over_seeds(measure):
    figures = [measure(seed) for seed in range(arguments.seeds)]
    return np.mean(figures), np.std(figures)


variance = load("kin32fm")[1][1].var()
print("thyroid   test error {:.2f} ({:.2f}) %".format(*over_seeds(thyroid)), end="  ")
print("PROBEN1, thyroid1 without shortcuts: 2.38 (0.35) %, best 2.00 %")
print("mushroom  test error {:.2f} ({:.2f}) %".format(*over_seeds(mushroom)), end="  ")
print("with no hidden layer")
print("kin32fm   test MSE {:.5f} ({:.5f})".format(*over_seeds(kin32fm)), end="  ")
print(f"the targets' variance: {variance:.5f}")
