"""A Sphinx extension: docstrings as nnfast writes them, turned into reStructuredText.

They are plain text with three habits: names of code stand in backticks, an indented block after an
empty line is code or a formula, and `name: text` describes an argument or an attribute, indented
where it goes on. Docstrings with sections such as `Args:` are left to `sphinx.ext.napoleon`.
"""

from __future__ import annotations

import re
from typing import Any

SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Yields):$")
ENTRY = re.compile(r"((?:[a-z]\w*|X|Y)(?:, (?:[a-z]\w*|X|Y))*): (?=\S)")
INNER = re.compile(r"(?<=; )([a-z]\w*)(?=: )")
IN_BACKTICKS = re.compile(r"(``.+?``|:\w+:`[^`]+`|`[^`]+`)")
MARKUP = re.compile(r"(\\|\*|\||(?<=\w)_(?!\w))")
ANY = re.compile(r": (~?typing\.)?Any(?=[,) ])")
ARRAY = re.compile(r"~?(numpy\.)?ndarray\[tuple\[[^\]]*\], [^\[]*dtype\[[^\]]*\]\]")


def plain(text: str) -> str:
    """The text with what would be taken for markup escaped, but not in backticks."""
    parts = IN_BACKTICKS.split(text)
    parts[::2] = [MARKUP.sub(r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def described(text: str) -> str:
    """Text about an argument; others that it goes on to, "; name: text", stand in backticks."""
    return INNER.sub(r"``\1``", plain(text))


def rewrite(lines: list[str]) -> list[str]:
    """The lines of one docstring."""
    result: list[str] = []
    kind = "text"  # of the present paragraph, which may also be an "entry" or a "block"
    for before, line in zip(["", *lines], lines):  # noqa: B905
        indented, starts = line.startswith("    "), not before.strip()
        if not line.strip():
            result.append("")
        elif indented and (kind == "block" or starts):
            result += [line] if kind == "block" else ["::", "", line]
            kind = "block"
        elif not indented and (starts or kind == "entry") and (match := ENTRY.match(line)):
            names = ", ".join(f"``{name}``" for name in match[1].split(", "))
            result.append(f"* {names}: {described(line[match.end() :])}")
            kind = "entry"
        elif kind == "entry" and not starts:
            result.append(f"  {described(line.strip())}")
        else:
            result.append(plain(line))
            kind = "text"
    return result


def process_docstring(
    app: Any, what: str, name: str, subject: Any, options: Any, lines: list[str]
) -> None:
    """Change `lines` in place, for the event "autodoc-process-docstring"."""
    if not any(SECTION.match(line) for line in lines):
        lines[:] = rewrite(lines)


def process_signature(
    app: Any, what: str, name: str, subject: Any, options: Any, arguments: str, result: str
) -> tuple[str | None, str | None]:
    """The signature without what says nothing, for the event "autodoc-process-signature"."""
    arguments, result = (text and ARRAY.sub("ndarray", text) for text in (arguments, result))
    return arguments and ANY.sub("", arguments), result


def setup(app: Any) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", process_docstring, priority=400)
    app.connect("autodoc-process-signature", process_signature)
    return {"parallel_read_safe": True}
