"""What the C text of all kinds of numbers has in common, and how numbers are written."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

import numpy as np

from nnfast.levels.contract import Architecture, Array, Pair

WIDTH = 92  # of lines of numbers, without their indent
Scaler = tuple[Array, Array]  # shift, scale


@dataclass(frozen=True)
class Model:
    """A network to be written.

    name: what all symbols begin with; weights: float64; input_scaler, output_scaler: (shift, scale)
    of every input or output, float64, or None; classes: labels, or None; threshold: from which on a
    single output is a yes; examples: rows of the self-test, and what the network makes of them.
    """

    name: str
    architecture: Architecture
    weights: list[Pair]
    input_scaler: Scaler | None
    output_scaler: Scaler | None
    classes: Sequence[Any] | None
    threshold: float
    examples: tuple[Array, Array]

    @property
    def words(self) -> dict[str, Any]:
        """What `fill` puts into every text."""
        inputs, *_, outputs = self.architecture.sizes
        return {
            "name": self.name,
            "NAME": self.name.upper(),
            "inputs": inputs,
            "outputs": outputs,
            "count": len(self.examples[0]),
        }


@dataclass(frozen=True)
class Part:
    """The text of one kind of numbers.

    notes: lines of the comment, below the functions; test: statements of the self-test, which count
    the examples that are `right`.
    """

    functions: Sequence[str]
    notes: Sequence[str]
    includes: Sequence[str]
    code: str
    test: str


# ---- numbers and arrays -------------------------------------------------------------------------


def fill(text: str, **words: Any) -> str:
    """`text` with every $word and ${word} replaced."""
    return Template(text).substitute(words)


def number(value: Any) -> str:
    """A number as C writes it; of a float, the fewest digits that give it back."""
    return str(value) + ("f" if isinstance(value, np.float32) else "")


def literals(text: str, dtype: str) -> str:
    """`text` with every number in <> as a constant of `dtype`."""
    kind = np.dtype(dtype).type
    return re.sub(r"<(-?\d[\d.e+-]*)>", lambda found: number(kind(found[1])), text)


def array(ctype: str, name: str, values: Array, indent: str = "") -> str:
    """The definition of an array, or of an array of rows."""
    size = "".join(f"[{n}]" for n in values.shape)
    if values.ndim == 2:
        inner = indent + " " * 4
        rows = (f"{inner}{{\n{_lines(row, inner + ' ' * 4)}\n{inner}}}" for row in values)
        body = ",\n".join(rows)
    else:
        body = _lines(values, indent + " " * 4)
    return f"{indent}static const {ctype} {name}{size} = {{\n{body}\n{indent}}};\n"


def _lines(values: Array, indent: str) -> str:
    texts = [number(value) for value in values]
    step = max(1, WIDTH // (max(map(len, texts)) + 2))
    lines = (", ".join(texts[i : i + step]) for i in range(0, len(texts), step))
    return ",\n".join(indent + line for line in lines)


def comment(lines: Iterable[str]) -> str:
    """The lines as one comment; long ones go on below their ninth column."""
    wrap = textwrap.TextWrapper(97, subsequent_indent=" " * 9, break_on_hyphens=False)
    short = [part for line in lines for part in wrap.wrap(line) or [""]]
    return "/*" + "\n".join(f" * {line}".rstrip() for line in short)[2:] + "\n */\n"


def buffers(ctype: str, sizes: Sequence[int]) -> tuple[list[str], str, int]:
    """Two buffers that take turns in holding the values of layers of these sizes.

    The buffer of each layer, the definition of both, and the number of values in them.
    """
    largest = {name: max(sizes[i::2]) for i, name in enumerate("ab") if sizes[i::2]}
    names = ["ab"[k % 2] for k in range(len(sizes))]
    definition = ", ".join(f"{name}[{size}]" for name, size in largest.items())
    return names, f"    {ctype} {definition};\n" if largest else "", sum(largest.values())


# ---- the header ---------------------------------------------------------------------------------

HEADER = """\
#ifndef ${NAME}_H
#define ${NAME}_H

$includes
#define ${NAME}_INPUTS $inputs
#define ${NAME}_OUTPUTS $outputs

#ifdef __cplusplus
extern "C" {
#endif

$code
#ifdef __cplusplus
}
#endif
$test
#endif
"""

LARGEST = """
static inline int ${name}_predict_class$suffix(const $input *in)
{
    $output out[$outputs];
    int best = 0;
    ${name}_predict$suffix(in, out);
    for (int j = 1; j < $outputs; ++j)
        if (out[j] > out[best]) best = j;
    return best;
}
"""

AT_LEAST = """
static inline int ${name}_predict_class$suffix(const $input *in)
{
    $output out[1];
    ${name}_predict$suffix(in, out);
    const $wide y = out[0];
    return y >= $threshold;
}
"""

CLASS_NAMES = """
/* of what predict_class returns */
static inline const char *${name}_class_name(int index)
{
    static const char *const names[$classes] = {
$names
    };
    return names[index];
}
"""

SELF_TEST = """
#ifdef ${NAME}_SELF_TEST
#include <stdio.h>

int main(void)
{
$test
    printf("$name: %d of $count test vectors right\\n", right);
    return right == $count ? 0 : 1;
}
#endif
"""


def class_function(model: Model, suffix: str, threshold: str, **types: str) -> str:
    """The class of the outputs of `predict`: of several the largest.

    types: of an input, an output, and of what a threshold that no output has can be written in,
    `wide`.
    """
    text = LARGEST if model.architecture.sizes[-1] > 1 else AT_LEAST
    return fill(text, **model.words, **types, suffix=suffix, threshold=threshold)


def class_names(model: Model) -> str:
    """The text of a table of the classes' labels, where there are any."""
    if model.classes is None:
        return ""
    names = ",\n".join(f"        {_string(str(label))}" for label in model.classes)
    return fill(CLASS_NAMES, **model.words, classes=len(model.classes), names=names)


def _string(text: str) -> str:
    """A C string of the text in UTF-8; other bytes than plain ones of ASCII in octal."""
    plain = set(range(32, 127)) - set(b'"\\?')
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in text.encode()) + '"'


def header(model: Model, part: Part, title: Sequence[str], tested: str) -> str:
    """The whole file; `tested` is its name, where it has a self-test, or ""."""
    lines = [*title, "", *part.functions]
    if model.classes is not None:
        lines.append(f"const char *{model.name}_class_name(int index);")
    lines += ["", *part.notes]
    test = ""
    if tested:
        test = fill(SELF_TEST, **model.words, test=part.test)
        library = " -lm" if "math.h" in part.includes else ""
        macro = f"{model.name.upper()}_SELF_TEST"
        lines += ["", f"Self-test: cc -std=c99 -D{macro} -x c {tested}{library} && ./a.out"]
    includes = "".join(f"#include <{name}>\n" for name in part.includes)
    words = {**model.words, "includes": includes, "code": part.code + class_names(model)}
    return comment(lines) + fill(HEADER, **words, test=test)
