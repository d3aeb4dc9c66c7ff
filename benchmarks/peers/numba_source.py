"""Source of the Numba peer: one function with the loops of the whole run, for the sizes at hand.

A layer's loops take one of four forms: plain sums for a few units, a single output, blocks of outer
products for some dozen units (padded to whole vectors with weights that stay zero), and BLAS for
wide layers. Arrays of layer k: W{k}, b{k}, outputs a{k}, slopes d{k}, and where the gradient goes,
tW{k} and tb{k}; x is the layer's input, whose rows begin at `f`.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent, indent

import numpy as np

from benchmarks.workloads import TRAIN, Workload
from nnfast import Adam

TINY = 16 * 16  # weights of the largest layer up to which plain loops are fastest
WIDE = 128 * 128  # weights of the largest layer from which on BLAS is

FORWARD = {
    "plain": """
        for r in range({rows}):
            for j in range({units}):
                z = b{k}[j]
                for i in range({inputs}):
                    z += {x}[{f} + r, i] * W{k}[i, j]
                a{k}[r, j] = f{k}(z)
        """,
    "single": """
        for r in range({rows}):
            z = b{k}[0]
            for i in range({inputs}):
                z += {x}[{f} + r, i] * W{k}[i, 0]
            a{k}[r, 0] = z
        activate{k}(a{k}, {rows})
        """,
    "blocked": """
        for r in range({rows}):
            for j in range({units}):
                a{k}[r, j] = b{k}[j]
        product{k}({x}[{f}:{f} + {rows}], W{k}, a{k}, {rows}, {inputs})
        activate{k}(a{k}, {rows})
        """,
    "blas": """
        np.dot({x}[{f}:{f} + {rows}], W{k}, a{k}[:{rows}])
        for r in range({rows}):
            for j in range({units}):
                a{k}[r, j] += b{k}[j]
        activate{k}(a{k}, {rows})
        """,
}

GRADIENT = {
    "plain": """
        for i in range({inputs}):
            for j in range({units}):
                g = zero
                for r in range({rows}):
                    g += {x}[{f} + r, i] * d{k}[r, j]
                tW{k}[i, j] += g
        for j in range({units}):
            g = zero
            for r in range({rows}):
                g += d{k}[r, j]
            tb{k}[j] += g
        """,
    "single": """
        for r in range({rows}):
            for i in range({inputs}):
                tW{k}[i, 0] += {x}[{f} + r, i] * d{k}[r, 0]
            tb{k}[0] += d{k}[r, 0]
        """,
    "blocked": """
        product{k}({x}[{f}:{f} + {rows}].T, d{k}, tW{k}, {inputs}, {rows})
        for r in range({rows}):
            for j in range({units}):
                tb{k}[j] += d{k}[r, j]
        """,
    "blas": """
        np.dot({x}[{f}:{f} + {rows}].T, d{k}[:{rows}], U{k})
        for i in range({inputs}):
            for j in range({units}):
                tW{k}[i, j] += U{k}[i, j]
        for r in range({rows}):
            for j in range({units}):
                tb{k}[j] += d{k}[r, j]
        """,
}

# dLoss/da of the layer below
BACKWARD = {
    "plain": """
        for r in range({rows}):
            for i in range({inputs}):
                g = zero
                for j in range({units}):
                    g += d{k}[r, j] * W{k}[i, j]
                d{below}[r, i] = g * s{below}(a{below}[r, i])
        """,
    "blocked": """
        for i in range({inputs}):
            for j in range({units}):
                V{k}[j, i] = W{k}[i, j]
        d{below}[:] = zero
        back{k}(d{k}, V{k}, d{below}, {rows}, {outputs})
        through{below}(a{below}, d{below}, {rows})
        """,
    "blas": """
        np.dot(d{k}[:{rows}], W{k}.T, d{below}[:{rows}])
        through{below}(a{below}, d{below}, {rows})
        """,
}
BACKWARD["single"] = BACKWARD["plain"]

OUTPUT_SLOPES = """
    for r in range({rows}):
        for j in range({outputs}):
            d{k}[r, j] = scale * (a{k}[r, j] - Y[start + r, j]){tail}
    """


@dataclass(frozen=True)
class Layer:
    """Layer k: its form, and W = P[W:b] (inputs, units), b = P[b:end]; units includes padding."""

    k: int
    name: str
    form: str
    inputs: int
    outputs: int
    units: int
    W: int
    b: int
    end: int


def plan(w: Workload) -> list[Layer]:
    lanes = 64 // np.dtype(w.dtype).itemsize
    widest = max(inputs * outputs for inputs, outputs in w.shapes)
    form = "plain" if widest <= TINY else "blocked" if widest < WIDE else "blas"
    layers: list[Layer] = []
    start = 0
    for k, ((inputs, outputs), name) in enumerate(zip(w.shapes, w.activations, strict=True), 1):
        units = outputs if form != "blocked" or outputs <= 4 else -(-outputs // lanes) * lanes
        b = start + inputs * units
        kind = "single" if outputs == 1 and form == "blocked" else form
        layers.append(Layer(k, name, kind, inputs, outputs, units, start, b, b + units))
        start = b + units
    return layers


TRAINING = """
def run(X, Y, P):
    G, m, v = np.zeros_like(P), np.zeros_like(P), np.zeros_like(P)
    step = 0
    {arrays}
    for _ in range({w.epochs}):
        for batch in range(0, {w.rows}, {w.batch}):
            stop = {stop}
            scale = factor / T(stop - batch)
            for start in range(batch, stop, {chunk}):
                rows = min({chunk}, stop - start)
                {forward}
                {backward}
            {update}
"""
PREDICTION = """
def run(X, P):
    out = np.empty(({w.rows}, {outputs}), T)
    for piece in prange({pieces}):
        {arrays}
        end = (piece + 1) * {w.rows} // {pieces}
        for start in range(piece * {w.rows} // {pieces}, end, {chunk}):
            rows = min({chunk}, end - start)
            {forward}
            for r in range({rows}):
                for j in range({outputs}):
                    out[start + r, j] = a{last}[r, j]
    return out
"""


class Writer:
    """Writes the functions of one workload; chunk: rows that go through all layers at a time."""

    def __init__(self, w: Workload, chunk: int) -> None:
        self.w, self.layers = w, plan(w)
        whole = w.batch if w.task == TRAIN else w.rows
        self.chunk = min(chunk, whole)
        self.even = whole == self.chunk and w.rows % whole == 0  # every sweep has as many rows
        self.rows = str(self.chunk) if self.even else "rows"

    def training(self) -> str:
        # plain descent on a batch in one piece: P += X^T (-rate delta), without a gradient
        self.fused = not isinstance(self.w.optimizer, Adam) and self.chunk == self.w.batch
        stop = "batch + {w.batch}" if self.even else "min(batch + {w.batch}, {w.rows})"
        update = "step += 1\nupdate(P, G, m, v, step)"
        return self.fit(
            TRAINING,
            stop=stop.format(w=self.w),
            arrays=self.arrays("P" if self.fused else "G", "ad"),
            forward=self.forward(),
            backward=self.backward(),
            update="" if self.fused else update,
        )

    def prediction(self, pieces: int) -> str:
        return self.fit(
            PREDICTION,
            pieces=pieces,
            arrays=self.arrays("P", "a"),
            forward=self.forward(),
            rows=self.rows,
            outputs=self.w.sizes[-1],
            last=len(self.layers),
        )

    def fit(self, template: str, **texts: object) -> str:
        """Fill the template, every text with the indentation of its place."""
        lines = []
        for line in template.strip().splitlines():
            margin = " " * (len(line) - len(line.lstrip()))
            filled = line.strip().format(w=self.w, chunk=self.chunk, **texts)
            lines.append(indent(filled, margin))
        return "\n".join(lines)

    def fill(self, template: str, layer: Layer) -> str:
        first = layer.k == 1
        return (
            dedent(template)
            .strip()
            .format(
                **vars(layer),
                rows=self.rows,
                below=layer.k - 1,
                x="X" if first else f"a{layer.k - 1}",
                f="start" if first else "0",
                tail="" if self.w.paired else f" * s{layer.k}(a{layer.k}[r, j])",
            )
        )

    def forward(self) -> str:
        return "\n".join(self.fill(FORWARD[layer.form], layer) for layer in self.layers)

    def backward(self) -> str:
        lines = [self.fill(OUTPUT_SLOPES, self.layers[-1])]
        for layer in reversed(self.layers):
            if layer.k > 1:
                lines.append(self.fill(BACKWARD[layer.form], layer))
            lines.append(self.fill(GRADIENT[layer.form], layer))
        return "\n".join(lines)

    def arrays(self, target: str, buffers: str) -> str:
        lines = []
        for p in self.layers:
            shape = f"({p.inputs}, {p.units})"
            for name, flat in (("", "P"), ("t", target)):
                lines.append(f"{name}W{p.k} = {flat}[{p.W}:{p.b}].reshape({shape})")
                lines.append(f"{name}b{p.k} = {flat}[{p.b}:{p.end}]")
            lines += [f"{v}{p.k} = np.zeros(({self.chunk}, {p.units}), T)" for v in buffers]
            lines += [
                f"U{p.k}, V{p.k} = np.zeros({shape}, T), np.zeros(({p.units}, {p.inputs}), T)"
            ]
        return "\n".join(lines)
