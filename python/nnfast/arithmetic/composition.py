"""From a network and its data to the sections of a walkthrough."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import levels, validation
from nnfast.arithmetic import sentences
from nnfast.arithmetic.document import Walkthrough
from nnfast.arithmetic.passes import Layer, Row, name_of
from nnfast.arithmetic.quantities import (
    Derivative,
    Drawing,
    Equation,
    Matrix,
    Quantity,
    Section,
    Step,
    Symbol,
    equation,
    letter,
)
from nnfast.arithmetic.update import Update
from nnfast.formulas import OPTIMIZERS, BatchMethod, Optimizer, Schedule, at_rate
from nnfast.levels.contract import Array, DivergenceError, TrainingState

if TYPE_CHECKING:
    from nnfast.network import Network
    from nnfast.scaling import Scaler

PARAMETERS, ROWS = 200, 16  # more of them nobody reads


def compose(network: Network, x: Any, y: Any, optimizer: Any, digits: Any) -> Walkthrough:
    """Read the arguments of `nnfast.walkthrough`, and write one update out."""
    digits = validation.whole_number("digits", digits)
    require_small(network)
    data = read_rows(network, x, y)
    chosen, state, schedule = read_optimizer(network, optimizer)
    layers = read_layers(network)
    labels = range(1, len(data) + 1) if len(data) > 1 else [None]
    rows = [Row(layers, network.loss, *own, label) for own, label in zip(data, labels, strict=True)]
    losses, gradient = of_gradient(network, layers, rows)
    slots = state.slots.T.astype(np.float64).tolist()
    update = Update(layers, gradient, slots, chosen, state.step + 1)
    parameters = np.array(update.parameters)
    before, after = (loss_of(network, rows, p) for p in (network.parameters, parameters))
    if not np.isfinite([*parameters, before, after]).all():
        raise DivergenceError("a number of this update is too large for a float.", [])
    why = sentences.optimizer(chosen, schedule, state.epoch)
    sections = [
        start(network, layers),
        *(section for row in rows for section in of_row(row, layers, len(rows))),
        *losses,
        Section("The update", why, tuple(update.steps)),
        end(network, parameters, before, after, len(rows)),
    ]
    return Walkthrough(
        title=title(network, chosen, len(rows)),
        sections=tuple(once(sections)),
        loss=before,
        loss_after=after,
        gradient=np.array([g.value for g in gradient]),
        parameters=parameters,
        slots=np.array(update.state).T.reshape(state.slots.shape),
        architecture=network.architecture,
        digits=digits,
    )


# ---- reading the arguments ----------------------------------------------------------------------


def require_small(network: Network) -> None:
    """Refuse what is not written out."""
    count = len(network.parameters)
    if count > PARAMETERS:
        raise ValueError(
            f"the network has {count:,} parameters; a walkthrough writes every one of them out, "
            f"and takes up to {PARAMETERS}. Take a smaller network of the same kind."
        )
    if network.architecture.noisy:
        raise ValueError(
            "the network has dropout or input noise, which change every update by random numbers; "
            "a walkthrough writes the arithmetic of networks without them."
        )
    if any(rule.max_norm < math.inf for rule in network.architecture.regularization):
        raise ValueError("the network has a max_norm; a walkthrough is written without it.")
    factors = [layer.learning_rate_factor * layer.trainable for layer in network.layers]
    if network.frozen.any() or set(factors) != {1.0}:
        raise ValueError(
            "the network has frozen parameters or a learning_rate_factor; a walkthrough updates "
            "all parameters alike. Take a network without them."
        )


def read_rows(network: Network, x: Any, y: Any) -> list[tuple[list[Equation], list[Equation]]]:
    """Inputs and targets of every row; one row may come without the outer brackets."""
    if np.ndim(x) == 1:
        x, y = np.asarray(x)[None], [y]
    network.door.inputs(x)  # refuses what the scaler cannot take
    X = network.door.raw_inputs(x)
    if len(X) > ROWS:
        raise ValueError(
            f"X has {len(X):,} rows; a walkthrough writes every one of them out, and takes up to "
            f"{ROWS}. Give it a part of them, such as X[:4]."
        )
    network.door.targets(y, len(X))
    Y = network.door.raw_targets(y, len(X))
    return [
        (
            scaled("x", "r", own, network.input_scaler),
            scaled("y", "t", target, network.output_scaler),
        )
        for own, target in zip(X.tolist(), Y.tolist(), strict=True)
    ]


def scaled(name: str, raw_name: str, values: list[float], scaler: Scaler | None) -> list[Equation]:
    """The numbers of a row as the network takes them, from those that are given."""
    if scaler is None:
        return [Equation(Quantity(Symbol(name, index=(i,)), v)) for i, v in enumerate(values, 1)]
    result = []
    columns = zip(values, scaler.shift.tolist(), scaler.scale.tolist(), strict=True)
    for i, (value, shift, scale) in enumerate(columns, start=1):
        terms = {
            "raw": Quantity(Symbol(raw_name, index=(i,)), float(value)),
            "shift": Quantity(Symbol("shift", index=(raw_name, i)), shift),
            "scale": Quantity(Symbol("scale", index=(raw_name, i)), scale),
        }
        result.append(equation(Symbol(name, index=(i,)), "(raw - shift) / scale", terms))
    return result


def read_optimizer(
    network: Network, optimizer: Any
) -> tuple[Optimizer, TrainingState, Schedule | None]:
    """The optimizer at the rate of its next update, its state, and its schedule if it has one."""
    chosen, state = validation.optimizer(optimizer), network.training_state
    if chosen is None and state is not None:
        chosen = network.optimizer
    else:
        chosen = chosen or OPTIMIZERS["adam"]()
        state = TrainingState.fresh(network.architecture, chosen, 0)
    if isinstance(chosen, BatchMethod):
        raise ValueError(
            f"the optimizer is {type(chosen).__name__}, a batch method, which looks at the loss in "
            "several places before it steps; expected one that steps after every batch: "
            f"{', '.join(OPTIMIZERS)}."
        )
    assert chosen is not None
    assert state is not None
    rate, schedule = chosen.learning_rate, None
    if isinstance(rate, Schedule):
        schedule, rate = rate, float(rate(np.array([float(state.epoch)]))[0])
    return at_rate(chosen, state.rate_factor * rate), state, schedule


def read_layers(network: Network) -> list[Layer]:
    """The parameters as quantities."""
    layers = []
    pairs = network.weights
    for k, ((W, b), name) in enumerate(zip(pairs, network.architecture.activations, strict=True)):
        label = None if len(pairs) == 1 else k + 1
        weights = [
            [Quantity(Symbol("w", label, (i, j)), w) for j, w in enumerate(row, start=1)]
            for i, row in enumerate(W.tolist(), start=1)
        ]
        biases = [] if b is None else b.tolist()
        own = [Quantity(Symbol("b", label, (j,)), v) for j, v in enumerate(biases, start=1)]
        layers.append(Layer(k + 1, label, name, weights, own))
    return layers


# ---- the sections -------------------------------------------------------------------------------


def title(network: Network, optimizer: Optimizer, rows: int) -> str:
    """What is written out."""
    sizes = "-".join(map(str, network.sizes))
    data = "on one row" if rows == 1 else f"on {rows} rows"
    return f"One update of a {sizes} network by {type(optimizer).__name__} {data}"


def once(sections: list[Section]) -> Iterator[Section]:
    """The sections, what has been explained in one of them no second time."""
    told: set[str] = set()

    def first(text: str) -> str:
        new = text not in told
        told.add(text)
        return text if new else ""

    for section in sections:
        explanation = first(section.explanation)
        steps = tuple(replace(s, explanation=first(s.explanation)) for s in section.steps)
        yield replace(section, explanation=explanation, steps=steps)


def start(network: Network, layers: list[Layer]) -> Section:
    """The network as it is."""
    matrices = matrices_of(network, network.parameters)
    parts = [f"{len(layer.W[0])} {layer.activation}" for layer in layers]
    shape = " → ".join([f"{len(layers[0].W)} inputs", *parts])
    step = Step("Weights and biases", f"{shape}, with the loss {network.loss}.", matrices=matrices)
    return Section("The network", sentences.NETWORK, (step,))


def of_row(row: Row, layers: list[Layer], count: int) -> list[Section]:
    """Forward, loss and back."""
    place = f", row {row.label} of {count}" if count > 1 else ""
    steps, back = (row.first_step, *row.forward_steps), tuple(row.backward_steps)
    return [
        Section(f"Forward pass{place}", sentences.FORWARD, steps, forward(row)),
        Section(f"Loss{place}", "", (row.loss_step,)),
        Section(f"Backward pass{place}", sentences.BACKWARD, back, backward(row)),
    ]


def forward(row: Row) -> Drawing:
    """The activations in the units, the weights at the edges."""
    notes: list[list[tuple[Quantity, ...]]] = [[() for _ in row.outputs[0]]]
    for layer, sums in zip(row.layers, row.sums, strict=True):
        biases: list[tuple[Quantity, ...]] = [(b,) for b in layer.b] or [()] * len(sums)
        notes.append([(*b, z) for b, z in zip(biases, sums, strict=True)])
    notes[-1] = [(*note, y) for note, y in zip(notes[-1], row.y, strict=True)]
    edges = [[[w.value for w in weights] for weights in layer.W] for layer in row.layers]
    return Drawing("activations and weights", row.outputs, edges, notes)


def backward(row: Row) -> Drawing:
    """The deltas in the units, the gradient at the edges."""
    units = [row.outputs[0], *row.deltas]
    edges, start = [], 0
    for layer in row.layers:
        rows, width = len(layer.W), len(layer.W[0])
        values = [g.value for g in row.gradient[start : start + rows * width]]
        edges.append([values[i * width : (i + 1) * width] for i in range(rows)])
        start += len(layer.parameters)
    return Drawing("deltas and gradient", units, edges, [[() for _ in layer] for layer in units])


def of_gradient(
    network: Network, layers: list[Layer], rows: list[Row]
) -> tuple[list[Section], list[Quantity]]:
    """From the rows to the gradient of the update: their mean, and the penalties."""
    sections, gradient, error = [], rows[0].gradient, rows[0].error
    if len(rows) > 1:
        section, gradient = mean(rows, layers)
        sections.append(section)
        error = section.steps[0].quantities[-1]
    if network.architecture.penalised:
        section, gradient = penalise(network, layers, gradient, error)
        sections.append(section)
    return sections, gradient


def mean(rows: list[Row], layers: list[Layer]) -> tuple[Section, list[Quantity]]:
    """The loss of the batch, and its gradient."""
    terms = {f"e{r}": row.error for r, row in enumerate(rows)}
    loss = equation(Symbol("E"), f"({' + '.join(terms)}) / {len(rows)}", terms)
    slopes = iter(zip(*(row.gradient for row in rows), strict=True))

    def of(parameter: Quantity) -> Equation:
        terms = {f"g{r}": g for r, g in enumerate(next(slopes))}
        formula = f"({' + '.join(terms)}) / {len(rows)}"
        return equation(derivative("E", parameter), formula, terms)

    steps = [Step("Loss of the batch", "", (loss,))]
    for layer in layers:
        equations = tuple(map(of, layer.parameters))
        steps.append(Step(f"Mean gradient of {name_of(layer, layers)}", "", equations))
    section = Section("The mean over the rows", sentences.MEAN, tuple(steps))
    return section, [q for step in steps[1:] for q in step.quantities]


def penalise(
    network: Network, layers: list[Layer], gradient: list[Quantity], error: Quantity
) -> tuple[Section, list[Quantity]]:
    """The penalties on the weights, and the gradient of the loss with them."""
    slopes = iter(gradient)
    penalties, steps = [], []
    objective = {"e": error}
    for layer, rule in zip(layers, network.architecture.regularization, strict=True):
        rates = {n: Quantity(letter(n), v) for n, v in (("l1", rule.l1), ("l2", rule.l2)) if v}
        if rates:
            penalties += penalty(layer, rates)
            objective[f"o{layer.number}"] = penalties[-1].quantity
        pulls = [{"l1": "l1 * sign(w)", "l2": "l2 * w"}[name] for name in rates]
        equations = []
        for k, parameter in enumerate(layer.parameters):
            own = pulls if k < len(layer.parameters) - len(layer.b) else []
            terms = {"g": next(slopes), "w": parameter, **rates}
            symbol = derivative("J", parameter)
            equations.append(equation(symbol, " + ".join(["g", *own]), terms))
        title = f"Gradient with penalties, {name_of(layer, layers)}"
        steps.append(Step(title, sentences.PENALTY_GRADIENT, tuple(equations)))
    penalties.append(equation(Symbol("J"), " + ".join(objective), objective))
    first = Step("Penalties", sentences.PENALTY, tuple(penalties))
    section = Section("Penalties on the weights", "", (first, *steps))
    return section, [q for step in steps for q in step.quantities]


def penalty(layer: Layer, rates: dict[str, Quantity]) -> list[Equation]:
    """Ω = λ₁ A + λ₂/2 Q with A = Σ |w| and Q = Σ w², or the one of them that counts."""
    weights = {f"w{k}": w for k, w in enumerate(w for row in layer.W for w in row)}
    forms = {"l1": ("A", "abs({})", "l1 * A"), "l2": ("Q", "{}**2", "l2 / 2 * Q")}
    result, parts, terms = [], [], dict(rates)
    for name in rates:
        total, form, part = forms[name]
        formula = " + ".join(form.format(weight) for weight in weights)
        result.append(equation(layer.symbol(total), formula, weights))
        terms[total] = result[-1].quantity
        parts.append(part)
    return [*result, equation(layer.symbol("Ω"), " + ".join(parts), terms)]


def end(network: Network, parameters: Array, before: float, after: float, rows: int) -> Section:
    """The network after the update."""
    step = Step("The new weights and biases", "", matrices=matrices_of(network, parameters))
    return Section("The network after the update", sentences.after(before, after, rows), (step,))


def matrices_of(network: Network, parameters: Array) -> tuple[Matrix, ...]:
    """W and b of every layer."""
    pairs = network.architecture.views(parameters)
    result = []
    for k, (W, b) in enumerate(pairs, start=1):
        label = None if len(pairs) == 1 else k
        result.append(Matrix(Symbol("W", label), tuple(map(tuple, W.tolist()))))
        if b is not None:
            result.append(Matrix(Symbol("b", label), (tuple(b.tolist()),)))
    return tuple(result)


def derivative(letter: str, parameter: Quantity) -> Derivative:
    """∂letter / ∂parameter."""
    assert isinstance(parameter.symbol, Symbol)
    return Derivative(Symbol(letter), parameter.symbol)


def loss_of(network: Network, rows: list[Row], parameters: Array) -> float:
    """The mean loss of the rows in float64, without penalties."""
    level = levels.LEVELS["python"](replace(network.architecture, dtype="float64"))
    X, Y = (
        np.array([[q.value for q in quantities] for quantities in data])
        for data in ([row.outputs[0] for row in rows], [row.y for row in rows])
    )
    return level.loss(parameters.astype(np.float64), X, Y)
