"""One update of a network with all of its arithmetic: symbols, numbers put in, results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnfast.arithmetic.document import Walkthrough
    from nnfast.formulas import Optimizer
    from nnfast.network import Network


def walkthrough(
    network: Network,
    x: Any,
    y: Any,
    optimizer: Optimizer | str | None = None,
    *,
    digits: int = 8,
) -> Walkthrough:
    """Write one update of a network out: every sum, activation, delta, gradient and new weight.

        w = nn.walkthrough(net, [2.78, 2.55], [0.1, 0.9], nn.SGD(0.5))
        print(w)                           # for a terminal; a notebook shows `w` itself
        w.save("update.html")              # or .md, .txt

    Each number is given as a formula, with its numbers put in, and with the result. The network is
    not changed: `w.weights` are the new weights.

    x, y: one row, or the rows (n, inputs) and targets of one batch as for `Network.fit`, at most
        16. The update is that of `fit` with one epoch and one batch.
    optimizer: as for `Network.fit`; None goes on with the last one and its state, or starts
        `Adam()`.
    digits: how many digits after the point are shown. Everything is computed in float64.

    Raises ValueError for a network of more than 200 parameters, with dropout, input noise,
    max_norm, frozen parameters or a learning_rate_factor, for a batch method, and, as TypeError,
    for data that do not fit; DivergenceError where a number becomes too large for a float.
    """
    from nnfast.arithmetic.composition import compose

    return compose(network, x, y, optimizer, digits)
