"""One update written out: every number against the levels, every equation against itself."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

import nnfast as nn
from nnfast.arithmetic.boxes import columns
from nnfast.arithmetic.quantities import Derivative, Symbol, evaluate, statements
from nnfast.formulas import ACTIVATIONS, LOSSES, OPTIMIZERS, losses_for

POINTS = [-3.1, -0.7, 0.5, 2.2]  # none at a kink
CLOSE = {"rtol": 1e-9, "atol": 1e-12}
PAGE = Path(__file__).parents[1] / "docs" / "walkthrough.md"


def value_of(program, numbers):
    """The value of a formula of `nnfast.formulas`, and of everything it assigns."""
    numbers = dict(numbers)
    for name, formula in statements(program):
        numbers[name] = evaluate(formula, numbers)
    return numbers


# ---- the formulas of the tables -----------------------------------------------------------------


@pytest.mark.parametrize("z", POINTS)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_textbook_formula_of_an_activation_is_the_one_that_is_computed(name, z):
    f = ACTIVATIONS[name]
    if f.normalise:
        S = math.exp(z) + math.exp(0.3)
        assert value_of(f.formula, {"z": z, "S": S})[""] == pytest.approx(
            f.value(z - math.log(S), math), rel=1e-12
        )
        return
    a = f.value(z, math)
    assert value_of(f.formula, {"z": z})[""] == pytest.approx(a, rel=1e-12)
    slope = value_of(f.slope_formula, {"z": z, "a": a})[""]
    assert slope == pytest.approx(float(f.slope(z if f.needs_z else a, math)), rel=1e-12)


@pytest.mark.parametrize("y", [0.0, 1.0])
@pytest.mark.parametrize("z", POINTS)
@pytest.mark.parametrize("name", LOSSES)
def test_textbook_formula_of_a_loss_is_the_one_that_is_computed(name, z, y):
    loss = LOSSES[name]
    f = ACTIVATIONS[loss.paired or (loss.outputs or ["sigmoid"])[0]]
    if f.normalise:
        z = z - math.log(math.exp(z) + math.exp(0.3))
    a = f.value(z, math)
    numbers = {"z": z, "a": a, "y": y}
    assert value_of(loss.formula, numbers)[""] == pytest.approx(
        loss.value(z, a, y, math), rel=1e-9, abs=1e-15
    )
    assert value_of(loss.delta_formula, numbers)[""] == pytest.approx(
        loss.delta(z, a, y, math), rel=1e-9, abs=1e-15
    )


@pytest.mark.parametrize("distance", [-2.5, -0.2, 0.4, 3.0])
@pytest.mark.parametrize("name", ["huber", "mean_absolute_error", "log_cosh"])
def test_textbook_formula_of_a_loss_has_every_case(name, distance):
    loss, numbers = LOSSES[name], {"z": 0.0, "a": distance, "y": 0.0}
    assert value_of(loss.formula, numbers)[""] == pytest.approx(
        loss.value(0.0, distance, 0.0, math)
    )
    assert value_of(loss.delta_formula, numbers)[""] == pytest.approx(
        loss.delta(0.0, distance, 0.0, math)
    )


def test_every_entry_is_written_out():
    for f in ACTIVATIONS.values():
        assert f.formula
        assert f.slope_formula or f.normalise
    assert all(loss.formula and loss.delta_formula for loss in LOSSES.values())
    assert all(kind().formula for kind in OPTIMIZERS.values())


# ---- the articles' example ----------------------------------------------------------------------


def example(digits=8):
    """The 2-2-2 network of docs/walkthrough.md, written out."""
    net = nn.Network([2, 2, 2], loss="quadratic", dtype="float64")
    hidden, output = ([[0.1, 0.3], [0.2, 0.4]], [0.5, 0.12]), ([[0.5, 0.7], [0.6, 0.8]], [0.2, 0.4])
    net.set_weights([hidden, output])
    return nn.walkthrough(net, [2.78, 2.55], [0.1, 0.9], optimizer=nn.SGD(0.5), digits=digits)


FIGURES = """1.288 1.974 0.78380848 0.8780401 1.1187283 1.65109802 0.75375275 0.8390394
    0.12134275 −0.00823287 0.00930437 0.00709114 0.45244526 0.5467281 0.7032265 0.80361439
    0.13932863 0.40411643 0.08706692 0.18813692 0.29014331 0.39095879 0.49534781 0.11645443"""


def test_published_figures_appear_digit_for_digit():
    w = example()
    shown = [re.findall(r"−?[\d.]+", text.replace("-", "−")) for text in (str(w), w.to_markdown())]
    page = re.sub(r"<style>.*?</style>", "", w.to_html(), flags=re.DOTALL)
    for figure in FIGURES.split():
        assert all(figure in numbers for numbers in shown)
        assert f">{figure}<" in page
    assert w.loss == pytest.approx(0.21555442872820105, rel=1e-14)
    assert "0.215554428728201 " in str(w)


def test_the_documented_text_is_the_one_that_is_printed():
    assert f"```text\n{example()}\n```" in PAGE.read_text(encoding="utf-8")


# ---- every number against the levels ------------------------------------------------------------


def network(hidden, output, loss, level="python", seed=1, **options):
    net = nn.Network(
        [2, nn.Dense(3, hidden), nn.Dense(2, output)],
        loss=loss,
        dtype="float64",
        bias_init="uniform",
        seed=seed,
        level=level,
        **options,
    )
    if "exponential" in (hidden, output):
        net.parameters[:] /= 4
    return net


def rows(loss, count=2, seed=3):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((count, 2))
    kind = LOSSES[loss].targets
    y = rng.random((count, 2)) if kind in ("unit", "positive") else rng.standard_normal((count, 2))
    if kind in ("binary", "distribution"):
        y = np.eye(2)[rng.integers(0, 2, count)]
    return X, y


@pytest.fixture
def in_turn(ending):
    """(hidden activation, activation of the last layer, loss): fewer than the pairings."""
    output, loss = ending
    names = list(ACTIVATIONS)
    turn = 7 * names.index(output) + 3 * list(LOSSES).index(loss)
    return names[turn % len(names)], output, loss


def quantities(w, letter, layer=None, section=""):
    """Values of the equations for a letter of a layer, in the sections of this title."""
    return [
        e.result
        for part in w.sections
        if section in part.title
        for step in part.steps
        for e in step.equations
        if isinstance(e.symbol, Symbol) and (e.symbol.letter, e.symbol.layer) == (letter, layer)
    ]


def test_numbers_are_those_of_the_levels(pairing):
    for level in ("python", "numpy", "fastest"):
        net = network(*pairing, level=level)
        X, y = rows(pairing[-1])
        w = nn.walkthrough(net, X, y, nn.SGD(0.1))
        loss, gradient = net.loss_and_gradient(X, y)
        assert w.loss == pytest.approx(loss, rel=1e-9, abs=1e-12)
        np.testing.assert_allclose(w.gradient, gradient, **CLOSE)
        activations = net.activations(X)
        for r in range(2):
            section = f"Forward pass, row {r + 1} of 2"
            for layer in (1, 2):
                shown = quantities(w, "a", layer, section)
                np.testing.assert_allclose(shown, activations[layer - 1][r], **CLOSE)
            # dE/db of a row alone is its delta
            _, own = net.loss_and_gradient(X[[r]], y[[r]])
            slopes = net.architecture.views(own)
            for layer in (1, 2):
                shown = quantities(w, "δ", layer, f"Backward pass, row {r + 1} of 2")
                np.testing.assert_allclose(shown, slopes[layer - 1][1], **CLOSE)
        trained = net.copy()
        trained.fit(X, y, optimizer=nn.SGD(0.1), shuffle=False)
        np.testing.assert_allclose(w.parameters, trained.parameters, **CLOSE)
        assert w.loss_after == pytest.approx(trained.evaluate(X, y)["loss"], rel=1e-9, abs=1e-12)


def test_every_equation_holds(in_turn):
    """The formula, with the numbers that stand in it, gives the result."""
    w = nn.walkthrough(network(*in_turn), *rows(in_turn[-1]), nn.Adam(0.1))
    equations = [e for step in w.steps for e in step.equations if e.formula]
    for e in equations:
        assert evaluate(e.formula, e.numbers) == pytest.approx(e.result, rel=1e-9, abs=1e-14)


def test_a_symbol_means_one_number(in_turn):
    """In a row a quantity has one value wherever it stands."""
    w = nn.walkthrough(network(*in_turn), *rows(in_turn[-1], count=1), nn.SGD(0.1))
    values = {}
    for step in w.steps:
        for e in step.equations:
            for quantity in (*e.terms.values(), *([] if e.assigned else [e.quantity])):
                assert values.setdefault(quantity.symbol, quantity.value) == quantity.value


def test_texts_are_well_formed(in_turn):
    w = nn.walkthrough(network(*in_turn), *rows(in_turn[-1]), nn.Nadam())
    lines = str(w).splitlines()
    assert max(map(columns, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)
    markdown = w.to_markdown()
    assert markdown.count("{") == markdown.count("}")
    assert markdown.count(r"\left(") == markdown.count(r"\right)")
    assert markdown.split("\n").count("$$") % 2 == 0
    assert not re.search(r"\^\{[^{}]*\}\^", markdown)
    ElementTree.fromstring(w._repr_html_())
    for text in (str(w), markdown, w.to_html()):
        assert not re.search(r"\b(None|nan|inf|Symbol)\b", text)


# ---- the optimizers -----------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["python", "numpy", "fastest"])
def test_optimizer_goes_on_from_a_fit(optimizer, level):
    X, y = rows("mean_squared_error", count=3)
    net = network("tanh", "linear", "mean_squared_error", level)
    settings = {"batch_size": None, "shuffle": False}
    net.fit(X, y, epochs=3, optimizer=optimizer, **settings)
    w = nn.walkthrough(net, X, y)
    net.fit(X, y, **settings)
    np.testing.assert_allclose(w.parameters, net.parameters, **CLOSE)
    np.testing.assert_allclose(w.slots, net.training_state.slots, rtol=1e-9, atol=1e-15)
    for e in (e for step in w.steps for e in step.equations if e.formula):
        assert evaluate(e.formula, e.numbers) == pytest.approx(e.result, rel=1e-9, abs=1e-14)


def test_optimizer_starts_afresh(in_turn, optimizers):
    optimizer = optimizers[sum(map(len, in_turn)) % len(optimizers)]
    net = network(*in_turn)
    X, y = rows(in_turn[-1])
    net.fit(X, y, optimizer=nn.RMSprop())
    w = nn.walkthrough(net, X, y, optimizer)
    net.fit(X, y, optimizer=optimizer)
    np.testing.assert_allclose(w.parameters, net.parameters, **CLOSE)
    np.testing.assert_allclose(w.slots, net.training_state.slots, rtol=1e-9, atol=1e-15)


def test_state_is_read_from_the_formula(optimizer):
    w = nn.walkthrough(network("tanh", "linear", None), [1, 2], [3, 4], optimizer)
    assert w.slots.shape == (optimizer.slots, len(w.parameters))


@pytest.mark.parametrize("name", nn.formulas.SCHEDULES)
def test_schedule(name):
    schedule = nn.formulas.SCHEDULES[name](0.2)
    net = network("tanh", "linear", "mean_squared_error")
    X, y = rows("mean_squared_error")
    net.fit(X, y, epochs=4, optimizer=nn.SGD(schedule, momentum=0.5))
    w = nn.walkthrough(net, X, y)
    assert repr(schedule) in " ".join(str(w).split())
    net.fit(X, y)
    np.testing.assert_allclose(w.parameters, net.parameters, **CLOSE)


@pytest.mark.parametrize("rules", [{"l1": 0.1}, {"l2": 0.2}, {"l1": 0.1, "l2": 0.2}])
@pytest.mark.parametrize("count", [1, 2])
def test_penalties(rules, count):
    net = network("tanh", "sigmoid", "binary_cross_entropy", **rules)
    X, y = rows("binary_cross_entropy", count)
    w = nn.walkthrough(net, X, y, nn.Adam(0.1))
    objective, gradient = net.loss_and_gradient(X, y)
    assert quantities(w, "J") == [pytest.approx(objective, rel=1e-12)]
    np.testing.assert_allclose(w.gradient, gradient, **CLOSE)
    net.fit(X, y, optimizer=nn.Adam(0.1))
    np.testing.assert_allclose(w.parameters, net.parameters, **CLOSE)


def test_penalty_of_one_layer():
    net = nn.Network([2, nn.Dense(2, l2=0.3), 1], dtype="float64", seed=0)
    w = nn.walkthrough(net, [1.0, 2.0], [1.0], nn.SGD(0.1))
    assert quantities(w, "J") == [pytest.approx(net.loss_and_gradient([[1.0, 2.0]], [1.0])[0])]
    np.testing.assert_allclose(w.gradient, net.loss_and_gradient([[1.0, 2.0]], [1.0])[1], **CLOSE)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    "scalers",
    [
        {"input_scaler": "standard"},
        {"output_scaler": "standard"},
        {"input_scaler": "minmax", "output_scaler": "standard"},
    ],
)
def test_scaled_inputs_and_targets(scalers, count):
    net = network("tanh", "linear", "mean_squared_error", **scalers)
    X, y = rows("mean_squared_error", count=8)
    X, y = 3 + 2 * X, 5 - 3 * y
    net.fit(X, y, optimizer=nn.SGD(0.1))
    w = nn.walkthrough(net, X[:count], y[:count])
    text = str(w)
    assert ("shiftᵣ₁" in text) == (net.input_scaler is not None)
    assert ("shiftₜ₁" in text) == (net.output_scaler is not None)
    loss, gradient = net.loss_and_gradient(X[:count], y[:count])
    assert w.loss == pytest.approx(loss, rel=1e-9)
    np.testing.assert_allclose(w.gradient, gradient, **CLOSE)
    net.fit(X[:count], y[:count])
    np.testing.assert_allclose(w.parameters, net.parameters, **CLOSE)


def test_scalers_that_are_not_fitted_are_refused():
    net = nn.Network([2, 1], input_scaler="standard")
    with pytest.raises(ValueError, match="not fitted"):
        nn.walkthrough(net, [1, 2], [1])


def test_labels_that_the_network_knows():
    net = nn.Network([2, nn.Dense(3, "softmax")], classes=["a", "b", "c"], dtype="float64", seed=0)
    assert str(nn.walkthrough(net, [1, 2], "b")) == str(nn.walkthrough(net, [1, 2], [0, 1, 0]))


# ---- all kinds of networks ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "layers",
    [
        [1, 1],
        [2, nn.Dense(1, "step")],
        [3, nn.Dense(2, bias=False)],
        [2, nn.Dense(2, bias=False), nn.Dense(3, "softmax", bias=False)],
        [2, 2, 2, 2, 1],
        [12, 11, 1],
        [2, nn.Dense(3, "softmax"), nn.Dense(2, "softmax")],
        [1, 15, nn.Dense(3, "linear")],
    ],
)
def test_shapes(layers):
    net = nn.Network(layers, dtype="float64", seed=0)
    x = np.linspace(-1, 1, net.sizes[0])
    y = np.zeros(net.sizes[-1])
    y[0] = 1
    w = nn.walkthrough(net, x, y, nn.SGD(0.1))
    _, gradient = net.loss_and_gradient([x], [y])
    np.testing.assert_allclose(w.gradient, gradient, **CLOSE)
    assert max(map(columns, str(w).splitlines())) <= 80
    ElementTree.fromstring(w._repr_html_())
    shown = [g for part in w.sections for g in part.steps for g in g.matrices]
    assert sum(len(m.rows) * len(m.rows[0]) for m in shown) == 2 * len(net.parameters)


def test_new_weights_fit_into_a_network():
    w = example()
    net = nn.Network([2, 2, 2], loss="quadratic", dtype="float64")
    net.set_weights(w.weights)
    assert net.evaluate([[2.78, 2.55]], [[0.1, 0.9]])["loss"] == pytest.approx(w.loss_after)


def test_class_labels_and_one_row_without_brackets():
    net = nn.Network([2, nn.Dense(3, "softmax")], dtype="float64", seed=0)
    single = nn.walkthrough(net, [1.0, 2.0], [0, 1, 0])
    labels = nn.walkthrough(net, [[1.0, 2.0]], [1])
    assert str(single) == str(labels)
    scalar = nn.Network([2, 1], dtype="float64", seed=0)
    assert str(nn.walkthrough(scalar, [1, 2], 1)) == str(nn.walkthrough(scalar, [[1, 2]], [1]))


def test_float32_is_written_in_float64():
    net = nn.Network([2, 2, 1], seed=0)
    w = nn.walkthrough(net, [0.1, 0.2], [1.0], nn.SGD(0.5))
    assert w.parameters.dtype == "float64"
    net.fit([[0.1, 0.2]], [1.0], optimizer=nn.SGD(0.5))
    np.testing.assert_allclose(w.parameters, net.parameters, rtol=1e-5)


def test_saturated_units_are_written_as_they_are_computed():
    net = nn.Network([1, 2, nn.Dense(2, "softmax")], dtype="float64", seed=0)
    net.parameters[:] = 900 * np.sign(net.parameters)
    w = nn.walkthrough(net, [1.0], [0.0, 1.0], nn.SGD(0.1))
    assert w.loss == pytest.approx(net.loss_and_gradient([[1.0]], [[0.0, 1.0]])[0])
    for text in (str(w), w.to_markdown(), w.to_html()):
        assert "nan" not in text


def test_numbers_beyond_a_float_are_refused():
    net = nn.Network([1, nn.Dense(1, "linear")], dtype="float64", seed=0)
    net.parameters[:] = 1e200
    with pytest.raises(nn.DivergenceError, match="too large"):
        nn.walkthrough(net, [1e100], [0.0])


# ---- the network stays, and what is refused -----------------------------------------------------


def test_network_is_not_changed():
    net = network("tanh", "linear", None)
    X, y = rows("mean_squared_error")
    net.fit(X, y, optimizer="adam")
    before, state = net.parameters.copy(), net.training_state.copy()
    nn.walkthrough(net, X, y, nn.SGD(0.5))
    nn.walkthrough(net, X, y)
    np.testing.assert_array_equal(net.parameters, before)
    np.testing.assert_array_equal(net.training_state.slots, state.slots)
    assert net.training_state.step == state.step
    assert net.optimizer == nn.Adam()


@pytest.mark.parametrize(
    ("layers", "options", "message"),
    [
        ([20, 10, 1], {}, "221 parameters"),
        ([2, nn.Dense(2, dropout=0.5), 1], {}, "dropout"),
        ([2, 1], {"input_noise": 0.1}, "input noise"),
        ([2, 1], {"max_norm": 1.0}, "max_norm"),
        ([2, nn.Dense(2, trainable=False), 1], {}, "frozen"),
        ([2, nn.Dense(2, learning_rate_factor=2), 1], {}, "learning_rate_factor"),
    ],
)
def test_what_is_not_written_out(layers, options, message):
    net = nn.Network(layers, seed=0, **options)
    with pytest.raises(ValueError, match=message):
        nn.walkthrough(net, np.zeros((1, net.sizes[0])), [1.0])


def test_frozen_parameters_are_refused():
    net = nn.Network([2, 1], seed=0)
    net.freeze([(False, True)])
    with pytest.raises(ValueError, match="frozen"):
        nn.walkthrough(net, [1, 2], [1])


@pytest.mark.parametrize("method", nn.formulas.BATCH_METHODS)
def test_batch_methods_are_refused(method):
    with pytest.raises(ValueError, match="batch method"):
        nn.walkthrough(nn.Network([2, 1]), [1, 2], [1], method)


def test_arguments():
    net = nn.Network([2, 1], seed=0)
    with pytest.raises(ValueError, match="17 rows"):
        nn.walkthrough(net, np.zeros((17, 2)), np.zeros(17))
    with pytest.raises(ValueError, match="expected"):
        nn.walkthrough(net, [1, 2, 3], [1])
    with pytest.raises(TypeError, match="digits"):
        nn.walkthrough(net, [1, 2], [1], digits=2.5)
    with pytest.raises(ValueError, match="unknown optimizer"):
        nn.walkthrough(net, [1, 2], [1], "adama")


# ---- showing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", [1, 3, 15])
def test_digits(digits):
    text = str(example(digits))
    assert f"{0.7838084760518595:.{digits}f}".rstrip("0") in text
    assert max(map(columns, text.splitlines())) <= 80


@pytest.mark.parametrize("suffix", [".txt", ".md", ".html"])
def test_save(tmp_path, suffix):
    w = example()
    path = tmp_path / f"update{suffix}"
    w.save(path)
    text = path.read_text(encoding="utf-8")
    assert "0.08706692" in text
    assert text == {".txt": str(w), ".md": w.to_markdown(), ".html": w.to_html()}[suffix] + "\n"


def test_save_knows_its_suffixes(tmp_path):
    with pytest.raises(ValueError, match=r"\.txt, \.md, \.html"):
        example().save(tmp_path / "update.pdf")


def test_save_leaves_no_half_of_a_file(tmp_path, monkeypatch):
    def full(handle):
        raise OSError("the disk is full")

    path = tmp_path / "update.txt"
    path.write_text("old", encoding="utf-8")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="cannot save: the disk is full"):
        example().save(path)
    assert path.read_text(encoding="utf-8") == "old"


def test_html_is_complete_in_itself():
    page = example().to_html()
    assert page.startswith("<!DOCTYPE html>")
    for outside in ("<script", "http", "<link", "<img", "@import", "url("):
        assert outside not in page


def test_what_is_explained_is_explained_once():
    X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    w = nn.walkthrough(nn.Network([2, 4, 1], seed=0), X, y, nn.SGD(0.1))
    told = [s.explanation for part in w.sections for s in (part, *part.steps) if s.explanation]
    assert len(told) == len(set(told))


def test_repr_is_short():
    assert repr(example()).startswith("<Walkthrough One update of a 2-2-2 network by SGD on one")


def test_derivatives_are_named_by_their_parameter():
    w = example()
    by = [
        e.symbol.bottom
        for e in (e for step in w.steps for e in step.equations)
        if isinstance(e.symbol, Derivative) and e.symbol.bottom.letter == "w"
    ]
    assert by[0] == Symbol("w", 2, (1, 1))
    assert len(by) == 8


def test_it_is_imported_when_it_is_called():
    code = "import sys, nnfast; sys.exit('nnfast.arithmetic.composition' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_losses_go_with_their_outputs():
    """The test's own choice of an output for each loss."""
    for name, loss in LOSSES.items():
        assert name in losses_for(loss.paired or (loss.outputs or ["sigmoid"])[0])
