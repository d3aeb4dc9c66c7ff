"""Readers of data files: what they read, and the sentences about what they cannot read."""

from __future__ import annotations

import copy
import gzip
import io
import pickle
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnfast import datasets
from nnfast.datasets import libsvm

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LOADERS = [
    datasets.load_idx,
    datasets.load_csv,
    datasets.load_npz,
    datasets.load_fann,
    datasets.load_arff,
    datasets.load_libsvm,
    datasets.load_proben1,
]

IDX_CODES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
FANN = b"3 2 1\n0 0.5\n1\n-1e-1 2\n0\n3 4\n1\n"
CSV = b'width,height,kind\n1,2,"a"\n3,4.5,b\n'
ARFF = b"""% sizes
@relation sizes
@attribute 'its width' numeric
@attribute colour {red, blue, 'light green'}
@attribute kind {small, large}
@data
1,red,small
?,'light green',large
3.5,?,large
"""
LIBSVM = b"1 1:0.5 3:-2\n-1 2:1e1 # a comment\n1\n"
PROBEN1 = b"""bool_in=1
real_in=1
bool_out=1
real_out=0
training_examples=2
validation_examples=1
test_examples=1
0 0.5 1
1 -0.5 0
0 1e-1 1

1 2 0
"""


def load_any_csv(path):
    return datasets.load_csv(path, header=True, missing="mean", categories="one_hot")


def load_any_arff(path):
    return datasets.load_arff(path, missing="mean", categories="one_hot")


def shared(name):
    """Return a file or folder of the shared test data, or skip the test."""
    if not (DATA / name).exists():
        pytest.skip(f"the shared test data {name} are not on this machine")
    return DATA / name


def idx_bytes(array, code=0x08):
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(">" + IDX_CODES[code]).tobytes()


def npz_bytes(**arrays):
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


IDX = idx_bytes(np.arange(6).reshape(2, 3))
ZIPPED = gzip.compress(IDX, mtime=0)  # the same in every process
NPZ = npz_bytes(X=np.eye(2), y=np.arange(2))
SAMPLES = [
    (datasets.load_idx, IDX),
    (datasets.load_idx, ZIPPED),
    (datasets.load_csv, CSV),
    (load_any_csv, CSV),
    (datasets.load_npz, NPZ),
    (datasets.load_fann, FANN),
    (load_any_arff, ARFF),
    (datasets.load_libsvm, LIBSVM),
    (datasets.load_proben1, PROBEN1),
]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """Return a function that writes a file, again and again, and gives its path."""
    folder = tmp_path_factory.mktemp("loaders")

    def write(content, name="file"):
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return folder / name

    return write


def loads_or_refuses(load, path):
    """Load; a ValueError that names the file is as good, any other error fails the test."""
    try:
        load(path)
    except ValueError as error:
        message = str(error)
    else:
        message = str(path)
    assert str(path) in message


# Every loader


@pytest.mark.parametrize("load", LOADERS)
def test_paths_are_checked(load, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*gone"):
        load(tmp_path / "gone")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        load(tmp_path)
    for path in (3, None, b"bytes"):
        with pytest.raises(TypeError, match="path must be a str"):
            load(path)


@pytest.mark.parametrize(("load", "content"), SAMPLES)
def test_every_truncation_loads_or_is_refused(load, content, scratch):
    load(str(scratch(content)))
    for length in range(len(content)):
        loads_or_refuses(load, scratch(content[:length]))


@pytest.mark.parametrize(("load", "content"), SAMPLES)
def test_changed_bytes_load_or_are_refused(load, content, scratch):
    places = st.integers(0, len(content) - 1)

    @settings(deadline=None, max_examples=150)
    @given(st.dictionaries(places, st.integers(0, 255), min_size=1, max_size=3))
    def check(changes):
        changed = bytearray(content)
        for place, value in changes.items():
            changed[place] = value
        loads_or_refuses(load, scratch(changed))

    check()


# IDX and MNIST


@pytest.mark.parametrize("code", IDX_CODES)
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 1, 3), (0, 4)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_round_trip(code, shape, pack, scratch):
    array = np.arange(np.prod(shape)).reshape(shape).astype(IDX_CODES[code])
    loaded = datasets.load_idx(scratch(pack(idx_bytes(array, code))))
    assert loaded.dtype == np.dtype(IDX_CODES[code])
    assert loaded.dtype.isnative
    assert loaded.flags.writeable
    np.testing.assert_array_equal(loaded, array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "byte offset 0: the file ends within its header of 4"),
        (b"\0\0\x08", "byte offset 3: the file ends within its header"),
        (b"\0\0\x08\x02\0\0\0\x01\0", "byte offset 9: the file ends within its header of 12"),
        (b"PK\x03\x04", "byte offset 0: .* two zero bytes, this one with 50 4b"),
        (b"\0\0\x07\x01", "byte offset 2: the type byte 0x07"),
        (b"\0\0\x08\0", "byte offset 3: 0 dimensions"),
        (b"\0\0\x08\xff", "byte offset 3: 255 dimensions"),
        (IDX[:-2], r"byte offset 16: .* promises 6 bytes .* shape \(2, 3\)"),
        (IDX + b"x", "byte offset 18: more bytes follow"),
        (b"\0\0\x0e\x02" + b"\xff" * 8 + b"few", "byte offset 4: no machine can hold"),
        (b"\0\0\x08\x02" + b"\x7f\xff\xff\xff" * 2 + b"few", "byte offset 15: the file ends"),
        (b"\0\0\x08\x03" + b"\0" * 4 + b"\xff" * 8, "byte offset 4: no machine can hold"),
        (ZIPPED[:-9], "of the decompressed content: the gzip data are damaged or cut"),
        (ZIPPED + b"more", "gzip data are damaged"),
        (gzip.compress(IDX + b"x", mtime=0), "byte offset 18: more bytes follow"),
        (b"\x1f\x8b", "byte offset 0 of the decompressed content: the gzip"),
    ],
)
def test_idx_refuses(content, message, scratch):
    with pytest.raises(ValueError, match=f"bad.idx, .*{message}"):
        datasets.load_idx(scratch(content, "bad.idx"))


def write_mnist(folder, name="{}-{}-idx{}-ubyte", pack=bytes):
    for part, n in (("train", 3), ("t10k", 2)):
        images = np.zeros((n, 28, 28))
        images[:, 0, 1] = 255
        (folder / name.format(part, "images", 3)).write_bytes(pack(idx_bytes(images)))
        (folder / name.format(part, "labels", 1)).write_bytes(pack(idx_bytes(np.arange(n))))


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("{}-{}-idx{}-ubyte", bytes),
        ("{}-{}-idx{}-ubyte.gz", gzip.compress),
        ("{}-{}.idx{}-ubyte", bytes),
        ("{}-{}.idx{}-ubyte.gz", gzip.compress),
    ],
)
def test_mnist_files_are_found(name, pack, tmp_path):
    write_mnist(tmp_path, name, pack)
    (X_train, y_train), (X_test, y_test) = datasets.load_mnist(tmp_path)
    assert (X_train.shape, X_test.shape) == ((3, 784), (2, 784))
    assert (X_train.dtype, y_train.dtype) == (np.float32, np.int64)
    assert X_train[0].nonzero()[0].tolist() == [1]
    assert X_train.max() == 1
    assert (y_train.tolist(), y_test.tolist()) == ([0, 1, 2], [0, 1])


def test_mnist_says_what_is_missing(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"four MNIST .*; missing: t10k-labels-idx1-ubyte\.$"
    ):
        datasets.load_mnist(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"nowhere.* missing: train-images.*, t10k-labels"):
        datasets.load_mnist(str(tmp_path / "nowhere"))
    with pytest.raises(TypeError, match="folder must be"):
        datasets.load_mnist(None)


@pytest.mark.parametrize(
    ("file", "array", "message"),
    [
        ("t10k-labels-idx1-ubyte", np.arange(3), "holds 2 images but .* holds 3 labels"),
        ("t10k-labels-idx1-ubyte", np.eye(2), r"labels are uint8 .* shape \(2, 2\)"),
        ("train-images-idx3-ubyte", np.zeros((3, 28, 27)), r"images are .* \(3, 28, 27\)"),
    ],
)
def test_mnist_files_must_agree(file, array, message, tmp_path):
    write_mnist(tmp_path)
    (tmp_path / file).write_bytes(idx_bytes(array))
    with pytest.raises(ValueError, match=message):
        datasets.load_mnist(tmp_path)


def test_real_mnist():
    (X_train, y_train), (X_test, y_test) = datasets.load_mnist(shared("mnist"))
    assert (X_train.shape, X_test.shape) == ((60000, 784), (10000, 784))
    assert (X_test.min(), X_test.max()) == (0, 1)
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


# CSV


@pytest.mark.parametrize(
    ("content", "options", "X", "y"),
    [
        ("1,2,0\n3,4,1\n", {}, [[1, 2], [3, 4]], [0, 1]),
        ("a,b,c\n1,2,0\n3,4,1", {}, [[1, 2], [3, 4]], [0, 1]),
        ("1,2,c\n3,4,d\n", {}, [[1, 2], [3, 4]], ["c", "d"]),
        ("1,2,c\n3,4,5\n", {"header": True}, [[3, 4]], [5]),
        ("x,y\n1,2\n", {"label": None}, [[1, 2]], None),
        ("1\n\n2\n", {"label": None}, [[1], [2]], None),
        ("k,a,b\n7,1,2\n", {"label": 0}, [[1, 2]], [7]),
        ("a,k,b\n1,7,2\n", {"label": "k"}, [[1, 2]], [7]),
        ("1,k,2\n1,7,2\n", {"label": "2"}, [[1, 7]], [2]),
        ("1,7,2\n", {"label": -2, "header": False}, [[1, 2]], [7]),
        ("1;0.5\n2;1e3\n", {"delimiter": ";"}, [[1], [2]], [0.5, 1000]),
        ("1\t-3\n2\t+4\n", {"delimiter": "\t"}, [[1], [2]], [-3, 4]),
        ("1  2   0\n", {"delimiter": " "}, [[1, 2]], [0]),
        ('"x, y",k\r\n1,"a ""b"", c"\r\n', {}, [[1]], ['a "b", c']),
        ('1, "a\nb"\n2, c \n', {}, [[1], [2]], ["a\nb", "c"]),
        ("\ufeff1,2\n\n   \n3,4\n", {}, [[1], [3]], [2, 4]),
        ("größe,k\n1,ä\n", {}, [[1]], ["ä"]),
        ("1,+\n2,-\n", {}, [[1], [2]], ["+", "-"]),
        ("1,99999999999999999999\n", {}, [[1]], [1e20]),
    ],
)
def test_csv_reads(content, options, X, y, scratch):
    features, labels = datasets.load_csv(scratch(content), **options)
    assert features.dtype == np.float64
    assert features.flags.c_contiguous
    assert features.tolist() == X
    if y is None:
        assert labels is None
    else:
        assert labels.tolist() == y
        assert labels.dtype == np.array(y).dtype


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", {}, ": the file is empty"),
        ("\n\n", {}, ": the file is empty"),
        ("a,b\n", {}, ": the file has a header but no data"),
        ("1,2\n3\n", {}, ", line 2: the row has 1 fields, but the first row has 2"),
        ("1,2,3\n\n4,5,6,7\n", {}, ", line 3: the row has 4 fields"),
        ("1,2,0\n3,x,0\n", {}, ", line 2, column 2: 'x' is not a number"),
        ("1,2,0\n0,3,x\n", {"label": 0}, ", line 2, column 3: 'x' is not a number"),
        ("1,2,0\n,2,0\n", {}, ", line 2, column 1: the value is missing"),
        ("1,,0\n", {}, ", line 1, column 2: the value is missing"),
        ("1,nan,0\n", {}, ", line 1, column 2: 'nan' is not a finite number"),
        ("1,2,0\n1,-inf,0\n", {}, ", line 2, column 2: '-inf' is not a finite number"),
        ("1,1e999,0\n", {}, ", line 1, column 2: '1e999' is not a finite number"),
        ("1,2,0\n1_0,2,0\n", {}, ", line 2, column 1: '1_0' is not a number"),
        ("1,2,0\n\u0661,2,0\n", {}, ", line 2, column 1: '\u0661' is not a number"),
        ("1,2,0\n3," + "x" * 99 + ",0", {}, ", line 2, column 2: 'x{40}...' is not a number"),
        ("5,?,0\n", {}, r", line 1: some features are numbers but '\?' is not"),
        ("5,?,0\n", {"header": False}, r", line 1, column 2: '\?' is not a number"),
        ("1,a\n2,\n", {}, r", line 2, column 2: the label is missing"),
        ("1,2\n2,NaN\n", {}, r", line 2, column 2: the label is missing or not finite"),
        ("1," + "a" * 201, {}, ", line 1, column 2: the label has 201 characters"),
        ("a,b\n1,2\n", {"label": "c"}, ", line 1: there is no column 'c'; the file has 'a', 'b'"),
        ("a,b\n1,2\n", {"ignore": "c"}, ", line 1: there is no column 'c'"),
        ("1,2\n", {"ignore": [-3]}, ", line 1: ignore=-3 is no column of the 2"),
        ("1,2\n", {"ignore": 1}, ", line 1: the column -1 is the label and cannot be ignored"),
        ("1,2\n", {"ignore": 0}, ", line 1: no column is left for the features"),
        ("a,a\n1,2\n", {"label": "a"}, ", line 1: 2 columns have the name 'a'"),
        ("1,2\n", {"label": 2}, ", line 1: label=2 is no column of the 2 .* give -2 to 1"),
        ("1,2\n", {"label": -3}, ", line 1: label=-3 is no column"),
        ("1\n2\n", {}, ", line 1: the only column is the label"),
        ('1,"a\nb"\n2,"c\n', {}, ", line 3: the quoting or the line is damaged"),
        ("1," + "2" * 200_000, {}, ", line 1: the quoting or the line is damaged"),
        (b"1,2\n3,\xff\n", {}, ", line 2: this is not UTF-8 text"),
        ("1,2\n".encode("utf-16"), {}, ", line 1: this is not UTF-8 text"),
        (b"1,2\n3,\0\n", {}, ", line 2: this is not UTF-8 text"),
    ],
)
def test_csv_refuses(content, options, message, scratch):
    with pytest.raises(ValueError, match=f"bad.csv{message}"):
        datasets.load_csv(scratch(content, "bad.csv"), **options)


@pytest.mark.parametrize("ignore", [["id", "note"], (0, -2), {"note", 0}, ["id", "note", 2]])
@pytest.mark.parametrize("label", ["b", -1, 3])
def test_csv_ignores(label, ignore, scratch):
    """Nobody looks at what these columns hold."""
    path = scratch("id,a,note,b\nx1,1,?,0\n,2,,1\n")
    table = datasets.load_csv(path, label=label, ignore=ignore, header=True)
    assert table.feature_names == ("a",)
    assert table.X.tolist() == [[1], [2]]
    assert table.y.tolist() == [0, 1]


def test_csv_ignores_one_column(scratch):
    path = scratch("x,1,0\n?,2,1\n")
    table = datasets.load_csv(path, ignore=0)
    assert table.feature_names == ("column 2",)
    assert table.X.tolist() == [[1], [2]]
    with pytest.raises(ValueError, match="line 1, column 1: 'x' is not a number"):
        datasets.load_csv(path, ignore=1, header=False)
    path = scratch("id,a,b\n7,red,1\n8,blue,2\n")
    table = datasets.load_csv(path, ignore="id", categories="one_hot", missing="drop")
    assert table.feature_names == ("a=blue", "a=red")


def test_arff_ignores(scratch):
    """Attributes of any type."""
    head = HEAD.replace(
        "@attribute k", "@attribute s string\n@attribute d date 'yyyy'\n@attribute k"
    )
    path = scratch(head + "1,'it, is',?,x\n2,?,1999,y\n")
    table = datasets.load_arff(path, ignore=["s", 2])
    assert table.feature_names == ("a",)
    assert table.X.tolist() == [[1], [2]]
    assert table.y.tolist() == ["x", "y"]
    with pytest.raises(ValueError, match="line 4: the attribute 'd' has the type"):
        datasets.load_arff(path, ignore="s")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"label": 1.5}, TypeError, "label must be a position, a name or None; 1.5"),
        ({"label": True}, TypeError, "label must be"),
        ({"label": "k", "header": False}, ValueError, "which needs a header"),
        ({"ignore": "k", "header": False}, ValueError, "which needs a header"),
        ({"ignore": 1.5}, TypeError, "ignore must be positions and names of columns; 1.5"),
        ({"ignore": [0, None]}, TypeError, "ignore must be positions and names"),
        ({"ignore": b"k"}, TypeError, "ignore must be positions and names"),
        ({"header": None}, TypeError, "header must be True, False or 'auto'; None"),
        ({"delimiter": 3}, TypeError, "delimiter must be one character; 3"),
        ({"delimiter": "::"}, ValueError, "delimiter must be one character.*'::'"),
        ({"delimiter": '"'}, ValueError, "no quote"),
        ({"delimiter": ""}, ValueError, "delimiter must be one character"),
    ],
)
def test_csv_refuses_arguments(options, error, message, scratch):
    with pytest.raises(error, match=message):
        datasets.load_csv(scratch(CSV), **options)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=9))
@settings(deadline=None, max_examples=50)
def test_numbers_survive_csv_and_fann(scratch, numbers):
    text = "\n".join(f"{number!r},0" for number in numbers)
    assert datasets.load_csv(scratch(text))[0][:, 0].tolist() == numbers
    text = f"1 {len(numbers) - 1} 1 " + " ".join(map(repr, numbers))
    X, Y = datasets.load_fann(scratch(text))
    assert [*X[0], *Y[0]] == numbers


# NPZ


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.arange(6.0).reshape(3, 2), np.array([0, 1, 2])),
        (np.asfortranarray(np.arange(6).reshape(3, 2)), np.array(["a", "bc", "d"])),
        (np.arange(6, dtype=">f4").reshape(3, 1, 2), np.eye(3, dtype=bool)),
        (np.empty((0, 2)), np.empty(0)),
    ],
)
def test_npz_round_trip(X, y, scratch):
    for path in (scratch(npz_bytes(X=X, y=y)), scratch(npz_bytes(a=y, b=X))):
        keys = ("X", "y") if "X" in np.load(path) else ("b", "a")
        loaded = datasets.load_npz(path, *keys)
        for array, source in zip(loaded, (X, y), strict=True):
            np.testing.assert_array_equal(array, source)
            assert array.dtype == source.dtype.newbyteorder("=")
            assert array.dtype.isnative
            assert array.flags.c_contiguous
            assert array.flags.writeable


def zip_bytes(member, method=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("X.npy", member)
        archive.writestr("y.npy", member)
    return stream.getvalue()


def npy_bytes(shape, descr="<f8"):
    stream = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


TWO = np.zeros(2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npz_bytes(inputs=TWO, y=TWO), ": there is no array 'X'; .* holds 'inputs', 'y'"),
        (npz_bytes(), ": there is no array 'X'; .* holds nothing"),
        (npz_bytes(X=TWO, y=np.zeros(3)), ": 'X' has 2 rows but 'y' has 3"),
        (npz_bytes(X=TWO, y=np.array([{}, 1])), ", array 'y': it holds pickled Python objects"),
        (npz_bytes(X=np.array(["a"]), y=TWO), ", array 'X': the dtype is <U1; .* are numbers,"),
        (npz_bytes(X=TWO, y=TWO + 1j), ", array 'y': the dtype is complex128"),
        (npz_bytes(X=np.float64(1), y=TWO), ", array 'X': it is a single value"),
        (b"not a zip", ": this is not an npz archive, or it is damaged"),
        (zip_bytes(b"no npy"), ", array 'X': the header of the array is damaged"),
        (zip_bytes(npy_bytes((10**12,))), ", array 'X': the header promises 8000000000000 bytes"),
        (zip_bytes(npy_bytes((0, 2**62, 2**62))), ", array 'X': no array can have the shape"),
        (zip_bytes(npy_bytes((-1,))), ", array 'X': no array can have the shape"),
        (
            zip_bytes(npy_bytes((1,)) + b"123456789"),
            ", array 'X': the header promises 8 bytes .* but 9 are there",
        ),
        (zip_bytes(npy_bytes((1,)), zipfile.ZIP_BZIP2), ", array 'X': NumPy does not write"),
    ],
)
def test_npz_refuses(content, message, scratch):
    with pytest.raises(ValueError, match=f"bad.npz{message}"):
        datasets.load_npz(scratch(content, "bad.npz"))


def test_npz_keys_are_strings(scratch):
    with pytest.raises(TypeError, match="keys of two arrays; 0 and 'y'"):
        datasets.load_npz(scratch(NPZ), 0)


# FANN


@pytest.mark.parametrize(
    "content",
    [FANN, b" ".join(FANN.split()), b"\r\n\r\n".join(FANN.split()), b"\xef\xbb\xbf" + FANN],
)
def test_fann_takes_any_white_space(content, scratch):
    X, Y = datasets.load_fann(scratch(content))
    assert X.tolist() == [[0, 0.5], [-0.1, 2], [3, 4]]
    assert Y.tolist() == [[1], [0], [1]]
    assert (X.dtype, Y.dtype) == (np.float64, np.float64)
    assert X.flags.c_contiguous
    assert Y.flags.c_contiguous


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: the file ends within its header"),
        ("4 2\n", "line 1: the file ends within its header"),
        ("4 2 1.5\n", "line 1: a FANN file starts with .*; '1.5' was found"),
        ("\nfour 2 1\n", "line 2: a FANN file starts with .*; 'four' was found"),
        ("4 0 1\n", "line 1: .* at least 1; '0' was found"),
        ("-4 2 1\n", "line 1: .*'-4' was found"),
        ("9" * 19 + " 2 1\n", "line 1: .*'9999999999999999999' was found"),
        ("9" * 18 + " 2 1\n1 2 3", "line 2: the file ends after 3 numbers, .* 9{18} pairs"),
        ("2 1 1\n1\n0\n1\n", "line 4: the file ends after 3 numbers, .* the 4 of 2 pairs of 1"),
        ("1 1 1\n1\n0\n1\n", "line 4: more numbers follow than the 2 of 1 pairs"),
        ("1 1 1\n1\nx\n", "line 3: 'x' is not a number"),
        ("1 1 1\n1 nan\n", "line 2: 'nan' is not a finite number"),
        ("1 1 1\n1 1_0\n", "line 2: '1_0' is not a number"),
        (b"1 1 1\n1 \xff\n", r"line 2: '\\\\xff' is not a number"),
    ],
)
def test_fann_refuses(content, message, scratch):
    with pytest.raises(ValueError, match=f"bad.train, {message}"):
        datasets.load_fann(scratch(content, "bad.train"))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("kin32fm", (2048, 32, 1)),
        ("mushroom", (4062, 125, 2)),
        ("parity8", (256, 8, 1)),
        ("thyroid", (3600, 21, 3)),
        ("two-spiral", (193, 2, 1)),
    ],
)
@pytest.mark.parametrize("part", ["train", "test"])
def test_real_fann_files(name, shape, part):
    path = shared(f"fann/{name}.{part}")
    X, Y = datasets.load_fann(path)
    assert (*X.shape, Y.shape[1]) == shape
    numbers = np.array(path.read_bytes().split()[3:], dtype=np.float64)
    np.testing.assert_array_equal(np.hstack([X, Y]).ravel(), numbers)


def test_fann_parity_is_parity():
    X, Y = datasets.load_fann(shared("fann/parity8.train"))
    assert (X.sum(axis=1) % 2 == Y[:, 0]).all()


# Names, missing values and categories


@pytest.mark.parametrize(
    ("content", "options", "names"),
    [
        ("a,b,k\n1,2,0\n", {}, ("a", "b")),
        ("k, a ,b\n0,1,2\n", {"label": "k"}, ("a", "b")),
        ("a,,k\n1,2,0\n", {"header": True}, ("a", "column 2")),
        ("1,2,0\n", {}, ("column 1", "column 2")),
        ("0,1,2\n", {"label": 0}, ("column 2", "column 3")),
    ],
)
def test_csv_tables_know_the_names_of_their_columns(content, options, names, scratch):
    table = datasets.load_csv(scratch(content), **options)
    for own in (table, copy.copy(table), pickle.loads(pickle.dumps(table))):
        assert own.feature_names == names
        X, y = own
        assert (own.X is X, own.y is y) == (True, True)


GAPS = """size,colour,weight,kind
1,red,?,a
2,blue,4,b
,red,6,c
5,NA,9,a
"""


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("mean", [[1, 0, 1, 19 / 3], [2, 1, 0, 4], [8 / 3, 0, 1, 6], [5, 0, 1, 9]]),
        ("median", [[1, 0, 1, 6], [2, 1, 0, 4], [2, 0, 1, 6], [5, 0, 1, 9]]),
        ("most_frequent", [[1, 0, 1, 4], [2, 1, 0, 4], [1, 0, 1, 6], [5, 0, 1, 9]]),
    ],
)
def test_csv_fills_in_what_is_missing(missing, expected, scratch):
    options = {"label": "kind", "missing": missing, "categories": "one_hot"}
    table = datasets.load_csv(scratch(GAPS), **options)
    np.testing.assert_allclose(table.X, expected, rtol=1e-15)
    assert table.feature_names == ("size", "colour=blue", "colour=red", "weight")
    assert table.y.tolist() == ["a", "b", "c", "a"]


def test_csv_drops_rows_with_gaps(scratch):
    options = {"label": "kind", "missing": "drop", "categories": "one_hot"}
    table = datasets.load_csv(scratch(GAPS), **options)
    assert table.X.tolist() == [[2, 1, 4]]
    assert table.feature_names == ("size", "colour=blue", "weight")
    X, y = datasets.load_csv(scratch("1,2,a\n?,2,b\n3,4,\n5,6,null\n7,8,c\n"), missing="drop")
    assert (X.tolist(), y.tolist()) == ([[1, 2], [7, 8]], ["a", "c"])


def test_fills_do_not_overflow(scratch):
    for missing, expected in (("mean", 1.5e308), ("median", 1.5e308)):
        X, _ = datasets.load_csv(scratch("1.5e308,0\n1.5e308,1\n?,0\n"), missing=missing)
        assert X[2, 0] == pytest.approx(expected, rel=1e-15)


def test_categories_agree_with_pandas(scratch):
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(4)
    frame = pandas.DataFrame(
        {
            "size": rng.random(50),
            "colour": rng.choice(["red", "blue, light", 'the "green"', "größe"], 50),
            "number": rng.choice(["1", "2", "many"], 50),
            "y": rng.integers(0, 3, 50),
        }
    )
    path = scratch(frame.to_csv(index=False))
    table = datasets.load_csv(path, label="y", categories="one_hot")
    expected = pandas.get_dummies(frame.drop(columns="y"), prefix_sep="=", dtype=float)
    assert set(table.feature_names) == set(expected.columns)
    assert (expected[list(table.feature_names)].to_numpy() == table.X).all()


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("a,k\n?,0\n,1\n", {"missing": "mean"}, ": column 'a' has no value at all"),
        ("a,k\n?,0\n", {"missing": "drop"}, ": .* every row has a missing value"),
        ("a,k\n1,?\n", {"missing": "mean"}, r", line 2, column 2: the label is missing"),
        ("a,k\n1,0\n,1\n", {}, ", line 3, column 1: the value is missing"),
        ("a,k\nx,0\n,1\n", {"categories": "one_hot"}, ", line 3, column 1: the value is missing"),
        (
            "a,k\nx,0\nNA,1\n",
            {"categories": "one_hot"},
            ", line 3, column 1: the value is missing \\(.NA. was",
        ),
        ("a,k\n22,0\nNA,1\n", {"categories": "one_hot"}, ", line 3, column 1: .* missing says"),
        ("a,k\n22,0\nNA,1\n", {}, ", line 3, column 1: .* The argument missing says what"),
        ("a,k\n2,0\nx,1\n", {}, ', line 3, column 1: .* Texts need categories="one_hot"'),
        ('a,k\n"1,5",0\n', {}, ", line 2, column 1: .* Its comma has to be a decimal point"),
        ("a,k\n1,\n", {}, ', line 2, column 2: .*give missing="drop"'),
        ("a,k\ninf,0\n", {"categories": "one_hot"}, ", line 2, column 1: 'inf' is not a finite"),
        ("a,k\nx,0\n" + "y" * 201 + ",1\n", {"categories": "one_hot"}, ", line 3, .* 201 char"),
        (
            "a,k\n" + "".join(f"x{i},0\n" for i in range(257)),
            {"categories": "one_hot"},
            ", line 258, column 1: the column has more than 256 categories",
        ),
    ],
)
def test_csv_refuses_with_options(content, options, message, scratch):
    with pytest.raises(ValueError, match=f"bad.csv{message}"):
        datasets.load_csv(scratch(content, "bad.csv"), header=True, **options)


@pytest.mark.parametrize("load", [datasets.load_csv, datasets.load_arff])
def test_options_are_checked(load, scratch):
    with pytest.raises(ValueError, match=r"missing must be None or one of 'drop', .*'median'"):
        load(scratch(CSV), missing="mode")
    with pytest.raises(ValueError, match="categories must be None or one of 'one_hot'; True"):
        load(scratch(CSV), categories=True)


def test_categories_need_to_know_the_header(scratch):
    with pytest.raises(ValueError, match="header must be True or False with categories"):
        datasets.load_csv(scratch(CSV), categories="one_hot")


# ARFF


def test_arff_reads(scratch):
    table = load_any_arff(scratch(ARFF))
    assert table.X.tolist() == [[1, 1, 0, 0], [2.25, 0, 0, 1], [3.5, 1, 0, 0]]
    names = ("its width", "colour=red", "colour=blue", "colour=light green")
    assert table.feature_names == names
    assert table.y.tolist() == ["small", "large", "large"]
    dropped = datasets.load_arff(scratch(ARFF), missing="drop", categories="one_hot", label=0)
    assert dropped.X.tolist() == [[1, 0, 0, 1, 0]]
    assert (dropped.y.tolist(), dropped.y.dtype) == ([1], np.int64)
    whole = datasets.load_arff(scratch(ARFF), missing="drop", categories="one_hot", label=None)
    assert (whole.y, whole.X.shape) == (None, (1, 6))
    full = scratch(ARFF.replace(b"?", b"2.5", 1).replace(b"?", b'"blue"'))
    table = datasets.load_arff(full, categories="one_hot", label="its width")
    assert table.y.tolist() == [1, 2.5, 3.5]


HEAD = "@relation r\n@attribute a numeric\n@attribute k {x,y}\n@data\n"


@pytest.mark.parametrize(
    "name", ["a", "a b", "it's", 'a "b"', "back\\slash", "größe", "{a}", "50 %", "a,b", ""]
)
def test_arff_unquotes(name, scratch):
    quoted = "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"
    text = f"@RELATION r\n@Attribute {quoted} REAL\n@attribute k {{{quoted}, other}}\n@DATA\n"
    table = datasets.load_arff(scratch(text + f"1, {quoted} \n2,other\n"))
    assert table.feature_names == (name,)
    assert table.y.tolist() == [name, "other"]


def test_arff_agrees_with_scipy(scratch):
    arff = pytest.importorskip("scipy.io.arff")
    rows = "".join(f"{k / 7},{'xy'[k % 2]}\n" for k in range(50))
    path = scratch(HEAD + rows)
    expected, _ = arff.loadarff(path)
    X, y = datasets.load_arff(path)
    assert (X[:, 0] == expected["a"]).all()
    assert (y == expected["k"].astype(str)).all()


def test_a_hostile_line_takes_no_time(scratch):
    for line in (" " * 10**6 + "'", "\\" * 10**6, "'" + "\\" * 10**6, "," * 10**6):
        with pytest.raises(ValueError, match="line 5"):
            datasets.load_arff(scratch(HEAD + line + "\n"))


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", {}, ", line 1: the file ends before its @data"),
        ("@relation r\n@data\n", {}, ", line 2: before its @data .* '@data' was found"),
        (HEAD[:-6], {}, ", line 3: the file ends before its @data"),
        (HEAD, {}, ": the file has no rows of data"),
        (HEAD + "1,x\n2,z\n", {}, ", line 6: 'z' is not among the values .* of 'k' names"),
        (HEAD + "1,x\n%\n\n2\n", {}, ", line 8: the row has 1 values, .* are 2 attributes"),
        (HEAD + "{0 1, 1 x}\n", {}, ", line 5: this is a row in the sparse form"),
        (HEAD + "b,x\n", {}, ", line 5, attribute 'a': 'b' is not a number"),
        (HEAD + "1,'x\n", {}, ", line 5: a quote is not closed"),
        (HEAD + "1,'x'y\n", {}, ", line 5: a quote is not closed, or something follows"),
        (HEAD + "1,x\n?,y\n", {}, ", line 6: the value of 'a' is missing"),
        (HEAD + "1,x\n2,?\n", {"missing": "mean"}, ", line 6: the value of 'k' is missing"),
        (HEAD + "1,'?'\n", {}, r", line 5: '\?' is not among the values"),
        (HEAD + "inf,x\n", {}, ", line 5, attribute 'a': 'inf' is not a finite number"),
        (HEAD + "?,x\n", {"missing": "drop"}, ": .* every row has a missing value"),
        (HEAD + "?,x\n", {"missing": "median"}, ": column 'a' has no value at all"),
        (HEAD + "1,x\n", {"label": "b"}, ": there is no attribute 'b'; the file has 'a', 'k'"),
        (HEAD + "1,x\n", {"label": 2}, ": label=2 is no attribute of the 2 .* give -2 to 1"),
        (HEAD + "1,x\n", {"label": 0}, ": the attribute 'k' is nominal; pass categories"),
        (HEAD + "1,x\n", {"ignore": "k"}, ": the attribute -1 is the label and cannot be ignored"),
        (HEAD + "1,x\n", {"ignore": ["a"]}, ": no attribute is left for the features"),
        (HEAD.replace("k {x,y}", "a real"), {}, ", line 3: there are two .* the name 'a'"),
        (
            HEAD.replace("numeric", "string"),
            {},
            ", line 2: the attribute 'a' has the type 'string'",
        ),
        (HEAD.replace("numeric", "date 'yyyy'"), {}, ", line 2: the attribute 'a' has the type"),
        ("@relation r\n@attribute a numeric\n@data\n1\n", {}, ": the only attribute is the label"),
        (HEAD.encode("utf-16"), {}, ", line 1: this is not UTF-8 text"),
    ],
)
def test_arff_refuses(content, options, message, scratch):
    with pytest.raises(ValueError, match=f"bad.arff{message}"):
        datasets.load_arff(scratch(content, "bad.arff"), **options)


def test_arff_labels_are_positions_or_names(scratch):
    with pytest.raises(TypeError, match=r"label must be a position, a name or None; 1\.5"):
        datasets.load_arff(scratch(ARFF), label=1.5)


# LIBSVM


def test_libsvm_reads(scratch):
    X, y = datasets.load_libsvm(scratch(LIBSVM))
    assert X.tolist() == [[0.5, 0, -2], [0, 10, 0], [0, 0, 0]]
    assert (y.tolist(), y.dtype) == ([1, -1, 1], np.int64)
    assert datasets.load_libsvm(scratch(LIBSVM), features=5)[0].shape == (3, 5)
    assert datasets.load_libsvm(scratch(LIBSVM), zero_based=True)[0].shape == (3, 4)
    assert datasets.load_libsvm(scratch("0.5 0:1\n"))[1].tolist() == [0.5]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", {}, ", line 0: the file has no rows"),
        ("1 1:1\n2 1:x\n", {}, ", line 2: this cannot be read as LIBSVM data: .*'x'"),
        ("1 1:1\n2 2:1 1:1\n", {}, ", line 2: this cannot be read"),
        ("a 1:1\n", {}, ", line 1: this cannot be read"),
        ("1,2 1:1\n", {}, ", line 1: this cannot be read"),
        ("1 1:1\n2 3:1\n", {"features": 2}, ", line 2: .* 3 features"),
        ("1 1:1\n1 2:nan\n", {}, ", row 2 of the data: a number is not finite"),
        ("1 1:1\ninf 2:1\n", {}, ", row 2 of the data: a number is not finite"),
        ("1 999999999:1\n", {}, ": a table of 1 rows and 999999999 columns, the largest"),
        ("1 99999999999999999999:1\n", {}, ", line 1: this cannot be read"),
    ],
)
def test_libsvm_refuses(content, options, message, scratch, monkeypatch):
    monkeypatch.setattr(libsvm, "MOST_BYTES", 1 << 20)
    with pytest.raises(ValueError, match=f"bad.libsvm{message}"):
        datasets.load_libsvm(scratch(content, "bad.libsvm"), **options)


def test_libsvm_arguments_are_checked(scratch):
    with pytest.raises(TypeError, match="features must be a whole number"):
        datasets.load_libsvm(scratch(LIBSVM), features=2.5)
    with pytest.raises(ValueError, match="zero_based must be True, False or 'auto'; 'no'"):
        datasets.load_libsvm(scratch(LIBSVM), zero_based="no")


# Proben1


def test_proben1_reads(scratch):
    problem = datasets.load_proben1(scratch(PROBEN1))
    training, validation, (X, Y) = problem
    assert training[0].tolist() == [[0, 0.5], [1, -0.5]]
    assert training[1].tolist() == [[1], [0]]
    assert validation[0].tolist() == [[0, 0.1]]
    assert (X.tolist(), Y.tolist()) == ([[1, 2]], [[0]])
    assert problem.test[0] is X
    assert X.flags.c_contiguous


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: the file ends within its header; bool_in, real_in, .* did not come"),
        ("bool_in=1\n", "line 1: the file ends within its header; real_in"),
        ("1 2 3\n", "line 1: a Proben1 file starts with 7 lines, .*; '1 2 3' was found"),
        ("bool_in=1\nbool_in=1\n", "line 2: .*'bool_in=1' was found"),
        ("bool_in=-1\n", "line 1: .*'bool_in=-1' was found"),
        ("bool_in=" + "9" * 19, "line 1: .* was found"),
        (PROBEN1.replace(b"bool_out=1", b"bool_out=0"), "line 7: .* 2 inputs, 0 outputs and 4 ex"),
        (PROBEN1.replace(b"0 0.5 1", b"0 0.5"), "line 8: the line has 2 numbers; .* 2 inputs and"),
        (PROBEN1.replace(b"0.5 1", b"x 1"), "line 8: 'x' is not a number"),
        (PROBEN1.replace(b"0.5 1", b"nan 1"), "line 8: 'nan' is not a finite number"),
        (PROBEN1.replace(b"0.5 1", b"\xff 1"), "line 8: .* is not a number"),
        (PROBEN1 + b"1 2 3\n", "line 13: more examples follow than the 4 of the header"),
        (PROBEN1[:-7], "line 10: the file ends after 3 examples; the header promises 4"),
        (
            PROBEN1.replace(b"test_examples=1", b"test_examples=" + b"9" * 18),
            "line 12: the file ends after 4 examples; the header promises 10{17}2",
        ),
    ],
)
def test_proben1_refuses(content, message, scratch):
    with pytest.raises(ValueError, match=f"bad.dt, {message}"):
        datasets.load_proben1(scratch(content, "bad.dt"))


def test_libsvm_says_what_it_needs(scratch, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'load_libsvm needs sklearn; .* "nnfast\[data\]"'):
        datasets.load_libsvm(scratch(LIBSVM))
