"""TensorFlow: the whole run in one tf.function, epochs and batches as loops of the graph."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from benchmarks.data import numbers
from benchmarks.peers import Peer
from benchmarks.workloads import TRAIN, Array, Workload
from nnfast import Adam

XLA_UP_TO = 128 * 128  # weights of the largest layer; above, TensorFlow's own kernels are faster
CHUNK = 4096  # rows of a prediction at a time, so that activations stay in cache
ACTIVATIONS = {
    "sigmoid": tf.sigmoid,
    "tanh": tf.tanh,
    "relu": tf.nn.relu,
    "linear": lambda z: z,
    "softmax": tf.nn.softmax,
}


def forward(w: Workload, parameters: Any, x: Any, logits: bool) -> Any:
    """Outputs, or the last z for losses that start from it."""
    pairs = zip(parameters[::2], parameters[1::2], strict=True)
    for k, ((W, b), name) in enumerate(zip(pairs, w.activations, strict=True), start=1):
        x = tf.nn.bias_add(x @ W, b)
        if not (logits and k == len(w.activations)):
            x = ACTIVATIONS[name](x)
    return x


def loss_of(w: Workload, parameters: Any, x: Any, y: Any) -> Any:
    out = forward(w, parameters, x, logits=w.paired)
    n = tf.cast(tf.shape(x)[0], out.dtype)
    if w.loss == "binary_cross_entropy":
        return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(y, out)) / n
    if w.loss == "cross_entropy":
        return tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(y, out)) / n
    return w.slope_factor * 0.5 * tf.reduce_sum((out - y) ** 2) / n


class TensorFlow(Peer):
    """Parameters and moments are variables; the graph changes them in place."""

    def prepare(self, level: str) -> None:
        w = self.workload
        tf.config.threading.set_intra_op_parallelism_threads(w.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self.X, self.Y = tf.constant(self.case.X), tf.constant(self.case.Y)
        self.values = [v for pair in self.case.weights for v in pair]
        self.parameters = [tf.Variable(v) for v in self.values]
        self.m = [tf.Variable(0 * v) for v in self.values]
        self.v = [tf.Variable(0 * v) for v in self.values]
        self.step = tf.Variable(0.0, dtype=w.dtype)
        small = max(inputs * outputs for inputs, outputs in w.shapes) < XLA_UP_TO
        compiled = tf.function(jit_compile=small, autograph=False)
        self.whole = compiled(self.epochs if w.task == TRAIN else self.outputs_of)

    def reset(self) -> None:
        for variable, value in zip(self.parameters, self.values, strict=True):
            variable.assign(value)
        for variable in (*self.m, *self.v, self.step):
            variable.assign(tf.zeros_like(variable))

    def epochs(self, X: Any, Y: Any) -> None:
        w = self.workload
        full = w.rows // w.batch
        rest = slice(full * w.batch, w.rows)

        def update(i: Any) -> Any:
            x, y = (tf.slice(A, [i % full * w.batch, 0], [w.batch, A.shape[1]]) for A in (X, Y))
            self.update(x, y)
            if rest.start < rest.stop:
                tf.cond(
                    tf.equal(i % full, full - 1),
                    lambda: self.update(X[rest], Y[rest]),
                    lambda: tf.no_op(),
                )
            return i + 1

        loops = w.epochs * full
        tf.while_loop(lambda i: i < loops, lambda i: (update(i),), (tf.constant(0),))

    def update(self, x: Any, y: Any) -> Any:
        o = self.workload.optimizer
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.parameters)
            loss = loss_of(self.workload, self.parameters, x, y)
        gradients = tape.gradient(loss, self.parameters)
        if not isinstance(o, Adam):
            for p, g in zip(self.parameters, gradients, strict=True):
                p.assign_sub(o.learning_rate * g)
            return tf.no_op()
        step = self.step.assign_add(1.0)
        rate = o.learning_rate / (1 - o.beta1**step)
        correction = tf.math.rsqrt(1 - o.beta2**step)
        for p, g, m, v in zip(self.parameters, gradients, self.m, self.v, strict=True):
            m.assign(o.beta1 * m + (1 - o.beta1) * g)
            v.assign(o.beta2 * v + (1 - o.beta2) * g * g)
            p.assign_sub(rate * m / (correction * tf.sqrt(v) + o.epsilon))
        return tf.no_op()

    def outputs_of(self, X: Any) -> Any:
        w = self.workload
        parts = [
            forward(w, self.parameters, X[start : start + CHUNK], logits=False)
            for start in range(0, w.rows, CHUNK)
        ]
        return tf.concat(parts, axis=0) if len(parts) > 1 else parts[0]

    def train(self) -> None:
        self.whole(self.X, self.Y)
        self.parameters[0].numpy()  # waits

    def predict(self) -> None:
        self.outputs = self.whole(self.X).numpy()

    def result(self) -> Array:
        if self.workload.task != TRAIN:
            return self.outputs
        values = [p.numpy() for p in self.parameters]
        return numbers(list(zip(values[::2], values[1::2], strict=True)))
