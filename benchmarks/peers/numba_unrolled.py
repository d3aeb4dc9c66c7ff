"""Source of the Numba peer for tiny networks: every multiplication written out.

Weights and gradients are plain variables, so that they stay in registers; the loop over the rows
of a batch becomes vector code.
"""

from __future__ import annotations

from benchmarks.workloads import Workload
from nnfast import Adam


class Unrolled:
    """Lines of Python with the names of layer k: w{k}_{i}_{j}, b{k}_{j}, a{k}_{j}, d{k}_{j}."""

    def __init__(self, w: Workload) -> None:
        self.w = w
        self.layers = list(enumerate(w.shapes, start=1))
        self.names = [
            name
            for k, (inputs, outputs) in self.layers
            for name in (
                *(f"w{k}_{i}_{j}" for i in range(inputs) for j in range(outputs)),
                *(f"b{k}_{j}" for j in range(outputs)),
            )
        ]

    def source(self) -> str:
        """run(X, Y, P): all epochs on the flat parameters P."""
        w = self.w
        read = [f"{name} = P[{i}]" for i, name in enumerate(self.names)]
        write = [f"P[{i}] = {name}" for i, name in enumerate(self.names)]
        adam = isinstance(w.optimizer, Adam)
        body = ["XT, YT = X.T.copy(), Y.T.copy()"]
        if adam:
            body += ["G, m, v = np.zeros_like(P), np.zeros_like(P), np.zeros_like(P)"]
        else:
            body += read
        body += [f"for step in range({w.updates}):"]
        body += [f"    start = step % {w.updates_per_epoch} * {w.batch}"]
        body += [f"    {line}" for line in read if adam]
        body += [f"    g{name} = zero" for name in self.names]
        body += [f"    for r in range(start, start + {w.batch}):"]
        body += [f"        {line}" for line in self.row()]
        if adam:
            body += [f"    G[{i}] = g{name}" for i, name in enumerate(self.names)]
            body += ["    update(P, G, m, v, step + 1)"]
        else:
            body += [f"    {name} -= rate * g{name}" for name in self.names]
            body += write
        return "\n    ".join(["def run(X, Y, P):", *body])

    def row(self) -> list[str]:
        """Forward and backward pass of row r."""
        w, last = self.w, len(self.w.shapes)
        lines = [f"a0_{i} = XT[{i}, r]" for i in range(w.sizes[0])]
        for k, (inputs, outputs) in self.layers:
            for j in range(outputs):
                terms = (f"a{k - 1}_{i} * w{k}_{i}_{j}" for i in range(inputs))
                lines.append(f"a{k}_{j} = f{k}({' + '.join((f'b{k}_{j}', *terms))})")
        for j in range(w.sizes[-1]):
            tail = "" if w.paired else f" * s{last}(a{last}_{j})"
            lines.append(f"d{last}_{j} = scale * (a{last}_{j} - YT[{j}, r]){tail}")
        for k, (inputs, outputs) in reversed(self.layers):
            for j in range(outputs):
                lines += [f"gw{k}_{i}_{j} += a{k - 1}_{i} * d{k}_{j}" for i in range(inputs)]
                lines.append(f"gb{k}_{j} += d{k}_{j}")
            for i in range(inputs if k > 1 else 0):
                terms = (f"d{k}_{j} * w{k}_{i}_{j}" for j in range(outputs))
                lines.append(f"d{k - 1}_{i} = ({' + '.join(terms)}) * s{k - 1}(a{k - 1}_{i})")
        return lines
