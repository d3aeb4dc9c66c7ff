"""The examples in public docstrings run: indented blocks that are Python, and doctests."""

import ast
import doctest
import inspect
import re

import numpy as np
import pytest

import nnfast as nn

MODULES = [nn, nn.datasets, nn.levels, nn.metrics, nn.plots]


def public_objects():
    """(name, object) of every public class and function, and of their public methods."""
    for module in MODULES:
        for name in getattr(module, "__all__", vars(module)):
            subject = getattr(module, name)
            if not getattr(subject, "__module__", "").startswith("nnfast"):
                continue
            yield name, subject
            if inspect.isclass(subject):
                for member, value in inspect.getmembers(subject):
                    if member[0] != "_" and (
                        inspect.isroutine(value) or inspect.isdatadescriptor(value)
                    ):
                        yield f"{name}.{member}", value


def is_python(text):
    """Whether a text is a program: formulas with arrows are none, nor are single words."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except SyntaxError:
        return False
    return any(isinstance(node, (ast.Call, ast.Assign)) for node in nodes)


def examples(docstring):
    """Blocks of code: indented, after an empty line; and the source of doctests."""
    yield from (example.source for example in doctest.DocTestParser().get_examples(docstring))
    for block in re.findall(r"\n\n((?:    .*\n|\n)+)", inspect.cleandoc(docstring) + "\n"):
        text = inspect.cleandoc(block)
        if is_python(text):
            yield text


EXAMPLES = [
    pytest.param(text, id=name)
    for name, subject in dict(public_objects()).items()
    for text in examples(inspect.getdoc(subject) or "")
]


def test_there_are_examples():
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("text", EXAMPLES)
def test_example_runs(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).uniform(size=(20, 784))
    names = {name: getattr(nn, name) for name in nn.__all__}
    names |= {"nn": nn, "X": X, "X_test": X, "Z": X, "y": np.arange(20) % 10}
    names["net"] = nn.Network([2, 2, 2])
    exec(compile(text, "docstring", "exec"), names)
