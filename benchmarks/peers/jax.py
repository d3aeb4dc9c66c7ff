"""JAX: the whole run in one jit, epochs and batches as loops of the compiled program."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.data import numbers
from benchmarks.peers import Peer
from benchmarks.workloads import ONE_ROW, TRAIN, Array, Workload
from nnfast import Adam

CHUNK = 4096  # rows of a prediction at a time, so that activations stay in cache
ACTIVATIONS = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "linear": lambda z: z,
    "softmax": jax.nn.softmax,
}


def forward(w: Workload, parameters: Any, x: Any, logits: bool) -> Any:
    """Outputs, or the last z for losses that start from it."""
    for k, ((W, b), name) in enumerate(zip(parameters, w.activations, strict=True), start=1):
        x = x @ W + b
        if not (logits and k == len(parameters)):
            x = ACTIVATIONS[name](x)
    return x


def loss_of(w: Workload, parameters: Any, x: Any, y: Any) -> Any:
    out = forward(w, parameters, x, logits=w.paired)
    if w.loss == "binary_cross_entropy":
        return (jax.nn.softplus(out) - out * y).sum() / len(y)
    if w.loss == "cross_entropy":
        return -(y * jax.nn.log_softmax(out)).sum() / len(y)
    return w.slope_factor * 0.5 * ((out - y) ** 2).sum() / len(y)


class Jax(Peer):
    """Data lie in batches (batches, batch, units) for `scan`; a last, smaller batch is apart."""

    def prepare(self, level: str) -> None:
        jax.config.update("jax_enable_x64", self.workload.dtype == "float64")
        w = self.workload
        self.initial = jax.tree.map(jnp.asarray, self.case.weights)
        self.X, self.Y = jnp.asarray(self.case.X), jnp.asarray(self.case.Y)
        if w.task != TRAIN:
            self.whole = jax.jit(self.outputs_of)
            return
        full = w.rows // w.batch * w.batch
        self.batches, self.rest = (
            [v[:full].reshape(-1, w.batch, v.shape[1]) for v in (self.X, self.Y)],
            [v[full:] for v in (self.X, self.Y)],
        )
        self.whole = jax.jit(self.epochs).lower(self.state(), self.batches, self.rest).compile()

    def state(self) -> Any:
        zero = jax.tree.map(jnp.zeros_like, self.initial)
        moments = (zero, zero) if isinstance(self.workload.optimizer, Adam) else ()
        return self.initial, moments, jnp.zeros((), self.workload.dtype)

    def epochs(self, state: Any, batches: Any, rest: Any) -> Any:
        def epoch(_: Any, state: Any) -> Any:
            if len(batches[0]) == 1:  # no loop around a single batch
                state, _ = self.update(state, [v[0] for v in batches])
            else:
                state, _ = lax.scan(self.update, state, batches)
            return self.update(state, rest)[0] if len(rest[0]) else state

        if self.workload.epochs == 1:
            return epoch(0, state)
        return lax.fori_loop(0, self.workload.epochs, epoch, state)

    def update(self, state: Any, batch: Any) -> tuple[Any, None]:
        o, (parameters, moments, step) = self.workload.optimizer, state
        g = jax.grad(lambda p: loss_of(self.workload, p, *batch))(parameters)
        if not isinstance(o, Adam):
            parameters = jax.tree.map(lambda p, g: p - o.learning_rate * g, parameters, g)
            return (parameters, moments, step), None
        step = step + 1
        m = jax.tree.map(lambda m, g: o.beta1 * m + (1 - o.beta1) * g, moments[0], g)
        v = jax.tree.map(lambda v, g: o.beta2 * v + (1 - o.beta2) * g * g, moments[1], g)
        # 1 - beta^t without cancellation in float32
        rate = o.learning_rate / -jnp.expm1(step * np.log(o.beta1))
        correction = lax.rsqrt(-jnp.expm1(step * np.log(o.beta2)))
        parameters = jax.tree.map(
            lambda p, m, v: p - rate * m / (correction * jnp.sqrt(v) + o.epsilon), parameters, m, v
        )
        return (parameters, (m, v), step), None

    def outputs_of(self, parameters: Any, X: Any) -> Any:
        n, full = len(X), len(X) // CHUNK * CHUNK
        rest = forward(self.workload, parameters, X[full:], logits=False)
        if full == 0:
            return rest
        chunks = X[:full].reshape(-1, CHUNK, X.shape[1])
        done = lax.map(lambda x: forward(self.workload, parameters, x, logits=False), chunks)
        return jnp.concatenate([done.reshape(full, -1), rest]) if full < n else done.reshape(n, -1)

    def reset(self) -> None:
        if self.workload.task == TRAIN:
            self.start = jax.block_until_ready(self.state())

    def train(self) -> None:
        self.end, _, _ = jax.block_until_ready(self.whole(self.start, self.batches, self.rest))

    def predict(self) -> None:
        outputs = self.whole(self.initial, self.X)
        # a caller of one row needs its numbers
        self.outputs = np.asarray(outputs) if self.workload.task == ONE_ROW else outputs
        jax.block_until_ready(self.outputs)

    def result(self) -> Array:
        if self.workload.task == TRAIN:
            return numbers([(np.asarray(W), np.asarray(b)) for W, b in self.end])
        return np.asarray(self.outputs)
