"""What fit trains on: weights, validation splits, batches, pieces, files larger than memory."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnfast as nn
from nnfast import data, weighting
from nnfast.formulas import LOSSES

RNG = np.random.default_rng(8)
N = 30
X, LABELS = RNG.standard_normal((N, 3)), np.arange(N) % 3
HOT = np.eye(3)[LABELS]


def network(last=None, **options):
    layers = [3, nn.Dense(5, "tanh"), last or nn.Dense(3, "softmax")]
    return nn.Network(layers, **{"seed": 2, "dtype": "float64", **options})


def same(one, other):
    assert np.array_equal(one.parameters, other.parameters)
    assert np.array_equal(one.training_state.slots, other.training_state.slots)
    counters = ("step", "shuffle", "epoch")
    a, b = ([getattr(net.training_state, name) for name in counters] for net in (one, other))
    assert a == b


# ---- weights ------------------------------------------------------------------------------------


def test_whole_weights_are_repeated_rows(level):
    times = 1 + np.arange(N) % 3
    one, other = network(level=level), network(level=level)
    options = {"epochs": 5, "batch_size": None, "optimizer": nn.SGD(0.1)}
    losses = one.fit(X, LABELS, sample_weight=times, **options)["loss"]
    repeated = np.repeat(X, times, axis=0), np.repeat(LABELS, times)
    assert losses == pytest.approx(other.fit(*repeated, **options)["loss"], rel=1e-12)
    assert np.allclose(one.parameters, other.parameters, rtol=1e-10, atol=1e-13)


def test_the_gradient_of_weighted_rows(level):
    times = 1 + np.arange(N) % 3
    net = network(level=level)
    loss, gradient = net.loss_and_gradient(X, LABELS, times)
    again, expected = net.loss_and_gradient(np.repeat(X, times, axis=0), np.repeat(LABELS, times))
    assert loss == pytest.approx(again, rel=1e-12)
    assert np.allclose(gradient, expected, rtol=1e-10, atol=1e-14)


def test_the_size_of_weights_does_not_matter(level):
    results = []
    for scale in (1.0, 2.0**20, 2.0**-1000, 2.0**1000):
        net = network(level=level)
        net.fit(X, LABELS, epochs=3, sample_weight=scale * (1 + np.arange(N) % 3))
        results.append(net.parameters.tobytes())
    assert len(set(results)) == 1


def test_equal_weights_are_none(level):
    one, other = network(level=level), network(level=level)
    one.fit(X, LABELS, epochs=3, sample_weight=np.full(N, 7))
    other.fit(X, LABELS, epochs=3)
    assert np.allclose(one.parameters, other.parameters, rtol=1e-12)


@pytest.mark.parametrize("last", ["labels", "one-hot", "one output"])
def test_class_weights(level, last):
    one_output = last == "one output"
    y = (LABELS == 1) * 1.0 if one_output else HOT if last == "one-hot" else LABELS
    weights = {0: 0.5, 1: 3} if one_output else {0: 0.5, 2: 3}
    classes = y.astype(int) if one_output else LABELS
    table = np.array([0.5, 3]) if one_output else np.array([0.5, 1, 3])
    final = nn.Dense(1) if one_output else None
    sample = 1 + np.arange(N) % 2
    one, other = network(final, level=level), network(final, level=level)
    one.fit(X, y, epochs=4, class_weight=weights, sample_weight=sample)
    other.fit(X, y, epochs=4, sample_weight=sample * table[classes])
    assert np.allclose(one.parameters, other.parameters, rtol=1e-12)


def test_balanced():
    from sklearn.utils.class_weight import compute_sample_weight

    y = np.array([0, 0, 0, 1, 3, 3])
    own = weighting.class_weight("balanced", np.eye(4)[y])
    assert np.allclose(own, compute_sample_weight("balanced", y))
    assert np.allclose(weighting.class_weight("balanced", np.eye(2)[[0, 1]]), 1)


def test_class_weights_bend_the_training_loss_only():
    net = network()
    history = net.fit(
        X, LABELS, epochs=2, class_weight={0: 100}, metrics="accuracy", validation_data=(X, LABELS)
    )
    assert history["val_loss"][-1] == net.evaluate(X, LABELS)["loss"]
    assert history["accuracy"] == history["val_accuracy"]


WRONG = [
    ({"sample_weight": np.ones(3)}, ValueError, r"shape \(3,\); expected \(30,\), a number for"),
    ({"sample_weight": np.ones((N, 1))}, ValueError, r"expected \(30,\)"),
    ({"sample_weight": -np.ones(N)}, ValueError, r"sample_weight\[0\] is -1; expected numbers of"),
    ({"sample_weight": np.full(N, np.nan)}, ValueError, r"sample_weight\[0\] is nan"),
    ({"sample_weight": np.zeros(N)}, ValueError, "is zero for every row"),
    ({"sample_weight": ["a"] * N}, TypeError, "sample_weight holds"),
    ({"class_weight": "even"}, ValueError, "unknown class_weight 'even'; choose from balanced"),
    ({"class_weight": [1, 2, 3]}, TypeError, "expected 'balanced' or a dict"),
    ({"class_weight": {3: 1}}, ValueError, "has the class 3; the classes are .* from 0 to 2"),
    ({"class_weight": {"a": 1}}, ValueError, "has the class 'a'"),
    ({"class_weight": {1: -1}}, ValueError, r"class_weight\[1\] is -1"),
    ({"class_weight": {0: 0, 1: 0, 2: 0}}, ValueError, "is 0 for every class in y"),
    ({"clip_value": 0}, ValueError, "clip_value is 0"),
    ({"clip_norm": -1}, ValueError, "clip_norm is -1"),
    ({"clip_norm": "a"}, TypeError, "clip_norm is 'a'"),
    ({"validation_split": 1}, ValueError, "validation_split is 1"),
    ({"validation_split": 0.01}, ValueError, "0 of 30 rows; expected at least one"),
    ({"validation_split": 0.99}, ValueError, "30 of 30 rows; expected at least one"),
    ({"validation_split": 0.5, "validation_data": (X, HOT)}, ValueError, "expected one"),
    ({"validation_data": X}, TypeError, "validation_data is of type ndarray; expected a tuple"),
    ({"validation_data": (X,)}, TypeError, "expected a tuple"),
    ({"validation_data": (X[:, :2], HOT)}, ValueError, r"X has shape \(30, 2\)"),
]


@pytest.mark.parametrize(("options", "error", "words"), WRONG)
def test_arguments_that_do_not_fit(options, error, words):
    net = network()
    before = net.parameters.copy()
    with pytest.raises(error, match=words):
        net.fit(X, LABELS, **options)
    assert np.array_equal(net.parameters, before)
    assert net.training_state is None


def test_class_weights_without_classes():
    net = network(nn.Dense(3, "linear"))
    with pytest.raises(ValueError, match="class_weight needs y to hold one class for each row"):
        net.fit(X, X, class_weight="balanced")


@pytest.mark.parametrize("clip", [{"clip_value": 1e-3}, {"clip_norm": 1e-3}])
def test_clipping(level, clip):
    net = network(level=level)
    before = net.parameters.copy()
    net.fit(X, LABELS, batch_size=None, optimizer=nn.SGD(1.0), **clip)
    step = net.parameters - before
    length = abs(step).max() if "clip_value" in clip else np.linalg.norm(step)
    assert length == pytest.approx(1e-3, rel=1e-6)


# ---- validation split ---------------------------------------------------------------------------


def parts(y, fraction, seed=0, last=None):
    rows = data.read(X[: len(y)], y, network(last).door)
    return data.split(rows, fraction, seed)


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.3, 0.5, 0.9])
def test_every_class_gives_its_share(fraction):
    training, held_out = parts(LABELS, fraction)
    assert len(held_out) == round(fraction * N)
    counts = held_out.Y.sum(axis=0)
    assert abs(counts - fraction * 10).max() < 1
    together = np.concatenate([training.X, held_out.X])
    assert np.array_equal(np.unique(together, axis=0), np.unique(X, axis=0))
    order = [np.flatnonzero((row == X).all(axis=1))[0] for row in training.X]
    assert order == sorted(order)


def test_classes_of_one_output_are_shared_too():
    y = np.arange(N) < 5
    _, held_out = parts(y, 0.2, last=nn.Dense(1))
    assert held_out.Y.sum() == 1


def test_the_split_comes_from_the_seed():
    chosen = {parts(LABELS, 0.5, seed)[1].X.tobytes() for seed in (1, 1, 2, 3)}
    assert len(chosen) == 3


def test_split_rows_are_not_trained_on(level):
    one, other = network(level=level), network(level=level)
    weight = 1.0 + LABELS
    history = one.fit(X, LABELS, epochs=3, validation_split=0.2, sample_weight=weight)
    rows = data.read(X, LABELS, one.door, weight)
    training, held_out = data.split(rows, 0.2, one.seed)
    other.fit(training.X, training.Y, epochs=3, sample_weight=training.weight)
    assert np.allclose(one.parameters, other.parameters, rtol=1e-12)
    loss = other.evaluate(held_out.X, held_out.Y, sample_weight=held_out.weight)["loss"]
    assert history["val_loss"][-1] == pytest.approx(loss, rel=1e-10)


# ---- batches ------------------------------------------------------------------------------------


def batches(size=7, weight=None):
    for start in range(0, N, size):
        part = slice(start, start + size)
        yield (X[part], LABELS[part], *([] if weight is None else [weight[part]]))


class Again:
    def __iter__(self):
        return batches()


SOURCES = {
    "function": batches,
    "list": list(batches()),
    "lists": [list(batch) for batch in batches()],  # as PyTorch's DataLoader gives them
    "iterable": Again(),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_batches_are_updates(compiled_level, source):
    one, other = network(level=compiled_level), network(level=compiled_level)
    history = one.fit(source, epochs=3)
    expected = other.fit(X, LABELS, epochs=3, batch_size=7, shuffle=False)
    same(one, other)
    assert history["loss"] == pytest.approx(expected["loss"], rel=1e-14)
    assert one.evaluate(source) == pytest.approx(one.evaluate(X, LABELS), rel=1e-14)


def test_batches_on_every_level(level):
    one, other = network(level=level), network(level="numpy")
    one.fit(batches, epochs=3, optimizer=nn.SGD(nn.StepDecay(0.1, epochs=1)))
    other.fit(batches, epochs=3, optimizer=nn.SGD(nn.StepDecay(0.1, epochs=1)))
    assert np.allclose(one.parameters, other.parameters, rtol=1e-11)


def test_a_generator_serves_one_epoch():
    net = network()
    with pytest.raises(ValueError, match="which gives its batches once; 2 epochs"):
        net.fit(batches(), epochs=2)
    assert net.fit(batches()).epochs == 1
    used = batches()
    list(used)
    with pytest.raises(ValueError, match="the source of batches gave none"):
        net.fit(used)


def test_weights_of_batches_count_as_they_are(level):
    weight = 2.0 ** (np.arange(N) % 3)
    one, other = network(level=level), network(level=level)
    options = {"optimizer": nn.SGD(0.1)}
    one.fit(lambda: batches(weight=weight), **options, class_weight={1: 2})
    twice = np.where(LABELS == 1, 2, 1) * weight
    mean = twice.mean()
    other.fit(
        X, LABELS, batch_size=7, shuffle=False, sample_weight=twice, optimizer=nn.SGD(0.1 * mean)
    )
    assert np.allclose(one.parameters, other.parameters, rtol=1e-10)


def test_a_schedule_knows_the_number_of_batches_of_a_list():
    options = {"epochs": 3, "optimizer": nn.SGD(nn.ExponentialDecay(0.1, epochs=1))}
    one, other, third = network(), network(), network()
    one.fit(list(batches()), **options)
    other.fit(X, LABELS, batch_size=7, shuffle=False, **options)
    same(one, other)
    third.fit(batches, **options)
    assert not np.allclose(third.parameters, one.parameters, rtol=1e-6)


def test_everything_with_batches():
    history = network().fit(
        batches,
        epochs=3,
        metrics="f1",
        validation_data=(X, LABELS),
        record=("weights", "gradients"),
        callbacks=nn.EarlyStopping(),
    )
    assert history.names == ["loss", "f1", "val_loss", "val_f1", "weights", "gradients"]
    assert history["f1"] == history["val_f1"]


def test_metrics_of_what_is_gone():
    with pytest.raises(ValueError, match="metrics and gradients need a second pass"):
        network().fit(batches(), metrics="f1")


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (X, TypeError, "y is missing, and X, of type ndarray, is no source of batches"),
        (None, TypeError, "y is missing, and X, of type NoneType"),
        (X.tolist(), TypeError, "batch 1 is of type list; expected a tuple"),
        ([(X,)], TypeError, "batch 1 is of type tuple; expected a tuple"),
        ([(X, LABELS), (X[:, :2], LABELS)], ValueError, r"X has shape \(30, 2\)"),
        ([(X, LABELS, np.ones(3))], ValueError, r"sample_weight has shape \(3,\)"),
        (lambda: 5, TypeError, r"X\(\) returned 5; expected an iterable"),
        ([], ValueError, "the source of batches gave none"),
    ],
)
def test_batches_that_are_none(source, error, words):
    with pytest.raises(error, match=words):
        network().fit(source)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sample_weight": np.ones(N)}, "give batches"),
        ({"class_weight": "balanced"}, "do not tell beforehand"),
        ({"validation_split": 0.5}, "validation_split needs arrays"),
    ],
)
def test_what_batches_cannot_have(options, words):
    with pytest.raises(ValueError, match=words):
        network().fit(batches, **options)


def test_an_error_in_a_source_leaves_the_last_update(level):
    def source():
        yield from list(batches())[:2]
        raise ZeroDivisionError

    one, other = network(level=level), network(level=level)
    with pytest.raises(ZeroDivisionError):
        one.fit(source)
    other.fit(list(batches())[:2])
    assert np.array_equal(one.parameters, other.parameters)
    assert (one.history.epochs, one.training_state.epoch) == (0, 0)


# ---- pieces -------------------------------------------------------------------------------------


def test_partial_fit(level):
    one, other = network(level=level), network(level=level)
    pieces = [(X[:13], LABELS[:13]), (X[13:], LABELS[13:])]
    for net in (one, other):
        net.fit(X, LABELS, batch_size=5, optimizer=nn.Adam(0.01))
    for piece in pieces:
        assert one.partial_fit(*piece).epochs == 1
        other.fit(*piece, batch_size=5)
    same(one, other)


def test_partial_fit_from_the_beginning(tmp_path):
    one, other = network(), network()
    one.partial_fit(X, LABELS, sample_weight=1 + LABELS)
    other.fit(X, LABELS, batch_size=32, sample_weight=1 + LABELS)
    same(one, other)
    one.fit(X, LABELS, batch_size=4)
    one.save(tmp_path / "net")
    assert nn.load(tmp_path / "net").batch_size == one.copy().batch_size == 4


# ---- files mapped into memory -------------------------------------------------------------------


@pytest.fixture
def mapped(tmp_path):
    """A function that maps an array's file."""

    def mapped(array):
        path = tmp_path / "data"
        array.tofile(path)
        return np.memmap(path, array.dtype, "r", shape=array.shape)

    return mapped


BYTES = RNG.integers(0, 9, (N, 3), dtype=np.uint8)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch_size", [1, 7, None])
def test_a_large_file_is_converted_batch_by_batch(
    mapped, compiled_level, dtype, monkeypatch, batch_size, shuffle
):
    monkeypatch.setattr(data, "WHOLE", 0)
    X = mapped(BYTES)
    assert isinstance(data.read(X, LABELS, network().door), data.MappedRows)
    options = {
        "epochs": 3,
        "batch_size": batch_size,
        "shuffle": shuffle,
        "class_weight": "balanced",
        "sample_weight": 1 + LABELS,
        "metrics": "auc",
        "optimizer": nn.SGD(nn.InverseTimeDecay(0.01, 2)),
    }
    one, other = (network(level=compiled_level, dtype=dtype) for _ in range(2))
    history = one.fit(X, LABELS, **options)
    expected = other.fit(BYTES, LABELS, **options)
    same(one, other)
    tolerance = 1e-6 if dtype == "float32" else 1e-13
    for name in ("loss", "auc"):
        assert history[name] == pytest.approx(expected[name], rel=tolerance)
    assert one.evaluate(X, LABELS) == pytest.approx(other.evaluate(BYTES, LABELS), rel=tolerance)


@pytest.mark.parametrize("rows", [290, 700])
def test_the_last_batch_of_a_large_file(mapped, compiled_level, dtype, monkeypatch, rows):
    """Large batches have kernels of their own; the smaller one at the end goes the same way."""
    monkeypatch.setattr(data, "WHOLE", 0)
    X, y = RNG.integers(0, 9, (rows, 3), dtype=np.uint8), RNG.random(rows)
    one, other = (network(level=compiled_level, dtype=dtype) for _ in range(2))
    options = {"batch_size": 300, "optimizer": nn.SGD(0.01), "sample_weight": 1 + y}
    one.fit(mapped(X), y < 0.5, **options)
    other.fit(X, y < 0.5, **options)
    same(one, other)


@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
def test_a_large_file_is_split_without_a_copy(mapped, monkeypatch, kind):
    monkeypatch.setattr(data, "WHOLE", 0)
    X = BYTES.astype(kind)
    one, other = network(dtype="float32"), network(dtype="float32")
    options = {"epochs": 3, "batch_size": 4, "validation_split": 0.3}
    history = one.fit(mapped(X), LABELS, **options)
    expected = other.fit(X, LABELS, **options)
    same(one, other)
    assert history["val_loss"] == pytest.approx(expected["val_loss"], rel=1e-6)


def test_nan_in_a_large_file(mapped, monkeypatch, level):
    monkeypatch.setattr(data, "WHOLE", 0)
    values = X.astype(np.float32)
    values[17, 2] = np.nan
    with pytest.raises(ValueError, match=r"is nan \(NaN as float64\)"):
        network(level=level).fit(mapped(values), LABELS)


BOUNDED = """
import resource, sys
import numpy as np, nnfast as nn
path, kind, split = sys.argv[1], sys.argv[2], float(sys.argv[3])
nn.set_num_threads(1)
rows, columns = 400_000, 64
net = nn.Network([columns, nn.Dense(4, "relu"), 1], seed=0)
X = np.memmap(path, kind, "r", shape=(rows, columns))
y = np.arange(rows) % 2
net.fit(np.zeros((2, columns), np.float32), [0, 1])  # what is loaded lazily, is loaded
for line in open("/proc/self/status"):
    if line.startswith("VmSize"):
        now = int(line.split()[1]) * 1024
limit = now + (60 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
history = net.fit(X, y, batch_size=1024, validation_split=split, metrics="accuracy", verbose=0)
print(history["loss"][0], net.evaluate(X, y)["loss"], X.size * 4 >> 20)
try:
    np.array(X, np.float32)
except MemoryError:
    print("no room for a copy")
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("kind", "split"), [("float32", 0.0), ("float32", 0.2), ("uint8", 0.0), ("uint8", 0.2)]
)
def test_a_file_larger_than_memory(tmp_path, kind, split):
    path = tmp_path / "data"
    with open(path, "wb") as file:
        for seed in range(40):
            rng = np.random.default_rng(seed)
            file.write(rng.integers(0, 2, (10_000, 64), dtype=np.uint8).astype(kind).tobytes())
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(Path(nn.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, str(path), kind, str(split)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *numbers, size = done.stdout.splitlines()[0].split()
    assert int(size) == 97  # MiB, of 60 that may be taken
    assert all(0.6 < float(number) < 0.8 for number in numbers)
    assert done.stdout.splitlines()[1] == "no room for a copy"


def test_targets_of_large_data_are_checked_in_pieces(monkeypatch):
    from nnfast import validation

    monkeypatch.setattr(validation, "PIECE", 8)
    rows = np.full((40, 3), 0.5)
    rows[31, 1] = 7
    net = nn.Network([3, 3], loss="binary_cross_entropy")
    assert LOSSES[net.loss].targets == "unit"
    with pytest.raises(ValueError, match=r"y\[31, 1\] is 7; the loss"):
        net.fit(np.zeros((40, 3)), rows)
    with pytest.raises(ValueError, match=r"X\[31, 1\] is inf"):
        net.predict(np.where(rows == 7, np.inf, 0))
