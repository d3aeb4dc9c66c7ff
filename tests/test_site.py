"""The site in docs/: its lists of pages, the code it includes, and the names it documents."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nnfast as nn

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {page.relative_to(DOCS): page.read_text(encoding="utf-8") for page in DOCS.glob("**/*.md")}
LISTS = [page for page in PAGES if page.name == "index.md"]
INCLUDE = re.compile(r"```\{literalinclude\} (\S+)\n(.*?)```", re.DOTALL)
INCLUDES = [(page, *found) for page, text in PAGES.items() for found in INCLUDE.findall(text)]
PARTS = ("datasets", "levels", "metrics", "plots", "sklearn")
MODULES = ["nnfast", *(f"nnfast.{part}" for part in PARTS)]


@pytest.mark.parametrize("page", LISTS, ids=str)
def test_lists_name_every_page(page):
    trees = re.findall(r"```\{toctree\}\n(.*?)```", PAGES[page], re.DOTALL)
    entries = re.findall(r"^(?:[^:\n<]+<)?([^:\n<>]+)>?$", "\n".join(trees), re.MULTILINE)
    folder = DOCS / page.parent
    pages = {path.stem for path in folder.glob("*.md")} - {"index"}
    folders = {f"{path.parent.name}/index" for path in folder.glob("*/index.md")}
    assert sorted(entries) == sorted(pages | folders)


@pytest.mark.parametrize(("page", "path", "options"), INCLUDES)
def test_included_code_is_there(page, path, options):
    source = (DOCS / page.parent / path).read_text(encoding="utf-8")
    markers = dict(re.findall(r'^:([\w-]+): *"?(.*?)"?$', options, re.MULTILINE))
    if "pyobject" in markers:
        for name in markers["pyobject"].split("."):
            assert re.search(rf"^ *(def|class) {name}\b", source, re.MULTILINE), name
    else:
        start, end = markers["start-at"], markers["end-before"]
        assert end in source.partition(start)[2], (start, end)


def documented():
    """The full names that the reference documents."""
    names = set()
    module = ""
    text = "".join(text for page, text in PAGES.items() if page.parent.name == "api")
    for directive, name, options in re.findall(r"\.\. (\w+):: (\S+)\n((?:   .*\n)*)", text):
        if directive in ("currentmodule", "automodule"):
            module = name
            if members := re.search(r":members:(.*)", options):
                listed = members[1].replace(",", " ").split()
                names |= {f"{module}.{n}" for n in listed or importlib.import_module(name).__all__}
        else:
            names.add(f"{module}.{name}")
    return names


def public():
    """The full names that the package offers."""
    for name in MODULES:
        module = pytest.importorskip(name)
        yield from (f"{name}.{n}" for n in getattr(module, "__all__", ()))
    yield from (f"nnfast.metrics.{name}" for name in nn.metrics.METRICS if "_k_" not in name)


def test_the_reference_has_every_public_name():
    missing = set(public()) - documented()
    assert {n for n in missing if n not in MODULES} == set()


def test_the_reference_has_no_other_name():
    for name in documented():
        module, _, attribute = name.rpartition(".")
        assert hasattr(pytest.importorskip(module), attribute), name


def test_the_site_builds_without_a_warning(tmp_path):
    """The notebooks of the tutorial are run by Jupyter's kernel, without a screen."""
    for package in ("furo", "myst_nb", "sklearn"):
        pytest.importorskip(package)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    folders = ["-d", str(tmp_path / "doctrees"), str(DOCS), str(tmp_path / "site")]
    result = subprocess.run([*command, *folders], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "site" / "index.html").exists()
