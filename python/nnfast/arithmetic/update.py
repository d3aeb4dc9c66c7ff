"""One update of all parameters by an optimizer, written out."""

from __future__ import annotations

import math

from nnfast.arithmetic import sentences
from nnfast.arithmetic.passes import Layer, name_of
from nnfast.arithmetic.quantities import (
    Equation,
    Quantity,
    Step,
    Symbol,
    equation,
    letter,
    names,
    statements,
)
from nnfast.formulas import Optimizer


class Update:
    """The update number `t` of every parameter.

    gradient: of all parameters, in the order of the flat array; slots: the optimizer's state, a
        list for each parameter.
    steps: what is shown; parameters and state: after the update.
    """

    def __init__(
        self,
        layers: list[Layer],
        gradient: list[Quantity],
        slots: list[list[float]],
        optimizer: Optimizer,
        t: int,
    ) -> None:
        self.optimizer, self.t = optimizer, t
        self.statements = statements(optimizer.formula)
        self.shared = {
            name: Quantity(letter(name), float(value))
            for name, value in {**vars(optimizer), "t": t}.items()
            if name in names(optimizer.formula)
        }
        self.slot_names = self._slot_names()
        self.parameters: list[float] = []
        self.state: list[list[float]] = []
        self.steps = [self._start()]
        given = iter(zip(gradient, slots, strict=True))
        for layer in layers:
            equations = [self._of(p, *next(given)) for p in layer.parameters]
            self.steps += self._steps_of(layer, layers, equations)

    def _slot_names(self) -> list[str]:
        """What the formula reads before it assigns it."""
        found: list[str] = []
        known = {*self.shared, "p", "g"}
        for name, formula in self.statements:
            found += [n for n in names(formula) if n not in known and n not in found]
            known.add(name)
        return found

    def _start(self) -> Step:
        """The numbers that all parameters share."""
        given = [Equation(quantity) for quantity in self.shared.values()]
        computed = []
        for name, formula in self.statements:
            if self.shared.keys() >= set(names(formula)):
                computed.append(equation(letter(name), formula, self.shared))
                self.shared[name] = computed[-1].quantity
        self.statements = [s for s in self.statements if s[0] not in self.shared]
        return Step("Given", sentences.SHARED, (*given, *computed))

    def _of(self, p: Quantity, g: Quantity, slots: list[float]) -> list[Equation]:
        """The equations of one parameter."""
        plain = len(self.statements) == 1
        before = dict(zip(self.slot_names, slots, strict=True))
        terms = self.shared | {"p": p, "g": g}
        terms |= {name: Quantity(letter(name), value) for name, value in before.items()}
        equations = []
        if not plain:
            short = Symbol("g")
            equations.append(equation(short, "g", terms))
            terms["g"] = equations[0].quantity
        new, *state = self.optimizer.update(p.value, g.value, tuple(slots), self.t, math)
        self.parameters.append(float(new))
        self.state.append([float(v) for v in state])
        final = dict(zip(("p", *self.slot_names), (new, *state), strict=True))
        last = {name: k for k, (name, _) in enumerate(self.statements)}
        for k, (name, formula) in enumerate(self.statements):
            symbol = p.symbol if name == "p" else letter(name)
            value = final[name] if name in final and last[name] == k else None
            assigned = name == "p" or name in before
            equations.append(equation(symbol, formula, terms, value, assigned))
            terms[name] = equations[-1].quantity
        return equations

    def _steps_of(
        self, layer: Layer, layers: list[Layer], equations: list[list[Equation]]
    ) -> list[Step]:
        """One step for the layer, or for each parameter where several equations lead to it."""
        place = name_of(layer, layers)
        if len(self.statements) == 1:
            return [Step(f"New parameters of {place}", "", tuple(e for (e,) in equations))]
        return [Step(f"New {own[-1].symbol}", "", tuple(own)) for own in equations]
