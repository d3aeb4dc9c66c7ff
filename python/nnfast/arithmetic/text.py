"""A walkthrough as text for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from itertools import groupby
from typing import TYPE_CHECKING

from nnfast.arithmetic.boxes import Box, beside, braced, columns, over, pad, stretched, widen
from nnfast.arithmetic.quantities import ABOVE, Derivative, Equation, Matrix, Step, Symbol
from nnfast.arithmetic.typesetting import Glyphs

if TYPE_CHECKING:
    from nnfast.arithmetic.document import Walkthrough

WIDTH = 80
INDENT = "  "
ROOM = WIDTH - 2 * len(INDENT)
LONG = 57  # what a sum inside a formula may take of a line
ROUND, SQUARE, BAR = ("(⎛⎜⎝", ")⎞⎟⎠"), ("[⎡⎢⎣", "]⎤⎥⎦"), ("||||", "||||")

SIGNS = {"times": " ", "neg": "−", ",": ", "}
NAMES = {"Phi": "Φ", "pi": "π", "sigmoid": "σ"}


class TextGlyphs(Glyphs[Box]):
    """Blocks of characters."""

    def row(self, *parts: Box) -> Box:
        return beside(*parts)

    def sum(self, terms: list[Box]) -> Box:
        lines = [line for row in wrapped(terms, LONG) for line in row.lines]
        if len(terms) == 1 or beside(*terms).width <= LONG:
            return beside(*terms)
        width = max(map(columns, lines))
        return Box(tuple(pad(line, width) for line in lines), (len(lines) - 1) // 2)

    def sign(self, text: str) -> Box:
        return Box((SIGNS.get(text, f" {text} "),))

    def symbol(self, symbol: Symbol | Derivative) -> Box:
        return Box((str(symbol),))

    def decimal(self, mantissa: str, exponent: int | None) -> Box:
        if exponent is None:
            return Box((mantissa,))
        return Box((f"{mantissa}·10" + f"{exponent}".replace("-", "−").translate(ABOVE),))

    def function(self, name: str) -> Box:
        return Box((NAMES.get(name, name),))

    def parentheses(self, inside: Box) -> Box:
        return stretched(*ROUND, inside)

    def fraction(self, top: Box, bottom: Box) -> Box:
        return over(top, bottom)

    def power(self, base: Box, exponent: Box) -> Box:
        raised = exponent.lines[0].translate(ABOVE)
        if len(exponent.lines) == 1 and all(sign in ABOVE.values() for sign in map(ord, raised)):
            return beside(base, Box((raised,)))
        lifted = Box((*exponent.lines, " " * exponent.width), len(exponent.lines))
        return beside(base, lifted)

    def root(self, inside: Box) -> Box:
        if len(inside.lines) == 1 and not set(inside.lines[0]) & set(" ·"):
            return beside(Box(("√",)), inside)
        return beside(Box(("√",)), self.parentheses(inside))

    def absolute(self, inside: Box) -> Box:
        return stretched(*BAR, inside)

    def exponential(self, exponent: Box) -> Box:
        return beside(Box(("exp",)), self.parentheses(exponent))

    def cases(self, cases: list[tuple[Box, Box | None]]) -> Box:
        width = max(what.width for what, _ in cases) + 3
        rows = []
        for what, where in cases:
            words = [Box(("otherwise",))] if where is None else [Box(("if ",)), where]
            rows.append(beside(widen(what, width), *words))
        return braced(rows)


def render(walkthrough: Walkthrough) -> str:
    """The text."""
    glyphs = TextGlyphs(walkthrough.digits)
    lines = [walkthrough.title, "═" * WIDTH]
    for number, section in enumerate(walkthrough.sections, start=1):
        heading = f"{number}  {section.title}"
        lines += ["", "", heading, "─" * columns(heading), *paragraph(section.explanation)]
        for step in section.steps:
            lines += ["", f"▸ {step.title}", *paragraph(step.explanation, INDENT)]
            for block in blocks(step, glyphs):
                lines += ["", *(f"{INDENT}{INDENT}{line}".rstrip() for line in block)]
    return "\n".join(lines)


def paragraph(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def blocks(step: Step, glyphs: TextGlyphs) -> list[list[str]]:
    """What is shown of a step, with empty lines between."""
    given = [e for e in step.equations if not e.formula]
    computed = [e for e in step.equations if e.formula]
    result = [list(flow([equals(e, glyphs) for e in given]))] if given else []
    result += aligned(computed, glyphs) if computed else []
    return result + [box for matrix in step.matrices for box in pieces(matrix, glyphs)]


def equals(equation: Equation, glyphs: TextGlyphs) -> str:
    return f"{equation.symbol} = {glyphs.number(equation.result).lines[0]}"


def flow(texts: list[str]) -> list[str]:
    """Short texts side by side in columns."""
    width = max(map(columns, texts)) + 3
    count = max(1, ROOM // width)
    rows = [texts[k : k + count] for k in range(0, len(texts), count)]
    return ["".join(t + " " * (width - columns(t)) for t in row).rstrip() for row in rows]


def aligned(equations: list[Equation], glyphs: TextGlyphs) -> list[list[str]]:
    """Equations with their equals signs below each other, on one line each where they fit."""
    left = max(columns(str(e.symbol)) for e in equations)
    result: list[list[str]] = []
    for _, run in groupby(equations, key=kind):
        result += of_one_kind(list(run), left, glyphs)
    return result


def kind(equation: Equation) -> str:
    """What equations that stand below each other have in common."""
    return equation.symbol.letter if isinstance(equation.symbol, Symbol) else ""


def of_one_kind(equations: list[Equation], left: int, glyphs: TextGlyphs) -> list[list[str]]:
    """Equations in columns, or each over several lines."""
    table = [[beside(*terms) for terms in glyphs.right_sides(e)] for e in equations]
    depth = max(map(len, table))
    widths = [0] * depth
    for sides in table:
        for k, side in enumerate(sides):
            place = k if k < len(sides) - 1 else depth - 1
            widths[place] = max(widths[place], side.width)
    if left + sum(widths) + 3 * depth > ROOM:
        return [stacked(e, left, glyphs) for e in equations]
    rows = zip(equations, table, strict=True)
    lines = [across(e, sides, left, widths) for e, sides in rows]
    flat = all(len(line) == 1 for line in lines)
    return [[line for (line,) in lines]] if flat else lines


def across(equation: Equation, sides: list[Box], left: int, widths: list[int]) -> list[str]:
    """One equation on one line, its result in the last column."""
    parts = [Box((pad(str(equation.symbol), left),))]
    for k, width in enumerate(widths):
        last = k == len(widths) - 1
        if last or k < len(sides) - 1:
            sign = " ← " if equation.assigned and k == 0 else " = "
            parts += [Box((sign,)), widen(sides[-1] if last else sides[k], width)]
        else:
            parts.append(Box((" " * (width + 3),)))
    return list(beside(*parts).lines)


def stacked(equation: Equation, left: int, glyphs: TextGlyphs) -> list[str]:
    """One equation over several lines, which begin with an equals sign."""
    rows: list[Box] = []
    sides = glyphs.right_sides(equation)
    if any(term.width > ROOM - left - 3 for terms in sides for term in terms):
        sides = glyphs.right_sides(equation, fine=True)
    for k, terms in enumerate(sides):
        sign = Box((" ← " if equation.assigned and k == 0 else " = ",))
        first, *rest = wrapped(terms, ROOM - left - 3)
        if k > 1 and rows[-1].width + first.width + 3 <= ROOM - left:
            rows[-1] = beside(rows[-1], sign, first)
        else:
            rows += [beside(sign, first), *(beside(Box(("   ",)), row) for row in rest)]
    start = Box((pad(str(equation.symbol), left),))
    lines: list[str] = []
    for k, row in enumerate(rows):
        gap = [""] if k and row.base and rows[k - 1].below else []
        lines += [*gap, *beside(start if k == 0 else Box((" " * left,)), row).lines]
    return lines


def wrapped(terms: list[Box], room: int) -> list[Box]:
    """Terms on as many lines as they need."""
    rows = [terms[0]]
    for term in terms[1:]:
        if rows[-1].width + term.width <= room:
            rows[-1] = beside(rows[-1], term)
        else:
            rows.append(term)
    return rows


def pieces(matrix: Matrix, glyphs: TextGlyphs) -> list[list[str]]:
    """A matrix in brackets; a wide one in several pieces."""
    cells = [column([glyphs.number(v).lines[0] for v in c]) for c in zip(*matrix.rows, strict=True)]
    name = str(matrix.symbol)
    groups: list[list[list[str]]] = [[]]
    for cell in cells:
        if sum(columns(c[0]) + 2 for c in [*groups[-1], cell]) > ROOM - columns(name) - 5:
            groups.append([])
        groups[-1].append(cell)
    result = []
    for k, group in enumerate(groups):
        lines = [f" {'  '.join(row)} " for row in zip(*group, strict=True)]
        body = Box(tuple(lines), (len(lines) - 1) // 2)
        start = f"{name} = " if k == 0 else " " * (columns(name) + 3)
        result.append(list(beside(Box((start,)), stretched(*SQUARE, body)).lines))
    return result


def column(numbers: list[str]) -> list[str]:
    """Numbers of one width, with their points below each other."""
    before = max(columns(number.partition(".")[0]) for number in numbers)
    lines = [" " * (before - columns(n.partition(".")[0])) + n for n in numbers]
    width = max(map(columns, lines))
    return [pad(line, width) for line in lines]
