"""What notebooks show: well-formed HTML without scripts, with everything in it escaped."""

import math
import xml.etree.ElementTree as ElementTree

import pytest

import nnfast as nn
from nnfast.comparison import Comparison, Timing

X, Y = nn.datasets.gate("xor")
SVG = "{http://www.w3.org/2000/svg}"


def page(thing):
    """The HTML of an object, read as XML."""
    text = thing._repr_html_()
    assert "<script" not in text
    assert "http" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    return ElementTree.fromstring(f"<body>{text}</body>")


def cells(root, tag="td"):
    return [["".join(cell.itertext()) for cell in row.iter(tag)] for row in root.iter("tr")]


def words(root):
    return " ".join(" ".join(root.itertext()).split())


def test_a_network_shows_its_layers():
    net = nn.Network([2, nn.Dense(4, "tanh", dropout=0.5), nn.Dense(1, bias=False)], level="numpy")
    root = page(net)
    assert cells(root)[1:] == [
        ["inputs", "(n, 2)", "", ""],
        ["dense 1, dropout 0.5", "(n, 4)", "tanh", "12"],
        ["dense 2, no bias", "(n, 1)", "sigmoid", "4"],
    ]
    assert "loss binary_cross_entropy, float32, level numpy, not trained" in words(root)
    assert "16 parameters, 64 bytes" in words(root)
    net.fit(X, Y, epochs=3, batch_size=2)
    assert "trained for 6 updates" in words(page(net))


def test_the_diagram_of_a_network():
    root = page(nn.Network([2, 4, 1], seed=0))
    assert len(list(root.iter(f"{SVG}circle"))) == 7
    assert len(list(root.iter(f"{SVG}line"))) == 12
    colours = {line.get("stroke") for line in root.iter(f"{SVG}line")}
    assert colours == {nn.drawing.NEGATIVE, nn.drawing.POSITIVE}
    large = page(nn.Network([784, 300, 10], seed=0))
    assert len(list(large.iter(f"{SVG}circle"))) == 3 * (6 + 3)
    assert len(list(large.iter(f"{SVG}line"))) == 72
    page(nn.Network([2, 1], init="zeros"))


def test_a_history_shows_numbers_and_curves():
    net = nn.Network([2, 4, 1], seed=0)
    records = net.fit(X, Y, epochs=500, validation_data=(X, Y), record="weights")
    root = page(records)
    (first, last, lowest, highest) = cells(root)[1][1:]
    losses = records["loss"]
    assert (first, last) == (f"{losses[0]:.4g}", f"{losses[-1]:.4g}")
    assert (lowest, highest) == (f"{min(losses):.4g}", f"{max(losses):.4g}")
    assert [row[0] for row in cells(root)[1:]] == ["loss", "val_loss"]
    assert "History of 500 epochs" in words(root)
    assert "All epochs are done: 500." in words(root)
    training, held_out = root.iter(f"{SVG}polyline")
    assert training.get("stroke-dasharray") is None
    assert held_out.get("stroke-dasharray")
    assert len(training.get("points").split()) == 200
    assert len(records._repr_html_()) < 12_000


@pytest.mark.parametrize(
    ("losses", "lines"),
    [
        ([], 0),
        ([0.5], 0),
        ([1.0, 1.0], 1),
        ([math.nan, math.nan], 0),
        ([1.0, math.inf, 0.5, math.nan], 1),
    ],
)
def test_every_history_can_be_shown(losses, lines):
    records = nn.History()
    records.add_losses(losses)
    root = page(records)
    assert len(list(root.iter(f"{SVG}polyline"))) == lines


def test_a_comparison_shows_its_table():
    rows = (Timing("python", 1.0, 8, 1e-9), Timing("numpy", 0.1, 8, 0.0))
    compared = Comparison("a < b & c", 8, 4, rows)
    root = page(compared)
    assert root.find(".//b").text == "a < b & c"
    assert cells(root)[1] == ["python", "1 s", "1", "0.1", "1.0e-09", "8"]
    assert [line.split()[0] for line in str(compared).splitlines()[2:4]] == ["python", "numpy"]


def test_texts_are_escaped():
    records = nn.History()
    records.add_losses([1.0, 0.5])
    for value in (1.0, 2.0):
        records.append({"<b>&": value})
    records.stop_reason = "loss < 1 & falling"
    root = page(records)
    assert "<b>&" in words(root)
    assert "loss < 1 & falling" in words(root)
