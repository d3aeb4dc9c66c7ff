"""What is installed: its metadata and its files."""

import re
from importlib import metadata
from pathlib import Path

import pytest

import nnfast as nn

try:
    DISTRIBUTION = metadata.distribution("nnfast")
except metadata.PackageNotFoundError:
    pytest.skip("nnfast is imported, but not installed", allow_module_level=True)

ROOT = Path(__file__).parents[1]
PACKAGE = Path(nn.__file__).parent
FILES = {str(path).replace("\\", "/") for path in DISTRIBUTION.files}
EXTRAS = set(DISTRIBUTION.metadata.get_all("Provides-Extra"))


def test_one_version():
    assert DISTRIBUTION.version == nn.__version__ == nn.info()["version"]
    assert f"## {nn.__version__}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_numpy_is_all_that_is_required():
    required = [text for text in DISTRIBUTION.requires if "extra ==" not in text]
    assert [re.match(r"[\w-]+", text)[0] for text in required] == ["numpy"]


def test_metadata():
    fields = DISTRIBUTION.metadata
    assert fields["Requires-Python"] == ">=3.10"
    assert fields["License-Expression"] == "MIT AND CC-BY-4.0"
    assert "Typing :: Typed" in fields.get_all("Classifier")
    assert {entry.name for entry in DISTRIBUTION.entry_points} == {"nnfast"}
    (command,) = DISTRIBUTION.entry_points
    assert callable(command.load())


@pytest.mark.skipif("nnfast/__init__.py" not in FILES, reason="an editable installation")
def test_files():
    belongs = r"nnfast/|nnfast-[^/]*\.dist-info/|nnfast\.libs/|(\.\./)*(bin|Scripts)/nnfast"
    assert [name for name in FILES if not re.match(belongs, name)] == []
    not_for_users = r"(^|/)(tests?[_/]|conftest)|\.(cpp|h|o|a)$"
    assert [name for name in FILES if re.search(not_for_users, name)] == []
    licences = [name for name in FILES if "/licenses/" in name]
    assert sorted(Path(name).name for name in licences) == ["LICENSE", "README.md"]


def test_every_file_of_the_package_is_installed():
    """Types and data as well."""
    tree = ROOT / "python" / "nnfast"
    names = {p.relative_to(tree) for p in tree.rglob("*") if p.is_file()}
    names = {n for n in names if "__pycache__" not in n.parts and n.suffix not in (".so", ".pyd")}
    assert {Path("py.typed"), Path("_core.pyi")} <= names
    assert [name for name in sorted(names) if not (PACKAGE / name).exists()] == []


def test_every_extra_that_the_package_names_exists():
    sources = "\n".join(p.read_text(encoding="utf-8") for p in PACKAGE.rglob("*.py"))
    named = set(re.findall(r'extra="(\w+)"|nnfast\[(\w+)\]', sources))
    assert {a or b for a, b in named} <= EXTRAS
