"""A walkthrough as HTML with MathML and SVG, complete in itself, without scripts."""

from __future__ import annotations

import re
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from nnfast.arithmetic.diagram import svg
from nnfast.arithmetic.quantities import (
    Derivative,
    Equation,
    Matrix,
    Quantity,
    Section,
    Step,
    Symbol,
)
from nnfast.arithmetic.typesetting import Glyphs

if TYPE_CHECKING:
    from nnfast.arithmetic.document import Walkthrough

SIGNS = {"times": "<mspace width='.2em'/>", "neg": "<mo form='prefix'>−</mo>"}
SPACE = "<mspace width='.25em'/>"
FUNCTIONS = {"Phi": "Φ", "pi": "π", "sigmoid": "σ"}
# what the colours tell apart
KINDS = {"r": "a", "x": "a", "a": "a", "w": "w", "b": "w", "δ": "d", "y": "y"}


class HtmlGlyphs(Glyphs[str]):
    """MathML."""

    def row(self, *parts: str) -> str:
        return "".join(parts)

    def sign(self, text: str) -> str:
        return SIGNS.get(text, f"{SPACE}<mo lspace='0' rspace='0'>{escape(text)}</mo>{SPACE}")

    def symbol(self, symbol: Symbol | Derivative) -> str:
        if isinstance(symbol, Derivative):
            top, bottom = self.symbol(symbol.top), self.symbol(symbol.bottom)
            return f"<mfrac><mrow><mo>∂</mo>{top}</mrow><mrow><mo>∂</mo>{bottom}</mrow></mfrac>"
        name = f"<mi>{symbol.letter}</mi>"
        below = f"<mn>{symbol.below}</mn>"
        if symbol.layer is None:
            return f"<msub>{name}{below}</msub>" if symbol.index else name
        above = f"<mn>({symbol.layer})</mn>"
        if not symbol.index:
            return f"<msup>{name}{above}</msup>"
        return f"<msubsup>{name}{below}{above}</msubsup>"

    def quantity(self, quantity: Quantity, numbers: bool) -> str:
        symbol = quantity.symbol
        letter = symbol.letter if isinstance(symbol, Symbol) else "δ"
        inside = super().quantity(quantity, numbers)
        kind = KINDS.get(letter)
        return f"<mrow class='{kind}'>{inside}</mrow>" if kind else f"<mrow>{inside}</mrow>"

    def decimal(self, mantissa: str, exponent: int | None) -> str:
        number = f"<mn>{mantissa}</mn>"
        if exponent is None:
            return number
        power = f"<msup><mn>10</mn><mn>{str(exponent).replace('-', '−')}</mn></msup>"
        return f"{number}<mo>·</mo>{power}"

    def function(self, name: str) -> str:
        return f"<mi mathvariant='normal'>{FUNCTIONS.get(name, name)}</mi>"

    def parentheses(self, inside: str) -> str:
        high = "<mfrac" in inside or "<msu" in inside
        form = "" if high else " stretchy='false'"
        return f"<mrow><mo{form}>(</mo>{inside}<mo{form}>)</mo></mrow>"

    def fraction(self, top: str, bottom: str) -> str:
        return f"<mfrac><mrow>{top}</mrow><mrow>{bottom}</mrow></mfrac>"

    def power(self, base: str, exponent: str) -> str:
        return f"<msup><mrow>{base}</mrow><mrow>{exponent}</mrow></msup>"

    def root(self, inside: str) -> str:
        return f"<msqrt>{inside}</msqrt>"

    def absolute(self, inside: str) -> str:
        return f"<mrow><mo>|</mo>{inside}<mo>|</mo></mrow>"

    def exponential(self, exponent: str) -> str:
        return self.power("<mi>e</mi>", exponent)

    def cases(self, cases: list[tuple[str, str | None]]) -> str:
        rows = (
            f"<mtr><mtd>{what}</mtd><mtd>{condition(where)}</mtd></mtr>" for what, where in cases
        )
        return f"<mrow><mo>{{</mo><mtable>{''.join(rows)}</mtable></mrow>"


def condition(where: str | None) -> str:
    return "<mtext>otherwise</mtext>" if where is None else f"<mtext>if&#160;</mtext>{where}"


def page(walkthrough: Walkthrough) -> str:
    """A whole page."""
    title = escape(walkthrough.title)
    return (
        '<!DOCTYPE html>\n<html lang="en" class="nnfast-page">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n</head>\n<body>\n"
        f"{fragment(walkthrough)}\n</body>\n</html>"
    )


def fragment(walkthrough: Walkthrough) -> str:
    """What a notebook shows."""
    glyphs = HtmlGlyphs(walkthrough.digits)
    style = resources.files("nnfast.arithmetic").joinpath("style.css").read_text("utf-8")
    parts = [
        f"<article class='nnfast-walkthrough'>\n<style>\n{style}</style>",
        f"<h1>{escape(walkthrough.title)}</h1>",
        *(part(k, s, glyphs) for k, s in enumerate(walkthrough.sections, start=1)),
        "</article>",
    ]
    return "\n".join(parts)


def part(number: int, section: Section, glyphs: HtmlGlyphs) -> str:
    """One section, which can be folded."""
    drawing = svg(section.drawing) if section.drawing else ""
    steps = "\n".join(block(step, glyphs) for step in section.steps)
    return (
        f"<details open='open'>\n<summary><span>{number}</span> {escape(section.title)}</summary>\n"
        f"{paragraph(section.explanation)}{drawing}\n{steps}\n</details>"
    )


def paragraph(text: str) -> str:
    """A sentence, its code between accents."""
    marked = re.sub("`(.*?)`", r"<code>\1</code>", escape(text))
    return f"<p>{marked}</p>" if text else ""


def block(step: Step, glyphs: HtmlGlyphs) -> str:
    """One step."""
    given = [equals(e, glyphs) for e in step.equations if not e.formula]
    rows = [row(e, glyphs) for e in step.equations if e.formula]
    matrices = [matrix(m, glyphs) for m in step.matrices]
    return "".join(
        [
            f"<section><h3>{escape(step.title)}</h3>{paragraph(step.explanation)}",
            f"<div class='given'>{' '.join(given + matrices)}</div>" if given + matrices else "",
            f"<div class='wide'><table>{''.join(rows)}</table></div>" if rows else "",
            "</section>",
        ]
    )


def math(inside: str) -> str:
    return f"<math displaystyle='true'><mrow>{inside}</mrow></math>"


def equals(equation: Equation, glyphs: HtmlGlyphs) -> str:
    sides = glyphs.quantity(equation.quantity, False), glyphs.quantity(equation.quantity, True)
    return math("<mo>=</mo>".join(sides))


def row(equation: Equation, glyphs: HtmlGlyphs) -> str:
    """An equation as a row of a table: the left side, and up to three right sides."""
    *sides, (result,) = glyphs.right_sides(equation)
    sign = "←" if equation.assigned else "="
    cells = [f"<td class='left'>{math(glyphs.quantity(equation.quantity, False))}</td>"]
    for k in range(2):
        if k < len(sides):
            first = f"<i>{sign if k == 0 else '='}</i> "
            cells.append(f"<td>{first}{'<wbr/>'.join(map(math, sides[k]))}</td>")
        else:
            cells.append("<td class='empty'></td>")
    sign = "=" if sides else sign
    return f"<tr>{''.join(cells)}<td class='result'><i>{sign}</i> {math(result)}</td></tr>"


def matrix(matrix: Matrix, glyphs: HtmlGlyphs) -> str:
    rows = "".join(
        f"<mtr>{''.join(f'<mtd>{glyphs.number(v)}</mtd>' for v in values)}</mtr>"
        for values in matrix.rows
    )
    table = f"<mrow><mo>[</mo><mtable>{rows}</mtable><mo>]</mo></mrow>"
    return math(f"{glyphs.symbol(matrix.symbol)}<mo>=</mo>{table}")
