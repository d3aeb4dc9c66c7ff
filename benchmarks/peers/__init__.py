"""The peers: one file each, all with the interface of `Peer`."""

from __future__ import annotations

from importlib import import_module
from typing import ClassVar

from benchmarks.workloads import FIT_CALL, ONE_ROW, Array, Case, Workload

# name: (module, class)
PEERS: dict[str, tuple[str, str]] = {
    "nnfast": ("nnfast", "Compiled"),
    "numpy": ("nnfast", "NumpyLevel"),
    "python": ("nnfast", "PythonLevel"),
    "plain-numpy": ("plain_numpy", "PlainNumpy"),
    "numba": ("numba", "Numba"),
    "numba-unrolled": ("numba", "WrittenOut"),
    "torch": ("torch", "Eager"),
    "torch-compile": ("torch", "CompiledStep"),
    "jax": ("jax", "Jax"),
    "tensorflow": ("tensorflow", "TensorFlow"),
    "keras": ("keras", "Keras"),
    "sklearn": ("sklearn", "ScikitLearn"),
    "fann": ("fann", "Fann"),
}
OWN = ("nnfast", "numpy", "python")  # levels of nnfast; the others are the peers
UNROLLED = "numba-unrolled"  # written out for the sizes at hand: shown, but no peer to rank


class Peer:
    """One way of doing a case: prepared once, then reset and run many times.

    case: workload, data and initial weights; level: which level of nnfast computes.
    """

    # seconds that a part of the work has to take to stand for all; None: all is always done
    part: ClassVar[float | None] = None

    def __init__(self, case: Case, level: str = "fastest") -> None:
        self.case = case
        self.workload = case.workload
        self.prepare(level)

    @classmethod
    def refusal(cls, workload: Workload) -> str:
        """Why this peer cannot do the workload; empty where it can."""
        return "" if workload.task != FIT_CALL else "has no training call of this kind"

    def prepare(self, level: str) -> None:
        """Convert data and weights, and build what `run` needs."""
        raise NotImplementedError

    def reset(self) -> None:
        """Go back to the initial weights; not timed."""

    def run(self) -> None:
        """Do the whole task, complete when this returns; this is what is timed."""
        if self.workload.task == ONE_ROW:
            for _ in range(self.workload.calls):
                self.predict()
        elif self.workload.task in ("predict", FIT_CALL):
            self.predict()
        else:
            self.train()

    def predict(self) -> None:
        """Predict all rows and keep the outputs."""
        raise NotImplementedError

    def train(self) -> None:
        """Make all updates."""
        raise NotImplementedError

    def result(self) -> Array:
        """What the run computed: all parameters (see `data.numbers`), or (rows, outputs)."""
        raise NotImplementedError


def load(name: str) -> type[Peer]:
    """The class of a peer. Raises ImportError where its library is not installed."""
    module, attribute = PEERS[name]
    peer: type[Peer] = getattr(import_module(f"benchmarks.peers.{module}"), attribute)
    return peer
