"""The types that a user's checker sees, and those of the compiled module."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import nnfast

PROGRAM = Path(__file__).parent / "typing_program.py"
ALLOWED = Path(__file__).parent / "stubtest_allowlist.txt"


def check(*command, folder):
    """Run a module of mypy on the nnfast that is imported here."""
    pytest.importorskip("mypy")
    environment = os.environ | {"MYPY_CACHE_DIR": str(folder / "cache")}
    package = Path(nnfast.__file__).parent
    if package.parent.name != "site-packages":
        environment |= {"MYPYPATH": str(package.parent), "PYTHONPATH": str(package.parent)}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_users_program(tmp_path):
    check("mypy", "--strict", PROGRAM, folder=tmp_path)


def test_the_program_runs(tmp_path):
    program = runpy.run_path(str(PROGRAM))
    follower = program["Follower"]()
    net, history = program["train"](follower)
    assert follower.last == 1
    assert program["use"](net, history, tmp_path) > 0


def test_the_stub_of_the_compiled_module(tmp_path):
    check("mypy.stubtest", "nnfast._core", "--allowlist", ALLOWED, folder=tmp_path)
