"""Class labels of any kind: given, kept, and given back."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import nnfast as nn

X, NUMBERS = nn.datasets.iris()
NAMES = np.array(nn.datasets.IRIS_CLASSES)[NUMBERS]
OTHERS = {
    "texts": NAMES,
    "list": NAMES.tolist(),
    "objects": NAMES.astype(object),
    "variable": NAMES.astype(np.dtypes.StringDType()),
}
KINDS = [["b", "a"], [7, -3], [0.5, 1.5], [True, False], ["no", 1], [10**30, 1]]


def network(outputs=3, **options):
    last = nn.Dense(outputs, "softmax" if outputs > 1 else "sigmoid")
    return nn.Network([4, nn.Dense(6, "tanh"), last], seed=0, dtype="float64", **options)


def trained(y, outputs=3, **options):
    net = network(outputs, **options)
    net.fit(X, y, epochs=2, optimizer="adam", verbose=0)
    return net


@pytest.mark.parametrize("kind", OTHERS)
def test_texts_train_as_their_numbers_do(kind, level):
    net, plain = trained(OTHERS[kind], level=level), trained(NUMBERS, level=level)
    assert net.parameters.tobytes() == plain.parameters.tobytes()
    assert net.classes == ("setosa", "versicolor", "virginica")
    found = net.predict_classes(X)
    assert found.dtype.kind == "U"
    assert (found == np.array(net.classes)[plain.predict_classes(X)]).all()
    assert net.evaluate(X, OTHERS[kind]) == plain.evaluate(X, NUMBERS)
    assert net.loss_and_gradient(X, OTHERS[kind])[0] == plain.loss_and_gradient(X, NUMBERS)[0]
    assert (net.input_gradient(X, OTHERS[kind]) == plain.input_gradient(X, NUMBERS)).all()
    assert net.gradient_check(X[:9], OTHERS[kind][:9]).ok


@pytest.mark.parametrize("labels", KINDS, ids=str)
@pytest.mark.parametrize("outputs", [1, 2])
def test_two_labels_of_any_kind(labels, outputs):
    y = [labels[k] for k in (NUMBERS > 0).astype(int)]
    net = trained(y, outputs, classes=labels)
    assert net.classes == tuple(labels)
    plain = trained(NUMBERS > 0, outputs)
    assert net.parameters.tobytes() == plain.parameters.tobytes()
    expected = [labels[k] for k in plain.predict_classes(X).astype(int)]
    assert net.predict_classes(X).tolist() == expected
    assert [type(k) for k in net.predict_classes(X[:1]).tolist()] == [type(expected[0])]


@pytest.mark.parametrize("y", [NUMBERS > 0, (NUMBERS > 0).tolist(), (NUMBERS > 0).astype(object)])
@pytest.mark.parametrize("outputs", [1, 2])
def test_true_and_false(y, outputs):
    net = trained(y, outputs)
    assert net.classes == (False, True)
    assert net.predict_classes(X).dtype == bool
    plain = trained((NUMBERS > 0).astype(int), outputs)
    assert net.parameters.tobytes() == plain.parameters.tobytes()
    assert plain.classes is None
    assert (net.evaluate(X, (NUMBERS > 0).astype(float))) == net.evaluate(X, y)
    assert network(outputs).evaluate(X, y)["accuracy"] >= 0  # numbers until a fit


@pytest.mark.parametrize("dtype", ["int8", "uint16", "float32", "O"])
def test_numbers_stay_numbers(dtype):
    net = trained(NUMBERS.astype(dtype))
    assert net.classes is None
    assert net.predict_classes(X).dtype == np.int64


def test_rows_of_outputs_stay_possible():
    net = trained(NAMES)
    rows = nn.datasets.one_hot(NUMBERS)
    assert net.evaluate(X, rows) == net.evaluate(X, NAMES)
    assert network().fit(X, rows.astype(bool), verbose=0).epochs == 1


def test_hinge_counts_from_0():
    net = nn.Network([4, nn.Dense(1, "linear")], loss="hinge", seed=0, classes=["no", "yes"])
    y = np.where(NUMBERS > 0, "yes", "no")
    net.fit(X, y, epochs=20, optimizer="adam", verbose=0)
    expected = np.where(net.predict(X)[:, 0] >= 0, "yes", "no")
    assert (net.predict_classes(X) == expected).all()


def test_class_weight_names_labels():
    weight = {"setosa": 3.0, "virginica": 0.5}
    options = {"epochs": 2, "optimizer": "adam", "verbose": 0}
    net, plain = network(), network()
    net.fit(X, NAMES, class_weight=weight, **options)
    plain.fit(X, NUMBERS, class_weight={0: 3.0, 2: 0.5}, **options)
    assert net.parameters.tobytes() == plain.parameters.tobytes()
    net.fit(X, NAMES, class_weight="balanced", **options)
    with pytest.raises(ValueError, match=r"'setosum', .*the nearest is 'setosa'"):
        net.fit(X, NAMES, class_weight={"setosum": 2.0})


def test_validation_metrics_and_batches():
    net = network()
    history = net.fit(
        X, NAMES, validation_data=(X[:9], NAMES[:9]), metrics=["accuracy", "auc"], verbose=0
    )
    assert history["val_accuracy"][-1] == net.evaluate(X[:9], NAMES[:9])["accuracy"]
    batches = [(X[:75], NAMES[:75]), (X[75:], NAMES[75:])]
    net.fit(batches, verbose=0)
    network(classes=net.classes).fit(batches, class_weight={"setosa": 2.0}, verbose=0)
    split = network().fit(X, NAMES, validation_split=0.2, verbose=0)
    assert (
        split["val_loss"] == network().fit(X, NUMBERS, validation_split=0.2, verbose=0)["val_loss"]
    )


@pytest.mark.parametrize("labels", KINDS, ids=str)
def test_files_copies_and_pickles_keep_them(labels, tmp_path):
    net = network(1, classes=labels)
    net.save(tmp_path / "net.nnfast")
    loaded = nn.load(tmp_path / "net.nnfast")
    for twin in (loaded, net.copy(), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin.classes == net.classes
        assert list(map(type, twin.classes)) == list(map(type, net.classes))
        assert twin.predict_classes(X).tolist() == net.predict_classes(X).tolist()


@pytest.mark.parametrize("loaded", [False, True])
def test_reset_forgets_learned_labels_only(loaded, tmp_path):
    for net, expected in (
        (trained(NAMES), None),
        (trained([3, 4, 5] * 50, classes=[3, 4, 5]), (3, 4, 5)),
    ):
        if loaded:
            net.save(tmp_path / "net.nnfast")
            net = nn.load(tmp_path / "net.nnfast")
        net.reset()
        assert net.classes == expected


def test_numpy_scalars_become_those_of_python(tmp_path):
    net = network(2, classes=np.array([4, 2], np.int16))
    assert list(map(type, net.classes)) == [int, int]
    net.save(tmp_path / "net.nnfast")


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (["setosa", "versicolour", "virginica"], ValueError,
         r"y\[1\] is 'versicolour', which is no class .*; the nearest is 'versicolor'"),
        (["setosa", "?", "virginica"], ValueError,
         r"y\[1\] is '\?', .*; its classes are 'setosa', 'versicolor', 'virginica'\."),
        ([0, 1, 2], ValueError, r"y\[0\] is 0, which is no class"),
        (["setosa", None, "virginica"], ValueError, r"y\[1\] is None, which is no class"),
        (["setosa", ["x"], "virginica"], ValueError, "not a regular array"),
    ],
)  # fmt: skip
def test_unknown_labels_are_named(y, error, message):
    net = trained(NAMES)
    before = net.parameters.copy()
    with pytest.raises(error, match=message):
        net.fit(X[:3], y, verbose=0)
    assert (net.parameters == before).all()


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (
            ["a", "b", "a"],
            ValueError,
            r"y has 2 classes \('a', 'b'\), but a network with 3 outputs has 3\. Name all of them, "
            r"also those that y does not have, in Network\(classes=\[\.\.\.\]\)\.",
        ),
        (["a", None, "b"], TypeError, r"y\[1\] is None; expected a label"),
        (["a", np.nan, "b"], TypeError, r"y\[1\] is nan; expected a label"),
        (np.array(["a", ["x"], "b"], object), TypeError, r"y\[1\] is \['x'\]; expected a label"),
        (np.array([b"a", b"b", b"c"]), TypeError, r"y\[0\] is b'a'; expected a label"),
        (np.array(["2020", "2021", "2022"], "M8[Y]"), TypeError, "categories and dates"),
        ([None, 1, 2], TypeError, r"y\[0\] is None; expected a real number"),
    ],
)
def test_labels_that_do_not_fit(y, error, message):
    net = network()
    with pytest.raises(error, match=message):
        net.fit(X[:3], y, verbose=0)
    assert net.classes is None


def test_more_labels_than_outputs_need_another_layer():
    with pytest.raises(ValueError, match=r"y has 3 classes .* The last layer needs an output for"):
        network(1).fit(X, NAMES, verbose=0)


def test_labels_before_the_first_fit():
    net = network()
    for use in (net.evaluate, net.loss_and_gradient, net.input_gradient, net.gradient_check):
        with pytest.raises(ValueError, match=r"name them in Network\(classes=\[...\]\), or train"):
            use(X, NAMES)
    with pytest.raises(ValueError, match="does not know its classes yet"):
        net.fit([(X, NAMES)], verbose=0)
    with pytest.raises(TypeError, match="labels, but output_scaler is for numbers"):
        nn.Network([4, nn.Dense(3, "linear")], output_scaler="standard").fit(X, NAMES)


@pytest.mark.parametrize(
    ("classes", "error", "message"),
    [
        (["a", "b"], ValueError, r"classes has 2 classes \('a', 'b'\), but a .* has 3. Name one"),
        (["a", "b", "a"], ValueError, "classes has 'a' twice"),
        ([0, 1, True], ValueError, "twice"),
        ([0, 1, None], TypeError, r"classes\[2\] is None; expected a label"),
        ([0, 1, np.inf], TypeError, r"classes\[2\] is inf"),
        ("abc", TypeError, "classes is 'abc'; expected a list of labels"),
        (3, TypeError, "classes is 3; expected a list of labels"),
        (range(99), ValueError, r"99 classes \(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...\)"),
    ],
)
def test_arguments_are_checked(classes, error, message):
    with pytest.raises(error, match=message):
        network(classes=classes)


class Counted(str):
    """A text that counts how often it is compared."""

    comparisons = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Counted.comparisons += 1
        return str.__eq__(self, other)


def test_many_labels_are_not_compared_with_each_other():
    y = np.array([Counted(k) for k in range(1000)], object)
    Counted.comparisons = 0
    with pytest.raises(ValueError, match="y has 1000 classes"):
        network().fit(np.zeros((1000, 4)), y)
    assert Counted.comparisons < 20_000
