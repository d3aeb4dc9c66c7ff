"""`python -m benchmarks.optimizers`: its table names every optimizer and starts all alike."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnfast.formulas import BATCH_METHODS, OPTIMIZERS

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.optimizers", *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_table_of_the_sine():
    pytest.importorskip("sklearn")
    result = run("--only", "sine", "--seeds", "1", "--seconds", "0.3")
    assert result.returncode == 0, result.stderr
    rows = [line.split("|") for line in result.stdout.splitlines() if line.startswith("|")]
    entries = {row[1].strip(): row[2].strip() for row in rows[2:]}
    peers = {f"scikit-learn {solver}" for solver in ("lbfgs", "adam", "sgd")}
    assert set(OPTIMIZERS) | set(BATCH_METHODS) | peers <= set(entries)
    assert entries["lbfgs"].endswith("1/1")
    assert entries["levenberg_marquardt"].endswith("1/1")
    assert entries["scikit-learn lbfgs"].endswith("1/1")
    assert sum("**" in entry for entry in entries.values()) == 1
    assert "- sine (50 rows, 1-10-1, to 0.0001): nnfast's " in result.stdout


def test_unknown_problem_and_missing_data(tmp_path):
    result = run("--only", "cosine", "--data", str(tmp_path))
    assert result.returncode == 2
    assert "no problem cosine; choose from sine, " in result.stderr
    assert "thyroid" not in result.stderr
