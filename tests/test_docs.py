"""Every Python block of the pages in docs/ runs as it stands, one after the other.

In a page that is a notebook, the blocks are its code cells.
"""

import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from nnfast import TrainingWarning

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"```(?:python|\{code-cell\})\n(?::.*\n)*(.*?)```", re.DOTALL)
TEXTS = {
    page.relative_to(DOCS).as_posix(): page.read_text(encoding="utf-8")
    for page in sorted(DOCS.glob("**/*.md"))
}
PAGES = {name: BLOCK.findall(text) for name, text in TEXTS.items()}
# the packages beside matplotlib that a page needs
NEEDS = {
    "data.md": ["pandas"],
    "exchange.md": ["keras", "onnx", "onnxruntime", "sklearn", "torch"],
    "scikit_learn.md": ["sklearn"],
}


@pytest.mark.parametrize("name", [name for name, blocks in PAGES.items() if blocks])
def test_blocks_run(name, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib").use("Agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "torch"))
    for package in NEEDS.get(name, ()):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        # some blocks go wrong on purpose, to show what is said
        warnings.simplefilter("ignore", TrainingWarning)
        warnings.simplefilter("ignore", DeprecationWarning)  # of Keras with torch itself
        for block in PAGES[name]:
            exec(compile(block, name, "exec"), names)
    pyplot.close("all")


def words_and_numbers(text):
    """What a command printed, without times, levels, which differ, and the marks of charts."""
    text = re.sub(r"\S+ s\.|level\W+\w+|\bo+\b", "", text)
    words = re.findall(r"[A-Za-z_]+", re.sub(r"\d[\d.e-]*", " ", text))
    return words, [float(number) for number in re.findall(r"\d+(?:\.\d+)?(?:e-\d+)?", text)]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_console_blocks_print_what_they_show(tmp_path):
    """Each line after "$" is a command, and the lines below are what it prints."""
    script = tmp_path / "nnfast"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nnfast "$@"\n')
    script.chmod(0o755)
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    text = (DOCS / "command_line.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    commands = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.M)[1:]]
    assert len(commands) > 10
    for part in commands:
        command, _, shown = part.partition("\n")
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        words, numbers = words_and_numbers(done.stdout)
        expected_words, expected = words_and_numbers(shown)
        assert words == expected_words, command
        # trainings round differently on levels without fused multiplications
        assert numbers == pytest.approx(expected, rel=0.05, abs=1e-6), command


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    for link in re.findall(r"\]\(((?!http|#)[^)]+)\)", TEXTS[name]):
        assert (DOCS / name).parent.joinpath(link.split("#")[0]).exists(), link
