"""The examples as their readers run them: standalone scripts, from any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nnfast as nn

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
MNIST = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"
FANN = MNIST.with_name("fann")


def run(name, *arguments, folder, **environment):
    """What the script prints; it must not warn."""
    result = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name, *arguments],
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "Agg", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert not result.stderr
    return result.stdout


def contains(text, *parts):
    """Whether the parts stand in the text, in this order."""
    for part in parts:
        assert part in text
        text = text[text.index(part) + len(part) :]
    return True


def test_perceptron(tmp_path):
    text = run("perceptron.py", folder=tmp_path)
    lines = text.splitlines()
    assert lines[1:5] == [
        "0 0     1    0     0",
        "0 1     1    1     0",
        "1 0     1    1     0",
        "1 1     0    0     1",
    ]
    decisions = [line.split() for line in lines[7:15]]
    assert [row[3] for row in decisions] == [row[2] for row in decisions]
    assert contains(
        text, "256 of 256 sums right", "AND  no errors after 5 epochs", "OR   no errors"
    )
    assert contains(text, "NAND no errors", "NOT  no errors", "XOR  did not converge")


def test_xor(tmp_path):
    assert contains(
        run("xor.py", folder=tmp_path),
        "epoch    0  loss 0.7627769105",
        "epoch 1000  loss 0.6835909759",
        "epoch 5000  loss 0.0932967248",
        "epoch 9000  loss 0.0186162560",
        "after 10000 epochs  loss 0.0147467385",
        *("0.00651708", "0.98655695", "0.98368417", "0.02221349"),
    )


def test_gates(tmp_path):
    text = run("gates.py", folder=tmp_path)
    assert contains(
        text,
        "[4.8   1.21  2.385]",
        "0  loss 0.6974000980",
        "1000  loss 0.6930442586",
        "5000  loss 0.6071259225",
        "9000  loss 0.3722016639",
        "[0.21373428 0.73236006 0.73248098 0.38244094] classes [0 1 1 0]",
        *(f"{name.upper()} " for name in nn.datasets.GATES),
        *("30\n", "110\n", "11\n", "151 parameters"),
        "AND after 500 epochs: [0. 0. 0. 1.]",
        "XOR after 1000 epochs: [0. 1. 1. 0.]",
    )
    assert text.count(" right") == len(nn.datasets.GATES)
    assert "wrong" not in text


def test_gates_plots_the_loss_when_asked(tmp_path):
    pytest.importorskip("matplotlib")
    run("gates.py", "--plot", "loss.png", folder=tmp_path, MPLCONFIGDIR=str(tmp_path))
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_gates_says_that_matplotlib_is_missing(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('not here')\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    text = run("gates.py", "--plot", "loss.png", folder=tmp_path, PYTHONPATH=path)
    assert contains(text, "No plot: History.plot needs matplotlib; install it", "every gate")
    assert not (tmp_path / "loss.png").exists()


def test_people(tmp_path):
    text = run("people.py", folder=tmp_path)
    assert contains(text, "0.9990889488055994", "0.7216325609518421", "everybody: 0.5\n")
    losses = [float(line.split()[-1]) for line in text.splitlines() if line.startswith("epoch")]
    assert len(losses) == 100
    assert losses[-1] < 0.01 < losses[0]
    anna, paul = (float(line.split()[-1]) for line in text.splitlines()[-2:])
    assert anna > 0.9
    assert paul < 0.1


def test_three_levels(tmp_path):
    text = run("three_levels.py", folder=tmp_path)
    for figures in (
        "hidden sums [1.288 1.974], activations [0.78380848 0.8780401 ]",
        "output sums [1.1187283  1.65109802], activations [0.75375275 0.8390394 ]",
        "error 0.21555442872820, output deltas [ 0.12134275 -0.00823287]",
        "hidden deltas [0.00930437 0.00709114]",
        "[0.08706692 0.18813692], [0.29014331 0.39095879], biases [0.49534781 0.11645443]",
        "[0.45244526 0.5467281 ], [0.7032265  0.80361439], biases [0.13932863 0.40411643]",
    ):
        assert text.count(figures) == 3
    errors = [line.split()[3:] for line in text.splitlines() if line.startswith("epoch")]
    assert len(errors) == 2 * 40
    assert all(len(row) == 3 and len(set(row)) == 1 for row in errors)
    assert text.count("10 of 10 right") == 6
    assert contains(text, "'accuracy': 1.0", "[0 0 0 0 0 1 1 1 1 1]")


def test_mnist(tmp_path):
    if not MNIST.is_dir():
        pytest.skip(f"no MNIST in {MNIST}")
    for options in ([], ["--cost", "cross-entropy", "--lambda", "5"]):
        text = run("mnist.py", str(MNIST), "--epochs", "1", *options, folder=tmp_path)
        first = next(line for line in text.splitlines() if line.startswith("epoch"))
        _, _, _, test, _, validation, seconds, _ = first.split()
        assert float(test.rstrip("%")) > 60  # at chance it is 10 %
        assert float(seconds) > 0
        assert f"best accuracy: test {test}, validation {validation}" in text


def test_fann_sets(tmp_path):
    if not FANN.is_dir():
        pytest.skip(f"no data of FANN in {FANN}")
    lines = run("fann_sets.py", str(FANN), "--seeds", "1", folder=tmp_path).splitlines()
    thyroid, mushroom, kin = (float(line.split()[3]) for line in lines)
    assert thyroid < 5  # 7.3 % is the error of always naming the largest class
    assert mushroom == 0
    assert kin < 0.2 * float(lines[2].split()[-1])


def test_to_c(tmp_path):
    lines = run("to_c.py", folder=tmp_path).splitlines()
    sizes = [int(line[16:24].replace(",", "")) for line in lines[1:]]
    assert sizes == sorted(sizes, reverse=True)
    assert lines[0].startswith("digits 64-32-10, network: 9")
    if shutil.which("cc") or shutil.which("gcc") or shutil.which("clang"):
        assert all(float(line[31:36]) > 95 for line in lines[1:])


def test_published_figures(tmp_path):
    """Of one start, on the problem that the methods solve soonest."""
    text = run("published_figures.py", "--runs", "1", folder=tmp_path)
    row = next(line for line in text.splitlines() if "10-5-10 iRprop-, steps up to 0.5" in line)
    assert row.split()[7:10] == ["1", "of", "1"]
    assert 10 < int(row.split()[10]) < 40
