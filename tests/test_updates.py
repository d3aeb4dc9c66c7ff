"""What bends an update: weights of rows, penalties, dropout, noise, clipping, factors, max-norm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nnfast
from nnfast import Dense, Network, levels
from nnfast.formulas import SGD, Adam
from nnfast.levels.compiled import SUPPORTED
from nnfast.levels.contract import Control, Regularization
from nnfast.levels.numpy_arrays import Noise, shuffled

FUSED = [name for name in SUPPORTED if SUPPORTED[name] and name != "baseline"]
SIZES, COUNT, ROWS, BATCH = (3, 5, 4, 2), 3 * 5 + 5 + 5 * 4 + 4 + 4 * 2 + 2, 11, 4
FACTORS = np.resize([1.0, 0.0, 0.5, 1.0, 2.0], COUNT)


def rules(**changes):
    """The same for both hidden layers, but no dropout of the last layer."""
    last = {k: v for k, v in changes.items() if k != "dropout"}
    return {"regularization": (Regularization(**changes),) * 2 + (Regularization(**last),)}


# {name: (changes of the architecture, of the control, of the sample weights)}
TWISTS = {
    "nothing": ({}, {}, False),
    "sample weights": ({}, {}, True),
    "l1": (rules(l1=0.01), {}, False),
    "l2": (rules(l2=0.1), {}, False),
    "max norm": (rules(max_norm=0.5), {}, False),
    "dropout": (rules(dropout=0.4), {}, False),
    "input dropout": ({"input_dropout": 0.3}, {}, False),
    "input noise": ({"input_noise": 0.2}, {}, False),
    "rates": ({}, {"rates": np.linspace(0.1, 0.01, 6)}, False),
    "clip value": ({}, {"clip_value": 0.01}, False),
    "clip norm": ({}, {"clip_norm": 0.02}, False),
    "factors": ({}, {"factors": FACTORS}, False),
    "all": (
        rules(l1=0.01, l2=0.1, max_norm=0.9, dropout=0.4)
        | {"input_dropout": 0.1, "input_noise": 0.2},
        {
            "rates": np.linspace(0.1, 0.01, 6),
            "clip_value": 0.1,
            "clip_norm": 0.2,
            "factors": FACTORS,
        },
        True,
    ),
}


@pytest.fixture(params=TWISTS)
def twist(request):
    return request.param


def twisted(problem, twist, dtype="float64", sizes=SIZES, rows=ROWS):
    """(the case, its control)"""
    architecture, control, weighted = TWISTS[twist]
    case = problem(sizes, ("tanh", "sigmoid", "softmax"), "cross_entropy", rows=rows, dtype=dtype)
    case.architecture = replace(case.architecture, **architecture)
    if weighted:
        case.sample_weight = np.linspace(0, 2, rows).astype(dtype)
    if "factors" in control:
        factors = np.resize(control["factors"], len(case.parameters)).astype(dtype)
        control = control | {"factors": factors}
    return case, Control(**control)


# Levels against each other


@pytest.mark.parametrize("optimizer", [SGD(0.1), SGD(0.05, momentum=0.9), Adam(0.01)], ids=repr)
def test_levels_agree(problem, level, twist, optimizer):
    case, control = twisted(problem, twist)
    options = {"calls": (1,), "batch_size": BATCH, "control": control}
    if control.rates is not None:
        options["control"] = replace(control, rates=control.rates[:3])
    expected, state, losses = case.train("numpy", optimizer, **options)
    got, got_state, got_losses = case.train(level, optimizer, **options)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(got_state.slots, state.slots, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(got_losses, losses, rtol=1e-12)
    assert not np.array_equal(got, case.parameters)


def test_levels_agree_on_many_rows(problem, compiled_level, twist):
    """Large batches of narrow networks have kernels of their own."""
    case, control = twisted(problem, twist, rows=700)
    if control.rates is not None:
        control = replace(control, rates=control.rates[:3])
    options = {"calls": (1,), "batch_size": 300, "control": control}
    expected, state, losses = case.train("numpy", Adam(0.01), **options)
    got, got_state, got_losses = case.train(compiled_level, Adam(0.01), **options)
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(got_state.slots, state.slots, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(got_losses, losses, rtol=1e-12)
    loss, gradient = case.loss_and_gradient(compiled_level)
    expected_loss, expected_gradient = case.loss_and_gradient("numpy")
    assert loss == pytest.approx(expected_loss, rel=1e-13)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-11, atol=1e-14)


def test_every_twist_shows(problem, twist):
    case, control = twisted(problem, twist)
    plain, _ = twisted(problem, "nothing")
    options = {"calls": (2,), "batch_size": BATCH}
    got, _, _ = case.train("numpy", SGD(0.1), control=control, **options)
    expected, _, _ = plain.train("numpy", SGD(0.1), **options)
    assert np.array_equal(got, expected) == (twist == "nothing")


def test_the_objective_agrees(problem, level, twist):
    case, _ = twisted(problem, twist)
    loss, gradient = case.loss_and_gradient(level)
    expected, expected_gradient = case.loss_and_gradient("numpy")
    assert loss == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-12, atol=1e-15)


def test_the_objective_by_finite_differences(problem, level, twist):
    case, _ = twisted(problem, twist)
    _, gradient = case.loss_and_gradient(level)
    at, h = case.parameters.copy(), 1e-6
    for k in range(len(at)):
        sides = []
        for sign in (1, -1):
            case.parameters = at.copy()
            case.parameters[k] += sign * h
            sides.append(case.loss_and_gradient(level)[0])
        assert gradient[k] == pytest.approx((sides[0] - sides[1]) / (2 * h), rel=1e-6, abs=1e-8)


def test_the_loss_is_without_penalties(problem, level):
    case, _ = twisted(problem, "all")
    plain = replace(case.architecture, regularization=())
    X, Y, weights = case.X, case.Y, case.sample_weight
    loss = case.on(level).loss(case.parameters, X, Y, weights)
    expected, _ = levels.LEVELS["numpy"](plain).loss_and_gradient(case.parameters, X, Y, weights)
    assert loss == pytest.approx(expected, rel=1e-13)
    assert loss < case.loss_and_gradient(level)[0]


# Bits


@pytest.mark.skipif(len(FUSED) < 2, reason="this processor has one fused level")
@pytest.mark.parametrize("sizes", [SIZES, (70, 60, 33, 3)], ids=str)
def test_fused_levels_give_the_same_bits(problem, twist, dtype, sizes):
    case, control = twisted(problem, twist, dtype, sizes, rows=600)
    options = {"calls": (1,), "batch_size": 300}
    if control.rates is not None:
        control = replace(control, rates=control.rates[:2])
    expected = case.train(FUSED[0], Adam(0.01), control=control, **options)
    for level in FUSED[1:]:
        got = case.train(level, Adam(0.01), control=control, **options)
        np.testing.assert_array_equal(got[0], expected[0])
        np.testing.assert_array_equal(got[1].slots, expected[1].slots)
        assert got[2] == expected[2]


def test_threads_do_not_show(problem, compiled_level, twist):
    case, control = twisted(problem, twist, "float32", (70, 400, 300, 3), rows=300)
    if control.rates is not None:
        control = replace(control, rates=control.rates[:2])
    options = {"calls": (1,), "batch_size": 150, "control": control}
    before = nnfast.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3, 4):
            nnfast.set_num_threads(threads)
            results.append(case.train(compiled_level, SGD(0.1), **options)[0])
    finally:
        nnfast.set_num_threads(before)
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_calls_do_not_show(problem, level, twist, dtype):
    """Two epochs in one call and in two."""
    case, control = twisted(problem, twist, dtype)
    if control.rates is not None:
        control = replace(control, rates=np.full(6, 0.03))
    at_once, _, losses = case.train(level, SGD(0.1), calls=(2,), batch_size=BATCH, control=control)
    if control.rates is not None:
        control = replace(control, rates=control.rates[:3])
    again, _, other = case.train(level, SGD(0.1), calls=(1, 1), batch_size=BATCH, control=control)
    np.testing.assert_array_equal(again, at_once)
    assert other == losses


# Each one by itself


def test_whole_weights_are_repeated_rows(problem, level, ending):
    activation, loss = ending
    case = problem((3, 4, 2), ("tanh", activation), loss, rows=6)
    counts = np.array([0, 1, 2, 3, 1, 5])
    case.sample_weight = counts / counts.mean()
    weighted = case.train(level, SGD(0.1), calls=(2,))
    value = case.on(level).loss(case.parameters, case.X, case.Y, case.sample_weight)
    case.X, case.Y = np.repeat(case.X, counts, axis=0), np.repeat(case.Y, counts, axis=0)
    case.sample_weight = None
    repeated = case.train(level, SGD(0.1), calls=(2,))
    np.testing.assert_allclose(weighted[0], repeated[0], rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(weighted[2], repeated[2], rtol=1e-11)
    assert value == pytest.approx(case.on(level).loss(case.parameters, case.X, case.Y), rel=1e-12)


def test_constant_rates_are_the_learning_rate(problem, level, dtype):
    for sizes in ((2, 2, 1), (2, 9, 1), (3, 40, 2)):
        case = problem(sizes, "sigmoid", "quadratic", rows=7, dtype=dtype)
        for batch in (1, 3, 7):
            updates = -(-7 // batch) * 2
            options = {"calls": (2,), "batch_size": batch}
            expected = case.train(level, Adam(0.02), **options)
            control = Control(rates=np.full(updates, 0.02))
            got = case.train(level, Adam(0.9), control=control, **options)
            np.testing.assert_array_equal(got[0], expected[0])


def test_rates_go_from_update_to_update(problem, level):
    case = problem((2, 3, 1), "sigmoid", "quadratic", rows=6)
    rates = [0.5, 0.1, 0.2, 0.4]
    got, _, _ = case.train(
        level, SGD(9.0), calls=(2,), batch_size=3, control=Control(rates=np.array(rates))
    )
    parameters = case.parameters.copy()
    state = levels.TrainingState.fresh(case.architecture, SGD(), case.shuffle_seed)
    order = []
    for _ in range(2):
        order.append(shuffled(6, state))
    for k, rate in enumerate(rates):
        rows = order[k // 2][3 * (k % 2) :][:3]
        _, gradient = case.on(level).loss_and_gradient(parameters, case.X[rows], case.Y[rows])
        parameters -= rate * np.asarray(gradient)
    np.testing.assert_allclose(got, parameters, rtol=1e-12)


def test_a_step_of_sgd_in_each_twist(problem, level):
    """One full batch, against the gradient."""
    case = problem((3, 4, 2), "sigmoid", "quadratic", rows=6)
    _, g = case.loss_and_gradient("numpy")

    def step(**control):
        return (case.train(level, SGD(0.5), control=Control(**control))[0] - case.parameters) / -0.5

    np.testing.assert_allclose(step(clip_value=0.01), np.clip(g, -0.01, 0.01), atol=1e-13)
    np.testing.assert_allclose(
        step(clip_norm=0.01), g * 0.01 / np.linalg.norm(g), rtol=1e-9, atol=1e-13
    )
    np.testing.assert_allclose(step(clip_norm=1e3), g, rtol=1e-9, atol=1e-13)
    factors = np.resize([1.0, 0.0, 0.25], len(g))
    np.testing.assert_allclose(step(factors=factors), factors * g, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(  # what is frozen does not count for the norm
        step(factors=(factors > 0) * 1.0, clip_norm=0.01),
        g * (factors > 0) * 0.01 / np.linalg.norm(g * (factors > 0)),
        rtol=1e-9,
        atol=1e-13,
    )


def test_max_norm_holds(problem, level, dtype):
    case = problem((3, 6, 4), "tanh", "quadratic", dtype=dtype)
    limits = (Regularization(max_norm=0.3),) * 2
    case.architecture = replace(case.architecture, regularization=limits)
    parameters, _, _ = case.train(level, SGD(0.1), calls=(3,), batch_size=2)
    for W, _ in case.architecture.views(parameters):
        norms = np.linalg.norm(W.astype(np.float64), axis=0)
        assert (norms < 0.3 * (1 + 1e-6)).all()
        assert norms.max() > 0.29


def test_frozen_bits(problem, level, dtype, optimizer):
    case = problem((3, 4, 2), "sigmoid", "quadratic", dtype=dtype)
    factors = np.resize([0, 1, 1], len(case.parameters)).astype(dtype)
    penalties = (Regularization(l1=0.1, l2=0.1, max_norm=0.4),) * 2
    case.architecture = replace(case.architecture, regularization=penalties)
    options = {"calls": (3,), "batch_size": 2, "control": Control(factors=factors)}
    got, _, _ = case.train(level, optimizer, **options)
    np.testing.assert_array_equal(got[factors == 0], case.parameters[factors == 0])
    assert (got[factors == 1] != case.parameters[factors == 1]).all()


# Random numbers


def noise_of(rates, rows=400, columns=300, step=0, seed=1):
    sizes = (columns,) * (len(rates) + 1) + (1,)
    rules = (*(Regularization(dropout=rate) for rate in rates), Regularization())
    architecture = levels.Architecture(
        sizes,
        ("tanh",) * (len(sizes) - 1),
        (True,) * (len(sizes) - 1),
        "quadratic",
        "float64",
        rules,
        input_noise=2.0,
    )
    return Noise(architecture, levels.TrainingState(np.zeros((0, 1)), step, 0, seed), rows)


def test_dropout_has_its_rate_and_keeps_the_mean():
    for rate in (0.1, 0.5, 0.9):
        kept = noise_of([rate]).kept(1, np.zeros((400, 300)))
        deviation = np.sqrt(rate * (1 - rate) / kept.size)
        assert abs((kept == 0).mean() - rate) < 4 * deviation
        assert set(np.unique(kept)) == {0, 1 / (1 - rate)}
        for axis in (0, 1):  # no row and no column is preferred
            shares = (kept == 0).mean(axis=axis)
            assert abs(shares - rate).max() < 5 * np.sqrt(rate * (1 - rate) / kept.shape[axis])


def test_masks_differ_by_layer_update_and_seed():
    shape = np.zeros((400, 300))
    masks = [
        noise_of([0.5, 0.5], step=step, seed=seed).kept(stream, shape) > 0
        for step in (0, 1)
        for seed in (1, 2)
        for stream in (1, 2)
    ]
    for i, a in enumerate(masks):
        for b in masks[:i]:
            assert abs((a == b).mean() - 0.5) < 0.01


def test_input_noise_is_normal():
    X = np.zeros((400, 300))
    noise = noise_of([0.5]).inputs(X) / 2.0
    assert abs(noise.mean()) < 4 / np.sqrt(X.size)
    assert abs(noise.std() - 1) < 4 / np.sqrt(2 * X.size)
    assert abs((noise**4).mean() - 3) < 0.1
    assert abs((abs(noise) > 1.959964).mean() - 0.05) < 0.003


# The public side


def test_options_of_layers_reach_the_architecture():
    net = Network(
        [3, Dense(4, l2=0.5, dropout=0.2), Dense(2, "softmax", max_norm=2.0)],
        l1=0.1,
        l2=0.01,
        max_norm=3.0,
        input_noise=0.3,
        input_dropout=0.1,
    )
    assert net.architecture.regularization == (
        Regularization(0.1, 0.5, 0.2, 3.0),
        Regularization(0.1, 0.01, 0.0, 2.0),
    )
    assert (net.architecture.input_noise, net.architecture.input_dropout) == (0.3, 0.1)


@pytest.mark.parametrize("name", ["l1", "l2", "max_norm", "dropout", "learning_rate_factor"])
@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_numbers_out_of_range(name, value):
    with pytest.raises(ValueError, match=f"Dense: {name} is .*; expected a number"):
        Dense(2, **{name: value})


@pytest.mark.parametrize("name", ["l1", "l2", "max_norm", "input_dropout", "input_noise"])
def test_numbers_of_a_network_out_of_range(name):
    with pytest.raises(ValueError, match=f"{name} is -1; expected a number"):
        Network([2, 1], **{name: -1})
    with pytest.raises(TypeError, match=f"{name} is 'much'; expected a number"):
        Network([2, 1], **{name: "much"})


def test_outputs_are_not_dropped():
    with pytest.raises(ValueError, match=r"the last layer has dropout=0\.5"):
        Network([2, Dense(1, dropout=0.5)])


def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 2))
    return X, (X[:, 0] > 0) * 1.0


def test_layers_that_are_not_trainable(level):
    net = Network([2, Dense(3, trainable=False), Dense(1, learning_rate_factor=0.5)], level=level)
    twin = Network([2, Dense(3, trainable=False), 1], seed=net.seed, level=level)
    before = net.parameters.copy()
    assert net.frozen.tolist() == [True] * 9 + [False] * 4
    for network in (net, twin):
        network.fit(*data(), batch_size=None, optimizer=nnfast.SGD(0.1))
    np.testing.assert_array_equal(net.parameters[:9], before[:9])
    np.testing.assert_allclose(
        2 * (net.parameters - before), twin.parameters - before, rtol=1e-3, atol=1e-7
    )


def test_frozen_weights_survive_files_and_copies(tmp_path, level):
    net = Network([2, 3, 1], seed=0, level=level)
    net.freeze([(np.eye(2, 3) > 0, False), (False, True)])
    expected = [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]
    assert net.frozen.tolist() == [bool(k) for k in expected]
    net.save(tmp_path / "a.nnfast")
    before = net.parameters.copy()
    for network in (net, net.copy(), nnfast.load(tmp_path / "a.nnfast", level=level)):
        network.fit(*data(), epochs=3, optimizer=nnfast.SGD(0.5))
        assert (network.parameters == before).tolist() == [bool(k) for k in expected]
    net.freeze(None)
    net.fit(*data(), optimizer=nnfast.SGD(0.5))
    assert (net.parameters != before).all()


@pytest.mark.parametrize(
    ("masks", "error"),
    [
        ([(True, True)], "expected a list of 2 pairs"),
        ([True, False], r"masks\[0\] is True; expected a pair"),
        ([(np.ones((3, 2), bool), True), (True, True)], r"shape \(3, 2\)"),
        ([(np.ones((2, 3)), True), (True, True)], "the mask of W is float64"),
        ([(True, True), (True, 1)], r"masks\[1\]: the mask of b"),
    ],
)
def test_masks_that_do_not_fit(masks, error):
    net = Network([2, 3, 1])
    with pytest.raises((TypeError, ValueError), match=error):
        net.freeze(masks)
    assert not net.frozen.any()
