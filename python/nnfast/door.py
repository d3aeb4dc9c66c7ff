"""The door of a network: data as a user has them, as the arrays that a level takes, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnfast import frames, labels, metrics, scaling, validation
from nnfast.formulas import LOSSES
from nnfast.labels import Label
from nnfast.levels.contract import Architecture, Array
from nnfast.scaling import Pieces, Scaler


@dataclass(frozen=True)
class Door:
    """What lies between the user's data and a level; a door never changes, a `fit` makes a new one.

    A level takes `scaled_inputs(raw_inputs(X))` and `scaled_targets(raw_targets(y))`, which
    are `inputs(X)` and `targets(y)`; `outputs` turns what it gives into raw units.

    input_scaler, output_scaler: of the columns of X and y; None leaves them as they are.
    classes: the label of each output, or of 0 and 1 for a single one; None: the numbers from 0.
    feature_names: the names of the columns of X, where the first `fit` was given a table.
    given: the names of those of these that the network was made with, and not its first `fit`.
    """

    architecture: Architecture
    input_scaler: Scaler | None = None
    output_scaler: Scaler | None = None
    classes: tuple[Label, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    given: frozenset[str] = frozenset()

    @classmethod
    def made(
        cls,
        architecture: Architecture,
        input_scaler: Scaler | str | None,
        output_scaler: Scaler | str | None,
        classes: Iterable[Any] | None,
    ) -> Door:
        """The door of a new network, of its arguments."""
        inputs, *_, outputs = architecture.sizes
        scalers = {
            "input_scaler": scaling.read("input_scaler", input_scaler, inputs),
            "output_scaler": scaling.read("output_scaler", output_scaler, outputs),
        }
        own = labels.read(classes, outputs)
        loss = architecture.loss
        if output_scaler is not None and LOSSES[loss].targets != "any":
            numbers = ", ".join(name for name, known in LOSSES.items() if known.targets == "any")
            raise ValueError(
                f"output_scaler is given, but the loss {loss!r} takes targets of its own range; "
                f"leave it out, or choose a loss of plain numbers: {numbers}."
            )
        if output_scaler is not None and own is not None:
            raise ValueError("output_scaler is for numbers and classes for labels; expected one.")
        given = {name for name, scaler in scalers.items() if scaler is not None and scaler.fitted}
        if own is not None:
            given.add("classes")
        return cls(
            architecture,
            scalers["input_scaler"],
            scalers["output_scaler"],
            own,
            given=frozenset(given),
        )

    @property
    def scales(self) -> bool:
        """Whether any numbers are scaled."""
        return self.input_scaler is not None or self.output_scaler is not None

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of a network with this door."""
        return {
            "input_scaler": self.input_scaler,
            "output_scaler": self.output_scaler,
            "classes": self.classes,
        }

    # ---- what the first fit learns ----------------------------------------------------------

    def opened(self, X: Any, y: Any) -> Door:
        """The door that knows the names of the columns of X and the labels of y."""
        if type(X) is np.ndarray and type(y) is np.ndarray and y.dtype.kind in "iuf":
            return self
        names, classes = self.feature_names, self.classes
        if names is None and y is not None:
            names = frames.names(X)
        if classes is None and y is not None and self.output_scaler is None:
            classes = labels.learn(frames.targets(y), self.architecture.sizes[-1])
        return replace(self, feature_names=names, classes=classes)

    def fitted(self, X: Pieces, Y: Pieces) -> Door:
        """The door whose scalers are fitted, where they were not, to raw inputs and targets."""
        input_scaler, output_scaler = self.input_scaler, self.output_scaler
        if input_scaler is not None and not input_scaler.fitted:
            input_scaler = input_scaler.fit_pieces("X", X)
        if output_scaler is not None and not output_scaler.fitted:
            output_scaler = output_scaler.fit_pieces("y", Y)
        return replace(self, input_scaler=input_scaler, output_scaler=output_scaler)

    def forgotten(self) -> Door:
        """The door that the network was made with."""
        scalers = {
            name: scaler.unfitted()
            for name in ("input_scaler", "output_scaler")
            if (scaler := getattr(self, name)) is not None and name not in self.given
        }
        classes = self.classes if "classes" in self.given else None
        return replace(self, **scalers, classes=classes, feature_names=None)

    # ---- in ---------------------------------------------------------------------------------

    def inputs(self, X: Any) -> Array:
        """X as a level takes it, (n, inputs) in the network's dtype, with finite numbers."""
        return self.scaled_inputs(self.raw_inputs(X))

    def targets(self, y: Any, rows: int) -> Array:
        """y as a level takes it, (rows, outputs) in the network's dtype."""
        return self.scaled_targets(self.raw_targets(y, rows))

    def raw_inputs(self, X: Any, finite: bool = True) -> Array:
        """X as numbers (n, inputs): of the network's dtype, or of their own to be scaled."""
        if type(X) is not np.ndarray:
            X = frames.inputs(X, self.feature_names)
        dtype = self.architecture.dtype if self.input_scaler is None else None
        return validation.inputs(X, self.architecture.sizes[0], dtype, finite)

    def raw_targets(self, y: Any, rows: int) -> Array:
        """y as numbers (rows, outputs): of the network's dtype, or float64 to be scaled."""
        if type(y) is not np.ndarray:
            y = frames.targets(y)
        if self.classes is not None:
            y = labels.encode(y, self.classes)
        dtype = self.architecture.dtype if self.output_scaler is None else "float64"
        try:
            return validation.targets(y, rows, self.architecture, dtype)
        except TypeError:
            self._refuse_labels(y)
            raise

    def scaled_inputs(self, raw: Array) -> Array:
        return self._scaled("X", raw, self.input_scaler)

    def scaled_targets(self, raw: Array) -> Array:
        return self._scaled("y", raw, self.output_scaler)

    def _scaled(self, name: str, raw: Array, scaler: Scaler | None) -> Array:
        if scaler is None:
            return raw
        scaling.require_fitted("input_scaler" if name == "X" else "output_scaler", scaler)
        scaled = scaler.apply(raw, self.architecture.dtype)
        validation.require_finite(name, scaled, self.architecture.dtype)
        return scaled

    def _refuse_labels(self, y: Any) -> None:
        if not labels.are_texts(y):
            return
        if self.output_scaler is not None:
            raise TypeError(
                "y holds labels, but output_scaler is for numbers; leave it out."
            ) from None
        raise ValueError(
            "y holds labels, but the network does not know its classes yet; name them in "
            "Network(classes=[...]), or train it first with arrays X and y."
        ) from None

    def class_weight(self, value: Any) -> Any:
        """class_weight for the outputs, where its dict names labels."""
        return value if self.classes is None else labels.class_weight(value, self.classes)

    # ---- out --------------------------------------------------------------------------------

    def outputs(self, outputs: Any) -> Array:
        """What a level gives, (n, outputs), in raw units and the network's dtype."""
        dtype = self.architecture.dtype
        if self.output_scaler is None:
            return np.asarray(outputs, dtype)
        return self.output_scaler.undo(np.asarray(outputs), dtype)

    def jacobian(self, jacobian: Any) -> Array:
        """Derivatives of the outputs, (n, outputs, parameters), in raw units."""
        derivatives = np.asarray(jacobian, self.architecture.dtype)
        if self.output_scaler is None:
            return derivatives
        return np.asarray(derivatives * self.output_scaler.scale[:, None], derivatives.dtype)

    def input_gradient(self, gradient: Array) -> Array:
        """Derivatives by the inputs, (n, inputs), per raw unit."""
        if self.input_scaler is None:
            return gradient
        return np.asarray(gradient / self.input_scaler.scale, gradient.dtype)

    def labels(self, outputs: Array) -> NDArray[Any]:
        """The class of each row of raw outputs, (n,)."""
        found = metrics.classes(outputs, LOSSES[self.architecture.loss].threshold)
        return found if self.classes is None else labels.decode(found, self.classes)
