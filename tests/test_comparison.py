"""`nnfast.compare` and the command line."""

import json
import math

import pytest

import nnfast as nn
from nnfast import comparison
from nnfast.__main__ import main

SECONDS = 0.02  # per level: enough to measure, and quick


@pytest.fixture(scope="module")
def digits():
    X, y = nn.datasets.digits()
    net = nn.Network([64, 8, nn.Dense(10, "softmax")], dtype="float64", seed=0)
    return net, X, y


@pytest.fixture(scope="module")
def compared(digits):
    return nn.compare(*digits, batch_size=32, optimizer=nn.SGD(0.1), seconds=SECONDS)


def test_every_level_is_compared(compared):
    assert [row.level for row in compared.rows] == nn.levels.available()
    assert all(row.seconds > 0 and row.updates >= 1 for row in compared.rows)


def test_all_levels_make_the_same_weights(compared):
    assert compared.checked >= 1
    differences = {row.level: row.difference for row in compared.rows}
    assert differences.pop("numpy") == 0
    assert max(differences.values()) < 1e-12


def test_a_wrong_level_is_found_out(digits, monkeypatch):
    """The difference is not a formality: a level that computes something else shows it."""

    class Wrong(nn.levels.LEVELS["numpy"]):
        def train(self, parameters, state, X, Y, **options):
            return super().train(parameters, state, X, Y[::-1].copy(), **options)

    monkeypatch.setitem(nn.levels.LEVELS, nn.levels.available()[-1], Wrong)
    compared = nn.compare(*digits, seconds=SECONDS)
    assert compared.rows[-1].difference > 1e-6


def test_the_network_stays_as_it_was(digits):
    net, X, y = digits
    before = net.parameters.copy()
    nn.compare(net, X, y, seconds=SECONDS)
    assert (net.parameters == before).all()
    assert net.optimizer is None


def test_the_table_and_the_figures_agree(compared):
    figures = compared.to_dict()
    assert json.loads(json.dumps(figures)) == figures
    assert figures["updates_per_epoch"] == 57
    for row, line in zip(figures["levels"], str(compared).splitlines()[2:], strict=False):
        assert line.split()[0] == row["level"]
    by_level = {row["level"]: row for row in figures["levels"]}
    assert by_level["numpy"]["times_faster_than_numpy"] == 1
    assert by_level["python"]["times_faster_than_python"] == 1
    ratio = by_level["python"]["seconds_per_epoch"] / by_level["numpy"]["seconds_per_epoch"]
    assert math.isclose(by_level["numpy"]["times_faster_than_python"], ratio)


def test_a_part_of_an_epoch_is_said(compared):
    python = compared.rows[0]
    last = next(line for line in str(compared).splitlines() if line.startswith("  python"))
    assert last.endswith(f"{python.updates:,}" + (" of 57" if python.updates < 57 else ""))


def test_options_are_those_of_fit(digits):
    net, X, y = digits
    with pytest.raises(ValueError, match="X has shape"):
        nn.compare(net, X[:, :3], y)
    with pytest.raises(ValueError, match="unknown optimizer 'agd'"):
        nn.compare(net, X, y, optimizer="agd")
    with pytest.raises(ValueError, match="epochs is 0"):
        nn.compare(net, X, y, epochs=0)


def test_full_batches_and_shuffling(digits):
    net, X, y = digits
    compared = nn.compare(net, X[:40], y[:40], batch_size=None, shuffle=True, seconds=SECONDS)
    assert compared.updates == 1
    assert max(row.difference for row in compared.rows) < 1e-12


def test_every_workload_of_the_command(capsys):
    names = [title.split(":")[0] for title, *_ in comparison.workloads()]
    assert names == ["XOR", "ten points", "spirals, 10,000 points", "digits, 1,797 images"]


def test_compare_writes_figures(tmp_path, capsys):
    path = tmp_path / "figures.json"
    assert main(["compare", "--seconds", "0.004", "--dtype", "float32", "--json", str(path)]) == 0
    figures = json.loads(path.read_text())
    assert figures["dtype"] == "float32"
    assert [table["title"] for table in figures["comparisons"]] == [
        title for title, *_ in comparison.workloads()
    ]
    out = capsys.readouterr().out
    assert all(out.count(f"  {level} ") == 4 for level in nn.levels.available())


def test_a_path_that_cannot_be_written_is_found_at_once(tmp_path, capsys):
    assert main(["compare", "--json", str(tmp_path / "missing" / "figures.json")]) == 2
    assert "missing" in capsys.readouterr().err
