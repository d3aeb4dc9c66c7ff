"""PyTorch: eager with autograd and fused optimizers, and the whole update in `torch.compile`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from benchmarks.data import numbers
from benchmarks.peers import Peer
from benchmarks.workloads import ONE_ROW, TRAIN, Array, Workload
from nnfast import Adam

CHUNK = 4096  # rows of a prediction at a time, so that activations stay in cache
ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "linear": lambda z: z,
    "softmax": lambda z: torch.softmax(z, dim=1),
}
Pairs = list[tuple[torch.Tensor, torch.Tensor]]


def forward(w: Workload, parameters: Pairs, x: torch.Tensor, logits: bool) -> torch.Tensor:
    """Outputs, or the last z for losses that start from it."""
    for k, ((W, b), name) in enumerate(zip(parameters, w.activations, strict=True), start=1):
        x = torch.addmm(b, x, W)
        if not (logits and k == len(parameters)):
            x = ACTIVATIONS[name](x)
    return x


def loss_of(w: Workload, parameters: Pairs, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    out = forward(w, parameters, x, logits=w.paired)
    if w.loss == "binary_cross_entropy":
        return functional.binary_cross_entropy_with_logits(out, y, reduction="sum") / len(y)
    if w.loss == "cross_entropy":
        return functional.cross_entropy(out, y)
    if w.loss == "quadratic":
        return functional.mse_loss(out, y, reduction="sum") / (2 * len(y))
    return functional.mse_loss(out, y)


class Eager(Peer):
    """Autograd, and an optimizer that updates all parameters in one kernel."""

    def prepare(self, level: str) -> None:
        w = self.workload
        torch.set_num_threads(w.threads)
        self.X = torch.from_numpy(self.case.X)
        Y = self.case.Y
        # labels are the fastest form of one-hot targets
        labels = w.loss == "cross_entropy" and w.task == TRAIN
        self.Y = torch.from_numpy(Y.argmax(axis=1) if labels else Y)
        batches = zip(self.X.split(w.batch), self.Y.split(w.batch), strict=True)
        self.batches = list(batches) if w.task == TRAIN else []
        self.parameters: Pairs = [(torch.tensor(W), torch.tensor(b)) for W, b in self.case.weights]
        self.flat = [p for pair in self.parameters for p in pair]
        for p in self.flat:
            p.requires_grad_(w.task == TRAIN)
        self.reset()

    def reset(self) -> None:
        values = [v for pair in self.case.weights for v in pair]
        with torch.no_grad():
            for p, value in zip(self.flat, values, strict=True):
                p.copy_(torch.from_numpy(value))
        if self.workload.task == TRAIN:
            self.optimizer = self.fresh_optimizer()

    def fresh_optimizer(self) -> torch.optim.Optimizer:
        o = self.workload.optimizer
        if isinstance(o, Adam):
            betas = (o.beta1, o.beta2)
            return torch.optim.Adam(self.flat, o.learning_rate, betas, o.epsilon, fused=True)
        return torch.optim.SGD(self.flat, o.learning_rate, fused=True)

    def train(self) -> None:
        w, optimizer, parameters = self.workload, self.optimizer, self.parameters
        for _ in range(w.epochs):
            for x, y in self.batches:
                optimizer.zero_grad(set_to_none=True)
                loss_of(w, parameters, x, y).backward()
                optimizer.step()

    def predict(self) -> None:
        with torch.inference_mode():
            if self.workload.task == ONE_ROW:
                self.outputs = forward(self.workload, self.parameters, self.X, logits=False)
                return
            parts = [
                forward(self.workload, self.parameters, x, logits=False)
                for x in self.X.split(CHUNK)
            ]
            self.outputs = torch.cat(parts)

    def result(self) -> Array:
        if self.workload.task == TRAIN:
            return numbers([tuple(p.detach().numpy() for p in pair) for pair in self.parameters])
        return self.outputs.numpy()


class CompiledStep(Eager):
    """Gradient and update of one batch, or of several in a row, as one compiled function."""

    TOGETHER = 8  # updates in one call, where their number allows it and layers are narrow

    def prepare(self, level: str) -> None:
        torch._dynamo.config.recompile_limit = 32
        super().prepare(level)
        w = self.workload
        self.forward = torch.compile(lambda x: forward(w, self.parameters, x, logits=False))
        for p in self.flat:
            p.requires_grad_(False)
        self.m = [torch.zeros_like(p) for p in self.flat]
        self.v = [torch.zeros_like(p) for p in self.flat]
        self.step = torch.zeros(1, dtype=torch.float64)
        self.together = self.TOGETHER if max(w.sizes[1:]) < 128 else 1
        self.update = torch.compile(self.several, dynamic=False, fullgraph=True)

    def reset(self) -> None:
        super().reset()
        for state in (*getattr(self, "m", ()), *getattr(self, "v", ())):
            state.zero_()
        self.step = torch.zeros(1, dtype=torch.float64)

    def fresh_optimizer(self) -> None:  # type: ignore[override]
        return None

    def several(self, batches: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
        for x, y in batches:
            gradients = torch.func.grad(lambda p, x=x, y=y: loss_of(self.workload, p, x, y))(
                self.parameters
            )
            self.apply([g for pair in gradients for g in pair])

    def apply(self, gradients: list[torch.Tensor]) -> None:
        o = self.workload.optimizer
        if not isinstance(o, Adam):
            for p, g in zip(self.flat, gradients, strict=True):
                p.sub_(o.learning_rate * g)
            return
        self.step.add_(1)
        rate = (o.learning_rate / (1 - o.beta1**self.step)).to(self.flat[0].dtype)
        correction = (1 - o.beta2**self.step).rsqrt().to(self.flat[0].dtype)
        for p, g, m, v in zip(self.flat, gradients, self.m, self.v, strict=True):
            m.mul_(o.beta1).add_((1 - o.beta1) * g)
            v.mul_(o.beta2).add_((1 - o.beta2) * g * g)
            p.sub_(rate * m / (correction * v.sqrt() + o.epsilon))

    def train(self) -> None:
        epochs = [batch for _ in range(self.workload.epochs) for batch in self.batches]
        with torch.no_grad():
            for start in range(0, len(epochs), self.together):
                self.update(epochs[start : start + self.together])

    def predict(self) -> None:
        with torch.no_grad():
            if self.workload.task == ONE_ROW:
                self.outputs = self.forward(self.X)
            else:
                self.outputs = torch.cat([self.forward(x) for x in self.X.split(CHUNK)])
