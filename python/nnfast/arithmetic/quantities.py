"""What a walkthrough is made of: quantities, equations between them, steps, sections.

A formula is a Python expression in text, as in `nnfast.formulas`. Its names stand for quantities,
which have a symbol and a value: every renderer shows the formula twice, with the symbols and with
the values, and then the result.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

BELOW = str.maketrans("0123456789+amrtx", "₀₁₂₃₄₅₆₇₈₉₊ₐₘᵣₜₓ")
ABOVE = str.maketrans("0123456789−()t", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁽⁾ᵗ")


@dataclass(frozen=True)
class Symbol:
    """A letter, the layer it belongs to (written above) and its indices (below)."""

    letter: str
    layer: int | None = None
    index: tuple[int | str, ...] = ()

    @property
    def below(self) -> str:
        """The indices, with commas between them where one has two digits."""
        apart = "," if any(isinstance(i, int) and i > 9 for i in self.index) else ""
        return apart.join(map(str, self.index))

    def __str__(self) -> str:
        above = "" if self.layer is None else f"({self.layer})".translate(ABOVE)
        return self.letter + above + self.below.translate(BELOW)


@dataclass(frozen=True)
class Derivative:
    """∂top / ∂bottom."""

    top: Symbol
    bottom: Symbol

    def __str__(self) -> str:
        return f"∂{self.top}/∂{self.bottom}"


@dataclass(frozen=True)
class Quantity:
    """A symbol and its value."""

    symbol: Symbol | Derivative
    value: float


@dataclass(frozen=True)
class Equation:
    """quantity = formula, with symbols, with numbers, and its result.

    quantity: what is computed.
    formula: a Python expression; "" for a quantity that is given.
    terms: the quantities that the names in it stand for.
    assigned: whether the quantity takes the place of its old value (written ← instead of =).
    """

    quantity: Quantity
    formula: str = ""
    terms: Mapping[str, Quantity] = field(default_factory=dict)
    assigned: bool = False

    @property
    def symbol(self) -> Symbol | Derivative:
        """What stands on the left."""
        return self.quantity.symbol

    @property
    def numbers(self) -> dict[str, float]:
        """The value of every name in the formula."""
        return {name: term.value for name, term in self.terms.items()}

    @property
    def result(self) -> float:
        """The value of the left side."""
        return self.quantity.value


@dataclass(frozen=True)
class Matrix:
    """An array of numbers with a name; a vector has one row."""

    symbol: Symbol
    rows: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Step:
    """Equations that belong together, or matrices, with a sentence on what they do and why."""

    title: str
    explanation: str
    equations: tuple[Equation, ...] = ()
    matrices: tuple[Matrix, ...] = ()

    @property
    def quantities(self) -> list[Quantity]:
        """The left sides of the equations."""
        return [equation.quantity for equation in self.equations]


@dataclass(frozen=True)
class Section:
    """A part of the walkthrough: its steps, one after the other.

    drawing: what a diagram shows beside the steps; None for none.
    """

    title: str
    explanation: str
    steps: tuple[Step, ...]
    drawing: Drawing | None = None


@dataclass(frozen=True)
class Drawing:
    """A network with numbers in it.

    title: what the numbers are.
    units: what stands in the circles, layer by layer, the inputs first.
    edges: what stands at the lines, (inputs, outputs) of each layer after that.
    notes: what stands under each circle.
    """

    title: str
    units: Sequence[Sequence[Quantity]]
    edges: Sequence[Sequence[Sequence[float]]]
    notes: Sequence[Sequence[tuple[Quantity, ...]]]


FUNCTIONS = {
    "abs": abs,
    "cosh": math.cosh,
    "exp": math.exp,
    "log": math.log,
    "max": max,
    "min": min,
    "Phi": lambda z: (1 + math.erf(z / math.sqrt(2))) / 2,
    "pi": math.pi,
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
    "sign": lambda x: (x > 0) - (x < 0),
    "sqrt": math.sqrt,
    "tanh": math.tanh,
}


def evaluate(formula: str, numbers: Mapping[str, float]) -> float:
    """The value of a formula, whose names stand for these numbers; infinity where it overflows."""
    try:
        return float(eval(formula, {"__builtins__": {}}, {**FUNCTIONS, **numbers}))
    except OverflowError:
        return math.inf


def equation(
    symbol: Symbol | Derivative,
    formula: str,
    terms: Mapping[str, Quantity],
    value: float | None = None,
    assigned: bool = False,
) -> Equation:
    """The equation of a formula with those terms that it names.

    value: the result where it is known already, from the code's own form of the formula.
    """
    own = {name: terms[name] for name in names(formula)}
    if value is None:
        value = evaluate(formula, {name: term.value for name, term in own.items()})
    return Equation(Quantity(symbol, float(value)), formula, own, assigned)


def names(formula: str) -> list[str]:
    """The quantities that a formula reads, in its order."""
    found = _all_names(formula)
    return [name for name in found if name not in FUNCTIONS]


def functions(formula: str) -> list[str]:
    """The functions that a formula calls, in its order."""
    return [name for name in _all_names(formula) if name in FUNCTIONS]


def _all_names(formula: str) -> list[str]:
    nodes = [node for node in ast.walk(ast.parse(formula)) if isinstance(node, ast.Name)]
    nodes.sort(key=lambda node: node.col_offset)
    return list(dict.fromkeys(node.id for node in nodes if isinstance(node.ctx, ast.Load)))


def statements(text: str) -> list[tuple[str, str]]:
    """(name, formula) of each assignment in a text; the name of a last expression is ""."""
    result = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign):
            result.append((ast.unparse(node.targets[0]), ast.unparse(node.value)))
        elif isinstance(node, ast.Expr):
            result.append(("", ast.unparse(node.value)))
    return result


# names in `nnfast.formulas` and in the equations of an update, as docs/formulas.md writes them
LETTERS = {
    "learning_rate": Symbol("η"),
    "momentum": Symbol("μ"),
    "rho": Symbol("ρ"),
    "beta1": Symbol("β", index=(1,)),
    "beta2": Symbol("β", index=(2,)),
    "epsilon": Symbol("ε"),
    "weight_decay": Symbol("λ"),
    "momentum_decay": Symbol("ψ"),
    "m_hat": Symbol("m̂"),
    "v_hat": Symbol("v̂"),
    "v_max": Symbol("v", index=("max",)),
    "mu": Symbol("μ", index=("t",)),
    "mu_next": Symbol("μ", index=("t+1",)),
    "c_next": Symbol("c", index=("t+1",)),
    "l1": Symbol("λ", index=(1,)),
    "l2": Symbol("λ", index=(2,)),
}


def letter(name: str) -> Symbol:
    """The symbol of a name; the name itself where it has no other."""
    return LETTERS.get(name, Symbol(name))
