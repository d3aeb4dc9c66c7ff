"""A user's program for mypy --strict, which runs, too; the lines marked are errors to be found."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nnfast as nn


class Follower(nn.Callback):
    last = -1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> bool:
        self.last = epoch
        return False


def train(follower: nn.Callback) -> tuple[nn.Network, nn.History]:
    X, y = nn.datasets.spirals(100, seed=0)
    net = nn.Network([2, nn.Dense(8, "tanh"), nn.Dense(1)], seed=0, dtype="float64")
    optimizer = nn.Adam(nn.ExponentialDecay(0.01, 0.9))
    history = net.fit(X, y, epochs=2, optimizer=optimizer, validation_data=(X, y), verbose=0)
    history = net.fit(X, y, epochs=2, batch_size=None, callbacks=[follower])
    return net, history


def use(net: nn.Network, history: nn.History, folder: Path) -> float:
    X = np.zeros((3, 2))
    outputs: NDArray[Any] = net.predict(X)
    gradient: NDArray[Any] = net.loss_and_gradient(X, [0, 1, 0])[1]
    weights: list[tuple[NDArray[Any], NDArray[Any] | None]] = net.weights
    scores: dict[str, float] = net.evaluate(X, [0, 1, 0])
    names: list[str] = nn.levels.available()
    net.save(folder / "net.nnfast")
    twin: nn.Network = nn.load(folder / "net.nnfast")
    assert len(weights) == 2
    assert names
    assert twin.parameters.shape == gradient.shape
    losses: list[float] = history["loss"]
    return scores["loss"] + float(outputs.sum()) + sum(losses)


def mistakes(net: nn.Network) -> None:
    net.fit([[0.0, 1.0]], [1], epochs="3")  # type: ignore[arg-type]
    net.evalute([[0.0, 1.0]], [1])  # type: ignore[attr-defined]
    nn.Adam(rate=0.1)  # type: ignore[call-arg]
    nn.load(3)  # type: ignore[arg-type]
    text: str = net.predict([[0.0, 1.0]])  # type: ignore[assignment]
    print(text)
