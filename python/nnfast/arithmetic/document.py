"""Walkthrough: one update of a network as a text with all of its arithmetic."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from nnfast import tensorfile
from nnfast.arithmetic.quantities import Section, Step
from nnfast.levels.contract import Architecture, Array, Pair


@dataclass(frozen=True, eq=False, repr=False)
class Walkthrough:
    """One update of a network, written out; see `nnfast.walkthrough`.

    title: the network, its loss and the optimizer.
    sections: the parts, each with its steps, whose equations hold every number.
    loss, loss_after: of the rows, before and after the update, without penalties.
    gradient: (parameters,) float64, of the loss and the penalties, like `Network.parameters`.
    parameters: (parameters,) float64, after the update.
    slots: the optimizer's state after the update, (slots, parameters) float64.
    architecture: that of the network.
    digits: how many digits after the point the texts show.

    `print` gives the text for a terminal, and a notebook shows the HTML.
    """

    title: str
    sections: tuple[Section, ...]
    loss: float
    loss_after: float
    gradient: Array
    parameters: Array
    slots: Array
    architecture: Architecture
    digits: int

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of all sections."""
        return tuple(step for section in self.sections for step in section.steps)

    @property
    def weights(self) -> list[Pair]:
        """(W, b) of every layer after the update, as `Network.set_weights` takes them."""
        return self.architecture.views(self.parameters)

    def __str__(self) -> str:
        from nnfast.arithmetic import text

        return text.render(self)

    def __repr__(self) -> str:
        count = sum(len(step.equations) for step in self.steps)
        return f"<Walkthrough {self.title}, {count} equations; print it>"

    def to_markdown(self) -> str:
        """The text in Markdown, its formulas in LaTeX between dollar signs."""
        from nnfast.arithmetic import markdown

        return markdown.render(self)

    def to_html(self) -> str:
        """The text as a page of HTML, complete in itself."""
        from nnfast.arithmetic import web

        return web.page(self)

    def _repr_html_(self) -> str:
        from nnfast.arithmetic import web

        return web.fragment(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the text into a file: .txt as printed, .md in Markdown, .html as a page.

        The file is complete or unchanged. Raises ValueError for another suffix, OSError where the
        file cannot be written.
        """
        kinds = {".txt": self.__str__, ".md": self.to_markdown, ".html": self.to_html}
        path = Path(path)
        if path.suffix.lower() not in kinds:
            raise ValueError(
                f"the path {str(path)!r} ends in {path.suffix!r}; expected {', '.join(kinds)}."
            )
        text = kinds[path.suffix.lower()]() + "\n"
        tensorfile.replace(path, [text.encode()])
