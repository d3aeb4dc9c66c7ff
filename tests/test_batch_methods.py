"""Batch methods: levels against each other, going on after any iteration, known minima, reasons."""

import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import nnfast as nn
from nnfast import levels
from nnfast.formulas import ACTIVATIONS, BATCH_METHODS, LOSSES, BatchMethod
from nnfast.levels import batch_methods
from nnfast.levels.compiled import SUPPORTED
from nnfast.levels.contract import NO_CONTROL, Control, Regularization

METHODS = [nn.Rprop("irprop+"), nn.Quickprop(decay=1e-4), nn.LBFGS(memory=3)]
METHODS += [cls() for cls in BATCH_METHODS.values()]
MONOTONE = (nn.LBFGS, nn.SCG, nn.LevenbergMarquardt)
FMA = [name for name in levels.available() if name in SUPPORTED and name != "baseline"]


def short_name(method):
    return f"{method.name}-{method.settings[3]:g}" if isinstance(method, BatchMethod) else None


@pytest.fixture(params=METHODS, ids=short_name)
def method(request):
    """A batch method, each in all its forms."""
    return request.param


# in a process of its own, for Ctrl-C may hit what else a test's process does
INTERRUPTED = """
import _thread, signal, threading
from dataclasses import replace
import numpy as np
import nnfast as nn
from nnfast.formulas import BATCH_METHODS

signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
X = np.random.default_rng(0).standard_normal((20_000, 4))
y = np.random.default_rng(1).standard_normal(20_000)
for cls in BATCH_METHODS.values():
    net = nn.Network([4, nn.Dense(8, "tanh"), nn.Dense(1, "linear")], seed=1)
    twin = net.copy()
    try:
        threading.Timer(0.15, _thread.interrupt_main).start()
        net.fit(X, y, epochs=10**7, optimizer=cls(gradient_tolerance=0.0))
    except KeyboardInterrupt:
        steps = net.training_state.step
        net.fit(X, y, epochs=2)
        twin.fit(X, y, epochs=steps + 2, optimizer=cls(gradient_tolerance=0.0))
        print(cls.name, steps > 0, np.array_equal(net.parameters, twin.parameters))
"""


def minimise(case, level, method, *calls, control=NO_CONTROL):
    """(parameters, state, losses, reason) after one call for each number of iterations."""
    parameters, losses, reason = case.parameters.copy(), [], ""
    state = levels.TrainingState.fresh(case.architecture, method, case.shuffle_seed)
    for iterations in calls:
        more, reason = case.on(level).minimise(
            *(parameters, state, case.X, case.Y, case.sample_weight),
            method=method,
            iterations=iterations,
            control=control,
        )
        losses += more
    return parameters, state, losses, reason


def everything(result):
    """The bits of what `minimise` above returns."""
    parameters, state, losses, reason = result
    arrays = (parameters, state.slots, state.scalars, np.array(losses))
    return [a.tobytes() for a in arrays], state.step, state.shuffle, reason


def is_defined(method, loss):
    try:
        method.check(1, loss)
    except ValueError:
        return False
    return True


def sine(points=50):
    x = np.linspace(-1, 1, points)[:, None]
    return x, np.sin(2 * x)


def regression(seed, dtype="float64", level="fastest", units=10):
    layers = [1, nn.Dense(units, "tanh"), nn.Dense(1, "linear")]
    return nn.Network(layers, dtype=dtype, seed=seed, level=level)


# ---- levels against each other ----------------------------------------------------------------


def test_levels_take_the_same_steps(problem, method, ending, level):
    activation, loss = ending
    if not is_defined(method, loss):
        pytest.skip("not defined for this loss")
    case = problem((3, 4, 2), ("tanh", activation), loss, rows=17)
    expected = minimise(case, "numpy", method, 5)
    parameters, state, losses, reason = minimise(case, level, method, 5)
    # SCG divides a difference of two gradients by a small number: 4 digits are lost
    tolerance = 1e-7 if method.name == "scg" else 1e-9
    assert np.allclose(losses, expected[2], rtol=tolerance, atol=1e-12)
    assert np.allclose(parameters, expected[0], rtol=tolerance, atol=tolerance)
    assert reason == expected[3]
    assert state.step == expected[1].step
    scale = abs(expected[1].slots).max(initial=1)
    assert np.allclose(state.slots, expected[1].slots, rtol=1e-6, atol=1e-8 * scale)


def test_float32_networks_take_the_steps_of_float64(problem, method, level):
    case = problem((3, 5, 2), "tanh", "quadratic", rows=13, dtype="float32")
    parameters, state, losses, _ = minimise(case, level, method, 4)
    expected = minimise(case, "numpy", method, 4)
    assert parameters.dtype == np.float32
    assert state.slots.dtype == state.scalars.dtype == np.float64
    assert np.allclose(parameters, expected[0], rtol=1e-5, atol=1e-6)
    assert np.allclose(losses, expected[2], rtol=1e-6)


@pytest.mark.parametrize("sizes", [(2, 3, 1), (4, 9, 3), (5, 30, 2)])
@pytest.mark.skipif(len(FMA) < 2, reason="needs two instruction sets with fma")
def test_instruction_sets_give_the_same_bits(problem, method, dtype, sizes):
    case = problem(sizes, ("tanh", "sigmoid"), "binary_cross_entropy", rows=150, dtype=dtype)
    results = [everything(minimise(case, name, method, 12)) for name in FMA]
    assert results[0] == results[1]


def test_threads_give_the_same_bits(problem, method, dtype, threads):
    case = problem((9, 45, 2), "tanh", "mean_squared_error", rows=4000, dtype=dtype)
    results = []
    for count in (1, 2, 3):
        threads(count)
        results.append(everything(minimise(case, levels.available()[-1], method, 3)))
    assert results[0] == results[1] == results[2]


def test_weights_penalties_and_frozen_parameters(problem, method, ending, level):
    activation, loss = ending
    if not is_defined(method, loss):
        pytest.skip("not defined for this loss")
    case = problem((3, 4, 2), ("tanh", activation), loss, rows=17)
    weights = np.linspace(0, 2, 17)
    l1 = 0.0 if isinstance(method, nn.LevenbergMarquardt) else 0.01
    rules = (Regularization(l2=0.1), Regularization(l1=l1, l2=0.02))
    case = replace(
        case,
        sample_weight=weights / weights.mean(),
        architecture=replace(case.architecture, regularization=rules),
    )
    control = Control(factors=np.arange(len(case.parameters)) % 3 != 0)
    control = replace(control, factors=control.factors.astype(np.float64))
    expected = minimise(case, "numpy", method, 4, control=control)
    parameters, _, losses, _ = minimise(case, level, method, 4, control=control)
    assert losses[0] == pytest.approx(case.loss_and_gradient(level)[0], rel=1e-13)
    assert np.allclose(losses, expected[2], rtol=1e-9, atol=1e-12)
    assert np.allclose(parameters, expected[0], rtol=1e-9, atol=1e-9)
    assert np.array_equal(parameters[::3], case.parameters[::3])
    assert (parameters != case.parameters).any()


def test_a_weight_of_two_is_a_row_twice(problem, method, level):
    case = problem((2, 3, 1), "tanh", "mean_squared_error", rows=6)
    weights = np.array([2.0, 1, 1, 1, 1, 1])
    weighted = replace(case, sample_weight=weights / weights.mean())
    rows = [0, 0, 1, 2, 3, 4, 5]
    repeated = replace(case, X=case.X[rows], Y=case.Y[rows])
    results = [minimise(one, level, method, 4) for one in (weighted, repeated)]
    assert np.allclose(results[0][0], results[1][0], rtol=1e-8, atol=1e-10)


# ---- going on ---------------------------------------------------------------------------------


def test_calls_do_not_show(problem, method, level, dtype):
    case = problem((2, 4, 2), ("tanh", "linear"), "mean_squared_error", rows=9, dtype=dtype)
    at_once = minimise(case, level, method, 8)
    assert at_once[1].step == len(at_once[2]) == 8
    for calls in [(1,) * 8, (3, 5)]:
        assert everything(minimise(case, level, method, *calls)) == everything(at_once)


@pytest.mark.parametrize("stopped", [1, 6])
def test_stop_save_load_go_on(method, dtype, tmp_path, stopped):
    X, y = sine()
    nets = [regression(2, dtype) for _ in range(2)]
    losses = nets[0].fit(X, y, epochs=12, optimizer=method)["loss"]
    parts = nets[1].fit(X, y, epochs=stopped, optimizer=method)["loss"]
    nets[1].save(tmp_path / "net.nnfast")
    loaded = nn.load(tmp_path / "net.nnfast")
    twins = [loaded, nets[1].copy(), pickle.loads(pickle.dumps(nets[1]))]
    for net in twins:
        assert net.optimizer == method
        assert parts + net.fit(X, y, epochs=12 - stopped)["loss"] == losses
        assert np.array_equal(net.parameters, nets[0].parameters)
        assert net.training_state.scalars.tobytes() == nets[0].training_state.scalars.tobytes()


def test_ctrl_c_ends_between_two_iterations():
    command = [sys.executable, "-c", INTERRUPTED]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.stdout.splitlines() == [f"{name} True True" for name in BATCH_METHODS]


@pytest.mark.parametrize("level", ["python", "numpy"])
@pytest.mark.parametrize("evaluations", [6, 7])
def test_an_interruption_in_an_evaluation_changes_nothing(level, method, evaluations):
    X, y = sine(9)
    net, twin = (regression(1, level=level, units=3) for _ in range(2))
    original, calls = net._level.loss_and_gradient, iter(range(evaluations))

    def interrupted(*arguments):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return original(*arguments)

    net._level.loss_and_gradient = interrupted
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, y, epochs=100, optimizer=method)
    net._level.loss_and_gradient = original
    steps = net.training_state.step
    net.fit(X, y, epochs=2)
    twin.fit(X, y, epochs=steps + 2, optimizer=method)
    assert 0 < steps < 7
    assert np.array_equal(net.parameters, twin.parameters)


# ---- what an iteration is ---------------------------------------------------------------------


def test_losses_are_those_before_each_iteration(method, level):
    X, y = sine(11)
    net = regression(0, level=level, units=3)
    for _ in range(4):
        loss, _ = net.loss_and_gradient(X, y)
        first = net.training_state is None
        history = net.fit(X, y, optimizer=method if first else None)
        assert history["loss"] == pytest.approx([loss], rel=1e-12)


def test_every_iteration_sees_all_rows_in_order(method):
    X, y = sine(20)
    nets = [regression(0) for _ in range(2)]
    nets[0].fit(X, y, epochs=5, optimizer=method, batch_size=3, shuffle=True)
    nets[1].fit(X, y, epochs=5, optimizer=method, batch_size=None, shuffle=False)
    assert np.array_equal(nets[0].parameters, nets[1].parameters)
    assert nets[0].training_state.shuffle == nets[1].training_state.shuffle


@pytest.mark.parametrize("cls", MONOTONE)
def test_the_loss_never_rises(cls, level):
    X, y = sine(20)
    history = regression(3, level=level, units=4).fit(X, y, epochs=40, optimizer=cls())
    assert (np.diff(history["loss"]) <= 1e-14).all()


def test_rprop_by_hand():
    """One linear weight, y = 3 x at x = 1: the loss is (w - 3)²."""
    net = nn.Network([1, nn.Dense(1, "linear", bias=False)], dtype="float64")
    for variant, path in [
        ("irprop-", [1.0, 2.2, 3.64, 3.64, 2.92, 2.92]),
        ("irprop+", [1.0, 2.2, 3.64, 3.64, 2.92, 2.92]),
    ]:
        net.parameters[:] = 0
        method = nn.Rprop(variant, initial_step=1.0)
        seen = []
        for k in range(6):
            net.fit([[1.0]], [3.0], optimizer=method if k == 0 else None)
            seen.append(net.parameters[0])
        assert np.allclose(seen, path)


def test_irprop_plus_takes_a_step_back_where_the_loss_has_grown():
    net = nn.Network([1, nn.Dense(1, "linear", bias=False)], dtype="float64", init="zeros")
    net.fit([[1.0]], [1.0], epochs=2, optimizer=nn.Rprop("irprop+", initial_step=3.0))
    assert net.parameters[0] == 0
    net.fit([[1.0]], [1.0])
    assert net.parameters[0] == 1.5


def test_quickprop_jumps_to_the_minimum_of_a_parabola():
    net = nn.Network([1, nn.Dense(1, "linear", bias=False)], dtype="float64", init="zeros")
    history = net.fit([[1.0]], [3.0], epochs=9, optimizer=nn.Quickprop(0.4, gradient_tolerance=0))
    assert net.parameters[0] == pytest.approx(3, abs=1e-12)
    assert len(history["loss"]) <= 5


# ---- known minima -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "digits"),
    [
        (nn.Rprop(), 1e-4),
        (nn.Rprop("irprop+"), 1e-4),
        (nn.Quickprop(0.1), 1e-4),
        (nn.LBFGS(), 1e-8),
        (nn.SCG(), 1e-8),
        (nn.LevenbergMarquardt(), 1e-8),
    ],
    ids=short_name,
)
def test_linear_least_squares(method, digits, rng, level):
    X, Y = rng.standard_normal((40, 3)), rng.standard_normal((40, 2))
    net = nn.Network([3, nn.Dense(2, "linear")], dtype="float64", seed=0, level=level)
    net.fit(X, Y, epochs=2000, optimizer=method)
    expected = np.linalg.lstsq(np.hstack([X, np.ones((40, 1))]), Y, rcond=None)[0]
    assert np.allclose(np.vstack([net.weights[0][0], net.weights[0][1]]), expected, atol=digits)


@pytest.mark.parametrize("cls", [nn.LBFGS, nn.SCG])
def test_lbfgs_and_scg_find_scipys_minimum(cls, rng):
    optimize = pytest.importorskip("scipy.optimize")
    X, labels = rng.standard_normal((60, 4)), rng.integers(0, 3, 60)
    net = nn.Network([4, nn.Dense(3, "softmax")], dtype="float64", seed=2)

    def objective(p):
        net.parameters[:] = p
        return net.loss_and_gradient(X, labels)

    start = net.parameters.copy()
    expected = optimize.minimize(objective, start, jac=True, method="L-BFGS-B", tol=1e-14)
    net.parameters[:] = start
    history = net.fit(X, labels, epochs=500, optimizer=cls(gradient_tolerance=1e-9))
    assert "converged" in history.stop_reason
    assert history["loss"][-1] == pytest.approx(expected.fun, rel=1e-9)
    assert np.allclose(net.predict(X), net.predict(X), atol=1e-5)


def test_levenberg_marquardt_finds_scipys_minimum(rng):
    optimize = pytest.importorskip("scipy.optimize")
    X = rng.standard_normal((80, 2))
    y = np.tanh(X @ [1.0, -2.0]) + 0.1 * rng.standard_normal(80)
    net = nn.Network([2, nn.Dense(2, "tanh"), nn.Dense(1, "linear")], dtype="float64", seed=1)

    def residuals(p):
        net.parameters[:] = p
        return net.predict(X).ravel() - y

    def derivatives(p):
        net.parameters[:] = p
        return net.jacobian(X)[:, 0]

    start = net.parameters.copy()
    tight = dict.fromkeys(("ftol", "xtol", "gtol"), 1e-14)
    expected = optimize.least_squares(residuals, start, derivatives, method="lm", **tight)
    net.parameters[:] = start
    history = net.fit(X, y, epochs=1000, optimizer="levenberg_marquardt")
    assert history["loss"][-1] == pytest.approx(2 * expected.cost / 80, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_levenberg_marquardt_goes_where_gradients_stall(seed):
    X, y = sine()
    net, stalling = regression(seed), regression(seed)
    net.fit(X, y, epochs=5000, optimizer=nn.LevenbergMarquardt(loss_goal=1e-10))
    assert net.evaluate(X, y)["loss"] <= 1e-10
    stalling.fit(X, y, epochs=5000, batch_size=None, optimizer=nn.Adam(0.01))
    assert stalling.evaluate(X, y)["loss"] > 1e-8


@pytest.mark.parametrize("activation", ["sigmoid", "linear"])
def test_xor(method, activation):
    X, y = nn.datasets.gate("xor")
    solved = 0
    for seed in range(8):
        layers = [2, nn.Dense(4, "tanh"), nn.Dense(1, activation)]
        net = nn.Network(layers, dtype="float64", seed=seed)
        net.fit(X, y, epochs=500, optimizer=method)
        solved += net.evaluate(X, y)["accuracy"] == 1
    assert solved >= 6


# ---- derivatives ------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [name for name in ACTIVATIONS if name != "step"])
def test_jacobian_is_the_difference_quotient(level, ending, rng):
    layers = [3, nn.Dense(4, ending), nn.Dense(5, "tanh", bias=False), nn.Dense(2, ending)]
    options = {"init": "normal", "bias_init": "normal"}  # no unit at the kink of relu
    net = nn.Network(layers, dtype="float64", seed=0, level=level, **options)
    X = rng.standard_normal((6, 3))
    J = net.jacobian(X)
    assert J.shape == (6, 2, len(net.parameters))
    for k in range(len(net.parameters)):
        outputs = []
        for step in (1e-6, -2e-6):
            net.parameters[k] += step
            outputs.append(net.predict(X))
        net.parameters[k] += 1e-6
        assert np.allclose(J[:, :, k], (outputs[0] - outputs[1]) / 2e-6, atol=1e-8)


@pytest.mark.parametrize("rows", [1, 7, 300])
def test_jacobians_of_the_levels(level, dtype, rows, rng):
    layers = [3, nn.Dense(18, "relu"), nn.Dense(9, "tanh"), nn.Dense(3, "softmax")]
    X = rng.standard_normal((rows, 3))
    J, expected = (
        nn.Network(layers, dtype=dtype, seed=0, level=name).jacobian(X) for name in (level, "numpy")
    )
    assert J.dtype == dtype
    assert np.allclose(J, expected, atol=1e-6 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize("loss", [name for name, loss in LOSSES.items() if loss.curvature])
def test_gauss_newton_is_the_hessian_where_the_fit_is_perfect(problem, loss):
    activation = LOSSES[loss].paired or "tanh"
    case = problem((2, 3, 2), ("tanh", activation), loss, rows=8)
    level = case.on("numpy")
    Y = level.forward(case.parameters, case.X)
    objective = batch_methods.Objective(level, case.X, Y)
    H = objective.gauss_newton(case.parameters)
    for k, column in enumerate(H):
        step = 1e-6 * (np.arange(len(H)) == k)
        ends = [objective(case.parameters + sign * step)[1] for sign in (1, -1)]
        assert np.allclose(column, (ends[0] - ends[1]) / 2e-6, atol=1e-8)


def test_levenberg_marquardt_bears_saturated_outputs():
    """Their curvature is infinite, and their derivatives are zero."""
    for outputs, activation in [(1, "sigmoid"), (2, "softmax")]:
        layers = [1, nn.Dense(outputs, activation)]
        for level in ("numpy", "fastest"):
            net = nn.Network(layers, dtype="float64", seed=0, level=level)
            net.parameters[:] = np.arange(1.0, len(net.parameters) + 1) * 400
            history = net.fit([[1.0], [-1.0]], [1, 0], epochs=3, optimizer="levenberg_marquardt")
            assert np.isfinite(history["loss"]).all()
            assert np.isfinite(net.parameters).all()


# ---- why it stops -----------------------------------------------------------------------------


def test_the_goal_stops(method, level):
    X, y = sine(11)
    net = regression(1, level=level, units=3)
    goal = 0.9 * net.evaluate(X, y)["loss"]
    history = net.fit(X, y, epochs=200, optimizer=replace(method, loss_goal=goal))
    assert history["loss"][-1] <= goal < history["loss"][-2]
    assert history.stop_reason == f"The loss has reached the goal of {goal!r}."
    assert net.training_state.step == len(history["loss"]) - 1


def test_a_small_gradient_stops(method, level):
    X, y = sine(11)
    net = regression(1, level=level, units=3)
    history = net.fit(X, y, epochs=400, optimizer=replace(method, gradient_tolerance=0.05))
    assert abs(net.loss_and_gradient(X, y)[1]).max() <= 0.05
    assert "no entry of the gradient is larger than 0.05" in history.stop_reason
    before = net.parameters.copy()
    again = net.fit(X, y, epochs=5)
    assert again["loss"] == history["loss"][-1:]
    assert again.stop_reason == history.stop_reason
    assert np.array_equal(net.parameters, before)


def test_small_steps_stop(method, level):
    X, y = sine(11)
    stopping = replace(method, step_tolerance=0.02, gradient_tolerance=0.0)
    history = regression(1, level=level, units=3).fit(X, y, epochs=3000, optimizer=stopping)
    assert len(history["loss"]) < 3000
    assert "no parameter moves by more than step_tolerance 0.02" in history.stop_reason


@pytest.mark.parametrize("cls", MONOTONE)
def test_rounding_ends_the_descent(cls, level, dtype, rng):
    X, y = rng.standard_normal((30, 3)), rng.standard_normal(30)
    net = nn.Network([3, nn.Dense(1, "linear")], dtype=dtype, seed=0, level=level)
    history = net.fit(X, y, epochs=5000, optimizer=cls(gradient_tolerance=0.0))
    assert history.stop_reason.startswith("The method has converged")
    assert abs(net.loss_and_gradient(X, y)[1]).max() < (1e-5 if dtype == "float32" else 1e-9)


def test_without_a_reason_all_epochs_are_made(method):
    history = regression(0).fit(*sine(), epochs=7, optimizer=method)
    assert history.epochs == 7
    assert history.stop_reason == "All epochs are done: 7."


# ---- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("name", BATCH_METHODS)
def test_names(name):
    net = regression(0)
    net.fit(*sine(), optimizer=name.upper())
    assert net.optimizer == BATCH_METHODS[name]()
    assert isinstance(net.optimizer, BatchMethod)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nn.Rprop("rprop"), "variant is 'rprop'; choose from irprop-, irprop+"),
        (lambda: nn.Rprop(increase=1), "increase is 1.0; expected more than 1"),
        (lambda: nn.Rprop(decrease=1.5), "decrease is 1.5"),
        (lambda: nn.Rprop(initial_step=60), "initial_step is 60.0"),
        (lambda: nn.Quickprop(mu=0), "mu is 0.0; expected a positive number"),
        (lambda: nn.Quickprop(decay=-1), "decay is -1.0"),
        (lambda: nn.LBFGS(memory=0), "memory is 0.0; expected a whole number from 1"),
        (lambda: nn.LBFGS(memory=2.5), "memory is 2.5"),
        (lambda: nn.SCG(sigma=0), "sigma is 0.0"),
        (lambda: nn.LevenbergMarquardt(initial_damping=-1), "initial_damping is -1.0"),
        (lambda: nn.SCG(gradient_tolerance=-1), "gradient_tolerance is -1.0"),
        (lambda: nn.SCG(step_tolerance=np.nan), "step_tolerance is nan"),
        (lambda: nn.SCG(loss_goal=np.inf), "loss_goal is inf; expected a finite number or None"),
    ],
)
def test_settings_out_of_range(make, text):
    with pytest.raises(ValueError, match=r".") as error:
        make()
    assert text in str(error.value)


@pytest.mark.parametrize("field", ["gradient_tolerance", "loss_goal"])
def test_settings_that_are_no_numbers(field):
    with pytest.raises(TypeError, match=f"LBFGS: {field} is '1'; expected a number"):
        nn.LBFGS(**{field: "1"})


def test_levenberg_marquardt_refuses_what_it_is_not_made_for():
    wide = nn.Network([100, nn.Dense(50, "tanh"), 1])
    with pytest.raises(ValueError, match=r"at most 5,000; this one has 5,101. Use LBFGS\(\)"):
        wide.fit(np.zeros((2, 100)), [0, 1], optimizer="levenberg_marquardt")
    threshold = nn.Network([2, nn.Dense(1, "step")])
    with pytest.raises(ValueError, match="not defined for the loss 'perceptron', but for mean_sq"):
        threshold.fit(np.zeros((2, 2)), [0, 1], optimizer="levenberg_marquardt")
    assert wide.training_state is threshold.training_state is None


@pytest.mark.parametrize(
    ("factor", "options", "text"),
    [
        (1.0, {"input_noise": 0.1}, "dropout and input noise"),
        (1.0, {"max_norm": 1.0}, "max_norm"),
        (0.5, {}, "learning_rate_factor must be 1, or 0"),
    ],
)
def test_what_is_no_function_of_the_parameters_is_refused(method, factor, options, text):
    layers = [1, nn.Dense(2, "tanh", learning_rate_factor=factor), nn.Dense(1, "linear")]
    net = nn.Network(layers, **options)
    with pytest.raises(ValueError, match=text):
        net.fit(*sine(), optimizer=method)
    assert net.training_state is None


def test_batches_and_clipping_are_refused(method):
    net = regression(0)
    with pytest.raises(ValueError, match="needs all rows in memory at once"):
        net.fit([sine(), sine()], optimizer=method)
    with pytest.raises(ValueError, match="leave clip_value and clip_norm out"):
        net.fit(*sine(), clip_norm=1.0, optimizer=method)
    assert net.training_state is None


def test_validation_and_callbacks_see_every_iteration(method):
    X, y = sine()
    seen = []
    watch = nn.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["loss"]))
    net, twin = regression(0), regression(0)
    history = net.fit(X, y, epochs=6, optimizer=method, validation_data=(X, y), callbacks=[watch])
    assert history["loss"] == twin.fit(X, y, epochs=6, optimizer=method)["loss"]
    assert len(history["val_loss"]) == len(seen) == 6
    assert history["val_loss"][:-1] == pytest.approx(history["loss"][1:], rel=1e-9)
    assert net.training_state.epoch == 6


def test_levenberg_marquardt_refuses_l1():
    with pytest.raises(ValueError, match="second derivatives, which the penalty l1 does not have"):
        nn.Network([1, 1], l1=0.1).fit([[0.0]], [0], optimizer="levenberg_marquardt")


@pytest.mark.parametrize("layer", [0, 1])
def test_layers_that_are_not_trainable_stay(method, layer):
    layers = [
        1,
        nn.Dense(3, "tanh", trainable=layer != 0),
        nn.Dense(1, "linear", trainable=layer != 1),
    ]
    net = nn.Network(layers, seed=0)
    before = net.copy()
    net.fit(*sine(), epochs=5, optimizer=method)
    assert np.array_equal(net.weights[layer][0], before.weights[layer][0])
    assert not np.array_equal(net.weights[1 - layer][0], before.weights[1 - layer][0])


def test_divergence_changes_nothing(problem, method, level):
    case = problem((2, 3, 1), ("tanh", "linear"), "mean_squared_error")
    case.Y[:] = 1e200
    parameters = case.parameters.copy()
    state = levels.TrainingState.fresh(case.architecture, method, 0)
    with pytest.raises(nn.DivergenceError) as error:
        case.on(level).minimise(parameters, state, case.X, case.Y, method=method, iterations=3)
    assert error.value.losses == [np.inf]
    assert np.array_equal(parameters, case.parameters)
    assert state.step == abs(state.slots).sum() == 0


def test_divergence_of_quickprop_leaves_good_weights(level):
    """A rate so large that the second loss overflows."""
    net = nn.Network([1, nn.Dense(1, "linear")], dtype="float64", level=level, seed=0)
    before = net.loss_and_gradient([[1.0]], [3.0])[0]
    with pytest.raises(nn.DivergenceError, match="diverged"):
        net.fit([[1.0]], [3.0], epochs=20, optimizer=nn.Quickprop(1e200))
    assert net.loss_and_gradient([[1.0]], [3.0])[0] == before


def test_compare_refuses_batch_methods():
    with pytest.raises(ValueError, match="compare was given LBFGS, a batch method"):
        nn.compare(regression(0), *sine(), optimizer="lbfgs")


def test_a_plateau_cannot_reduce_their_steps(method):
    with pytest.raises(ValueError, match="ReduceOnPlateau nothing to reduce"):
        regression(0).fit(*sine(), optimizer=method, callbacks=[nn.ReduceOnPlateau("loss")])
