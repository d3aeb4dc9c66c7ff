r"""A walkthrough in Markdown, its formulas in LaTeX between dollar signs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnfast.arithmetic.quantities import Derivative, Equation, Matrix, Symbol
from nnfast.arithmetic.typesetting import Glyphs

if TYPE_CHECKING:
    from nnfast.arithmetic.document import Walkthrough

PER_LINE = 4  # terms of a sum

GREEK = {
    "β": r"\beta",
    "δ": r"\delta",
    "ε": r"\varepsilon",
    "η": r"\eta",
    "λ": r"\lambda",
    "μ": r"\mu",
    "ρ": r"\rho",
    "ψ": r"\psi",
    "Ω": r"\Omega",
    "ℓ": r"\ell",
    "m̂": r"\hat{m}",
    "v̂": r"\hat{v}",
}
SIGNS = {
    "times": r"\,",
    "·": r" \cdot ",
    "neg": "-",
    "−": " - ",
    "≥": r" \ge ",
    "≤": r" \le ",
    ",": ", ",
}
FUNCTIONS = {
    "Phi": r"\Phi",
    "pi": r"\pi",
    "sigmoid": r"\sigma",
    "sign": r"\operatorname{sign}",
}


class LatexGlyphs(Glyphs[str]):
    """LaTeX."""

    def row(self, *parts: str) -> str:
        return "".join(parts)

    def sign(self, text: str) -> str:
        return SIGNS.get(text, f" {text} ")

    def symbol(self, symbol: Symbol | Derivative) -> str:
        if isinstance(symbol, Derivative):
            top, bottom = self.symbol(symbol.top), self.symbol(symbol.bottom)
            return rf"\frac{{\partial {top}}}{{\partial {bottom}}}"
        above = "" if symbol.layer is None else f"^{{({symbol.layer})}}"
        below = symbol.below.replace("max", r"\max")
        name = symbol.letter if len(symbol.letter) == 1 else rf"\mathrm{{{symbol.letter}}}"
        return GREEK.get(symbol.letter, name) + above + (f"_{{{below}}}" if below else "")

    def decimal(self, mantissa: str, exponent: int | None) -> str:
        number = mantissa.replace("−", "-")
        return number if exponent is None else rf"{number} \cdot 10^{{{exponent}}}"

    def function(self, name: str) -> str:
        return FUNCTIONS.get(name, rf"\{name}")

    def parentheses(self, inside: str) -> str:
        return rf"\left({inside}\right)" if r"\frac" in inside else f"({inside})"

    def fraction(self, top: str, bottom: str) -> str:
        return rf"\frac{{{top}}}{{{bottom}}}"

    def power(self, base: str, exponent: str) -> str:
        return f"{base}^{{{exponent}}}"

    def root(self, inside: str) -> str:
        return rf"\sqrt{{{inside}}}"

    def absolute(self, inside: str) -> str:
        return rf"\lvert {inside} \rvert"

    def exponential(self, exponent: str) -> str:
        return f"e^{{{exponent}}}"

    def cases(self, cases: list[tuple[str, str | None]]) -> str:
        lines = (f"{what} & {condition(where)}" for what, where in cases)
        return r"\begin{cases}" + r" \\ ".join(lines) + r"\end{cases}"


def condition(where: str | None) -> str:
    return r"\text{otherwise}" if where is None else rf"\text{{if }} {where}"


def render(walkthrough: Walkthrough) -> str:
    """The text."""
    glyphs = LatexGlyphs(walkthrough.digits)
    parts = [f"# {walkthrough.title}"]
    for number, section in enumerate(walkthrough.sections, start=1):
        parts += [f"## {number}. {section.title}", section.explanation]
        for step in section.steps:
            parts += [f"### {step.title}", step.explanation]
            given = [e for e in step.equations if not e.formula]
            computed = [e for e in step.equations if e.formula]
            if given:
                texts = (f"{glyphs.symbol(e.symbol)} = {glyphs.number(e.result)}" for e in given)
                parts.append(displayed(r" \qquad ".join(texts)))
            if computed:
                lines = " \\\\\n".join(line for e in computed for line in aligned(e, glyphs))
                parts.append(displayed(f"\\begin{{aligned}}\n{lines}\n\\end{{aligned}}"))
            parts += [displayed(matrix(m, glyphs)) for m in step.matrices]
    return "\n\n".join(part for part in parts if part)


def displayed(formula: str) -> str:
    return f"$$\n{formula}\n$$"


def aligned(equation: Equation, glyphs: LatexGlyphs) -> list[str]:
    """The lines of an equation, an alignment mark before each equals sign."""
    lines = []
    for k, terms in enumerate(glyphs.right_sides(equation)):
        first = r"&\leftarrow " if equation.assigned and k == 0 else "&= "
        groups = [terms[i : i + PER_LINE] for i in range(0, len(terms), PER_LINE)]
        lines += [(first if g is groups[0] else r"&\quad ") + "".join(g) for g in groups]
    result = lines.pop() if len(lines) > 1 else ""
    lines[-1] += result.replace("&", " ")
    return [glyphs.symbol(equation.symbol) + " " + lines[0], *lines[1:]]


def matrix(matrix: Matrix, glyphs: LatexGlyphs) -> str:
    rows = (" & ".join(map(glyphs.number, row)) for row in matrix.rows)
    table = r" \\ ".join(rows)
    return rf"{glyphs.symbol(matrix.symbol)} = \begin{{bmatrix}} {table} \end{{bmatrix}}"
