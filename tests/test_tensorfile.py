"""The container below `Network.save` and `Network.load`: round trips, hostile files, failures."""

import json
import os
import pickle
import signal
import stat
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nnfast import tensorfile
from nnfast.tensorfile import FormatError

DTYPES = ("f4", "f8", "i4", "i8", "u1", "u8")
CODES = {"f4": "F32", "f8": "F64", "i4": "I32", "i8": "I64", "u1": "U8", "u8": "U64"}
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


def same_bits(a, b):
    """Equal shape, dtype (up to byte order) and bits, so that NaN and -0.0 count too."""
    native = b.astype(b.dtype.newbyteorder("="))
    return a.shape == b.shape and a.dtype == native.dtype and a.tobytes() == native.tobytes()


def same_content(first, second):
    (a, a_metadata), (b, b_metadata) = first, second
    return (
        a_metadata == b_metadata
        and a.keys() == b.keys()
        and all(same_bits(a[name], b[name]) for name in a)
    )


def sample():
    arrays = {
        "layer0.weight": np.arange(6, dtype="f4").reshape(2, 3) - 2.5,
        "layer0.bias": np.array([np.nan, -0.0, np.inf]),
        "state": np.array([1, 2**64 - 1], dtype="u8"),
        "none": np.zeros((0, 4), dtype="i4"),
        "epoch": np.array(-7),
    }
    return arrays, {"format": "1", "note": "naïve ∂C/∂w"}


def raw(header, body=b""):
    """The bytes of a file; `header` is JSON text, its bytes, or what JSON can express."""
    if not isinstance(header, (str, bytes)):
        header = json.dumps(header)
    if isinstance(header, str):
        header = header.encode()
    return len(header).to_bytes(8, "little") + header + body


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def load(path, content):
    """Read a file with this content: FormatError, or what it holds."""
    path.write_bytes(content)
    return tensorfile.read(path)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """One file name for tests that write thousands of small files."""
    return tmp_path_factory.mktemp("tensorfile") / "scratch"


@pytest.fixture
def valid(tmp_path):
    path = tmp_path / "valid"
    tensorfile.write(path, *sample())
    return path.read_bytes()


# Round trips


def test_everything_comes_back(tmp_path):
    path = tmp_path / "model"
    tensorfile.write(path, *sample())
    arrays, metadata = tensorfile.read(path)
    assert same_content((arrays, metadata), sample())
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (2, 3, 4), (1,) * 32])
def test_dtypes_shapes_and_byte_orders(tmp_path, kind, shape, order):
    array = np.arange(np.prod(shape)).reshape(shape).astype(order + kind)
    tensorfile.write(tmp_path / "f", {"x": array}, {})
    arrays, metadata = tensorfile.read(tmp_path / "f")
    assert metadata == {}
    assert same_bits(arrays["x"], array)


def test_every_memory_layout(tmp_path):
    base = np.arange(48, dtype="f8").reshape(6, 8)
    frozen = base.copy()
    frozen.flags.writeable = False
    misaligned = np.frombuffer(b"\0" + base.tobytes(), np.uint8)[1:].view("f8")
    arrays = {
        "transposed": base.T,
        "fortran": np.asfortranarray(base),
        "strided": base[::2, ::-3],
        "broadcast": np.broadcast_to(base[0], (5, 8)),
        "frozen": frozen,
        "misaligned": misaligned,
        "big": base.astype(">f8")[:, 1::2],
        "longlong": np.arange(3, dtype=np.longlong),
    }
    before = {name: array.tobytes() for name, array in arrays.items()}
    tensorfile.write(tmp_path / "f", arrays, {})
    assert {name: array.tobytes() for name, array in arrays.items()} == before
    assert same_content(tensorfile.read(tmp_path / "f"), (arrays, {}))


def test_arrays_that_come_back_are_ordinary(tmp_path):
    tensorfile.write(tmp_path / "f", *sample())
    for array in tensorfile.read(tmp_path / "f")[0].values():
        assert type(array) is np.ndarray
        assert array.dtype.isnative
        assert array.flags.owndata
        assert array.flags.carray
        assert array.base is None


def test_nothing_at_all(tmp_path):
    tensorfile.write(tmp_path / "f", {}, {})
    assert tensorfile.read(tmp_path / "f") == ({}, {})
    assert load(tmp_path / "f", raw("{}")) == ({}, {})


def test_bytes_depend_on_the_content_only(tmp_path):
    arrays, metadata = sample()
    reversed_arrays = {name: arrays[name] for name in reversed(arrays)}
    swapped = {name: a.astype(a.dtype.newbyteorder("S")) for name, a in reversed_arrays.items()}
    tensorfile.write(tmp_path / "a", arrays, metadata)
    tensorfile.write(tmp_path / "b", swapped, dict(reversed(metadata.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_arrays_are_aligned_within_the_file(tmp_path):
    arrays = {str(i): np.full(3, 1 + i, kind) for i, kind in enumerate(DTYPES)}
    tensorfile.write(tmp_path / "f", arrays, {"padding": "x"})
    content = (tmp_path / "f").read_bytes()
    for array in arrays.values():
        assert content.index(array.tobytes()) % array.itemsize == 0


def test_the_layout_is_the_documented_one(tmp_path):
    tensorfile.write(tmp_path / "f", {"w": np.array([[1.0, 2.0]], "f4")}, {"k": "v"})
    header = (
        b'{"__metadata__":{"k":"v"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}       '
    )
    expected = b"\x58" + bytes(7) + header + bytes.fromhex("0000803f 00000040")
    assert (tmp_path / "f").read_bytes() == expected


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    arrays=st.dictionaries(
        st.text(min_size=1).filter(lambda name: name != "__metadata__"),
        st.sampled_from([order + kind for kind in DTYPES for order in "<>"]).flatmap(
            lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
        ),
        max_size=4,
    ),
    metadata=st.dictionaries(st.text(), st.text(), max_size=4),
)
def test_any_content_comes_back(scratch, arrays, metadata):
    tensorfile.write(scratch, arrays, metadata)
    assert same_content(tensorfile.read(scratch), (arrays, metadata))


# The safetensors library


def test_the_safetensors_library_reads_our_files(tmp_path):
    safetensors = pytest.importorskip("safetensors")
    numpy_api = pytest.importorskip("safetensors.numpy")
    arrays, metadata = sample()
    tensorfile.write(tmp_path / "f", arrays, metadata)
    assert same_content((numpy_api.load_file(tmp_path / "f"), {}), (arrays, {}))
    with safetensors.safe_open(tmp_path / "f", framework="numpy") as file:
        assert file.metadata() == metadata


@pytest.mark.parametrize("metadata", [None, {}, {"a": "b", "ü": ""}])
def test_we_read_files_of_the_safetensors_library(tmp_path, metadata):
    numpy_api = pytest.importorskip("safetensors.numpy")
    arrays = sample()[0]
    numpy_api.save_file(arrays, tmp_path / "f", metadata)
    assert same_content(tensorfile.read(tmp_path / "f"), (arrays, metadata or {}))


# What write refuses


@pytest.mark.parametrize("dtype", ["f2", "c8", "i2", "?", "U3", "S3", "M8[s]", "O", "f4,f4"])
def test_other_dtypes_are_refused(tmp_path, dtype):
    with pytest.raises(TypeError, match="'w' is not an array of a dtype"):
        tensorfile.write(tmp_path / "f", {"w": np.zeros(2, dtype)}, {})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("value", [[1.0], 1.0, np.float64(1), None])
def test_only_arrays_are_arrays(tmp_path, value):
    with pytest.raises(TypeError, match="'w' is not an array"):
        tensorfile.write(tmp_path / "f", {"w": value}, {})


@pytest.mark.parametrize(
    ("arrays", "metadata", "error"),
    [
        ({"": np.zeros(1)}, {}, ValueError),
        ({"__metadata__": np.zeros(1)}, {}, ValueError),
        ({"\ud800": np.zeros(1)}, {}, ValueError),
        ({}, {"k": "\udfff"}, ValueError),
        ({}, {"k": "x" * 2**20}, ValueError),
        ({3: np.zeros(1)}, {}, TypeError),
        ({}, {3: "x"}, TypeError),
        ({}, {"k": 3}, TypeError),
        ({}, {"k": None}, TypeError),
        ({}, {"k": b"x"}, TypeError),
    ],
)
def test_other_names_and_metadata_are_refused(tmp_path, arrays, metadata, error):
    with pytest.raises(error):
        tensorfile.write(tmp_path / "f", arrays, metadata)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="needs 33 dimensions")
def test_too_many_dimensions_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'w'"):
        tensorfile.write(tmp_path / "f", {"w": np.zeros((1,) * 33)}, {})


# Damaged and hostile files


def test_every_prefix_and_every_longer_file_is_refused(tmp_path, valid):
    end_of_header = 8 + int.from_bytes(valid[:8], "little")
    for length in range(len(valid)):
        sentence = "cut short" if length < end_of_header else "up to its end"
        with pytest.raises(FormatError, match=sentence):
            load(tmp_path / "f", valid[:length])
    with pytest.raises(FormatError):
        load(tmp_path / "f", valid + b"\0")


def test_every_flipped_bit_of_the_header_is_refused_or_harmless(tmp_path, valid):
    """Harmless means: only names, metadata text or the shape of an empty array can differ."""
    arrays, metadata = load(tmp_path / "f", valid)
    end_of_header = 8 + int.from_bytes(valid[:8], "little")
    loaded = 0
    for bit in range(8 * end_of_header):
        damaged = bytearray(valid)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            other, other_metadata = load(tmp_path / "f", bytes(damaged))
        except FormatError:
            continue
        loaded += 1
        differences = other_metadata != metadata
        assert len(other) == len(arrays)
        # Equal offsets can swap places in the file order only with an empty array's.
        by_bytes = sorted(arrays.items(), key=lambda item: (item[1].size == 0, item[1].tobytes()))
        others = sorted(other.items(), key=lambda item: (item[1].size == 0, item[1].tobytes()))
        for (name, a), (other_name, b) in zip(by_bytes, others, strict=True):
            assert a.dtype == b.dtype
            assert a.tobytes() == b.tobytes()
            assert a.shape == b.shape or a.size == b.size == 0
            differences += (name != other_name) + (a.shape != b.shape)
        assert differences == 1
    assert loaded > 100  # the letters of the names and of the metadata


def test_flipped_bits_of_the_arrays_change_these_alone(tmp_path, valid):
    arrays, metadata = load(tmp_path / "f", valid)
    begin = 8 + int.from_bytes(valid[:8], "little")
    for bit in range(8 * begin, 8 * len(valid)):
        damaged = bytearray(valid)
        damaged[bit // 8] ^= 1 << bit % 8
        other, other_metadata = load(tmp_path / "f", bytes(damaged))
        assert other_metadata == metadata
        assert [(n, a.shape, a.dtype) for n, a in other.items()] == [
            (n, a.shape, a.dtype) for n, a in arrays.items()
        ]
        assert sum(not same_bits(arrays[name], other[name]) for name in arrays) == 1


BODY = bytes(8)
FIELDS = json.dumps(entry())[1:-1]
HOSTILE = {
    "empty file": b"",
    "no header": bytes(8),
    "header of one byte": raw("{"),
    "huge header length": b"\xff" * 8 + b"{}",
    "header length 2**63": (2**63).to_bytes(8, "little") + b"{}",
    "header longer than the file": (3).to_bytes(8, "little") + b"{}",
    "header above 1 MiB": raw("{" + " " * 2**20 + "}"),
    "not UTF-8": raw(b'{"\xff":1}'),
    "UTF-16": raw("{}".encode("utf-16")),
    "byte order mark": raw(b"\xef\xbb\xbf{}"),
    "leading space": raw(" {}"),
    "text after the header": raw("{}x"),
    "lone surrogate in a name": raw(r'{"\ud800":' + json.dumps(entry()) + "}", BODY),
    "lone surrogate in metadata": raw(r'{"__metadata__":{"a":"\udc00"}}'),
    "not an object": raw("[1]"),
    "a number": raw("12"),
    "deep lists": raw('{"x":' + "[" * 400_000 + "]" * 400_000 + "}"),
    "deep objects": raw('{"x":' * 100_000 + "1" + "}" * 100_000),
    "deep and unfinished": raw("{" + '"x":[' + "[" * 900_000),
    "many small lists": raw('{"x":[' + "[]," * 300_000 + "[]]}"),
    "array twice": raw('{"w":{' + FIELDS + '},"w":{' + FIELDS + "}}", BODY),
    "dtype twice": raw('{"w":{"dtype":"F32",' + FIELDS + "}}", BODY),
    "metadata twice": raw('{"__metadata__":{},"__metadata__":{}}'),
    "metadata key twice": raw('{"__metadata__":{"a":"1","a":"1"}}'),
    "metadata list": raw({"__metadata__": []}),
    "metadata null": raw({"__metadata__": None}),
    "metadata number": raw({"__metadata__": {"a": 1}}),
    "metadata nested": raw({"__metadata__": {"a": {}}}),
    "metadata is an array": raw({"__metadata__": entry()}, BODY),
    "empty name": raw({"": entry()}, BODY),
    "entry is a list": raw({"w": ["F32", [2], [0, 8]]}, BODY),
    "entry is null": raw({"w": None}),
    "field missing": raw({"w": {"dtype": "F32", "shape": [2]}}, BODY),
    "field too many": raw({"w": {**entry(), "x": 1}}, BODY),
    "unknown dtype": raw({"w": entry("F16", (4,))}, BODY),
    "dtype in lower case": raw({"w": entry("f32")}, BODY),
    "NumPy dtype": raw({"w": entry("<f4")}, BODY),
    "object dtype": raw({"w": entry("|O", (1,))}, BODY),
    "dtype is a list": raw({"w": {**entry(), "dtype": ["F32"]}}, BODY),
    "dtype is null": raw({"w": {**entry(), "dtype": None}}, BODY),
    "shape is a number": raw({"w": {**entry(), "shape": 2}}, BODY),
    "shape is text": raw({"w": {**entry(), "shape": "2"}}, BODY),
    "shape is an object": raw({"w": {**entry(), "shape": {"2": 2}}}, BODY),
    "shape with text": raw({"w": entry(shape=["2"])}, BODY),
    "shape with float": raw({"w": entry(shape=[2.0])}, BODY),
    "shape with NaN": raw('{"w":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}', BODY),
    "shape with null": raw({"w": entry(shape=[None])}, BODY),
    "shape with bool": raw({"w": entry(shape=[2, True])}, BODY),
    "shape with list": raw({"w": entry(shape=[[2]])}, BODY),
    "negative shape": raw({"w": entry(shape=[-2])}, BODY),
    "two negative dimensions": raw({"w": entry(shape=[-2, -1])}, BODY),
    "shape too small": raw({"w": entry(shape=[1])}, BODY),
    "shape too large": raw({"w": entry(shape=[3])}, BODY),
    "huge shape": raw({"w": entry(shape=[2**40])}, BODY),
    "shape wraps to 0": raw({"w": entry(shape=[2**32, 2**32], offsets=[0, 0])}),
    "shape wraps to 8": raw({"w": entry(shape=[2**62 + 2])}, BODY),
    "empty but huge": raw({"w": entry(shape=[0, 2**40, 2**40], offsets=[0, 0])}),
    "empty, beyond 64 bits": raw({"w": entry(shape=[0, 10**30], offsets=[0, 0])}),
    "33 dimensions": raw({"w": entry(shape=[2] + [1] * 32)}, BODY),
    "half a million dimensions": raw('{"w":' + json.dumps(entry(shape=[9] * 300_000)) + "}"),
    "thousands of digits": raw({"w": entry(shape=[10**4200] * 32)}, BODY),
    "a million digits": raw(
        '{"w":{"dtype":"U8","shape":[1' + "0" * 10**6 + '],"data_offsets":[0,8]}}'
    ),
    "offset is bool": raw({"w": entry("U8", (1,), (False, True))}, b"x"),
    "offset is float": raw({"w": entry(offsets=(0.0, 8.0))}, BODY),
    "offset is text": raw({"w": entry(offsets=("0", "8"))}, BODY),
    "offsets is text": raw({"w": {**entry(), "data_offsets": "08"}}, BODY),
    "one offset": raw({"w": entry(offsets=(8,))}, BODY),
    "three offsets": raw({"w": entry(offsets=(0, 4, 8))}, BODY),
    "negative offset": raw({"w": entry(offsets=(-8, 0))}, BODY),
    "offsets in reverse": raw({"w": entry(offsets=(8, 0))}, BODY),
    "huge offsets": raw({"w": entry(offsets=(2**64, 2**64 + 8))}, BODY),
    "beyond the end": raw({"w": entry(shape=[4], offsets=(0, 16))}, BODY),
    "before the end": raw({"w": entry()}, BODY + b"\0"),
    "hole at the start": raw({"w": entry(offsets=(4, 12))}, BODY + bytes(4)),
    "hole": raw({"a": entry(), "b": entry(offsets=(12, 20))}, bytes(20)),
    "overlap": raw({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12)),
    "same bytes twice": raw({"a": entry(), "b": entry()}, BODY),
    "many names for the same bytes": raw({f"a{i}": entry() for i in range(9000)}, BODY),
    "empty array in the middle": raw({"a": entry(), "b": entry("F32", [0], (4, 4))}, BODY),
    "empty array beyond the end": raw({"a": entry(), "b": entry("F32", [0], (9, 9))}, BODY),
    "arrays without bytes": raw({"w": entry()}),
    "bytes without arrays": raw({}, BODY),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_refused_at_once(tmp_path, content, at_most_calls):
    with at_most_calls(1000 + 10 * len(content)), pytest.raises(FormatError) as caught:
        load(tmp_path / "f", content)
    sentence = str(caught.value)
    assert sentence.startswith(f"cannot load '{tmp_path / 'f'}': ")
    assert len(sentence) < 500 + len(str(tmp_path))


def test_many_tiny_arrays_are_fine(tmp_path, at_most_calls):
    entries = {f"{i:x}": entry("U8", [], (i, i + 1)) for i in range(15_000)}
    content = raw(json.dumps(entries, separators=(",", ":")), bytes(15_000))
    with at_most_calls(10 * len(content)):
        arrays, _ = load(tmp_path / "f", content)
    assert len(arrays) == 15_000


def test_empty_arrays_share_a_place(tmp_path):
    header = {"a": entry("F64", [0], (8, 8)), "b": entry(), "c": entry("F64", [3, 0], (0, 0))}
    arrays, _ = load(tmp_path / "f", raw(header, BODY))
    assert {name: array.shape for name, array in arrays.items()} == {
        "c": (3, 0),
        "b": (2,),
        "a": (0,),
    }


def test_the_order_within_the_header_does_not_matter(tmp_path):
    header = {"a": entry(offsets=(8, 16)), "b": entry(offsets=(0, 8)), "__metadata__": {"k": "v"}}
    body = np.arange(4, dtype="<f4").tobytes()
    arrays, metadata = load(tmp_path / "f", raw(header, body))
    assert [*arrays] == ["b", "a"]
    np.testing.assert_array_equal(arrays["a"], [2, 3])
    assert metadata == {"k": "v"}


class Bomb:
    def __init__(self, sentinel):
        self.sentinel = sentinel

    def __reduce__(self):
        return Path.touch, (self.sentinel,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_not_executed(tmp_path, protocol):
    sentinel = tmp_path / "sentinel"
    bomb = pickle.dumps(Bomb(sentinel), protocol)
    with pytest.raises(FormatError, match="not an nnfast file"):
        load(tmp_path / "f", bomb)
    with pytest.raises(FormatError):
        load(tmp_path / "f", raw({"w": entry("U8", [8])}, bomb))
    assert not sentinel.exists()
    pickle.loads(bomb)
    assert sentinel.exists()  # the bomb was a live one


def test_other_files_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "zip", "w") as file:
        file.writestr("weights", "0" * 100)
    np.savez(tmp_path / "a.npz", w=np.zeros(3))
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "text").write_text('{"weights": [1, 2, 3]}\n')
    for name in ("zip", "a.npz", "a.npy", "text"):
        with pytest.raises(FormatError, match=f"{name}': it is not an nnfast file"):
            tensorfile.read(tmp_path / name)


def test_missing_files_and_directories(tmp_path):
    with pytest.raises(FileNotFoundError):
        tensorfile.read(tmp_path / "f")
    with pytest.raises(IsADirectoryError if os.name == "posix" else OSError):
        tensorfile.read(tmp_path)
    assert issubclass(FormatError, ValueError)


def test_a_file_that_shrinks_while_it_is_read(tmp_path, valid, monkeypatch):
    path = tmp_path / "f"
    path.write_bytes(valid[:-4])
    size = os.stat_result((0,) * 6 + (len(valid), 0, 0, 0))
    monkeypatch.setattr(tensorfile.os, "fstat", lambda _: size)
    with pytest.raises(FormatError, match="cut short"):
        tensorfile.read(path)


def test_memory_is_bounded_by_the_file(tmp_path):
    path = tmp_path / "f"
    tensorfile.write(path, {"a": np.zeros(400_000), "b": np.zeros(400_000, "f4")}, {})
    tracemalloc.start()
    try:
        tensorfile.read(path)
        assert tracemalloc.get_traced_memory()[1] < 1.2 * path.stat().st_size
        path.write_bytes(raw(b"{" + b" " * 2**24 + b"}"))
        tracemalloc.reset_peak()
        with pytest.raises(FormatError):
            tensorfile.read(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
        claims = raw({"w": entry("F64", [2**37], (0, 2**40))}, BODY)
        tracemalloc.reset_peak()
        with pytest.raises(FormatError):
            load(path, claims)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def never_fails_otherwise(path, content):
    try:
        arrays, metadata = load(path, content)
    except FormatError:
        return
    tensorfile.write(path, arrays, metadata)
    assert same_content(tensorfile.read(path), (arrays, metadata))


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 600), st.integers(0, 6), st.binary(max_size=6)),
        min_size=1,
        max_size=4,
    ),
    repair=st.booleans(),
)
def test_mutated_files(scratch, edits, repair):
    """Cut out and insert bytes; with `repair` the header length stays right."""
    tensorfile.write(scratch, *sample())
    content = scratch.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, body = content[8 : 8 + length], content[8 + length :]
    for position, removed, inserted in edits:
        if repair:
            header = header[:position] + inserted + header[position + removed :]
            content = raw(header, body)
        else:
            content = content[:position] + inserted + content[position + removed :]
    never_fails_otherwise(scratch, content)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 20)
    | st.sampled_from([2**31, 2**32, 2**63, 2**64, 0.0, 8.0])
    | st.sampled_from(["F32", "U8", "", "w", "__metadata__"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["dtype", "shape", "data_offsets", "w"]), inner)
    ),
    max_leaves=6,
)
sizes = st.lists(st.integers(0, 9), max_size=3)
entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from([*CODES.values()]) | values,
        "shape": sizes | values,
        "data_offsets": st.tuples(st.integers(0, 9), st.integers(0, 99)) | values,
    }
)


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    header=st.dictionaries(
        st.sampled_from(["a", "b", "__metadata__", ""]), entries | values, max_size=3
    )
    | values,
    size=st.integers(0, 100),
)
def test_made_up_headers(scratch, header, size):
    never_fails_otherwise(scratch, raw(json.dumps(header), bytes(size)))


@hypothesis_settings(max_examples=80, deadline=None)
@given(code=st.sampled_from([*CODES.values()]), shape=sizes, change=st.integers(-1, 1))
def test_a_size_is_right_or_refused(scratch, code, shape, change):
    itemsize = {code: np.dtype(kind).itemsize for kind, code in CODES.items()}[code]
    size = max(0, int(np.prod(shape)) * itemsize + change)
    content = raw({"w": entry(code, shape, (0, size))}, bytes(size))
    if size == np.prod(shape) * itemsize:
        assert load(scratch, content)[0]["w"].shape == tuple(shape)
    else:
        with pytest.raises(FormatError):
            load(scratch, content)


# Saving over an old file


def child(code, *arguments, **options):
    """Start Python on `code`, after `import sys, numpy as np` and the module under test."""
    package = str(Path(tensorfile.__file__).parents[1])
    lines = f"import sys; sys.path.insert(0, {package!r})\n"
    lines += "import numpy as np\nfrom nnfast import tensorfile\n" + code
    command = [sys.executable, "-W", "error", "-c", lines, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


@posix
def test_a_killed_writer_leaves_the_old_or_the_new_file(tmp_path):
    """The file holds generation n in all its arrays; after each kill it has to load."""
    path = tmp_path / "model"
    code = """
path, n = sys.argv[1], 0
print("ready", flush=True)
while True:
    n += 1
    arrays = {name: np.full(20_000, n, "i8") for name in "abc"}
    tensorfile.write(path, arrays, {"n": str(n)})
"""
    random = Random(5)
    generations = set()
    for _ in range(15):
        with child(code, path) as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(random.uniform(0.0, 0.06))
            process.send_signal(signal.SIGKILL)
        if path.exists():
            arrays, metadata = tensorfile.read(path)
            generations.add(metadata["n"])
            assert all(np.all(array == int(metadata["n"])) for array in arrays.values())
        assert len(os.listdir(tmp_path)) <= 2  # each start cleans up what the kill before left
    assert len(generations) > 1
    tensorfile.write(path, {}, {})
    assert os.listdir(tmp_path) == ["model"]


@posix
def test_temporary_files_of_a_live_writer_are_left_alone(tmp_path):
    """Two writers stop in the middle of a save; others save; each of the two goes on and wins."""
    path = tmp_path / "model"
    code = """
import os
fsync, first = os.fsync, True
def slow(handle):
    global first
    if first:
        first = False
        print("in the middle", flush=True)
        sys.stdin.readline()
    fsync(handle)
os.fsync = slow
tensorfile.write(sys.argv[1], {"w": np.ones(3)}, {"writer": sys.argv[2]})
"""
    stale = tmp_path / ".model.nnfast-0123"
    others = {tmp_path / name for name in ("nnfast-0123", ".model", "model.nnfast-1", ".other")}
    for file in (stale, *others):
        file.touch()
    with (
        child(code, path, "first", stdin=subprocess.PIPE) as first,
        child(code, path, "second", stdin=subprocess.PIPE) as second,
    ):
        for process in (first, second):
            assert process.stdout.readline() == "in the middle\n"
        assert not stale.exists()
        for process, name in ((first, "first"), (second, "second")):
            tensorfile.write(path, {}, {"writer": "quick"})
            assert tensorfile.read(path)[1] == {"writer": "quick"}
            process.communicate("\n")
            assert process.returncode == 0
            assert tensorfile.read(path)[1] == {"writer": name}
    stale.touch()
    tensorfile.write(path, {}, {})
    assert {*tmp_path.iterdir()} == {path, *others}


@posix
def test_a_full_disk_keeps_the_old_file(tmp_path):
    pytest.importorskip("resource")
    path = tmp_path / "model"
    tensorfile.write(path, *sample())
    code = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
for size in (600, 5_000, 5_000_000):
    try:
        tensorfile.write(sys.argv[1], {"w": np.ones(size)}, {})
    except OSError as error:
        print(error.errno, error)
"""
    with child(code, path) as process:
        lines = process.stdout.read().splitlines()
    assert process.returncode == 0
    assert len(lines) == 2
    assert all("cannot save: File too large" in line and str(path) in line for line in lines)
    assert tensorfile.read(path)[0]["w"].shape == (600,)
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.parametrize("step", ["chmod", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_at_any_step_keeps_the_old_file(tmp_path, monkeypatch, step, error):
    path = tmp_path / "model"
    tensorfile.write(path, *sample())

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(tensorfile.os, step, fail)
        with pytest.raises(type(error)) as caught:
            tensorfile.write(path, {}, {})
    if isinstance(error, OSError):
        assert caught.value.errno == 28
        assert "cannot save: No space left on device" in str(caught.value)
    assert same_content(tensorfile.read(path), sample())
    assert os.listdir(tmp_path) == ["model"]


@posix
def test_directories_without_locks_or_fsync(tmp_path, monkeypatch):
    """As on some network file systems: the save works, stale files stay."""
    import fcntl

    stale = tmp_path / ".model.nnfast-0123"
    stale.touch()
    fsync = os.fsync

    def fsync_of_files(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(22, "Invalid argument")
        fsync(handle)

    def no_lock(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(tensorfile.os, "fsync", fsync_of_files)
    monkeypatch.setattr(fcntl, "flock", no_lock)
    tensorfile.write(tmp_path / "model", *sample())
    assert same_content(tensorfile.read(tmp_path / "model"), sample())
    assert stale.exists()


@posix
def test_the_file_is_on_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace

    def record_fsync(handle):
        is_directory = stat.S_ISDIR(os.fstat(handle).st_mode)
        events.append("directory" if is_directory else os.fstat(handle).st_size)
        fsync(handle)

    def record_replace(source, target):
        events.append("rename")
        replace(source, target)

    monkeypatch.setattr(tensorfile.os, "fsync", record_fsync)
    monkeypatch.setattr(tensorfile.os, "replace", record_replace)
    tensorfile.write(tmp_path / "model", *sample())
    assert events == [(tmp_path / "model").stat().st_size, "rename", "directory"]


def test_places_where_nothing_can_be_saved(tmp_path):
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").touch()
    posix_errors = {
        tmp_path / "missing" / "f": FileNotFoundError,
        tmp_path / "directory": IsADirectoryError,
        tmp_path / "file" / "f": NotADirectoryError,
        tmp_path / ("n" * 300): OSError,
        tmp_path / ("ü" * 200): OSError,
    }
    for path, error in posix_errors.items():
        with pytest.raises(error if os.name == "posix" else OSError, match="cannot save: "):
            tensorfile.write(path, *sample())
    assert sorted(os.listdir(tmp_path)) == ["directory", "file"]
    assert os.listdir(tmp_path / "directory") == []


def test_long_names_that_the_system_allows(tmp_path):
    for path in (tmp_path / ("n" * 255), tmp_path / ("ü" * 127)):
        tensorfile.write(path, *sample())
        assert same_content(tensorfile.read(path), sample())


@posix
def test_devices_are_not_replaced(tmp_path, monkeypatch):
    """Without renaming anything, lest a fault of ours costs the machine its null device."""
    monkeypatch.setattr(tensorfile.os, "replace", lambda *_: None)
    monkeypatch.setattr(tensorfile.os, "chmod", lambda *_: None)
    with pytest.raises(OSError, match="not a regular file"):
        tensorfile.write(os.devnull, {}, {})
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="cannot save: "):
        tensorfile.write(tmp_path / "fifo", {}, {})
    assert os.listdir(tmp_path) == ["fifo"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do anything")
def test_protected_places(tmp_path):
    path = tmp_path / "model"
    tensorfile.write(path, *sample())
    path.chmod(0o444)
    with pytest.raises(PermissionError, match="cannot save: "):
        tensorfile.write(path, {}, {})
    path.chmod(0o644)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(PermissionError, match="cannot save: "):
            tensorfile.write(path, {}, {})
    finally:
        tmp_path.chmod(0o755)
    assert same_content(tensorfile.read(path), sample())
    assert os.listdir(tmp_path) == ["model"]


@posix
def test_permissions_are_those_of_open(tmp_path):
    path = tmp_path / "model"
    old = os.umask(0o027)
    try:
        tensorfile.write(path, *sample())
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o606)
        tensorfile.write(path, *sample())
        assert stat.S_IMODE(path.stat().st_mode) == 0o606
    finally:
        os.umask(old)


@posix
def test_links_are_followed(tmp_path):
    (tmp_path / "store").mkdir()
    link = tmp_path / "link"
    link.symlink_to(Path("store") / "model")
    for metadata in ({"n": "1"}, {"n": "2"}):  # the first save creates the target
        tensorfile.write(link, {}, metadata)
        assert link.is_symlink()
        assert tensorfile.read(tmp_path / "store" / "model") == ({}, metadata)
    assert os.listdir(tmp_path / "store") == ["model"]
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    tensorfile.write(link, {}, {})
    with pytest.raises(OSError, match="loop"):
        tensorfile.read(loop)


def test_relative_and_text_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tensorfile.write("model", *sample())
    assert same_content(tensorfile.read("model"), sample())
    assert os.listdir(tmp_path) == ["model"]
