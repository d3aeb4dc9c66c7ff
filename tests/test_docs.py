"""Every Python block of the pages in docs/ runs as it stands, one after the other."""

import os
import re
import warnings
from pathlib import Path

import pytest

from nnfast import TrainingWarning

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {
    page.name: re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for page in sorted(DOCS.glob("*.md"))
}
# the packages beside matplotlib that a page needs
NEEDS = {
    "data.md": ["pandas"],
    "exchange.md": ["keras", "onnx", "onnxruntime", "sklearn", "torch"],
    "scikit_learn.md": ["sklearn"],
}


@pytest.mark.parametrize("name", [name for name, blocks in PAGES.items() if blocks])
def test_blocks_run(name, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib").use("Agg")
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


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    text = (DOCS / name).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(((?!http|#)[^)]+)\)", text):
        assert (DOCS / link.split("#")[0]).exists(), link
