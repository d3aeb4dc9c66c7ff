"""A training as a moving picture."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import extras, validation
from nnfast.callbacks import Callback, Logs
from nnfast.plots.boundary import DecisionBoundaryDisplay

if TYPE_CHECKING:
    from nnfast.history import History
    from nnfast.network import Network

WRITERS = {".gif": "PillowWriter", ".html": "HTMLWriter"}


class Frames(Callback):
    """Draw the boundary before the training, after some of its epochs, and at its end."""

    goes_last = True

    def __init__(self, X: Any, y: Any, ax: Any, writer: Any, epochs: int, frames: int) -> None:
        self.X, self.y, self.ax, self.writer = X, y, ax, writer
        self.chosen = {round(k) for k in np.linspace(0, epochs, frames)}
        self.drawn = 0  # epochs that were done when the last frame was drawn

    def on_train_begin(self, logs: Logs) -> None:
        self._draw(0, "before training")

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if epoch + 1 in self.chosen:
            self._draw(epoch + 1, f"epoch {epoch + 1}, loss {logs['loss']:.3f}")

    def on_train_end(self, logs: Logs) -> None:
        done = self.training.history.epochs
        if self.drawn < done:
            self._draw(done, f"epoch {done}, the end")

    def _draw(self, done: int, title: str) -> None:
        self.drawn = done
        self.ax.clear()
        DecisionBoundaryDisplay.from_network(self.network, self.X, self.y, ax=self.ax)
        if legend := self.ax.get_legend():
            legend.set_loc("upper right")  # "best" would wander from frame to frame
        self.ax.set_title(title)
        self.writer.grab_frame()


def animate_boundary(
    net: Network,
    X: Any,
    y: Any,
    path: str | os.PathLike[str] = "training.gif",
    *,
    epochs: int = 200,
    frames: int = 50,
    fps: int = 12,
    callbacks: Any = (),
    **options: Any,
) -> History:
    """Train a network with two inputs and keep how its boundary moves, in a GIF or in HTML.

    path: of the file; its ending, ".gif" or ".html", says which. The HTML needs no other file.
    X, y, epochs, callbacks, options: those of `Network.fit`, such as optimizer and batch_size.
    frames: pictures, the first of the untrained network, the last after the last epoch; fps: how
        many of them are shown in a second.

    The network is trained as by one call of `fit`, whose history is returned.

    Raises ValueError for another ending, and what `DecisionBoundaryDisplay` and `fit` raise.
    """
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if ending not in WRITERS:
        raise ValueError(
            f"path is {os.fspath(path)!r}; expected a file that ends in {' or '.join(WRITERS)}."
        )
    frames = validation.whole_number("frames", frames, least=2)
    epochs = validation.whole_number("epochs", epochs)
    animation = extras.load("matplotlib.animation", extra="plot", purpose="animate_boundary")
    pyplot = extras.load("matplotlib.pyplot", extra="plot", purpose="animate_boundary")
    own = [callbacks] if isinstance(callbacks, Callback) else list(callbacks)
    writing = {"embed_frames": True, "default_mode": "loop"} if ending == ".html" else {}
    writer = getattr(animation, WRITERS[ending])(fps=fps, **writing)
    figure = pyplot.figure(figsize=(4.4, 4.0), layout="constrained")
    try:
        picture = Frames(X, y, figure.add_subplot(), writer, epochs, frames)
        writer.setup(figure, os.fspath(path), dpi=90)
        history = net.fit(X, y, epochs=epochs, callbacks=[*own, picture], **options)
        writer.finish()
        return history
    finally:
        pyplot.close(figure)
