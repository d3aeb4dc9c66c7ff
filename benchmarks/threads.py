"""`python -m benchmarks.threads`: several threads beside one, alone and beside a busy process.

The threads take turns, call by call, each in a process of its own that the system places as it
likes; the busy process computes on one processor all the time. Prints how many times faster a call
is than with one thread: the ratio of the medians.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median

import numpy as np

import nnfast as nn

Call = Callable[[], object]


def narrow() -> nn.Network:
    return nn.Network([4, nn.Dense(32, "tanh"), nn.Dense(16, "tanh"), nn.Dense(4, "linear")])


def small() -> nn.Network:
    return nn.Network([2, nn.Dense(32), nn.Dense(32), nn.Dense(1)])


def wide() -> nn.Network:
    layers = [784, nn.Dense(512, "relu"), nn.Dense(512, "relu"), nn.Dense(10, "softmax")]
    return nn.Network(layers, loss="cross_entropy")


def training(net: nn.Network, rows: int, batch_size: int, epochs: int) -> Call:
    generator = np.random.default_rng(0)
    X = generator.standard_normal((rows, net.sizes[0])).astype(net.dtype)
    y = generator.random((rows, net.sizes[-1])).astype(net.dtype)
    y /= y.sum(axis=1, keepdims=True)
    optimizer = nn.SGD(0.001)
    return lambda: net.fit(X, y, epochs=epochs, batch_size=batch_size, optimizer=optimizer)


def prediction(net: nn.Network, rows: int, calls: int) -> Call:
    X = np.random.default_rng(0).standard_normal((rows, net.sizes[0])).astype(net.dtype)
    return lambda: [net.predict(X) for _ in range(calls)]


CASES: dict[str, Callable[[], Call]] = {
    "train 4-32-16-4, batch 10,000": lambda: training(narrow(), 10_000, 10_000, 200),
    "train 784-512-512-10, batch 128": lambda: training(wide(), 4_096, 128, 1),
    "predict 2-32-32-1, 1,000,000 rows": lambda: prediction(small(), 1_000_000, 1),
    "predict 2-32-32-1, 20,000 rows": lambda: prediction(small(), 20_000, 50),
    "predict 2-32-32-1, 1,000 rows": lambda: prediction(small(), 1_000, 1_000),
    "predict 784-512-512-10, 10,000 rows": lambda: prediction(wide(), 10_000, 1),
}


def serve(pipe: Connection, name: str, threads: int) -> None:
    """Answer every message with the seconds of a call."""
    warnings.simplefilter("ignore")
    nn.set_num_threads(threads)
    call = CASES[name]()
    call()
    while pipe.recv():
        start = time.perf_counter()
        call()
        pipe.send(time.perf_counter() - start)


def be_busy() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    while True:
        pass


@contextmanager
def busy_process() -> Iterator[None]:
    process = get_context("spawn").Process(target=be_busy, daemon=True)
    process.start()
    time.sleep(0.5)
    try:
        yield
    finally:
        process.kill()


def faster(name: str, threads: int, turns: int) -> float:
    """Seconds of one thread over seconds of `threads`."""
    context = get_context("spawn")
    pipes, processes = [], []
    for number in (1, threads):
        pipe, other = context.Pipe()
        process = context.Process(target=serve, args=(other, name, number), daemon=True)
        process.start()
        pipes.append(pipe)
        processes.append(process)
    seconds: list[list[float]] = [[], []]
    for _ in range(turns):
        for pipe, times in zip(pipes, seconds, strict=True):
            pipe.send(True)
            times.append(pipe.recv())
    for pipe, process in zip(pipes, processes, strict=True):
        pipe.send(False)
        process.join()
    return median(seconds[0]) / median(seconds[1])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.threads", description=str(__doc__).split("\n\n")[0]
    )
    parser.add_argument(
        "--threads", type=int, default=nn.get_num_threads(), help="default: %(default)s"
    )
    parser.add_argument("--turns", type=int, default=41, help="calls of each; default: %(default)s")
    options = parser.parse_args()
    print(f"{options.threads} threads, times faster than one")
    print(f"{'':36}  alone  beside a busy process")
    for name in CASES:
        alone = faster(name, options.threads, options.turns)
        with busy_process():
            beside = faster(name, options.threads, options.turns)
        print(f"{name:36}  {alone:5.2f}  {beside:5.2f}", flush=True)


if __name__ == "__main__":
    main()
