from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from nnfast.levels.contract import Control, TrainingState

_T = TypeVar("_T", np.float32, np.float64)

__version__: str
compiler: str

def levels() -> dict[str, bool]: ...
def formulas(level: str) -> dict[str, list[str]]: ...
def evaluate(level: str, function: str, x: NDArray[_T]) -> NDArray[_T]: ...

class _Network(Generic[_T]):
    def __init__(
        self,
        level: str,
        sizes: list[int],
        activations: list[str],
        biases: list[bool],
        loss: str,
        regularization: list[tuple[float, float, float, float]] = ...,
        input_noise: tuple[float, float] = ...,
    ) -> None: ...
    def forward(self, parameters: NDArray[Any], x: NDArray[Any], threads: int) -> NDArray[_T]: ...
    def loss(
        self,
        parameters: NDArray[Any],
        x: NDArray[Any],
        y: NDArray[Any],
        weights: NDArray[Any] | None,
        threads: int,
    ) -> float: ...
    def loss_and_gradient(
        self,
        parameters: NDArray[Any],
        x: NDArray[Any],
        y: NDArray[Any],
        weights: NDArray[Any] | None,
        threads: int,
    ) -> tuple[float, NDArray[_T]]: ...
    def train(
        self,
        parameters: NDArray[Any],
        state: TrainingState,
        x: NDArray[Any],
        y: NDArray[Any],
        weights: NDArray[Any] | None,
        epochs: int,
        batch_size: int,
        optimizer: str,
        hyperparameters: Sequence[float],
        shuffle: bool,
        control: Control,
        threads: int,
        interruptible: bool = True,
    ) -> tuple[Sequence[float], bool]: ...  # an array: a list would take longer to make
    def jacobian(self, parameters: NDArray[Any], x: NDArray[Any], threads: int) -> NDArray[_T]: ...

class Network32(_Network[np.float32]): ...

class Network64(_Network[np.float64]):
    def minimise(
        self,
        parameters: NDArray[np.float64],
        state: TrainingState,
        x: NDArray[Any] | None,
        y: NDArray[Any] | None,
        weights: NDArray[Any] | None,
        factors: NDArray[Any] | None,
        method: str,
        settings: list[float],
        iterations: int,
        single: bool,
        threads: int,
        interruptible: bool = True,
    ) -> tuple[list[float], str]: ...

class Predictor:
    def predict(self, X: Any) -> NDArray[Any]:
        """Outputs of the last layer, (n, outputs), for inputs X (n, inputs).

        Raises ValueError for a wrong shape, NaN or infinity, TypeError for what is not numbers.
        """

def bind(predictor: Predictor, network: _Network[Any] | None, parameters: NDArray[Any]) -> None: ...
