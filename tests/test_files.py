"""Network.save and nnfast.load: going on bit for bit, and files that are damaged or hostile."""

import json
import pickle
import tracemalloc
from contextlib import suppress
from random import Random

import numpy as np
import pytest

import nnfast as nn
from nnfast import tensorfile

LEVELS, FASTEST = nn.levels.available(), nn.levels.resolve()
X = np.random.default_rng(0).standard_normal((7, 3))
LABELS = [0, 1, 1, 0, 1, 0, 0]
OPTIMIZERS = {
    "sgd": nn.SGD(0.1),
    "momentum": nn.SGD(0.1, momentum=0.9),
    "nesterov": nn.SGD(0.1, momentum=0.5, nesterov=True),
    "adam": nn.Adam(0.01, beta1=0.8, beta2=0.99, epsilon=1e-6),
    "amsgrad": nn.Adam(0.01, amsgrad=True),
    "adamw": nn.AdamW(0.01, weight_decay=0.1),
    "adagrad": nn.Adagrad(0.1),
    "rmsprop": nn.RMSprop(rho=0.8, momentum=0.5),
    "nadam": nn.Nadam(momentum_decay=0.01),
}


def network(**options):
    layers = [3, nn.Dense(4, "tanh", bias=False), nn.Dense(3, "relu", init="he_normal"), 2]
    layers[-1] = nn.Dense(2, "softmax", bias_init="normal")
    return nn.Network(layers, **{"seed": 3, **options})


def train(net, epochs=2, **options):
    return net.fit(X, LABELS, epochs=epochs, batch_size=3, **options)["loss"]


def content(net):
    """All that a file keeps."""
    state = net.training_state
    carried = state and (state.slots.tobytes(), state.slots.shape, state.step, state.shuffle)
    return net.parameters.tobytes(), net.sizes, net.layers, net.options, net.optimizer, carried


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.nnfast"


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_going_on_equals_never_having_stopped(path, level, dtype, name, shuffle):
    net = network(level=level, dtype=dtype)
    train(net, 2, optimizer=OPTIMIZERS[name], shuffle=shuffle)
    net.save(path)
    loaded = nn.load(path, level=level)
    assert content(loaded) == content(net)
    assert loaded.level == level
    assert train(loaded, 3, shuffle=shuffle) == train(net, 3, shuffle=shuffle)
    assert content(loaded) == content(net)
    whole = network(level=level, dtype=dtype)
    train(whole, 5, optimizer=OPTIMIZERS[name], shuffle=shuffle)
    assert content(whole) == content(net)


def test_an_untrained_network(path, level):
    net = network(level=level)
    net.save(path)
    loaded = nn.load(path, level=level)
    assert loaded.training_state is None
    assert content(loaded) == content(net)
    assert train(loaded) == train(net)
    loaded.reset()
    net.reset()
    assert content(loaded) == content(net)


def test_a_file_of_one_level_loads_on_all(path, level):
    net = network(level=level, dtype="float64")
    train(net, optimizer="adam")
    net.save(path)
    saved = path.read_bytes()
    for other in LEVELS:
        loaded = nn.load(path, level=other)
        assert loaded.level == other
        assert content(loaded) == content(net)
        assert np.allclose(train(loaded), train(net.copy()), rtol=1e-10)
    assert nn.load(path).level == FASTEST
    nn.load(path, level=LEVELS[0]).save(path)
    assert path.read_bytes() == saved


def test_saving_changes_nothing(path):
    net = network()
    train(net)
    before = content(net)
    net.save(str(path))
    first = path.read_bytes()
    net.save(path)
    assert content(net) == before
    assert path.read_bytes() == first
    loaded = nn.load(str(path))
    loaded.parameters[:] = 0
    assert path.read_bytes() == first


def test_numpy_types_in_the_description(path):
    layers = [np.int64(3), nn.Dense(np.uint8(4), bias=np.False_), nn.Dense(np.int32(1))]
    net = nn.Network(layers, seed=np.int64(5))
    net.fit(X, np.zeros(7), optimizer=nn.SGD(np.float32(0.5), momentum=np.float64(0.25)))
    net.save(path)
    assert content(nn.load(path)) == content(net)


def test_an_unknown_level_is_not_the_file_s_fault(path):
    network().save(path)
    with pytest.raises(ValueError, match=r"'gpu'.* choose from python") as caught:
        nn.load(path, level="gpu")
    assert not isinstance(caught.value, nn.FormatError)


# ---- damage ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """(network, the bytes of its file, a path for variants)"""
    path = tmp_path_factory.mktemp("files") / "net.nnfast"
    net = nn.Network([3, nn.Dense(4, "tanh"), nn.Dense(2, "softmax")], seed=3)
    train(net, optimizer=nn.SGD(0.1, momentum=0.9))
    net.save(path)
    return net, path.read_bytes(), path


def load(path, data):
    """The network in these bytes; None if they are refused, as they should be."""
    path.write_bytes(data)
    with suppress(nn.FormatError):
        return nn.load(path)
    return None


def test_every_truncation(original):
    _, data, path = original
    assert all(load(path, data[:n]) is None for n in range(len(data)))
    assert load(path, data + b"\0") is None
    assert load(path, data) is not None


def test_flipped_bits_in_every_byte_of_the_header(original):
    net, data, path = original
    end = 8 + int.from_bytes(data[:8], "little")
    loaded = 0
    for position in range(end):
        for bit in {0, 5, position % 8}:
            changed = bytearray(data)
            changed[position] ^= 1 << bit
            variant = load(path, changed)
            if variant is not None:
                loaded += 1
                assert variant.sizes == net.sizes
                assert np.array_equal(variant.parameters, net.parameters)
    assert loaded < end / 10  # another digit of the seed, say


def test_random_damage(original):
    net, data, path = original
    random = Random(0)
    for _ in range(1500):
        changed = bytearray(data)
        for _ in range(random.randint(1, 4)):
            changed[random.randrange(len(data))] = random.randrange(256)
        variant = load(path, changed)
        assert variant is None or np.isfinite(variant.parameters).all()
        assert variant is None or variant.sizes == net.sizes


def bomb(path):
    path.with_name("exploded").touch()


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return bomb, (self.path,)


def test_files_of_other_kinds(path):
    def refused(match):
        with pytest.raises(nn.FormatError, match=match):
            nn.load(path)

    path.write_bytes(pickle.dumps(Bomb(path)))
    refused("not an nnfast file")
    assert not path.with_name("exploded").exists()
    path.write_bytes(b"")
    refused("not an nnfast file")
    with open(path, "wb") as file:
        np.savez(file, W=np.zeros(3))
    refused("not an nnfast file")
    path.write_text(json.dumps({"layers": [2, 1]}))
    refused("not an nnfast file")
    tensorfile.write(path, {"parameters": np.zeros(3)}, {"format": "pt"})
    refused("is not a network that nnfast saved")
    tensorfile.write(path, {}, {})
    refused("is not a network that nnfast saved")


def test_files_of_safetensors(path):
    numpy = pytest.importorskip("safetensors.numpy")
    numpy.save_file({"weight": np.zeros((2, 3), np.float32)}, path, {"format": "pt"})
    with pytest.raises(nn.FormatError, match="is not a network that nnfast saved"):
        nn.load(path)
    network().save(path)
    assert numpy.load_file(path)["parameters"].shape == network().parameters.shape


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(FileNotFoundError):
        nn.load(tmp_path / "none")
    with pytest.raises(OSError, match=r"."):
        nn.load(tmp_path)
    with pytest.raises(OSError, match="cannot save"):
        network().save(tmp_path / "no folder" / "net")


@pytest.mark.parametrize("version", ["0", "2", "1.5", "", None])
def test_other_versions(original, path, version):
    arrays, metadata = parts(original)
    metadata["version"] = version
    if version is None:
        del metadata["version"]
    tensorfile.write(path, arrays, metadata)
    with pytest.raises(nn.FormatError, match=f"version {version!r}; this nnfast reads version 1"):
        nn.load(path)


# ---- descriptions that are wrong --------------------------------------------------------------


def parts(original):
    _, data, path = original
    path.write_bytes(data)
    return tensorfile.read(path)


def layer(**fields):
    def change(description, arrays):
        description["layers"][0].update(fields)

    return change


def top(**fields):
    def change(description, arrays):
        description.update(fields)

    return change


def optimizer(**fields):
    def change(description, arrays):
        description["optimizer"].update(fields)

    return change


def without(name, table=None):
    def change(description, arrays):
        (arrays if table == "arrays" else description).pop(name)

    return change


def array(name, edit):
    def change(description, arrays):
        arrays[name] = edit(arrays.get(name))

    return change


def holding(value):
    return lambda a: np.where(np.arange(a.size).reshape(a.shape) == 5, a.dtype.type(value), a)


def negative_inputs(description, arrays):
    """Their product with the units agrees with an array of no numbers."""
    description["inputs"], description["layers"] = -1, [{"units": 2**61}]
    arrays["parameters"] = np.zeros(0, np.float32)


WRONG = {
    "no layers": top(layers=[]),
    "layers without units": top(layers=[{}]),
    "layers of numbers": top(layers=[4, 2]),
    "layers as a table": top(layers={"units": 4}),
    "layers missing": without("layers"),
    "inputs missing": without("inputs"),
    "inputs 0": top(inputs=0),
    "inputs of another size": top(inputs=4),
    "inputs as a text": top(inputs="3"),
    "inputs as a float": top(inputs=3.0),
    "inputs as a list": top(inputs=[3]),
    "inputs true": top(inputs=True),
    "inputs NaN": top(inputs=float("nan")),
    "negative inputs": negative_inputs,
    **{f"units {n}": layer(units=n) for n in (0, -4, 5, 2**31, 2**62, 2**64, 10**300)},
    **{f"units {n!r}": layer(units=n) for n in (4.0, "4", None, True, [4], float("inf"))},
    **{f"inputs {n}": top(inputs=n) for n in (2**31, 2**62, 2**64)},
    "huge layers": top(inputs=2**40, layers=[{"units": 2**40}, {"units": 2**40}]),
    "activation": layer(activation="softplus-2"),
    "activation of no text": layer(activation=["tanh"]),
    "bias": layer(bias="yes"),
    "other bias": layer(bias=False),
    "init": layer(init="ones"),
    "unknown key of a layer": layer(padding=0.5),
    "unknown key": top(metrics=["accuracy"]),
    "level": top(level="numpy"),
    "loss": top(loss="perceptron"),
    "dtype": top(dtype="float64"),
    "unknown dtype": top(dtype="float16"),
    "seed": top(seed=-1),
    "no seed": top(seed="x"),
    "optimizer": optimizer(name="lion"),
    "optimizer of no text": optimizer(name=["sgd"]),
    "optimizer as a text": top(optimizer="sgd"),
    "learning rate": optimizer(learning_rate=-1),
    "huge learning rate": optimizer(learning_rate=10**400),
    "learning rate as a table": optimizer(learning_rate={}),
    "unknown key of the optimizer": optimizer(decay=0.1),
    "optimizer of other slots": optimizer(momentum=0.0),
    "step": top(step=-1),
    "step as a float": top(step=6.0),
    "huge step": top(step=2**64),
    "no step": without("step"),
    "epoch": top(epoch=-1),
    "rate factor": top(rate_factor=0),
    "rate factor as a text": top(rate_factor="1"),
    "batch size": top(batch_size=0),
    "unknown schedule": optimizer(learning_rate={"name": "random", "start": 0.1}),
    "a schedule's field": optimizer(learning_rate={"name": "step_decay", "start": -1}),
    "shuffle": top(shuffle=2**64),
    "shuffle as a text": top(shuffle="1"),
    "noise": top(noise=-1),
    "no parameters": without("parameters", "arrays"),
    "no slots": without("slots", "arrays"),
    "one more array": array("extra", lambda a: np.zeros(2)),
    "a parameter less": array("parameters", lambda a: a[:-1]),
    "a parameter more": array("parameters", lambda a: np.append(a, a[:1])),
    "a table of parameters": array("parameters", lambda a: a[None]),
    "float64 parameters": array("parameters", lambda a: a.astype(float)),
    "int parameters": array("parameters", lambda a: a.astype("i4")),
    "NaN parameters": array("parameters", holding(np.nan)),
    "infinite parameters": array("parameters", holding(-np.inf)),
    "NaN slots": array("slots", holding(np.nan)),
    "flat slots": array("slots", np.ravel),
    "slots for another optimizer": array("slots", lambda a: np.repeat(a, 2, axis=0)),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_descriptions(original, path, case):
    arrays, metadata = parts(original)
    description = json.loads(metadata["network"])
    WRONG[case](description, arrays)
    metadata["network"] = json.dumps(description)
    tensorfile.write(path, arrays, metadata)
    refused_in_little_memory(path)


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", "3", '"net"', "[" * 100_000, '{"layers": NaN}', "9" * 5000]
)
def test_descriptions_that_are_none(original, path, text):
    arrays, metadata = parts(original)
    metadata["network"] = text
    tensorfile.write(path, arrays, metadata)
    refused_in_little_memory(path)


def test_no_description(original, path):
    arrays, metadata = parts(original)
    del metadata["network"]
    tensorfile.write(path, arrays, metadata)
    refused_in_little_memory(path)


def refused_in_little_memory(path):
    """A sentence, without the memory that a description asks for."""
    tracemalloc.start()
    try:
        with pytest.raises(nn.FormatError, match=r"does not describe a network: .") as caught:
            nn.load(path)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 1000


# ---- overwriting ------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_a_failed_save_keeps_the_old_file(path, monkeypatch, function):
    net = network()
    net.save(path)
    before = path.read_bytes()

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    train(net)
    monkeypatch.setattr(tensorfile.os, function, fail)
    with pytest.raises(OSError, match="cannot save: No space left"):
        net.save(path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    net.save(path)
    assert content(nn.load(path)) == content(net)


def test_a_diverged_network_is_not_saved(path):
    """`load` would refuse it."""
    net = network()
    net.save(path)
    before = path.read_bytes()
    net.parameters[3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        net.save(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_saved_can_be_loaded(path, value):
    net = network()
    train(net, optimizer="adam")
    net.training_state.slots[1, 5] = value
    try:
        net.save(path)
    except ValueError as error:
        sentence = str(error)
    else:
        sentence = "finite"
        assert content(nn.load(path)) == content(net)
    assert "finite" in sentence
