"""`predict`, above all the direct way that a few rows take: it must not show but in time."""

from __future__ import annotations

import copy
import gc
import pickle
import tracemalloc
import weakref

import numpy as np
import pytest

import nnfast as nn
from nnfast.formulas import ACTIVATIONS

FEW = 4  # rows that are computed directly


def network(sizes, activation="sigmoid", bias=True, **options):
    *hidden, outputs = sizes[1:]
    layers = [nn.Dense(n, activation, bias=bias) for n in hidden]
    options.setdefault("bias_init", "normal")
    return nn.Network([sizes[0], *layers, nn.Dense(outputs, activation, bias=bias)], **options)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    "sizes", [(1, 1), (2, 4, 1), (3, 16, 5), (5, 17, 9, 3), (9, 130, 2), (70, 30, 10), (4, 33, 300)]
)
def test_rows_alone(compiled_level, dtype, rng, activation, sizes):
    """The same bits for a row on its own, among few, and among many."""
    for bias in (True, False):
        net = network(
            sizes, activation, bias=bias, dtype=dtype, level=compiled_level, init="normal", seed=3
        )
        X = rng.normal(0, 3, (25, sizes[0])).astype(dtype)
        X[::3, ::2] = 0
        expected = net.predict(X)
        for rows in range(1, FEW + 2):
            for first in range(0, 25 - rows, 3):
                part = net.predict(X[first : first + rows])
                assert part.shape == (rows, sizes[-1])
                assert part.dtype == dtype
                assert part.tobytes() == expected[first : first + rows].tobytes()


def test_every_kind_of_argument(level, dtype, rng):
    net = network((3, 5, 2), dtype=dtype, level=level)
    X = rng.normal(size=(2, 3)).astype(dtype)
    expected = net.predict(X).tolist()
    read_only = X.copy()
    read_only.flags.writeable = False
    wide = np.zeros((2, 6), dtype)
    wide[:, ::2] = X
    unaligned = np.frombuffer(b"x" + X.tobytes(), dtype, offset=1).reshape(X.shape)
    swapped = X.astype(X.dtype.newbyteorder())
    for same in (X.tolist(), read_only, wide[:, ::2], np.asfortranarray(X), unaligned, swapped):
        assert net.predict(same).tolist() == expected
    assert net.predict(X=X).tolist() == expected
    matrix = net.predict(X.view(np.matrix))
    assert type(matrix) is np.ndarray
    assert matrix.tolist() == expected


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("inputs", [1, 7, 16, 40])
def test_not_finite(level, dtype, bad, inputs):
    net = network((inputs, 3), dtype=dtype, level=level)
    for column in range(inputs):
        X = np.full((1, inputs), np.finfo(dtype).max / 1e6, dtype)
        net.predict(X)
        X[0, column] = bad
        with pytest.raises(ValueError, match=rf"X\[0, {column}\] is -?(nan|inf)"):
            net.predict(X)


def test_wrong_calls(level):
    net = network((3, 2), level=level)
    for X in (np.ones((1, 4), "float32"), np.ones(3, "float32"), np.ones((0, 3), "float32")):
        with pytest.raises(ValueError, match="X has shape"):
            net.predict(X)
    for arguments in ((), (1, 2)):
        with pytest.raises(TypeError, match="argument"):
            net.predict(*arguments)
    with pytest.raises(TypeError, match="unexpected keyword"):
        net.predict(Y=1)


def test_parameters_now(compiled_level, dtype):
    """Every call sees the weights as they are, whoever changed them."""
    net = network((2, 1), "linear", dtype=dtype, level=compiled_level)
    x = np.array([[2, 3]], dtype)
    net.parameters[:] = [10, 1, 0.5]
    assert net.predict(x) == 23.5
    net.set_weights([([[1], [1]], [0])])
    assert net.predict(x) == 5
    net.fit(x, [[6]], optimizer=nn.SGD(0.5 / 14), verbose=0)
    assert net.predict(x) == pytest.approx(6)


def test_copies_are_independent(compiled_level, rng):
    net = network((3, 4, 2), level=compiled_level)
    x = rng.normal(size=(1, 3)).astype("float32")
    before = net.predict(x).tolist()
    twins = [net.copy(), copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    twins.pop(1)  # a shallow copy shares the parameters
    net.parameters[:] = 0
    for twin in twins:
        assert twin.predict(x).tolist() == before
    assert net.predict(x).tolist() == [[0.5, 0.5]]


def test_change_of_level(compiled_level):
    net = network((3, 4, 2), level=compiled_level, dtype="float64")
    x = np.ones((1, 3))
    expected = net.predict(x)
    for name in (*nn.levels.available(), compiled_level):
        net.level = name
        np.testing.assert_allclose(net.predict(x), expected, rtol=1e-12)


def test_memory_is_returned(compiled_level):
    """Also from a network in a cycle of references."""
    net = network((3, 4, 2), level=compiled_level)
    net.predict(np.ones((1, 3), "float32"))
    net.itself = net
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("sizes", [(1, 1), (2, 4, 3), (1, 16), (1, 17)])
def test_results_do_not_share_numbers(compiled_level, dtype, rng, sizes):
    """Small results lie side by side in memory: each is whole, its own, and can be written to."""
    net = network(sizes, level=compiled_level, dtype=dtype, seed=1)
    X = rng.normal(0, 1, (1000, sizes[0])).astype(dtype)
    parts = [slice(i, i + 1 + i % FEW) for i in range(900)]
    kept = [net.predict(X[part]) for part in parts]
    del kept[1::3], parts[1::3]
    for i, result in enumerate(kept):
        flags = result.flags
        assert (flags.c_contiguous, flags.aligned, flags.writeable) == (True, True, True)
        result += i
    expected = net.predict(X)
    del net
    gc.collect()
    for i, (part, result) in enumerate(zip(parts, kept, strict=True)):
        assert result.tobytes() == (expected[part] + np.array(i, dtype)).tobytes()


def test_memory_of_results_is_returned(compiled_level):
    net = network((2, 4, 1), level=compiled_level)
    x = np.ones((1, 2), "float32")
    tracemalloc.start()
    try:
        net.predict(x)
        before = tracemalloc.get_traced_memory()[0]
        kept = [net.predict(x) for _ in range(10_000)]
        assert tracemalloc.get_traced_memory()[0] - before > 10_000 * x.itemsize
        del kept
        assert tracemalloc.get_traced_memory()[0] - before < 10_000
    finally:
        tracemalloc.stop()


def test_documentation():
    assert "(n, outputs)" in nn.Network.predict.__doc__
    assert nn.Network.predict.__text_signature__ == "($self, X)"


@pytest.mark.parametrize("kind", ["plain", "unpickled", "read-only"])
def test_direct_way(compiled_level, dtype, kind, monkeypatch):
    """A few rows of the network's dtype do not go through Python."""
    net = network((3, 4, 2), level=compiled_level, dtype=dtype)
    X = np.ones((FEW, 3), dtype)
    if kind == "unpickled":
        X = pickle.loads(pickle.dumps(X))
    X.flags.writeable = kind != "read-only"
    monkeypatch.setattr(nn.Network, "_predict", None)
    assert net.predict(X).shape == (FEW, 2)
    with pytest.raises(TypeError, match="not callable"):
        net.predict(np.ones((FEW + 1, 3), dtype))
