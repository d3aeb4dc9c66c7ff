"""The forward and the backward pass of one row, written out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nnfast.arithmetic import sentences
from nnfast.arithmetic.quantities import (
    Derivative,
    Equation,
    Quantity,
    Step,
    Symbol,
    equation,
    letter,
    statements,
)
from nnfast.formulas import ACTIVATIONS, LOSSES

Quantities = list[Quantity]


@dataclass(frozen=True)
class Layer:
    """The parameters of one layer as quantities: W (inputs, units), b (units) or nothing.

    number: counted from 1; label: the same, or None in a network of one layer, where no symbol
    needs it.
    """

    number: int
    label: int | None
    activation: str
    W: list[Quantities]
    b: Quantities

    @property
    def parameters(self) -> Quantities:
        """In the order of the flat array."""
        return [w for row in self.W for w in row] + self.b

    def symbol(self, letter: str, *index: int) -> Symbol:
        """A letter of this layer."""
        return Symbol(letter, self.label, index)


class Row:
    """One row on its way through the network and back.

    sums, outputs, deltas: z, a and δ of every layer; outputs begin with the inputs.
    error: the loss of the row.
    gradient: ∂E/∂p of every parameter, in the order of the flat array.
    first_step, forward_steps, loss_step, backward_steps: how they come about.
    """

    def __init__(
        self,
        layers: list[Layer],
        loss: str,
        inputs: list[Equation],
        targets: list[Equation],
        label: int | None,
    ) -> None:
        self.layers, self.loss_name, self.label = layers, loss, label
        raw = tuple(Equation(e.terms["raw"]) for e in (*inputs, *targets) if e.formula)
        why = sentences.SCALING if raw else ""
        self.first_step = Step("Inputs and targets", why, (*raw, *inputs, *targets))
        self.y = [e.quantity for e in targets]
        self.E = Symbol("E", index=() if label is None else (label,))
        self.sums: list[Quantities] = []
        self.outputs: list[Quantities] = [[e.quantity for e in inputs]]
        self.deltas: list[Quantities] = []
        self.gradient: Quantities = []
        self.forward_steps = self._forward()
        self.loss_step = self._loss()
        self.error = self.loss_step.equations[-1].quantity
        self.backward_steps = self._backward()

    # ---- forward ----------------------------------------------------------------------------

    def _forward(self) -> list[Step]:
        """The steps of all layers."""
        steps = []
        for layer in self.layers:
            sums = [self._sum(layer, j) for j in range(len(layer.W[0]))]
            z = [e.quantity for e in sums]
            outputs, a = self._activate(layer, z)
            self.sums.append(z)
            self.outputs.append(a)
            place, why = name_of(layer, self.layers), sentences.activation(layer.activation)
            title = f"Activations of {place}: {layer.activation}"
            steps.append(Step(f"Sums of {place}", sentences.sums(layer.number), tuple(sums)))
            steps.append(Step(title, why, tuple(outputs)))
        return steps

    def _sum(self, layer: Layer, j: int) -> Equation:
        """z = x₁ w₁ + x₂ w₂ + ... + b."""
        x = self.outputs[-1]
        terms = {f"x{i}": v for i, v in enumerate(x)}
        terms |= {f"w{i}": row[j] for i, row in enumerate(layer.W)}
        formula = " + ".join(f"x{i} * w{i}" for i in range(len(x)))
        if layer.b:
            terms["b"] = layer.b[j]
            formula += " + b"
        return equation(layer.symbol("z", j + 1), formula, terms)

    def _activate(self, layer: Layer, z: Quantities) -> tuple[list[Equation], Quantities]:
        """The equations of a layer's activation, and its outputs."""
        f = ACTIVATIONS[layer.activation]
        shared: dict[str, Quantity] = {}
        equations = []
        values = [v.value for v in z]
        if f.normalise:
            terms = {f"z{k}": v for k, v in enumerate(z)}
            formula = " + ".join(f"exp({name})" for name in terms)
            equations.append(equation(layer.symbol("S"), formula, terms))
            shared["S"] = equations[-1].quantity
            values = log_softmax(values)
        outputs = []
        for k, (v, value) in enumerate(zip(z, values, strict=True), start=1):
            a = layer.symbol("a", k)
            equations += written(f.formula, a, {"z": v, **shared}, f.value(value, math))
            outputs.append(equations[-1].quantity)
        return equations, outputs

    # ---- loss -------------------------------------------------------------------------------

    def _loss(self) -> Step:
        """The loss of the row."""
        loss = LOSSES[self.loss_name]
        outputs = self._last()
        single = len(outputs) == 1
        equations = []
        for k, terms in enumerate(outputs, start=1):
            symbol = self.E if single else Symbol("ℓ", index=(k,))
            value = loss.value(*self._code(k - 1), math)
            equations += written(loss.formula, symbol, terms, value)
        if not single:
            terms = {f"l{k}": e.quantity for k, e in enumerate(equations)}
            formula = " + ".join(terms)
            if loss.mean:
                formula = f"({formula}) / {len(outputs)}"
            equations.append(equation(self.E, formula, terms))
        why = sentences.loss(self.loss_name, single)
        return Step(f"Loss: {self.loss_name}", why, tuple(equations))

    def _last(self) -> list[dict[str, Quantity]]:
        """z, a and y of every output."""
        last = zip(self.sums[-1], self.outputs[-1], self.y, strict=True)
        return [{"z": z, "a": a, "y": y} for z, a, y in last]

    def _code(self, k: int) -> tuple[float, float, float]:
        """z, a and y of an output as the code's own formulas take them."""
        z = [v.value for v in self.sums[-1]]
        if ACTIVATIONS[self.layers[-1].activation].normalise:
            z = log_softmax(z)
        return z[k], self.outputs[-1][k].value, self.y[k].value

    # ---- backward ---------------------------------------------------------------------------

    def _backward(self) -> list[Step]:
        """The steps of all layers, the last first."""
        steps: list[Step] = []
        for layer in reversed(self.layers):
            if layer is self.layers[-1]:
                found = self._output_deltas(layer)
            else:
                found = self._hidden_deltas(layer, self.layers[layer.number])
            delta = found[-1].quantities
            self.deltas.insert(0, delta)
            slopes = self._gradient(layer, self.outputs[layer.number - 1], delta)
            self.gradient = slopes.quantities + self.gradient
            steps += [*found, slopes]
        return steps

    def _output_deltas(self, layer: Layer) -> list[Step]:
        loss = LOSSES[self.loss_name]
        outputs = self._last()
        count = len(outputs) if loss.mean else 1
        formula = loss.delta_formula if count == 1 else f"({loss.delta_formula}) / {count}"
        equations = []
        for k, terms in enumerate(outputs, start=1):
            symbol: Symbol | Derivative = Derivative(self.E, layer.symbol("a", k))
            if loss.logarithmic:
                symbol = Symbol("u", index=(k,))
            elif loss.paired:
                symbol = layer.symbol("δ", k)
            value = loss.delta(*self._code(k - 1), math) / count
            equations += written(formula, symbol, terms, value)
        place = name_of(layer, self.layers)
        if loss.paired and not loss.logarithmic:
            why = sentences.paired(self.loss_name, layer.activation)
            return [Step(f"Deltas of {place}", why, tuple(equations))]
        title = "How the loss changes with the outputs"
        first = Step(title, sentences.slope_of_loss(loss.logarithmic), tuple(equations))
        if loss.logarithmic:
            return [first, self._through_logarithm(layer, first.quantities)]
        return [first, *self._through_activation(layer, first.quantities)]

    def _through_logarithm(self, layer: Layer, slopes: Quantities) -> Step:
        """δ = u - a Σu, of the slopes u = ∂E/∂ log a of a softmax."""
        all_slopes = {f"u{k}": u for k, u in enumerate(slopes)}
        result = []
        for k, (a, u) in enumerate(zip(self.outputs[-1], slopes, strict=True), start=1):
            terms = {"u": u, "a": a, **all_slopes}
            formula = f"u - a * ({' + '.join(all_slopes)})"
            result.append(equation(layer.symbol("δ", k), formula, terms))
        title = f"Deltas of {name_of(layer, self.layers)}"
        return Step(title, sentences.LOGARITHM, tuple(result))

    def _hidden_deltas(self, layer: Layer, above: Layer) -> list[Step]:
        delta, equations = self.deltas[0], []
        for i, row in enumerate(above.W, start=1):
            terms = {f"w{j}": w for j, w in enumerate(row)}
            terms |= {f"d{j}": d for j, d in enumerate(delta)}
            formula = " + ".join(f"w{j} * d{j}" for j in range(len(delta)))
            equations.append(equation(Derivative(self.E, layer.symbol("a", i)), formula, terms))
        title = f"How the loss changes with the activations of {name_of(layer, self.layers)}"
        first = Step(title, sentences.SHARE, tuple(equations))
        return [first, *self._through_activation(layer, first.quantities)]

    def _through_activation(self, layer: Layer, slopes: Quantities) -> list[Step]:
        """δ = ∂E/∂z from ∂E/∂a, the deltas last."""
        f = ACTIVATIONS[layer.activation]
        z, a = self.sums[layer.number - 1], self.outputs[layer.number]
        place = name_of(layer, self.layers)
        if f.normalise:
            table, deltas = self._through_jacobian(layer, a, slopes)
            why = sentences.jacobian(layer.activation), sentences.JACOBIAN_DELTA
        else:
            table, deltas = [], []
            for k, (v, w, slope) in enumerate(zip(z, a, slopes, strict=True), start=1):
                symbol = Derivative(layer.symbol("a", k), layer.symbol("z", k))
                value = f.slope((v if f.needs_z else w).value, math)
                table += written(f.slope_formula, symbol, {"z": v, "a": w}, value)
                terms = {"s": slope, "d": table[-1].quantity}
                deltas.append(equation(layer.symbol("δ", k), "s * d", terms))
            why = sentences.slope(f.slope_formula), sentences.DELTA
        return [
            Step(f"Slopes of {place}: {layer.activation}", why[0], tuple(table)),
            Step(f"Deltas of {place}", why[1], tuple(deltas)),
        ]

    def _through_jacobian(
        self, layer: Layer, a: Quantities, slopes: Quantities
    ) -> tuple[list[Equation], list[Equation]]:
        """∂a_i/∂z_j = a_i (1 - a_i), or -a_i a_j, and δ_j = Σ ∂E/∂a_i ∂a_i/∂z_j."""
        jacobian, deltas = [], []
        for j, below in enumerate(a, start=1):
            column = []
            for i, above in enumerate(a, start=1):
                symbol = Derivative(layer.symbol("a", i), layer.symbol("z", j))
                formula = "a * (1 - a)" if i == j else "-a * b"
                column.append(equation(symbol, formula, {"a": above, "b": below}))
            terms = {f"s{i}": s for i, s in enumerate(slopes)}
            terms |= {f"d{i}": e.quantity for i, e in enumerate(column)}
            formula = " + ".join(f"s{i} * d{i}" for i in range(len(a)))
            deltas.append(equation(layer.symbol("δ", j), formula, terms))
            jacobian += column
        return jacobian, deltas

    def _gradient(self, layer: Layer, x: Quantities, delta: Quantities) -> Step:
        """∂E/∂w = x δ, ∂E/∂b = δ."""
        result = []
        for v, row in zip(x, layer.W, strict=True):
            for d, w in zip(delta, row, strict=True):
                result.append(equation(self.by(w), "x * d", {"x": v, "d": d}))
        for d, b in zip(delta, layer.b, strict=False):  # there may be no b
            result.append(equation(self.by(b), "d", {"d": d}))
        title = f"Gradient of {name_of(layer, self.layers)}"
        return Step(title, sentences.gradient(bool(layer.b)), tuple(result))

    def by(self, parameter: Quantity) -> Derivative:
        """The symbol of the derivative of this row's loss."""
        assert isinstance(parameter.symbol, Symbol)
        return Derivative(self.E, parameter.symbol)


def written(
    text: str, symbol: Symbol | Derivative, terms: dict[str, Quantity], value: float
) -> list[Equation]:
    """The equations of a formula of `nnfast.formulas`, whose value is known; the last has it."""
    place = symbol.bottom if isinstance(symbol, Derivative) else symbol
    result = []
    for name, formula in statements(text):
        if name:
            own = Symbol(letter(name).letter, place.layer, place.index)
            result.append(equation(own, formula, terms))
            terms = terms | {name: result[-1].quantity}
        else:
            result.append(equation(symbol, formula, terms, value))
    return result


def log_softmax(z: list[float]) -> list[float]:
    """z less the logarithm of the sum of all e^z, which cannot overflow."""
    top = max(z)
    log_sum = top + math.log(sum(math.exp(v - top) for v in z))
    return [v - log_sum for v in z]


def name_of(layer: Layer, layers: list[Layer]) -> str:
    """What a reader calls the layer."""
    if len(layers) == 1:
        return "the layer"
    if layer is layers[-1]:
        return "the output layer"
    return "the hidden layer" if len(layers) == 2 else f"hidden layer {layer.number}"
