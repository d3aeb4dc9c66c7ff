"""Odd arrays as X, y and weights: the same result as plain ones, or a refusal; never changed."""

import array
import datetime
import decimal
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import nnfast as nn

# zeros and ones: every dtype holds them exactly
PLAIN = np.array([[0, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 0]])


def network(**options):
    """3 inputs, 3 outputs, and a first W that has the shape of PLAIN's transpose."""
    return nn.Network([3, nn.Dense(4, "tanh"), 3], seed=2, **options)


def strided(a):
    wide = np.full((2 * a.shape[0], 3 * a.shape[1]), np.nan)
    wide[::2, ::3] = a
    return wide[::2, ::3]


def reversed_twice(a):
    return np.ascontiguousarray(a[::-1, ::-1]).astype(float)[::-1, ::-1]


def misaligned(a):
    memory = bytearray(a.size * 4 + 1)
    view = np.frombuffer(memory, np.float32, offset=1).reshape(a.shape)
    view[...] = a
    assert not view.flags.aligned
    return view


def read_only(a):
    a = a.astype(np.float32)
    a.flags.writeable = False
    return a


def matrix(a):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.asmatrix(a)


class Subclass(np.ndarray):
    """An array whose own operations cannot be trusted."""

    def __array_wrap__(self, *arguments, **options):
        raise AssertionError("an operation of the subclass was used")

    def __array_ufunc__(self, *arguments, **options):
        raise AssertionError("an operation of the subclass was used")


class Frame:
    """As pandas and polars do: no array, but something that becomes one."""

    def __init__(self, values):
        self.values = np.asarray(values, float)

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)


class Interface:
    def __init__(self, values):
        self.values = np.asarray(values, float)
        self.__array_interface__ = self.values.__array_interface__


DTYPES = [*"?bBhHiIlLqQefdg", ">f4", ">f8", "<f2", ">i4", ">u2"]
ACCEPTED = {
    **{f"dtype {code}": lambda a, code=code: a.astype(code) for code in DTYPES},
    "Fortran order": lambda a: np.asfortranarray(a, float),
    "strided": strided,
    "negative strides": reversed_twice,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "misaligned": misaligned,
    "read-only": read_only,
    "objects: ints": lambda a: a.astype(object),
    "objects: floats": lambda a: a.astype(float).astype(object),
    "objects: NumPy's": lambda a: np.array([[np.float16(v) for v in row] for row in a], object),
    "objects: bools": lambda a: a.astype(bool).astype(object),
    "objects: mixed": lambda a: np.where(np.eye(*a.shape, dtype=bool), a.astype(object), a * 1.0),
    "masked, no mask": lambda a: np.ma.masked_array(a),
    "masked, nothing masked": lambda a: np.ma.masked_array(a, mask=np.zeros(a.shape)),
    "matrix": lambda a: matrix(a),
    "subclass": lambda a: a.astype(np.float32).view(Subclass),
    "record array": lambda a: a.view(np.recarray),
    "lists": lambda a: a.tolist(),
    "tuples": lambda a: tuple(map(tuple, a.tolist())),
    "list of arrays": list,
    "__array__": Frame,
    "__array_interface__": Interface,
    "memory view": lambda a: memoryview(np.ascontiguousarray(a)),
}
REFUSED = {
    "complex": (TypeError, lambda a: a.astype(complex), "complex128"),
    "dates": (TypeError, lambda a: a.astype("M8[s]"), "datetime64"),
    "durations": (TypeError, lambda a: a.astype("m8[s]"), "timedelta64"),
    "texts": (TypeError, lambda a: a.astype(str), "real numbers"),
    "bytes": (TypeError, lambda a: a.astype(bytes), "real numbers"),
    "variable texts": (TypeError, lambda a: a.astype(np.dtypes.StringDType()), "real numbers"),
    "structured": (TypeError, lambda a: a.astype([("a", "f4")]), "real numbers"),
    "objects: None": (TypeError, lambda a: np.where(a, a, None), "[0, 0] is None"),
    "objects: texts": (TypeError, lambda a: a.astype(str).astype(object), "[0, 0] is '0'"),
    "objects: complex": (TypeError, lambda a: a.astype("F").astype(object), "[0, 0]"),
    "objects: NumPy's complex": (
        TypeError,
        lambda a: np.array([[np.complex64(v) for v in row] for row in a], object),
        "[0, 0]",
    ),
    "objects: durations": (
        TypeError,
        lambda a: np.array([[np.timedelta64(int(v), "s") for v in row] for row in a], object),
        "[0, 0]",
    ),
    "objects: dates": (
        TypeError,
        lambda a: np.full(a.shape, datetime.date(2024, 2, 29), object),
        "[0, 0] is datetime.date(2024, 2, 29)",
    ),
    "objects: decimals": (TypeError, lambda a: np.full(a.shape, decimal.Decimal(1)), "[0, 0]"),
    "objects: others": (TypeError, lambda a: np.full(a.shape, {}, object), "[0, 0] is {}"),
    "objects: huge": (ValueError, lambda a: np.full(a.shape, 10**400), "[0, 0] is inf"),
    "signalling NaN": (
        ValueError,
        lambda a: np.full(a.shape, 0x7FF0000000000001, np.uint64).view(float),
        "NaN",
    ),
    "long double": (ValueError, lambda a: np.full(a.shape, np.longdouble(2) ** 1000), "inf"),
    "masked": (ValueError, lambda a: np.ma.masked_equal(a, 1), ".filled("),
    "masked NaN": (ValueError, lambda a: np.ma.masked_invalid(np.where(a, 1, np.nan)), "masked"),
    "ragged": (ValueError, lambda a: [[0, 1, 1], [1, 0]], "different lengths"),
    "ragged arrays": (ValueError, lambda a: [np.zeros(2), np.zeros(3)], "different lengths"),
    "generator": (TypeError, lambda a: (row for row in a), "generator"),
    "set": (TypeError, lambda a: {1, 2, 3}, "of type set"),
    "dictionary": (TypeError, lambda a: {"a": [1]}, "of type dict"),
    "no arrays": (ValueError, lambda a: [[a] * 3, [None] * 3], "different lengths"),
    "a text": (TypeError, lambda a: "1 2 3", "real numbers"),
    "a function": (TypeError, lambda a: np.sin, "of type ufunc"),
    "no elements": (ValueError, lambda a: [], "(0,)"),
    "no rows": (ValueError, lambda a: a[:0], "(0, "),
    "no columns": (ValueError, lambda a: a[:, :0], ", 0)"),
    "0-d": (ValueError, lambda a: np.array(1.0), "()"),
    "a number": (ValueError, lambda a: 1.0, "()"),
    "3-d": (ValueError, lambda a: a[None], "shape (1, "),
}


def as_inputs(net, value):
    return [net.predict(value), *as_pair(net, value, np.zeros((4, 3)))]


def as_targets(net, value):
    return as_pair(net, np.ones((4, 3)), value)


def as_pair(net, X, Y):
    loss, gradient = net.loss_and_gradient(X, Y)
    losses = net.fit(X, Y, epochs=2, batch_size=3, optimizer="adam")["loss"]
    return [np.array([loss, *losses]), gradient, net.parameters.copy()]


def as_weights(net, value):
    net.set_weights([net.weights[0], (value, np.zeros(3))])
    return [net.parameters.copy()]


ROLES = {"X": as_inputs, "y": as_targets, "W": as_weights}


def buffer(value):
    """What can be compared of a value, and must not change."""
    if isinstance(value, np.ndarray):
        flags = value.flags.writeable, value.flags.aligned, value.dtype, value.strides
        return bytes(np.asarray(value).tobytes()), flags
    return repr(getattr(value, "values", value))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("case", ACCEPTED)
def test_as_good_as_the_plain_array(case, role):
    value = ACCEPTED[case](PLAIN)
    before = buffer(value)
    results = ROLES[role](network(), value)
    expected = ROLES[role](network(), PLAIN.astype(np.float32))
    assert all(np.array_equal(a, b) for a, b in zip(results, expected, strict=True))
    assert buffer(value) == before
    assert all(type(a) is np.ndarray for a in results)
    if isinstance(value, np.ndarray):
        assert not any(np.shares_memory(np.asarray(value), a) for a in results)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_a_sentence(case, role):
    error, make, fragment = REFUSED[case]
    net = network()
    before = net.parameters.copy()
    with pytest.raises(error) as caught:
        ROLES[role](net, make(PLAIN))
    message = str(caught.value)
    assert role in message
    assert fragment in message
    assert message.endswith(".")
    assert caught.type is error
    assert np.array_equal(net.parameters, before)
    assert net.training_state is None


def test_nothing_at_all():
    with pytest.raises(TypeError, match="X is None; expected a real number"):
        network().predict(None)
    with pytest.raises(TypeError, match=r"y is missing, and X, of type \w+, is no source"):
        network().fit(PLAIN, None)


def test_memory_mapped_files(tmp_path, dtype, level):
    path = tmp_path / "data"
    PLAIN.astype(dtype).tofile(path)
    mapped = np.memmap(path, dtype, "r", shape=PLAIN.shape)
    for role in ROLES.values():
        results = role(network(level=level), mapped)
        expected = role(network(level=level), PLAIN)
        assert all(np.array_equal(a, b) for a, b in zip(results, expected, strict=True))
    assert np.array_equal(np.fromfile(path, dtype).reshape(PLAIN.shape), PLAIN)


def test_repeated_rows_of_stride_zero(level):
    row = np.array([0.25, -1, 2], np.float32)
    X, Y = np.broadcast_to(row, (5, 3)), np.broadcast_to(np.float32(0.5), (5, 3))
    results = as_pair(network(level=level), X, Y)
    expected = as_pair(network(level=level), X.copy(), Y.copy())
    assert all(np.array_equal(a, b) for a, b in zip(results, expected, strict=True))


LABELS = [2, 0, 1, 2]


@pytest.mark.parametrize(
    "y",
    [
        *(np.array(LABELS, code) for code in "bBhHiIlLqQefdg"),
        np.array(LABELS, ">i4"),
        np.array(LABELS, object),
        np.repeat(LABELS, 2)[::2],
        np.array(LABELS[::-1])[::-1],
        tuple(LABELS),
        array.array("h", LABELS),
        np.ma.masked_array(LABELS, mask=False),
        Frame(LABELS),
    ],
    ids=lambda y: f"{type(y).__name__} {getattr(y, 'dtype', '')}",
)
def test_labels(y):
    net = nn.Network([3, nn.Dense(3, "softmax")], seed=0)
    results = as_pair(net, PLAIN, y)
    net.reset()
    expected = as_pair(net, PLAIN, np.eye(3)[LABELS])
    assert all(np.array_equal(a, b) for a, b in zip(results, expected, strict=True))


def test_one_output_takes_a_row_or_a_column():
    net = nn.Network([3, 1], seed=0)
    column = np.array([[0], [1], [1], [0.5]])
    results = [as_pair(net.copy(), PLAIN, y) for y in (column, column[:, 0], matrix(column))]
    for result in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], result, strict=True))


@pytest.mark.parametrize("activation", ["linear", "tanh"])
def test_results_never_share_memory(level, dtype, activation):
    net = nn.Network([3, nn.Dense(3, activation)], level=level, dtype=dtype, seed=0)
    net.set_weights([(np.eye(3), np.zeros(3))])
    X, Y = PLAIN.astype(dtype), np.zeros((4, 3), dtype)
    outputs, classes = net.predict(X), net.predict_classes(X)
    _, gradient = net.loss_and_gradient(X, Y)
    net.fit(X, Y)
    given = [X, Y, net.parameters, net.training_state.slots]
    for result in (outputs, classes, gradient):
        assert result.flags.writeable
        assert not any(np.shares_memory(result, other) for other in given)
    assert not any(np.shares_memory(net.parameters, other) for other in (X, Y))
    assert np.array_equal(X, PLAIN)
    assert not Y.any()


def test_what_was_passed_may_change_afterwards():
    net, other = network(), network()
    X, Y, W = PLAIN.astype(np.float32), PLAIN.astype(np.float32), np.ones((4, 3), np.float32)
    for each in (net, other):
        each.set_weights([each.weights[0], (W, W[0])])
        each.fit(X, Y, batch_size=2, optimizer="adam")
    expected = other.fit(X, Y, batch_size=2)["loss"]
    copies = X.copy(), Y.copy()
    for passed in (X, Y, W):
        passed[:] = 0.5
    assert net.fit(*copies, batch_size=2)["loss"] == expected


@st.composite
def views(draw):
    """A two-dimensional view of an array with any strides, byte order and finite numbers."""
    dtype = draw(st.sampled_from([">f4", "<f8", ">f8", "<f2", "<i2", "|u1"]))
    elements = st.integers(0, 100) if dtype[1] in "iu" else st.floats(-100, 100, width=16)
    shape = hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=6)
    base = draw(hnp.arrays(dtype, shape, elements=elements))
    if draw(st.booleans()):
        base = np.asfortranarray(base)
    index = [
        slice(None, None, draw(st.sampled_from([1, 2, 3, -1, -2])))
        if axis < 2
        else draw(st.integers(0, base.shape[axis] - 1))
        for axis in range(base.ndim)
    ]
    view = base[tuple(index)]
    if draw(st.booleans()):
        view = np.broadcast_to(view[:1], (draw(st.integers(1, 5)), view.shape[1]))
    return view.T if draw(st.booleans()) else view


@settings(deadline=None, max_examples=150)
@given(views())
def test_any_strides(view):
    before = view.tobytes()
    plain = np.array(view, np.float32, order="C")
    rows, columns = plain.shape
    net = nn.Network([columns, 3, nn.Dense(columns, "linear")], seed=rows)
    assert np.array_equal(net.predict(view), net.predict(plain))
    loss, gradient = net.loss_and_gradient(view, view)
    expected, plain_gradient = net.loss_and_gradient(plain, plain)
    assert loss == expected
    assert np.array_equal(gradient, plain_gradient)
    other = nn.Network([rows, nn.Dense(columns, bias=False)])
    other.set_weights([(view, None)])
    assert np.array_equal(other.weights[0][0], plain)
    assert view.tobytes() == before


def test_more_numbers_than_memory_holds():
    """One number seen 2**45 times over: refused for its shape or its size, never tried."""
    endless = np.broadcast_to(np.float32(0), (2**45, 1))
    with pytest.raises((ValueError, MemoryError)):
        nn.Network([1, 1]).predict(endless)
