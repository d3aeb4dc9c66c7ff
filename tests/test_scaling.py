"""Scalers, alone and inside networks: raw numbers in, raw numbers out."""

from __future__ import annotations

import copy
import json
import pickle
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import preprocessing

import nnfast as nn
from nnfast import data, tensorfile
from nnfast.formulas import LOSSES
from nnfast.scaling import SCALERS

RNG = np.random.default_rng(5)
X = RNG.standard_normal((40, 3)) * [1e-3, 1.0, 1e4] + [5.0, 0.0, -3e5]
y = 250.0 + 40 * np.sin(X[:, 1]) + 1e-3 * (X[:, 2] + 3e5)
Y = np.column_stack([y, 1e-3 * X[:, 0] + 7])
WITNESSES = {"standard": preprocessing.StandardScaler, "minmax": preprocessing.MinMaxScaler}
TINY = nn.SGD(0.05)
UNSCALED = pytest.mark.filterwarnings("ignore::nnfast.TrainingWarning")


@pytest.fixture(params=SCALERS)
def scaler(request):
    """Name of a scaler."""
    return request.param


def network(**options):
    options = {"dtype": "float64", "seed": 3, **options}
    return nn.Network([3, nn.Dense(5, "tanh"), nn.Dense(2, "linear")], **options)


def scaling(scaler, **options):
    return network(input_scaler=scaler, output_scaler=scaler, **options)


def fitted(scaler, **options):
    net = scaling(scaler, **options)
    net.fit(X, Y, epochs=3, batch_size=8, optimizer=TINY, verbose=0)
    return net


def by_hand(net):
    """The same network without scalers, and the data that it sees."""
    twin = network(dtype=net.dtype, level=net.level)
    twin.parameters[:] = net.parameters
    return twin, net.input_scaler(X), net.output_scaler(Y)


# ---- alone --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "uint8", "bool"])
def test_scalers_agree_with_scikit_learn(scaler, kind):
    table = (100 * RNG.random((30, 4))).astype(kind)
    own, witness = SCALERS[scaler]().fit(table), WITNESSES[scaler]().fit(table.astype(float))
    np.testing.assert_allclose(own(table), witness.transform(table.astype(float)), atol=1e-12)
    np.testing.assert_allclose(own.inverse(own(table)), table, rtol=1e-12, atol=1e-12)
    assert own(table).dtype == np.float64


def test_the_bounds_of_minmax():
    scaler = nn.MinMaxScaler(0.1, 0.9).fit(X)
    np.testing.assert_allclose(scaler(X).min(axis=0), 0.1)
    np.testing.assert_allclose(scaler(X).max(axis=0), 0.9)
    exact = nn.MinMaxScaler().fit(X)(X)
    assert (exact.min(axis=0) == 0).all()
    assert (exact.max(axis=0) == 1).all()


def test_one_column_needs_no_second_dimension(scaler):
    one = SCALERS[scaler]().fit(y)
    assert one(y).shape == y.shape
    assert (one(y) == one(y[:, None])[:, 0]).all()
    np.testing.assert_allclose(one.inverse(one(y)), y)


@pytest.mark.parametrize("column", [[0.1] * 7, [0.1], [0, 1e-200], [3, 3], [True, True]])
def test_constants_get_the_scale_1(column):
    scaler = nn.Standardizer().fit(np.array(column)[:, None])
    assert scaler.scale.tolist() == [1]
    assert abs(scaler(column)).max() <= 1e-200


def test_minmax_makes_constants_low():
    scaler = nn.MinMaxScaler(-1, 1).fit([[3.0, 1], [3.0, 2]])
    assert scaler.scale.tolist() == [1, 0.5]
    assert scaler([[3.0, 2]]).tolist() == [[-1, 1]]


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(list(SCALERS)),
    hnp.arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 4))),
)
def test_any_table_is_scaled_or_refused(name, table):
    with suppress(ValueError):
        own = SCALERS[name]().fit(table)
        assert np.isfinite(own.shift).all()
        assert (own.scale > 0).all()
        assert np.isfinite(own(table)).all()


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ([[1, 2], [3, np.nan]], ValueError, r"X\[1, 1\] is nan"),
        ([[1, -np.inf], [3, np.nan]], ValueError, r"X\[0, 1\] is -inf"),
        (np.ones((2, 2, 2)), ValueError, r"shape \(2, 2, 2\); expected \(rows, columns\)"),
        (np.empty((0, 2)), ValueError, "X has no rows"),
        ([["a"]], TypeError, "X holds <U1 values; expected real numbers"),
        ([[0, 1.7e308], [0, -1.7e308]], ValueError, "column 1 of X are too large to be scaled"),
    ],
)
def test_fit_refuses(scaler, table, error, message):
    with pytest.raises(error, match=message):
        SCALERS[scaler]().fit(table)


def test_a_scaler_refuses_what_does_not_fit(scaler):
    own = SCALERS[scaler]().fit(X)
    for use in (own, own.inverse):
        with pytest.raises(ValueError, match=r"shape \(1, 2\); expected \(rows, 3\)"):
            use([[1, 2]])
        with pytest.raises(ValueError, match=r"X\[0, 2\] is nan"):
            use([[1, 2, np.nan]])
        with pytest.raises(ValueError, match=r"X\[0, 0\] is inf|X\[0, 2\] is inf"):
            use([[1.7e308, 2, 1.7e308]])
    with pytest.raises(ValueError, match="no shift and scale yet; `fit` returns one"):
        SCALERS[scaler]()(X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shift": [0, 0], "scale": [1]}, r"shift has shape \(2,\) and scale \(1,\)"),
        ({"shift": [0], "scale": [0]}, "scale has the entry 0; expected numbers above 0"),
        ({"shift": [np.nan], "scale": [1]}, r"shift\[0\] is nan"),
    ],
)
def test_a_scaler_checks_its_parts(scaler, options, message):
    with pytest.raises(ValueError, match=message):
        SCALERS[scaler](**options)


def test_bounds_are_checked():
    with pytest.raises(ValueError, match="low is 1 and high 1; expected low < high"):
        nn.MinMaxScaler(1, 1)
    with pytest.raises(ValueError, match="high is inf; expected a finite number"):
        nn.MinMaxScaler(0, np.inf)
    with pytest.raises(TypeError, match="low is '0'"):
        nn.MinMaxScaler("0")


def test_a_scaler_cannot_be_changed(scaler):
    own = SCALERS[scaler]().fit(X)
    with pytest.raises(AttributeError):
        own.shift = np.ones(3)
    with pytest.raises(ValueError, match="read-only"):
        own.scale[0] = 2
    assert own == SCALERS[scaler]().fit(X)
    assert own != SCALERS[scaler]().fit(X + 1)
    assert own.unfitted() == SCALERS[scaler]()


# ---- inside networks ----------------------------------------------------------------------------


def test_a_network_scales_as_one_does_by_hand(scaler, level, dtype):
    net = scaling(scaler, level=level, dtype=dtype)
    twin = network(level=level, dtype=dtype)
    history = net.fit(X, Y, epochs=5, batch_size=8, optimizer=TINY, verbose=0)
    inputs, targets = SCALERS[scaler]().fit(X), SCALERS[scaler]().fit(Y)
    expected = twin.fit(inputs(X), targets(Y), epochs=5, batch_size=8, optimizer=TINY, verbose=0)
    assert net.parameters.tobytes() == twin.parameters.tobytes()
    assert history["loss"] == expected["loss"]
    assert (net.input_scaler, net.output_scaler) == (inputs, targets)
    for rows in (slice(1), slice(4), slice(None)):
        raw = twin.predict(inputs(X[rows])).astype(np.float64) * targets.scale + targets.shift
        np.testing.assert_array_equal(net.predict(X[rows]), raw.astype(dtype))
        assert net.predict(X[rows]).dtype == dtype


def test_scaled_float32_data_keep_their_digits(level):
    small = 1e9 + np.arange(20.0)[:, None]  # the same number in float32
    net = nn.Network([1, nn.Dense(1, "linear")], input_scaler="minmax", level=level, seed=0)
    net.fit(small, np.arange(20.0) / 19, epochs=1, verbose=0)
    assert len(np.unique(net.predict(small))) == 20


def test_loss_is_scaled_and_metrics_are_raw(scaler, level):
    net = fitted(scaler, level=level)
    twin, inputs, targets = by_hand(net)
    found = net.evaluate(X, Y, metrics=["mae", "r2"])
    assert found["loss"] == pytest.approx(twin.evaluate(inputs, targets)["loss"], rel=1e-12)
    assert found["mae"] == pytest.approx(abs(net.predict(X) - Y).mean(), rel=1e-12)
    loss, gradient = net.loss_and_gradient(X, Y)
    expected, by_twin = twin.loss_and_gradient(inputs, targets)
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, by_twin, rtol=1e-9, atol=1e-15)


def test_validation_is_scaled_as_training_is(scaler, level):
    net = scaling(scaler, level=level)
    seen = []
    history = net.fit(
        X[:30],
        Y[:30],
        validation_data=(X[30:], Y[30:]),
        metrics=["mae", lambda y_true, y_pred: seen.append(y_true) or 0.0],
        epochs=2,
        optimizer=TINY,
        verbose=0,
    )
    assert net.input_scaler == SCALERS[scaler]().fit(X[:30])
    found = net.evaluate(X[30:], Y[30:], metrics="mae")
    assert history["val_mae"][-1] == pytest.approx(found["mae"], rel=1e-12)
    assert history["val_loss"][-1] == pytest.approx(found["loss"], rel=1e-12)
    assert [len(rows) for rows in seen] == [30, 10, 30, 10]
    assert (seen[1] == Y[30:]).all()


@UNSCALED
def test_a_split_is_fitted_on_its_training_part(scaler, level):
    marked = np.column_stack([np.arange(40.0), X[:, :2]])
    net, plain = scaling(scaler, level=level), network(level=level)
    rows = []
    kept = lambda y_true, y_pred: rows.append(y_true[:, 0]) or 0.0  # noqa: E731
    targets = np.column_stack([np.arange(40.0), y])
    for one in (net, plain):
        one.fit(
            marked, targets, validation_split=0.25, metrics=kept, optimizer=nn.SGD(1e-9), verbose=0
        )
    part = rows[0].astype(int)
    assert len(part) == 30
    assert (rows[0] == rows[2]).all()  # the same rows as without scalers
    assert net.input_scaler == SCALERS[scaler]().fit(marked[part])
    assert net.output_scaler == SCALERS[scaler]().fit(targets[part])


@UNSCALED
def test_scalers_stay_after_the_first_fit(scaler):
    net = fitted(scaler)
    before = net.input_scaler, net.output_scaler
    net.fit(X + 10, Y + 10, verbose=0)
    net.partial_fit(X * 2, Y)
    assert (net.input_scaler, net.output_scaler) == before


def test_partial_fit_fits_the_scalers_too(scaler):
    net = scaling(scaler)
    net.partial_fit(X, Y)
    assert net.output_scaler == SCALERS[scaler]().fit(Y)


def test_derivatives_are_per_raw_unit(scaler, level):
    net = fitted(scaler, level=level)
    steps = 1e-6 * net.input_scaler.scale
    slopes = net.input_gradient(X[:4], Y[:4])
    for row in range(4):
        one = slice(row, row + 1)
        for column, step in enumerate(steps):
            ahead, behind = X[one].copy(), X[one].copy()
            ahead[0, column] += step
            behind[0, column] -= step
            difference = net.loss_and_gradient(ahead, Y[one])[0]
            difference -= net.loss_and_gradient(behind, Y[one])[0]
            numeric = difference / (ahead[0, column] - behind[0, column])
            assert slopes[row, column] == pytest.approx(numeric, rel=1e-4, abs=1e-7 / step * 1e-3)
    jacobian = net.jacobian(X[:4])
    for k in (0, 7, len(net.parameters) - 1):
        here = net.parameters[k]
        net.parameters[k] = here + 1e-6
        ahead = net.predict(X[:4])
        net.parameters[k] = here - 1e-6
        numeric = (ahead - net.predict(X[:4])) / 2e-6
        net.parameters[k] = here
        np.testing.assert_allclose(jacobian[:, :, k], numeric, rtol=1e-5, atol=1e-5)


def test_looking_inside(scaler, level, dtype):
    net = fitted(scaler, level=level, dtype=dtype)
    twin, inputs, _ = by_hand(net)
    hidden, outputs = net.activations(X)
    np.testing.assert_allclose(hidden, twin.activations(inputs)[0], rtol=1e-6)
    assert (outputs == net.predict(X)).all()
    assert net.gradient_check(X, Y).ok


def test_learning_rates_and_levels_before_the_first_fit(scaler):
    net = scaling(scaler)
    scaled = network()
    inputs, targets = (SCALERS[scaler]().fit(rows)(rows) for rows in (X, Y))
    found = net.find_learning_rate(X, Y, steps=20)
    np.testing.assert_array_equal(
        found.losses, scaled.find_learning_rate(inputs, targets, steps=20).losses
    )
    assert not net.input_scaler.fitted
    comparison = nn.compare(net, X, Y, seconds=0.01)
    assert max(row.difference for row in comparison.rows) < 1e-10


@pytest.mark.parametrize(
    "call", ["predict", "activations", "jacobian", "evaluate", "input_gradient"]
)
def test_nothing_is_computed_before_the_first_fit(scaler, call):
    net = scaling(scaler)
    arguments = (X, Y) if call in ("evaluate", "input_gradient") else (X,)
    with pytest.raises(ValueError, match="input_scaler is not fitted yet: "):
        getattr(net, call)(*arguments)


def test_batches_need_fitted_scalers(scaler, level):
    batches = [(X[:20], Y[:20]), (X[20:], Y[20:])]
    with pytest.raises(ValueError, match=r"input_scaler is not fitted yet.*`fit` with arrays"):
        scaling(scaler, level=level).fit(batches)
    inputs, targets = SCALERS[scaler]().fit(X), SCALERS[scaler]().fit(Y)
    net = network(input_scaler=inputs, output_scaler=targets, level=level)
    history = net.fit(batches, epochs=2, optimizer=TINY, metrics="mae", verbose=0)
    other = scaling(scaler, level=level)
    expected = other.fit(
        X, Y, epochs=2, optimizer=TINY, metrics="mae", batch_size=20, shuffle=False, verbose=0
    )
    assert net.parameters.tobytes() == other.parameters.tobytes()
    assert history["mae"] == pytest.approx(expected["mae"], rel=1e-12)


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_a_large_file_is_scaled_batch_by_batch(scaler, level, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(data, "WHOLE", 0)
    table = X.astype(kind)
    np.save(tmp_path / "X.npy", table)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    one, other = scaling(scaler, level=level), scaling(scaler, level=level)
    options = {
        "epochs": 2,
        "batch_size": 8,
        "validation_split": 0.25,
        "optimizer": TINY,
        "verbose": 0,
    }
    history, expected = one.fit(mapped, Y, **options), other.fit(table, Y, **options)
    assert one.input_scaler == other.input_scaler
    np.testing.assert_allclose(one.parameters, other.parameters, rtol=1e-12)
    assert history["val_loss"] == pytest.approx(expected["val_loss"], rel=1e-12)
    assert one.evaluate(mapped, Y) == pytest.approx(other.evaluate(table, Y), rel=1e-12)


def test_batch_methods_are_scaled_too(scaler):
    net = scaling(scaler)
    history = net.fit(X, Y, epochs=20, optimizer=nn.LevenbergMarquardt(), verbose=0)
    assert history["loss"][-1] < 0.1 * history["loss"][0]


# ---- keeping ------------------------------------------------------------------------------------


def test_copies_files_and_pickles(scaler, level, dtype, tmp_path):
    net = fitted(scaler, level=level, dtype=dtype)
    net.save(tmp_path / "net.nnfast")
    expected = net.predict(X)
    loaded = nn.load(tmp_path / "net.nnfast", level=level)
    for twin in (net.copy(), copy.deepcopy(net), pickle.loads(pickle.dumps(net)), loaded):
        assert twin.input_scaler == net.input_scaler
        assert (twin.predict(X) == expected).all()
        assert (twin.predict(X[:1].astype(dtype)) == net.predict(X[:1].astype(dtype))).all()
        assert twin.options == net.options
        twin.fit(X, Y, verbose=0)
        again = net.copy()
        again.fit(X, Y, verbose=0)
        assert twin.parameters.tobytes() == again.parameters.tobytes()


@UNSCALED
@pytest.mark.parametrize("loaded", [False, True])
def test_reset_forgets_what_fit_has_found(scaler, loaded, tmp_path):
    given = SCALERS[scaler]().fit(X)
    net = network(input_scaler=given, output_scaler=scaler)
    net.fit(X + 1, Y, verbose=0)
    if loaded:
        net.save(tmp_path / "net.nnfast")
        net = nn.load(tmp_path / "net.nnfast")
    net.reset()
    assert net.input_scaler == given
    assert net.output_scaler == SCALERS[scaler]()
    net.fit(X, Y + 1, verbose=0)
    assert net.output_scaler == SCALERS[scaler]().fit(Y + 1)


def test_an_unfitted_scaler_is_saved(tmp_path):
    net = network(output_scaler=nn.MinMaxScaler(0.1, 0.9))
    net.save(tmp_path / "net.nnfast")
    assert nn.load(tmp_path / "net.nnfast").output_scaler == nn.MinMaxScaler(0.1, 0.9)


def test_training_goes_on_from_a_checkpoint(scaler, level, tmp_path):
    whole, path = scaling(scaler, level=level), tmp_path / "net.nnfast"
    options = {"batch_size": 8, "validation_split": 0.25, "verbose": 0}
    whole.fit(X, Y, epochs=4, optimizer=TINY, **options)
    part = scaling(scaler, level=level)
    part.fit(X, Y, epochs=2, optimizer=TINY, callbacks=[nn.Checkpoint(path)], **options)
    resumed = scaling(scaler, level=level)
    resumed.fit(X, Y, epochs=4, resume=path, **options)
    assert resumed.input_scaler == whole.input_scaler
    assert resumed.parameters.tobytes() == whole.parameters.tobytes()
    with pytest.raises(ValueError, match=r"was written by a network with .*scaler"):
        network(level=level).fit(X, Y, epochs=4, resume=path, **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays, _: arrays.pop("input_scaler.scale"), "does not describe"),
        (lambda arrays, _: arrays.update({"input_scaler.scale": np.zeros(3)}), "above 0"),
        (lambda arrays, _: arrays.update({"input_scaler.shift": np.zeros(2)}), "shape"),
        (lambda arrays, _: arrays.update({"input_scaler.scale": np.ones(3, "f4")}), "float32"),
        (lambda arrays, _: arrays.update({"other_scaler.scale": np.ones(3)}), "unexpected arrays"),
        (lambda _, text: text.__setitem__("input_scaler", {"name": "other"}), "other"),
        (lambda _, text: text.__setitem__("input_scaler", {"name": "standard", "x": 1}), "x"),
        (lambda _, text: text.__setitem__("input_scaler", []), "does not describe"),
        (lambda _, text: text.__setitem__("given", ["x"]), "given"),
        (lambda _, text: text.__setitem__("given", 3), "does not describe"),
    ],
)
def test_damaged_files_are_refused(change, message, tmp_path):
    fitted("standard").save(tmp_path / "net.nnfast")
    arrays, metadata = tensorfile.read(tmp_path / "net.nnfast")
    text = json.loads(metadata["network"])
    change(arrays, text)
    tensorfile.write(tmp_path / "bad.nnfast", arrays, metadata | {"network": json.dumps(text)})
    with pytest.raises(tensorfile.FormatError, match=message):
        nn.load(tmp_path / "bad.nnfast")


# ---- refusing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"input_scaler": "standart"},
            ValueError,
            "unknown input_scaler 'standart' .*'standard'.*; choose from s",
        ),
        ({"output_scaler": 3}, TypeError, r"output_scaler is 3; expected nnfast.Standardizer\(\)"),
        ({"input_scaler": nn.Standardizer}, TypeError, "input_scaler is <class"),
        (
            {"input_scaler": nn.Standardizer().fit(np.eye(2))},
            ValueError,
            "input_scaler was fitted to 2 columns, but the network has 3 inputs",
        ),
        ({"output_scaler": "standard", "classes": "ab"}, TypeError, "classes is 'ab'"),
        (
            {"output_scaler": "standard", "classes": ["a", "b"]},
            ValueError,
            "output_scaler is for numbers and classes for labels",
        ),
    ],
)
def test_arguments_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        network(**options)


@pytest.mark.parametrize("loss", LOSSES)
def test_only_plain_numbers_are_scaled(loss):
    numbers = LOSSES[loss].targets == "any"
    outputs = (LOSSES[loss].outputs or (LOSSES[loss].paired or "linear",))[0]
    layers = [3, nn.Dense(2, outputs)]
    if numbers:
        nn.Network(layers, loss=loss, output_scaler="standard")
        return
    with pytest.raises(ValueError, match=f"the loss '{loss}' takes targets of its own range"):
        nn.Network(layers, loss=loss, output_scaler="standard")


def test_errors_change_nothing(scaler, level):
    bad = X.copy()
    bad[17, 2] = np.nan
    net = scaling(scaler, level=level)
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=r"X\[17, 2\] is nan"):
        net.fit(bad, Y, verbose=0, validation_split=0.25)
    with pytest.raises(ValueError, match=r"y\[17, 1\] is nan"):
        net.fit(X, bad[:, 1:], verbose=0)
    assert not net.input_scaler.fitted
    assert net.optimizer is None
    assert (net.parameters == before).all()


def test_numbers_beyond_the_dtype_are_refused(level):
    net = scaling("standard", level=level, dtype="float32")
    net.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match=r"X\[0, 1\] is inf \(infinite as float32\)"):
        net.predict([[5.0, 1e300, -3e5]])


def test_scaled_inputs_earn_no_warning(recwarn):
    scaling("standard").fit(X, Y, epochs=2, verbose=0)
    assert not [w for w in recwarn if issubclass(w.category, nn.TrainingWarning)]


@UNSCALED
def test_a_network_without_scalers_copies_nothing(level):
    net = network(level=level)
    seen = []
    own = net._level.train
    net._level.train = lambda parameters, state, X, *rest, **options: (
        seen.append(X) or own(parameters, state, X, *rest, **options)
    )
    net.fit(X, Y * 1e-3, optimizer=nn.SGD(1e-9), verbose=0)
    assert seen[0] is X
