"""Blocks of characters that are put side by side on one line of text, as formulas are."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """Lines of one width, one of which, the base, stands on the line of the text."""

    lines: tuple[str, ...]
    base: int = 0

    @property
    def width(self) -> int:
        return columns(self.lines[0])

    @property
    def below(self) -> int:
        """How many lines there are below the base."""
        return len(self.lines) - 1 - self.base


def columns(text: str) -> int:
    """How wide the text is; an accent takes no place of its own."""
    return sum(not unicodedata.combining(character) for character in text)


def pad(text: str, width: int) -> str:
    """The text, and spaces up to the width."""
    return text + " " * (width - columns(text))


def centre(text: str, width: int) -> str:
    """The text in the middle of the width."""
    return pad(" " * ((width - columns(text)) // 2) + text, width)


def beside(*boxes: Box) -> Box:
    """Boxes side by side, their bases on one line."""
    above = max((box.base for box in boxes), default=0)
    below = max((box.below for box in boxes), default=0)
    lines = [""] * (above + below + 1)
    for box in boxes:
        top = above - box.base
        for k in range(len(lines)):
            inside = 0 <= k - top < len(box.lines)
            lines[k] += box.lines[k - top] if inside else " " * box.width
    return Box(tuple(lines), above)


def widen(box: Box, width: int) -> Box:
    """The box with spaces on the right."""
    return Box(tuple(pad(line, width) for line in box.lines), box.base)


def over(top: Box, bottom: Box) -> Box:
    """A fraction."""
    width = max(top.width, bottom.width)
    lines = [centre(line, width) for line in top.lines]
    rest = [centre(line, width) for line in bottom.lines]
    return Box((*lines, "─" * width, *rest), len(lines))


def stretched(left: str, right: str, box: Box) -> Box:
    """A box between brackets, given by their forms: of one line, upper, middle, lower end."""
    height = len(box.lines)
    ends = [[b[0]] if height == 1 else [b[1], *b[2] * (height - 2), b[3]] for b in (left, right)]
    lines = (f"{a}{line}{b}" for a, line, b in zip(ends[0], box.lines, ends[1], strict=True))
    return Box(tuple(lines), box.base)


def braced(rows: list[Box]) -> Box:
    """Cases one below the other, with a brace to their left."""
    width = max(row.width for row in rows)
    lines = [pad(line, width) for row in rows for line in row.lines]
    if len(lines) % 2 == 0:
        lines.insert(len(rows[0].lines), " " * width)
    middle = len(lines) // 2
    brace = ["⎪"] * len(lines)
    brace[0], brace[-1], brace[middle] = "⎧", "⎩", "⎨"
    return Box(tuple(f"{b} {line}" for b, line in zip(brace, lines, strict=True)), middle)
