"""Scalers: affine maps of the columns of X or y to numbers of the size that networks learn well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from nnfast import frames, showing, validation
from nnfast.levels.contract import Array

Floats: TypeAlias = NDArray[np.float64]
Pieces: TypeAlias = Callable[[], Iterator[tuple[int, Array]]]  # each call goes over all rows
Self = TypeVar("Self", bound="Scaler")


@dataclass(frozen=True, eq=False, repr=False)
class Scaler:
    """The map scaled = (raw - shift) / scale of every column, and its inverse.

    shift, scale: float64 (columns,), finite, scale above 0; both None until it is fitted.

    A scaler never changes: `fit` returns a new one.
    """

    shift: Any = field(default=None, kw_only=True)
    scale: Any = field(default=None, kw_only=True)

    name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if self.shift is None and self.scale is None:
            return
        for name in ("shift", "scale"):
            values = np.array(validation.numeric_array(name, getattr(self, name), "float64"))
            validation.require_finite(name, values.reshape(-1), "float64")
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        if self.shift.ndim != 1 or self.shift.shape != self.scale.shape:
            raise ValueError(
                f"shift has shape {self.shift.shape} and scale {self.scale.shape}; expected "
                "(columns,) of both."
            )
        if (self.scale <= 0).any():
            raise ValueError(f"scale has the entry {self.scale.min():g}; expected numbers above 0.")

    @property
    def fitted(self) -> bool:
        """Whether it has a shift and a scale."""
        return self.shift is not None

    @property
    def options(self) -> dict[str, Any]:
        """The arguments beside shift and scale."""
        own = (own.name for own in fields(self))
        return {name: getattr(self, name) for name in own if name not in ("shift", "scale")}

    def fit(self: Self, X: Any) -> Self:
        """A scaler for the columns of X (rows, columns), or of one column (rows,).

        It is computed in float64. A column whose numbers are all equal gets the scale 1.

        Raises TypeError for what is not numbers; ValueError for no rows, another shape, NaN,
        infinity, and numbers whose spread is beyond float64.
        """
        table = _columns(_numbers(X))
        validation.require_finite("X", table, table.dtype.name)
        return self.fit_pieces("X", lambda: validation.pieces(table))

    def fit_pieces(self: Self, name: str, pieces: Pieces) -> Self:
        """As `fit`, of finite data `name` that come in pieces (index of the first row, rows)."""
        first: Array | None = None
        constant: Any = True
        for _, piece in pieces():
            if not len(piece):
                break
            first = piece[0] if first is None else first
            constant = constant & (piece == first).all(axis=0)
        if first is None:
            raise ValueError(f"{name} has no rows; expected at least one.")
        with np.errstate(over="ignore", invalid="ignore"):
            shift, scale = self._measure(pieces)
        unbounded = np.flatnonzero(~(np.isfinite(shift) & np.isfinite(scale)))
        if len(unbounded):
            raise ValueError(
                f"the numbers in column {unbounded[0]} of {name} are too large to be scaled in "
                "float64; divide the column by its largest number first."
            )
        # rounding can give equal numbers a tiny deviation, and tiny squares underflow to 0
        constant = constant | (scale == 0)
        return replace(
            self,
            shift=np.where(constant, self._constant_shift(first.astype(np.float64)), shift),
            scale=np.where(constant, 1.0, scale),
        )

    def _measure(self, pieces: Pieces) -> tuple[Floats, Floats]:
        """Shift and scale of columns that vary."""
        raise NotImplementedError

    def _constant_shift(self, value: Floats) -> Floats:
        """The shift of columns that hold this value only."""
        return value

    def unfitted(self: Self) -> Self:
        """The same kind of scaler without shift and scale."""
        return replace(self, shift=None, scale=None)

    def __call__(self, X: Any) -> Floats:
        """X (rows, columns), or one column (rows,), scaled; float64 of the same shape.

        Raises TypeError or ValueError for data that do not fit, also to float64 when scaled.
        """
        return self._mapped(X, lambda table: self.apply(table, "float64"))

    def inverse(self, X: Any) -> Floats:
        """Scaled X (rows, columns), or one column (rows,), in raw units; float64."""
        return self._mapped(X, lambda table: self.undo(table, "float64"))

    def _mapped(self, X: Any, function: Callable[[Array], Array]) -> Floats:
        if not self.fitted:
            raise ValueError(f"{self!r} has no shift and scale yet; `fit` returns one that has.")
        array = _numbers(X)
        table = _columns(array)
        if table.shape[1] != len(self.shift):
            raise ValueError(
                f"X has shape {array.shape}; expected (rows, {len(self.shift)}), the columns that "
                "the scaler was fitted to."
            )
        result: Floats = function(table)
        validation.require_finite("X", result, "float64")
        shaped: Floats = result.reshape(array.shape)
        return shaped

    @np.errstate(over="ignore", invalid="ignore")
    def apply(self, raw: Array, dtype: str) -> Array:
        """(raw - shift) / scale of numbers (rows, columns), computed in float64, in `dtype`."""
        scaled = np.empty(raw.shape, dtype)
        for start, piece in validation.pieces(raw):
            part = scaled[start : start + len(piece)]
            # no array beside the result where that is float64: twice as fast
            own = part if part.dtype == np.float64 else None
            difference = np.subtract(piece, self.shift, out=own)
            np.divide(difference, self.scale, out=part, casting="same_kind")
        return scaled

    @np.errstate(over="ignore", invalid="ignore")
    def undo(self, scaled: Array, dtype: str) -> Array:
        """scaled · scale + shift of numbers (rows, columns), computed in float64, in `dtype`."""
        return np.asarray(scaled * self.scale + self.shift, dtype)

    def __repr__(self) -> str:
        return showing.expression(self)

    def __eq__(self, other: object) -> bool:
        return (
            type(other) is type(self)
            and self.options == other.options
            and np.array_equal(self.shift, other.shift)
            and np.array_equal(self.scale, other.scale)
        )

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, eq=False, repr=False)
class Standardizer(Scaler):
    """Columns to mean 0 and standard deviation 1: shift is the mean, scale the deviation.

        transform = Standardizer().fit(X)
        transform(X_test); transform.inverse(Z)

    The deviation is that of the rows given, Σ(x - mean)² / n under the root. A column of equal
    numbers becomes 0.
    """

    name: ClassVar[str] = "standard"

    def _measure(self, pieces: Pieces) -> tuple[Floats, Floats]:
        rows, total, squares = 0, 0.0, 0.0
        for _, piece in pieces():
            rows += len(piece)
            total = total + piece.sum(axis=0, dtype=np.float64)
        mean = np.asarray(total / rows)
        for _, piece in pieces():
            squares = squares + ((piece - mean) ** 2).sum(axis=0)
        return mean, np.sqrt(squares / rows)


@dataclass(frozen=True, eq=False, repr=False)
class MinMaxScaler(Scaler):
    """Columns to numbers from `low` to `high`, the least and the largest of the rows fitted to.

    low, high: numbers, low below high. Outputs that are sigmoids reach 0 and 1 only with infinite
        weights; `MinMaxScaler(low=0.1, high=0.9)` keeps the targets away from there. A column of
        equal numbers becomes `low`.
    """

    low: float = 0.0
    high: float = 1.0

    name: ClassVar[str] = "minmax"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("low", "high"):
            object.__setattr__(self, name, validation.number(name, getattr(self, name)))
        if not self.low < self.high:
            raise ValueError(f"low is {self.low:g} and high {self.high:g}; expected low < high.")

    def _measure(self, pieces: Pieces) -> tuple[Floats, Floats]:
        bounds = [(piece.min(axis=0), piece.max(axis=0)) for _, piece in pieces()]
        least = np.min([low for low, _ in bounds], axis=0).astype(np.float64)
        largest = np.max([high for _, high in bounds], axis=0).astype(np.float64)
        scale = (largest - least) / (self.high - self.low)
        return least - self.low * scale, scale

    def _constant_shift(self, value: Floats) -> Floats:
        return value - self.low


SCALERS: dict[str, type[Scaler]] = {kind.name: kind for kind in (Standardizer, MinMaxScaler)}


def read(what: str, value: Any, columns: int) -> Scaler | None:
    """A scaler for so many columns from itself, its name, or None."""
    if isinstance(value, str):
        return SCALERS[validation.choice(what, value, SCALERS)]()
    if value is None:
        return None
    if not isinstance(value, Scaler):
        raise TypeError(
            f"{what} is {value!r}; expected nnfast.Standardizer(), nnfast.MinMaxScaler(), a name "
            f"({', '.join(SCALERS)}), or None."
        )
    if value.fitted and len(value.shift) != columns:
        raise ValueError(
            f"{what} was fitted to {len(value.shift)} columns, but the network has {columns} "
            f"{what.partition('_')[0]}{'s' if columns > 1 else ''}."
        )
    return value


def require_fitted(what: str, scaler: Scaler) -> None:
    """Refuse a network's scaler that waits for its first data."""
    if not scaler.fitted:
        raise ValueError(
            f"the network's {what} is not fitted yet: {scaler!r}. `fit` with arrays does it, or "
            "give the network one that is: .fit(data) returns it."
        )


def _numbers(X: Any) -> Array:
    """X as numbers of their own dtype."""
    return validation.numeric_array("X", frames.targets(X), None)


def _columns(array: Array) -> Array:
    """(rows,) as one column, (rows, columns) as it is."""
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2:
        raise ValueError(f"X has shape {array.shape}; expected (rows, columns), or (rows,).")
    return array
