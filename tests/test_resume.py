"""Checkpoints: a training that is killed and resumed equals one that never stopped, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nnfast as nn
from nnfast import tensorfile

LEVELS = nn.levels.available()
RNG = np.random.default_rng(4)
X, LABELS = RNG.standard_normal((40, 3)), RNG.integers(0, 3, 40)
EPOCHS = 12


def network(**options):
    layers = [3, nn.Dense(5, "tanh", dropout=0.2), nn.Dense(3, "softmax")]
    return nn.Network(layers, **{"seed": 2, **options})


def train(net, path, epochs=EPOCHS, extra=(), **options):
    """A run in which everything that has a state takes part."""
    callbacks = [
        nn.EarlyStopping(patience=7),
        nn.ReduceOnPlateau("loss", factor=0.5, patience=2, min_delta=0.05),
        nn.Checkpoint(path),
        *extra,
    ]
    return net.fit(
        X,
        LABELS,
        epochs=epochs,
        batch_size=8,
        validation_split=0.25,
        metrics="auc",
        record="weights",
        class_weight="balanced",
        clip_norm=1.0,
        callbacks=callbacks,
        **options,
    )


def optimizer():
    return nn.Adam(nn.CosineDecay(0.1, epochs=20, warmup=2))


def content(net, history):
    state = net.training_state
    return (
        net.parameters.tobytes(),
        state.slots.tobytes(),
        (state.step, state.shuffle, state.noise, state.epoch, state.rate_factor),
        history.to_dict(),
        history.stop_reason,
        net.seed,
    )


class StopError(Exception):
    pass


def stop_after(epochs):
    def stop(epoch, logs):
        if epoch + 1 == epochs:
            raise StopError

    return nn.LambdaCallback(on_epoch_begin=stop)


@pytest.mark.parametrize("stops", [(5,), (2, 3, 7)], ids=str)
def test_resuming_equals_never_having_stopped(tmp_path, level, dtype, stops):
    whole = network(level=level, dtype=dtype)
    expected = train(whole, tmp_path / "whole", optimizer=optimizer())
    path = tmp_path / "net-{epoch:03}.nnfast"
    for seed, epochs in enumerate(stops):
        net = network(level=level, dtype=dtype, seed=seed)  # the checkpoint knows the first one's
        net = net if seed else network(level=level, dtype=dtype)
        with pytest.raises(StopError):
            train(net, path, extra=[stop_after(epochs)], optimizer=optimizer(), resume=path)
    net = network(level=level, dtype=dtype, seed=99)
    history = train(net, path, resume=path)
    assert content(net, history) == content(whole, expected)


KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
import test_resume
test_resume.train_slowly(*sys.argv[2:])
"""


def train_slowly(level, path):
    """What the process does that is killed; it prints each epoch after its checkpoint."""
    slow = nn.LambdaCallback(lambda epoch, logs: print(epoch, flush=True) or time.sleep(0.2))
    slow.goes_last = True
    train(network(level=level), path, extra=[slow], optimizer=optimizer(), resume=path)


def child(level, path):
    environment = {**os.environ, "PYTHONPATH": str(Path(nn.__file__).parents[1])}
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), level, str(path)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("level", LEVELS)
def test_after_a_kill(tmp_path, level):
    whole = network(level=level)
    expected = train(whole, tmp_path / "whole", optimizer=optimizer())
    path = tmp_path / "net.nnfast"
    for last in (2, 4):
        process = child(level, path)
        try:
            for line in iter(process.stdout.readline, ""):
                if int(line) >= last:
                    break
            process.kill()
            assert process.wait() == -signal.SIGKILL
        finally:
            process.kill()
            process.stdout.close()
    net = network(level=level)
    history = train(net, path, optimizer=optimizer(), resume=path)
    assert content(net, history) == content(whole, expected)


def test_more_epochs(tmp_path):
    path = tmp_path / "net"
    whole, net = network(), network()
    expected = train(whole, tmp_path / "other", epochs=6)
    train(net, path, epochs=4)
    assert train(net, path, epochs=4, resume=path).epochs == 4
    history = train(net, path, epochs=6, resume=path)
    assert history["loss"] == expected["loss"]


def test_what_had_stopped_early_stays_so(tmp_path):
    net, path = network(), tmp_path / "net"
    history = train(net, path, epochs=1000, optimizer=nn.Adam(0.1))
    assert history.epochs < 1000
    assert "has not become better" in history.stop_reason
    again = network(seed=9)
    resumed = train(again, path, epochs=1000, resume=path)
    assert content(again, resumed) == content(net, history)


def test_a_time_limit_does_not_end_for_good(tmp_path):
    path = tmp_path / "net"
    limit, checkpoint = nn.TimeLimit(0), nn.Checkpoint(path)
    for epochs in (1, 2):
        history = network().fit(X, LABELS, epochs=3, callbacks=[limit, checkpoint], resume=path)
        assert history.epochs == epochs
        assert "time limit" in history.stop_reason
    whole = network().fit(X, LABELS, epochs=3)
    assert network().fit(X, LABELS, epochs=3, resume=path)["loss"] == whole["loss"]


def test_fewer_epochs_than_are_done(tmp_path):
    net, path = network(), tmp_path / "net"
    net.fit(X, LABELS, epochs=4, callbacks=nn.Checkpoint(path))
    again = network()
    assert again.fit(X, LABELS, epochs=2, resume=path).epochs == 4
    assert np.array_equal(again.parameters, net.parameters)


def test_without_a_checkpoint_it_begins(tmp_path):
    net, other = network(), network()
    history = train(net, tmp_path / "a-{epoch}", epochs=2, resume=tmp_path / "a-{epoch}")
    assert history["loss"] == train(other, tmp_path / "b", epochs=2)["loss"]


def test_which_files_stay(tmp_path):
    def names():
        return sorted(os.listdir(tmp_path))

    (tmp_path / "net-x").touch()
    checkpoint = nn.Checkpoint(tmp_path / "net-{epoch}", every=2, keep=2)
    network().fit(X, LABELS, epochs=11, callbacks=checkpoint)
    assert names() == ["net-10", "net-8", "net-x"]
    network().fit(X, LABELS, epochs=3, callbacks=checkpoint)
    assert names() == ["net-10", "net-2", "net-x"]
    net = network()
    assert net.fit(X, LABELS, epochs=2, resume=checkpoint.path).epochs == 2  # the newest, not 10


def test_relative_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network().fit(X, LABELS, epochs=2, callbacks=nn.Checkpoint("net-{epoch}"))
    assert network().fit(X, LABELS, epochs=2, resume="net-{epoch}").epochs == 2


def test_a_checkpoint_is_a_network(tmp_path):
    net, path = network(), tmp_path / "net"
    net.fit(X, LABELS, epochs=3, callbacks=nn.Checkpoint(path))
    loaded = nn.load(path)
    assert np.array_equal(loaded.predict(X), net.predict(X))
    assert loaded.fit(X, LABELS)["loss"] == net.fit(X, LABELS)["loss"]
    _, metadata = tensorfile.read(path)
    assert set(metadata) == {"format", "version", "network", "training"}


def test_the_table_is_continued(tmp_path):
    path, table = tmp_path / "net", tmp_path / "table.csv"
    options = {"epochs": 6, "callbacks": [nn.CSVLogger(table)]}
    network().fit(X, LABELS, **options)
    expected = table.read_text()
    with pytest.raises(StopError):
        network().fit(
            X,
            LABELS,
            epochs=6,
            callbacks=[nn.Checkpoint(path, every=2), nn.CSVLogger(table), stop_after(6)],
        )
    assert table.read_text() != expected
    network().fit(X, LABELS, resume=path, **options)
    assert table.read_text() == expected


# ---- what does not belong together --------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    train(network(), tmp_path / "net", epochs=2, optimizer=optimizer())
    return tmp_path / "net"


def refused(net, words, path, error=ValueError, **options):
    before = net.parameters.copy(), net.seed
    with pytest.raises(error, match=words):
        net.fit(X, LABELS, **{"epochs": 4, "resume": path, **options})
    assert np.array_equal(net.parameters, before[0])
    assert (net.seed, net.training_state) == (before[1], None)


def test_another_network(path):
    refused(nn.Network([3, nn.Dense(3, "softmax")]), "was written by another network", path)
    refused(network(dtype="float64"), "was written by another network", path)


def test_another_optimizer(path):
    refused(network(), "expected the same optimizer or None, not SGD", path, optimizer="sgd")


def test_other_callbacks(path):
    words = "the states of these callbacks: EarlyStopping, ReduceOnPlateau; expected the same"
    options = {"metrics": "auc", "validation_split": 0.25}
    refused(network(), words, path, **options)
    refused(network(), words, path, callbacks=nn.EarlyStopping(), **options)


def test_other_records(path):
    words = "has records of loss, auc, val_loss, val_auc; expected the same .* not loss"
    refused(network(), words, path)
    refused(network(), words, path, metrics="auc")


def test_other_frozen_parameters(path):
    net = network()
    net.freeze([(True, True), (False, False)])
    refused(net, "has other frozen parameters", path)


def test_a_network_without_its_training(tmp_path):
    network().save(tmp_path / "net")
    refused(network(), "is a network without its training", tmp_path / "net", nn.FormatError)


def test_a_damaged_file(path):
    path.write_bytes(path.read_bytes()[:-5])
    refused(network(), "cannot load", path, nn.FormatError)


@pytest.mark.parametrize("key", ["history", "stop_reason", "callbacks"])
def test_a_file_that_lacks_something(path, key):
    arrays, metadata = tensorfile.read(path)
    training = json.loads(metadata["training"])
    del training[key]
    tensorfile.write(path, arrays, {**metadata, "training": json.dumps(training)})
    with pytest.raises(nn.FormatError, match="does not describe a training"):
        train(network(), path, resume=path)


def test_arrays_that_are_missing(path):
    arrays, metadata = tensorfile.read(path)
    names = [name for name in arrays if name.startswith("training.")]
    assert len(names) > 4
    for name in names:
        rest = {k: v for k, v in arrays.items() if k != name}
        tensorfile.write(path, rest, metadata)
        if "weights" in name and "callback" in name:
            continue  # early stopping may have no best weights yet
        with pytest.raises(nn.FormatError, match="does not describe a training"):
            train(network(), path, resume=path)


def test_every_kind_of_value_is_kept(tmp_path):
    class Own(nn.Callback):
        def __init__(self):
            self.seen = None

        def get_state(self):
            return {"a": 1.5, "b": None, "c": "text", "d": np.arange(3), "e": [1, 2]}

        def set_state(self, state):
            self.seen = state

    path = tmp_path / "net"
    network().fit(X, LABELS, epochs=1, callbacks=[Own(), nn.Checkpoint(path)])
    own = Own()
    network().fit(X, LABELS, epochs=2, callbacks=[own], resume=path)
    assert own.seen.pop("d").tolist() == [0, 1, 2]
    assert own.seen == {"a": 1.5, "b": None, "c": "text", "e": [1, 2]}
    assert list(tmp_path.iterdir()) == [path]
