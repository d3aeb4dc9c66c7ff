"""What the README shows, works."""

import re
from pathlib import Path

import pytest

import nnfast as nn

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_ten_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(BLOCKS[0], {})
    out = capsys.readouterr().out
    assert "History(50 epochs" in out
    accuracy = float(re.search(r"'accuracy': ([0-9.]+)", out)[1])
    assert accuracy > 0.95
    assert (tmp_path / "digits.nnfast").exists()


def test_the_api_lines():
    X, y = nn.datasets.gate("xor")
    exec(BLOCKS[1].replace("10_000", "10"), {"nn": nn, "X": X, "y": y})


@pytest.mark.parametrize("link", re.findall(r"\]\(((?!http)[^)]+)\)", README))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()


@pytest.mark.parametrize("name", nn.__all__)
def test_every_public_name_is_documented(name):
    assert getattr(nn, name).__doc__ if not name.startswith("__") else True


@pytest.mark.parametrize("name", [n for n in nn.datasets.__all__ if n[0].islower()])
def test_every_data_set_is_named(name):
    assert f"`{name}" in README + (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
