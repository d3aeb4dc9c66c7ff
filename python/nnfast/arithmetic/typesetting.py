"""From a formula to signs on paper; what the signs look like is each renderer's own `Glyphs`."""

from __future__ import annotations

import ast
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from nnfast.arithmetic.quantities import (
    FUNCTIONS,
    Derivative,
    Equation,
    Quantity,
    Symbol,
    evaluate,
)

T = TypeVar("T")

SUM, PRODUCT, POWER, ATOM = range(4)  # how strongly the parts of a formula hold together

COMPARISONS = {ast.Gt: ">", ast.Lt: "<", ast.GtE: "≥", ast.LtE: "≤"}


class Glyphs(ABC, Generic[T]):
    """The signs of one medium.

    digits: how many digits after the point numbers have at most.
    """

    def __init__(self, digits: int) -> None:
        self.digits = digits

    @abstractmethod
    def row(self, *parts: T) -> T:
        """Parts side by side."""

    def sum(self, terms: list[T]) -> T:
        """A sum inside a formula."""
        return self.row(*terms)

    @abstractmethod
    def sign(self, text: str) -> T:
        """An operator with its spaces; "neg" is the sign of a number, "times" one not written."""

    @abstractmethod
    def symbol(self, symbol: Symbol | Derivative) -> T: ...

    @abstractmethod
    def decimal(self, mantissa: str, exponent: int | None) -> T:
        """A number, times a power of ten where there is one."""

    @abstractmethod
    def function(self, name: str) -> T:
        """The name of a function, or π."""

    @abstractmethod
    def parentheses(self, inside: T) -> T: ...

    @abstractmethod
    def fraction(self, top: T, bottom: T) -> T: ...

    @abstractmethod
    def power(self, base: T, exponent: T) -> T: ...

    @abstractmethod
    def root(self, inside: T) -> T: ...

    @abstractmethod
    def absolute(self, inside: T) -> T: ...

    @abstractmethod
    def exponential(self, exponent: T) -> T: ...

    @abstractmethod
    def cases(self, cases: list[tuple[T, T | None]]) -> T:
        """(what, where) of each case; the last one is for all other numbers."""

    def number(self, value: float) -> T:
        """A number as it is shown."""
        return self.decimal(*shown(value, self.digits))

    def quantity(self, quantity: Quantity, numbers: bool) -> T:
        """What stands for a quantity in a formula."""
        return self.number(quantity.value) if numbers else self.symbol(quantity.symbol)

    def right_sides(self, equation: Equation, fine: bool = False) -> list[list[T]]:
        """The formula with symbols, with numbers, and the result, each unless it is repeated.

        Each is in pieces, between which a line may be broken: the terms of a sum, and where `fine`
        is set the factors of a product too.
        """
        sides = [[self.quantity(equation.quantity, True)]]
        if not equation.formula:
            return sides
        tree = parse(equation.formula)
        with_numbers = _Reader(self, equation, True, fine)
        if not isinstance(with_numbers.branch(tree), ast.Name | ast.Constant):
            sides.insert(0, with_numbers.pieces(with_numbers.branch(tree)))
        if not isinstance(tree, ast.Constant):
            sides.insert(0, _Reader(self, equation, False, fine).pieces(tree))
        return sides


def shown(value: float, digits: int) -> tuple[str, int | None]:
    """A number rounded to so many digits after the point, and without needless zeros.

    A number too small or too large for that has as many digits in all, half of them at least, and a
    power of ten beside it.
    """
    if not math.isfinite(value):
        return f"{value}".replace("-", "−").replace("inf", "∞"), None
    if value == 0 or 10.0 ** -((digits + 1) // 2) <= abs(value) < 1e9:
        text = f"{value:.{digits}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return text.replace("-", "−") if float(text) else "0", None
    mantissa, exponent = f"{value:.{(digits + 1) // 2}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return mantissa.replace("-", "−"), int(exponent)


def parse(formula: str) -> ast.expr:
    """The tree of a formula."""
    return ast.parse(formula, mode="eval").body


@dataclass(frozen=True)
class _Reader(Generic[T]):
    """Reads one formula, with symbols or with numbers.

    fine: whether products are taken to pieces, too.
    first: whether the part that is read begins a formula, so that a minus needs no parentheses.
    """

    glyphs: Glyphs[T]
    equation: Equation
    numbers: bool
    fine: bool = False
    first: bool = True

    def pieces(self, node: ast.expr) -> list[T]:
        """The terms of a sum, each with its sign, or the factors of a product."""
        if not isinstance(node, ast.BinOp):
            return [self.read(node, SUM)]
        if isinstance(node.op, ast.Add | ast.Sub):
            sign = self.glyphs.sign("+" if isinstance(node.op, ast.Add) else "−")
            return [*self.pieces(node.left), *self.led_by(sign, node.right)]
        whole = not self.fine or self.strength(node.left) < PRODUCT
        if whole or not isinstance(node.op, ast.Mult):
            return [self.read(node, SUM)]
        return [*self.pieces(node.left), *self.led_by(self.times(node), node.right)]

    def led_by(self, sign: T, node: ast.expr) -> list[T]:
        """The pieces of a term or a factor, with the sign before it."""
        if self.later.strength(node) < PRODUCT:
            return [self.glyphs.row(sign, self.later.read(node, PRODUCT))]
        first, *rest = self.later.pieces(node)
        return [self.glyphs.row(sign, first), *rest]

    def read(self, node: ast.expr, least: int) -> T:
        """A part of the formula, in parentheses where it holds together less than `least`."""
        if least > self.strength(node):
            inside = replace(self, first=True).read(node, SUM)
            return self.glyphs.parentheses(inside)
        if isinstance(node, ast.BinOp):
            return self.operation(node)
        if isinstance(node, ast.UnaryOp):
            return self.glyphs.row(self.glyphs.sign("neg"), self.later.read(node.operand, PRODUCT))
        if isinstance(node, ast.IfExp):
            return self.choice(node)
        if isinstance(node, ast.Compare):
            return self.comparison(node)
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.Name) and node.id in FUNCTIONS:
            return self.glyphs.function(node.id)
        if isinstance(node, ast.Name):
            return self.glyphs.quantity(self.term(node), self.numbers)
        return self.glyphs.number(ast.literal_eval(node))

    @property
    def later(self) -> _Reader[T]:
        """Reads what does not begin a formula."""
        return replace(self, first=False)

    def strength(self, node: ast.expr) -> int:
        """How strongly the parts of a node hold together."""
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.Add | ast.Sub):
                return SUM
            return POWER if isinstance(node.op, ast.Pow) else PRODUCT
        if isinstance(node, ast.UnaryOp):
            return PRODUCT if self.first else SUM
        if isinstance(node, ast.IfExp):
            return self.strength(self.branch(node)) if self.numbers else PRODUCT
        if isinstance(node, ast.Constant):
            return self.strength_of_number(ast.literal_eval(node))
        if isinstance(node, ast.Name) and node.id not in FUNCTIONS:
            return self.strength_of_term(self.term(node))
        is_exponential = isinstance(node, ast.Call) and ast.unparse(node.func) == "exp"
        return POWER if is_exponential else ATOM

    def strength_of_term(self, term: Quantity) -> int:
        """What has something above already cannot have an exponent there."""
        if self.numbers:
            return self.strength_of_number(term.value)
        symbol = term.symbol
        return ATOM if isinstance(symbol, Symbol) and symbol.layer is None else POWER

    def strength_of_number(self, value: float) -> int:
        """A minus holds a number together less than a product, a power of ten makes it one."""
        text, exponent = shown(value, self.glyphs.digits)
        if text.startswith("−"):
            return PRODUCT if self.first else SUM
        return ATOM if exponent is None else PRODUCT

    def operation(self, node: ast.BinOp) -> T:
        glyphs = self.glyphs
        if isinstance(node.op, ast.Add | ast.Sub):
            return glyphs.sum(replace(self, fine=False).pieces(node))
        if isinstance(node.op, ast.Mult):
            left = self.read(node.left, PRODUCT)
            right = self.later.read(node.right, PRODUCT)
            return glyphs.row(left, self.times(node), right)
        alone = replace(self, first=True)
        if isinstance(node.op, ast.Div):
            return glyphs.fraction(alone.read(node.left, SUM), alone.read(node.right, SUM))
        return glyphs.power(self.later.read(node.left, ATOM), alone.read(node.right, SUM))

    def times(self, node: ast.BinOp) -> T:
        """Between numbers there is a point, between symbols nothing."""
        bare = isinstance(node.right, ast.Constant) or self.numbers
        return self.glyphs.sign("·" if bare else "times")

    def call(self, node: ast.Call) -> T:
        assert isinstance(node.func, ast.Name)
        alone, name = replace(self, first=True), node.func.id
        arguments = [alone.read(argument, SUM) for argument in node.args]
        shapes = {
            "exp": self.glyphs.exponential,
            "sqrt": self.glyphs.root,
            "abs": self.glyphs.absolute,
        }
        if name in shapes:
            return shapes[name](arguments[0])
        parts = [arguments[0]]
        for argument in arguments[1:]:
            parts += [self.glyphs.sign(","), argument]
        inside = self.glyphs.parentheses(self.glyphs.row(*parts))
        return self.glyphs.row(self.glyphs.function(name), inside)

    def choice(self, node: ast.IfExp) -> T:
        """All cases; with numbers put in, the one that they belong to."""
        if self.numbers:
            return self.read(self.branch(node), SUM)
        alone = replace(self, first=True)
        cases: list[tuple[T, T | None]] = []
        rest: ast.expr = node
        while isinstance(rest, ast.IfExp):
            cases.append((alone.read(rest.body, SUM), alone.read(rest.test, SUM)))
            rest = rest.orelse
        cases.append((alone.read(rest, SUM), None))
        return self.glyphs.cases(cases)

    def branch(self, node: ast.expr) -> ast.expr:
        """Of cases the one that the numbers belong to; anything else as it is."""
        while isinstance(node, ast.IfExp):
            holds = evaluate(ast.unparse(node.test), self.equation.numbers)
            node = node.body if holds else node.orelse
        return node

    def comparison(self, node: ast.Compare) -> T:
        parts = [self.read(node.left, SUM)]
        for operator, right in zip(node.ops, node.comparators, strict=True):
            parts += [self.glyphs.sign(COMPARISONS[type(operator)]), self.read(right, SUM)]
        return self.glyphs.row(*parts)

    def term(self, node: ast.Name) -> Quantity:
        return self.equation.terms[node.id]
