"""Metrics, against scikit-learn and by hand, and what fit and evaluate make of them."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

import nnfast as nn
from nnfast import metrics

RNG = np.random.default_rng(5)
N = 150
BINARY, SCORES = RNG.integers(0, 2, N), np.round(RNG.random(N), 1)  # with ties
LABELS, OUTPUTS = RNG.integers(0, 3, N), np.round(RNG.dirichlet(np.ones(4), N), 2)
HOT = np.eye(4)[LABELS]  # nobody is of class 3, but it is called
MULTI, MULTI_SCORES = RNG.integers(0, 2, (N, 3)), np.round(RNG.random((N, 3)), 1)
TARGETS, GUESSES = RNG.standard_normal((N, 2)), RNG.standard_normal((N, 2))
WEIGHTS = {"none": None, "random": RNG.random(N), "zeros": (np.arange(N) < 100).astype(float)}


@pytest.fixture(params=WEIGHTS)
def weight(request):
    return WEIGHTS[request.param]


def same(own, peer):
    assert type(own) is float
    assert own == pytest.approx(float(peer), rel=1e-12)


@pytest.mark.parametrize("name", ["accuracy", "precision", "recall", "f1"])
def test_one_output(name, weight):
    peer = getattr(sk, f"{name}_score")
    for y, p in ((BINARY, SCORES), (BINARY[:, None], SCORES[:, None])):
        same(
            getattr(metrics, name)(y, p, weight), peer(BINARY, SCORES >= 0.5, sample_weight=weight)
        )


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_several_classes(name, weight):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn says that class 3 is not there
        peer = getattr(sk, f"{name}_score")(
            LABELS, OUTPUTS.argmax(axis=1), average="macro", sample_weight=weight
        )
    same(getattr(metrics, name)(HOT, OUTPUTS, weight), peer)


def test_accuracy_of_classes(weight):
    peer = sk.accuracy_score(LABELS, OUTPUTS.argmax(axis=1), sample_weight=weight)
    same(metrics.accuracy(HOT, OUTPUTS, weight), peer)


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_several_labels_at_once(name, weight):
    peer = getattr(sk, f"{name}_score")(
        MULTI, MULTI_SCORES >= 0.5, average="macro", sample_weight=weight
    )
    same(getattr(metrics, name)(MULTI, MULTI_SCORES, weight), peer)


def test_entries_of_several_labels():
    right = (MULTI_SCORES >= 0.5) == (MULTI == 1)
    same(metrics.binary_accuracy(MULTI, MULTI_SCORES), right.mean())
    same(metrics.accuracy(MULTI, MULTI_SCORES), right.mean())


def test_area_of_one_output(weight):
    same(
        metrics.auc(BINARY, SCORES, weight), sk.roc_auc_score(BINARY, SCORES, sample_weight=weight)
    )


def test_area_of_several(weight):
    P = OUTPUTS[:, :3] / OUTPUTS[:, :3].sum(axis=1, keepdims=True)
    peer = sk.roc_auc_score(LABELS, P, multi_class="ovr", sample_weight=weight)
    same(metrics.auc(HOT[:, :3], P, weight), peer)
    peer = sk.roc_auc_score(MULTI, MULTI_SCORES, sample_weight=weight)
    same(metrics.auc(MULTI, MULTI_SCORES, weight), peer)


def test_area_is_a_probability_of_pairs():
    above, ties = [
        np.mean([compare(p, q) for p in SCORES[BINARY == 1] for q in SCORES[BINARY == 0]])
        for compare in (np.greater, np.equal)
    ]
    same(metrics.auc(BINARY, SCORES), above + ties / 2)


def test_area_that_is_not_defined():
    assert np.isnan(metrics.auc(np.ones(5), np.arange(5)))
    Y = np.eye(3)[[0, 1, 0, 1]]  # the third class is left out
    assert metrics.auc(Y, Y) == 1


@pytest.mark.parametrize("k", [1, 2, 3, 4, 9])
def test_top_k(k, weight):
    distinct = OUTPUTS - 1e-6 * np.arange(4)  # the lower class first where outputs tie
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn says that k is too large
        peer = sk.top_k_accuracy_score(LABELS, distinct, k=k, labels=range(4), sample_weight=weight)
    same(metrics.TopK(k)(HOT, OUTPUTS, weight), peer)
    assert metrics.TopK(k).name == f"top_{k}_accuracy"


def test_regression(weight):
    same(metrics.r2(TARGETS, GUESSES, weight), sk.r2_score(TARGETS, GUESSES, sample_weight=weight))
    peer = sk.mean_absolute_error(TARGETS, GUESSES, sample_weight=weight)
    same(metrics.mae(TARGETS, GUESSES, weight), peer)


def test_targets_that_are_all_equal():
    Y = np.ones((5, 2))
    P = np.stack([np.ones(5), np.arange(5)], axis=1)
    assert metrics.r2(Y, P) == sk.r2_score(Y, P) == 0.5


def test_nothing_is_called_a_class():
    assert metrics.precision(np.ones(3), np.zeros(3)) == 0
    assert metrics.f1(np.zeros(3), np.zeros(3)) == 0


# ---- evaluate and fit ---------------------------------------------------------------------------


def classifier(outputs=3, **options):
    last = nn.Dense(outputs, "softmax") if outputs > 1 else nn.Dense(1)
    return nn.Network([4, nn.Dense(5, "tanh"), last], **{"seed": 1, **options})


X = RNG.standard_normal((N, 4))


def half(y_true, y_pred):
    assert y_true.shape == y_pred.shape == (N, 3)
    return 0.5


def test_evaluate(level):
    net = classifier(level=level)
    P = net.predict(X)
    names = ["auc", metrics.TopK(2), half, metrics.f1]
    result = net.evaluate(X, LABELS, metrics=names)
    assert list(result) == ["loss", "auc", "top_2_accuracy", "half", "f1"]
    assert result["auc"] == metrics.auc(np.eye(3)[LABELS], P)
    assert result["half"] == 0.5
    assert result["loss"] == pytest.approx(net.loss_and_gradient(X, LABELS)[0], rel=1e-6)
    assert list(net.evaluate(X, LABELS, metrics=())) == ["loss"]
    assert list(net.evaluate(X, LABELS)) == ["loss", "accuracy"]


def test_weights_count_in_evaluate(level):
    """Whole weights are rows that stand several times."""
    net = classifier(level=level, dtype="float64")
    times = np.arange(N) % 3
    names = ["accuracy", "precision", "recall", "f1", "auc", "top_k_accuracy", "mae", "r2"]
    weighted = net.evaluate(X, LABELS, metrics=names, sample_weight=times)
    repeated = net.evaluate(np.repeat(X, times, axis=0), np.repeat(LABELS, times), metrics=names)
    for name, value in repeated.items():
        assert weighted[name] == pytest.approx(value, rel=1e-10), name


@pytest.mark.parametrize("name", metrics.METRICS)
def test_fit_records(name):
    net = classifier()
    held_out = X[:50], LABELS[:50]
    history = net.fit(X, LABELS, epochs=3, metrics=[name], validation_data=held_out)
    assert history.names == ["loss", name, "val_loss", f"val_{name}"]
    assert all(len(history[record]) == 3 for record in history.names)
    assert history[name][-1] == net.evaluate(X, LABELS, metrics=name)[name]
    assert history[f"val_{name}"][-1] == net.evaluate(*held_out, metrics=name)[name]
    assert history["val_loss"][-1] == net.evaluate(*held_out)["loss"]


def test_measuring_does_not_change_the_training(level):
    one, other = classifier(level=level), classifier(level=level)
    options = {"epochs": 4, "batch_size": 16}
    history = one.fit(
        X,
        LABELS,
        metrics="f1",
        record=("weights", "gradients"),
        validation_data=(X, LABELS),
        **options,
    )
    assert history["loss"] == other.fit(X, LABELS, **options)["loss"]
    assert one.parameters.tobytes() == other.parameters.tobytes()


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (["speed"], ValueError, "unknown metric 'speed'; choose from accuracy, "),
        ([3], TypeError, "unknown metric 3"),
        (3, TypeError, "metrics is 3; expected a list"),
        (["f1", "f1"], ValueError, "'f1' is given twice"),
    ],
)
def test_metrics_that_are_none(given, error, words):
    net = classifier()
    for call in (net.fit, net.evaluate):
        with pytest.raises(error, match=words):
            call(X, LABELS, metrics=given)
    assert net.training_state is None


@pytest.mark.parametrize("name", [m.name for m in metrics.METRICS.values() if m.of_classes])
def test_metrics_of_classes_on_other_numbers(name):
    net = nn.Network([4, nn.Dense(2, "linear")])
    with pytest.raises(ValueError, match=f"the metric '{name}' is about classes, but y holds"):
        net.fit(X, TARGETS, metrics=name)
    assert net.training_state is None


def test_top_k_of_nothing():
    with pytest.raises(ValueError, match="TopK: k is 0; expected at least 1"):
        metrics.TopK(0)
