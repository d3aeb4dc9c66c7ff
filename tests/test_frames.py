"""Tables and columns of pandas, polars and pyarrow at the door of a network."""

from __future__ import annotations

import datetime
import json
import pickle
from decimal import Decimal

import numpy as np
import pytest

import nnfast as nn
from nnfast import frames, tensorfile

RNG = np.random.default_rng(3)
AREA, ROOMS = 50 + 20 * RNG.random(30), RNG.integers(1, 6, 30)
OLD = RNG.random(30) < 0.5
X = np.column_stack([AREA, ROOMS, OLD])
PRICE = AREA * ROOMS
KIND = np.where(AREA > 60, "large", "small")
TABLE = {"area": AREA.tolist(), "rooms": ROOMS.tolist(), "old": OLD.tolist()}
LIBRARIES = ["pandas", "polars", "pyarrow"]
TODAY = datetime.date(2024, 2, 29)


@pytest.fixture(params=LIBRARIES)
def library(request):
    return request.param


def table(library, columns):
    """A table of these {name: list}."""
    module = pytest.importorskip(library)
    return module.table(columns) if library == "pyarrow" else module.DataFrame(columns)


def column(library, values):
    """A column of these values."""
    module = pytest.importorskip(library)
    if library == "pyarrow":
        return module.chunked_array([values])
    return module.Series(list(values))


def network(outputs=1, **options):
    options = {"input_scaler": "standard", "seed": 0, "dtype": "float64", **options}
    return nn.Network([3, nn.Dense(4, "tanh"), nn.Dense(outputs, "linear")], **options)


def test_a_table_trains_as_its_array_does(library, level):
    net, plain = network(level=level), network(level=level)
    options = {"epochs": 2, "optimizer": "adam", "validation_split": 0.2}
    frame, price = table(library, TABLE), column(library, PRICE)
    history = net.fit(frame, price, **options)
    assert history["val_loss"] == plain.fit(X, PRICE, **options)["val_loss"]
    assert net.parameters.tobytes() == plain.parameters.tobytes()
    assert net.feature_names == ("area", "rooms", "old")
    assert (net.predict(frame) == plain.predict(X)).all()
    assert (net.predict(X) == net.predict(frame)).all()
    assert net.evaluate(frame, table(library, {"price": PRICE.tolist()})) == net.evaluate(X, PRICE)
    weight = column(library, ROOMS.tolist())
    assert net.evaluate(frame, price, sample_weight=weight) == net.evaluate(
        X, PRICE, sample_weight=ROOMS
    )
    net.fit(lambda: iter([(frame, price)]), validation_data=(frame, price), verbose=0)
    both = table(library, {"price": PRICE.tolist(), "rooms": ROOMS.tolist()})
    two = network(2)
    two.fit(frame, both, verbose=0)
    assert two.evaluate(frame, both) == two.evaluate(X, np.column_stack([PRICE, ROOMS]))


@pytest.mark.parametrize("kind", ["float32", "uint8", "int64", "bool"])
def test_numbers_keep_their_kind(library, kind):
    values = (10 * RNG.random((5, 2))).astype(kind)
    array = frames.inputs(table(library, {"a": values[:, 0], "b": values[:, 1]}))
    assert array.dtype == kind
    assert array.flags.c_contiguous
    assert (array == values).all()


def test_labels_in_a_column(library):
    frame, labels = table(library, TABLE), column(library, KIND.tolist())
    net = nn.Network([3, nn.Dense(2, "softmax")], input_scaler="standard", seed=0)
    net.fit(frame, labels, verbose=0)
    assert net.classes == ("large", "small")
    assert net.predict_classes(frame).dtype.kind == "U"
    assert net.evaluate(frame, labels) == net.evaluate(X, KIND)
    assert net.evaluate(frame, table(library, {"kind": KIND.tolist()})) == net.evaluate(X, KIND)
    booleans = nn.Network([3, 1], input_scaler="standard", seed=0)
    booleans.fit(frame, column(library, OLD.tolist()), verbose=0)
    assert booleans.classes == (False, True)


def categories(library, values):
    module = pytest.importorskip(library)
    if library == "pandas":
        return module.Series(values, dtype="category")
    if library == "polars":
        return module.Series(values, dtype=module.Categorical)
    return module.chunked_array([module.array(values).dictionary_encode()])


def test_categories_are_labels_but_no_inputs(library):
    labels = categories(library, KIND.tolist())
    net = nn.Network([3, nn.Dense(2, "softmax")], input_scaler="standard", seed=0)
    net.fit(X, labels, verbose=0)
    assert net.classes == ("large", "small")
    with pytest.raises(TypeError, match="column 'kind' of X holds categories, such as"):
        net.fit(table(library, {**TABLE, "kind": labels}), PRICE)


def test_numbers_of_categories_are_no_inputs():
    frame = table("pandas", {**TABLE, "rooms": categories("pandas", ROOMS.tolist())})
    with pytest.raises(TypeError, match="column 'rooms' of X holds categories"):
        network().fit(frame, PRICE)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (KIND.tolist(), r"column 'new' of X holds texts, such as .*; a network takes numbers\. .*"),
        ([TODAY] * 30, r"'new' of X holds dates or times, such as 2024-02-29.*count the days"),
        ([datetime.datetime(2024, 2, 29)] * 30, "'new' of X holds dates or times, such as 2024"),
        ([datetime.timedelta(1)] * 30, "'new' of X holds dates or times"),
        ([Decimal("1.5")] * 30, "'new' of X holds values of type Decimal, such as 1.5"),
        ([b"a"] * 30, "'new' of X holds values of type bytes"),
        ([[1, 2]] * 30, "'new' of X holds values of type "),
    ],
)
def test_what_is_no_number_is_named(library, values, message):
    frame = table(library, {"area": AREA.tolist(), "rooms": ROOMS.tolist(), "new": values})
    net = network()
    with pytest.raises(TypeError, match=message):
        net.fit(frame, PRICE)
    assert net.feature_names is None
    assert net.optimizer is None


def test_a_text_among_numbers_is_named():
    pandas = pytest.importorskip("pandas")
    column = pandas.Series([1, "many", 2.5], dtype=object)
    frame = pandas.DataFrame({"area": [1.0, 2.0, 3.0], "rooms": [1, 2, 3], "new": column})
    with pytest.raises(TypeError, match="'new' of X holds texts, such as many"):
        network().fit(frame, PRICE[:3])


def test_numbers_of_numpy_in_a_column_of_objects_are_numbers():
    pandas = pytest.importorskip("pandas")
    values = [np.int64(1), np.float32(2.5), True]
    frame = pandas.DataFrame({"rooms": pandas.Series(values, dtype=object)})
    assert nn.Standardizer().fit(frame).shift == [1.5]


def test_a_lazy_frame_has_to_be_collected():
    polars = pytest.importorskip("polars")
    with pytest.raises(TypeError, match=r"X is of type LazyFrame; .* give X.collect\(\)"):
        network().predict(polars.LazyFrame(TABLE))


@pytest.mark.parametrize(
    "values", [[1.5, None, 2.5], [1, 2, None], [True, None, False], ["a", None, "b"]]
)
def test_missing_values_are_named(library, values):
    frame = table(library, {**{name: list[:3] for name, list in TABLE.items()}, "old": values})
    row = values.index(None)
    with pytest.raises(ValueError, match=rf"column 'old' of X has no value in row {row}; .*Remove"):
        network().fit(frame, PRICE[:3])
    with pytest.raises(ValueError, match=f"^y has no value in row {row}"):
        network().fit(X[:3], column(library, values))
    with pytest.raises(ValueError, match=f"^column 'old' of y has no value in row {row}"):
        network().fit(X[:3], table(library, {"old": values}))


def test_nan_is_missing_too(library):
    frame = table(library, {**TABLE, "area": [np.nan, *AREA[1:]]})
    with pytest.raises(ValueError, match="column 'area' of X has no value in row 0"):
        network().fit(frame, PRICE)


@pytest.mark.parametrize(
    "kind", ["Int64", "Float32", "boolean", "int16[pyarrow]", "double[pyarrow]"]
)
def test_nullable_columns_of_pandas(kind):
    pandas = pytest.importorskip("pandas")
    if "pyarrow" in kind:
        pytest.importorskip("pyarrow")
    values = pandas.Series([1, 0, 1], dtype=kind)
    assert frames.inputs(values.to_frame("a")).tolist() == [[1], [0], [1]]
    assert frames.targets(values).tolist() == [1, 0, 1]
    gap = pandas.Series([1, None, 1], dtype=kind)
    with pytest.raises(ValueError, match="column 'a' of X has no value in row 1"):
        frames.inputs(gap.to_frame("a"))


@pytest.mark.parametrize("kind", ["string", "str", "object"])
def test_texts_of_pandas_are_labels(kind):
    pandas = pytest.importorskip("pandas")
    net = nn.Network([3, nn.Dense(2, "softmax")], input_scaler="standard", seed=0)
    net.fit(X, pandas.Series(KIND.tolist(), dtype=kind), verbose=0)
    assert net.classes == ("large", "small")


def test_other_columns_are_refused(library, tmp_path):
    net = network()
    net.fit(table(library, TABLE), PRICE, verbose=0)
    net.save(tmp_path / "net.nnfast")
    kinds = [net, net.copy(), pickle.loads(pickle.dumps(net)), nn.load(tmp_path / "net.nnfast")]
    for own in kinds:
        assert own.feature_names == net.feature_names
        for use in (own.predict, own.jacobian, lambda X: own.fit(X, PRICE)):  # noqa: B023
            with pytest.raises(ValueError, match=r"without 'old', with the new 'age'\. Choose"):
                use(table(library, {"area": AREA, "rooms": ROOMS, "age": AREA}))
            with pytest.raises(ValueError, match="in another order, beginning with 'rooms'"):
                use(table(library, {name: TABLE[name] for name in ("rooms", "area", "old")}))
            with pytest.raises(ValueError, match="with the new 'more'"):
                use(table(library, {**TABLE, "more": AREA}))
    net.reset()
    assert net.feature_names is None


def test_tables_without_names():
    pandas = pytest.importorskip("pandas")
    net = network()
    net.fit(pandas.DataFrame(X), PRICE, verbose=0)
    assert net.feature_names is None
    net.fit(pandas.DataFrame(TABLE), PRICE, verbose=0)
    assert net.feature_names == ("area", "rooms", "old")
    assert (net.predict(pandas.DataFrame(X)) == net.predict(X)).all()


@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", 3], "abc", {"a": 1}, [], 3])
def test_damaged_names_in_a_file_are_refused(names, tmp_path):
    network().save(tmp_path / "net.nnfast")
    arrays, metadata = tensorfile.read(tmp_path / "net.nnfast")
    text = json.loads(metadata["network"]) | {"feature_names": names}
    tensorfile.write(tmp_path / "bad.nnfast", arrays, metadata | {"network": json.dumps(text)})
    with pytest.raises(tensorfile.FormatError, match="feature_names are"):
        nn.load(tmp_path / "bad.nnfast")


def test_wrong_shapes_are_said(library):
    frame = table(library, {"area": AREA})
    with pytest.raises(ValueError, match=r"X has shape \(30, 1\); expected \(rows, 3\)"):
        network().fit(frame, PRICE)
    with pytest.raises(ValueError, match=r"X has shape \(0, 3\); expected at least one row"):
        network().fit(table(library, {name: np.empty(0) for name in TABLE}), [])
    with pytest.raises(ValueError, match=r"X has shape \(30,\)"):
        network().fit(column(library, AREA), PRICE)
    with pytest.raises(TypeError, match="y is missing, and X, of type "):
        network().fit(frame)


def test_scalers_take_tables(library):
    frame = table(library, TABLE)
    scaler = nn.Standardizer().fit(frame)
    assert scaler == nn.Standardizer().fit(X)
    assert (scaler(frame) == scaler(X)).all()
    prices = column(library, PRICE)
    assert (nn.Standardizer().fit(prices)(prices) == nn.Standardizer().fit(PRICE)(PRICE)).all()
