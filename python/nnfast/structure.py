"""Structure: the layers and parameters of a network, and what computes it."""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nnfast import levels, showing, validation
from nnfast.door import Door
from nnfast.formulas import DEFAULT_LOSS, LOSSES, losses_for
from nnfast.initializers import BIAS_INITIALIZERS, INITIALIZERS
from nnfast.labels import Label
from nnfast.layers import DTYPES, Dense, dtype_name, read_layers
from nnfast.levels.compiled import Predictor, bind
from nnfast.levels.contract import (
    NO_CONTROL,
    Architecture,
    Array,
    Control,
    Pair,
    Regularization,
)
from nnfast.scaling import Scaler


class Structure(Predictor):
    """A `Network` without its training, which tells what the arguments are."""

    def __init__(
        self,
        layers: Sequence[int | Dense],
        *,
        loss: str | None = None,
        init: str = "glorot_uniform",
        bias_init: str = "zeros",
        l1: float = 0.0,
        l2: float = 0.0,
        max_norm: float | None = None,
        input_dropout: float = 0.0,
        input_noise: float = 0.0,
        dtype: str = "float32",
        seed: int | None = None,
        level: str = "fastest",
        input_scaler: Scaler | str | None = None,
        output_scaler: Scaler | str | None = None,
        classes: Iterable[Any] | None = None,
    ) -> None:
        inputs, self._layers = read_layers(layers)
        self._init = validation.choice("init", init, INITIALIZERS)
        self._bias_init = validation.choice("bias_init", bias_init, BIAS_INITIALIZERS)
        rules = Regularization(
            l1=validation.not_negative("l1", l1),
            l2=validation.not_negative("l2", l2),
            max_norm=math.inf if max_norm is None else validation.positive("max_norm", max_norm),
        )
        self._rules = rules
        if self._layers[-1].dropout:
            raise ValueError(
                f"the last layer has dropout={self._layers[-1].dropout}; its outputs are the "
                "network's, and none of them can be left out. Give the dropout to a layer before."
            )
        output = self._layers[-1].activation
        if loss is None:
            loss = DEFAULT_LOSS[output]
        elif validation.choice("loss", loss, LOSSES) not in losses_for(output):
            raise ValueError(
                f"the loss {loss!r} does not go with a last layer of activation {output!r}; "
                f"choose from {', '.join(losses_for(output))}."
            )
        self._architecture = Architecture(
            sizes=(inputs, *(layer.units for layer in self._layers)),
            activations=tuple(layer.activation for layer in self._layers),
            biases=tuple(layer.bias for layer in self._layers),
            loss=loss,
            dtype=validation.choice("dtype", dtype_name(dtype), DTYPES),
            regularization=tuple(layer.regularization(rules) for layer in self._layers),
            input_dropout=validation.fraction("input_dropout", input_dropout),
            input_noise=validation.not_negative("input_noise", input_noise),
        )
        self._door = Door.made(self._architecture, input_scaler, output_scaler, classes)
        self._parameters = np.zeros(self._architecture.parameter_count, self.dtype)
        self._set_factors(np.zeros(len(self._parameters), bool))
        self.level = level
        self._busy = threading.Lock()
        self.diagnosed: set[str] = set()  # what `nnfast.diagnostics` has looked at and warned of
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        self.reset(seed)

    # ---- what it is -------------------------------------------------------------------------

    @property
    def layers(self) -> tuple[Dense, ...]:
        """The layers after the inputs."""
        return self._layers

    @property
    def architecture(self) -> Architecture:
        """What a level computes: sizes, activations, biases, loss and dtype."""
        return self._architecture

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units per layer, the inputs first."""
        return self._architecture.sizes

    @property
    def loss(self) -> str:
        """Name of the loss."""
        return self._architecture.loss

    @property
    def dtype(self) -> str:
        """ "float32" or "float64"."""
        return self._architecture.dtype

    @property
    def seed(self) -> int:
        """The seed that initial weights and shuffling come from."""
        return self._seed

    @property
    def input_scaler(self) -> Scaler | None:
        """The map of the inputs, which `predict` and all others take in raw units; None: none.

        It has no shift and scale before the first `fit`, unless the network was given one that has.
        """
        return self._door.input_scaler

    @property
    def output_scaler(self) -> Scaler | None:
        """The map of the targets, which `predict` undoes; otherwise as `input_scaler`."""
        return self._door.output_scaler

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """The label of each output, or of 0 and 1 for a single one; None: whole numbers from 0."""
        return self._door.classes

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """The names of the columns of X, where the first `fit` was given a table with names.

        Tables with other names, or in another order, are refused from then on.
        """
        return self._door.feature_names

    @property
    def door(self) -> Door:
        """What turns data of the user into the arrays of a level, and its outputs back."""
        return self._door

    @property
    def level(self) -> str:
        """Name of the level that computes; settable."""
        return self._level_name

    @level.setter
    def level(self, name: str) -> None:
        name = levels.resolve(name)
        self._level = levels.LEVELS[name](self._architecture)
        self._level_name = name
        # the core's own path knows no scales
        bind(self, None if self._door.scales else self._level, self._parameters)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments, without `level`, that make a network like this one."""
        return {
            "loss": self.loss,
            "init": self._init,
            "bias_init": self._bias_init,
            "l1": self._rules.l1,
            "l2": self._rules.l2,
            "max_norm": None if self._rules.max_norm == math.inf else self._rules.max_norm,
            "input_dropout": self._architecture.input_dropout,
            "input_noise": self._architecture.input_noise,
            "dtype": self.dtype,
            "seed": self._seed,
            **self._door.forgotten().options,
        }

    # ---- parameters -------------------------------------------------------------------------

    @property
    def parameters(self) -> Array:
        """All parameters, (parameters,): a view that can be written to.

        Layer by layer W (inputs, outputs) row by row, then b (outputs,) where the layer has one.
        """
        return self._parameters[:]

    @property
    def weights(self) -> list[Pair]:
        """(W, b) of every layer, views into `parameters`; b is None for a layer without bias."""
        return self._architecture.views(self._parameters)

    def set_weights(self, weights: Sequence[tuple[Any, Any]]) -> None:
        """Copy (W, b) of every layer in: W (inputs, outputs), b (outputs,) or None without bias.

        Raises TypeError or ValueError for what is no list of pairs, a wrong number of layers or a
        wrong shape, before anything is changed.
        """
        views = self.weights
        if not isinstance(weights, (list, tuple)):
            raise TypeError(f"weights is {weights!r}; expected a list of pairs (W, b).")
        if len(weights) != len(views):
            raise ValueError(
                f"set_weights was given {len(weights)} layers; this network has {len(views)}, "
                "each one pair (W, b)."
            )
        new = self._parameters.copy()
        for k, (pair, own) in enumerate(zip(weights, self._architecture.views(new), strict=True)):
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise TypeError(f"weights[{k}] is not a pair (W, b); use b = None without bias.")
            for name, value, view in zip("Wb", pair, own, strict=True):
                validation.copy_weights(f"weights[{k}]: {name}", value, view, self.dtype)
        self._parameters[:] = new

    def freeze(self, masks: Sequence[tuple[Any, Any]] | None) -> None:
        """Choose single parameters that training leaves as they are.

        masks: (mask of W, mask of b) of every layer, arrays of True for frozen and False, or one
            True or False for all of W or b; b's is None for a layer without bias. None frees all
            but the layers with trainable=False.

        Raises TypeError or ValueError for masks that do not fit, before anything is changed.
        """
        frozen = np.zeros(len(self._parameters), bool)
        if masks is not None:
            validation.fill_masks("masks", masks, self._architecture.views(frozen))
        self._set_factors(frozen)

    @property
    def frozen(self) -> Array:
        """Which parameters training leaves as they are, bool, laid out like `parameters`."""
        if self._factors is None:
            return np.zeros(len(self._parameters), bool)
        frozen: Array = self._factors == 0
        return frozen

    def _set_factors(self, frozen: Array) -> None:
        """What multiplies each parameter's step: the layer's factor, or 0; None for all 1."""
        factors = np.ones(len(self._parameters), self.dtype)
        for layer, pair in zip(self._layers, self._architecture.views(factors), strict=True):
            for view in pair:
                if view is not None:
                    view[:] = layer.learning_rate_factor * layer.trainable
        factors[frozen] = 0
        self._frozen = frozen
        self._factors = None if (factors == 1).all() else factors
        self._control = NO_CONTROL if self._factors is None else Control(factors=self._factors)

    def reset(self, seed: int | None = None) -> None:
        """Draw initial weights anew, as the constructor did.

        seed: a new seed, or None for the same weights again.
        """
        if seed is not None:
            self._seed = validation.whole_number("seed", seed, least=0)
        rng = np.random.default_rng(self._seed)
        for layer, (W, b) in zip(self._layers, self.weights, strict=True):
            W[:] = INITIALIZERS[layer.init or self._init](rng, *W.shape)
            if b is not None:
                draw = BIAS_INITIALIZERS[layer.bias_init or self._bias_init]
                b[:] = draw(rng, 1, len(b))[0]
        self._shuffle_seed = int(rng.integers(2**64, dtype=np.uint64))

    # ---- showing ----------------------------------------------------------------------------

    def summary(self) -> None:
        """Print the layers with their shapes and numbers of parameters, and what they add up to."""
        print(showing.summary(self))

    def __repr__(self) -> str:
        return showing.network(self, self._defaults())

    def _repr_html_(self) -> str:
        """What a notebook shows: the table of `summary`, and a diagram."""
        from nnfast import markup

        return markup.network(self)

    def _defaults(self) -> dict[str, Any]:
        """The options that need not be named to make a network with these layers."""
        parameters = inspect.signature(Structure).parameters.values()
        return {
            **{parameter.name: parameter.default for parameter in parameters},
            "loss": DEFAULT_LOSS[self._layers[-1].activation],
            "level": levels.available()[-1],
        }
