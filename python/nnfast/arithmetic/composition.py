"""From a network and its data to the sections of a walkthrough."""

from __future__ import annotations

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
from nnfast.arithmetic.reading import read_layers, read_optimizer, read_rows, require_small
from nnfast.arithmetic.update import Update
from nnfast.formulas import Optimizer
from nnfast.levels.contract import Array, DivergenceError

if TYPE_CHECKING:
    from nnfast.network import Network


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
