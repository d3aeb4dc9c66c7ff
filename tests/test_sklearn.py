"""NNClassifier and NNRegressor, as scikit-learn sees them and as networks."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

import joblib
from sklearn import config_context, datasets
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.inspection import DecisionBoundaryDisplay, permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import nnfast as nn
from nnfast.formulas import BATCH_METHODS, LOSSES, OPTIMIZERS
from nnfast.sklearn import InconsistentVersionWarning, NNClassifier, NNRegressor

BOTH = [NNClassifier, NNRegressor]


@pytest.fixture
def flowers():
    return datasets.load_iris(return_X_y=True)


@pytest.fixture(params=BOTH)
def quick(request):
    """An estimator that trains for a moment."""
    return request.param(hidden_layer_sizes=(8,), epochs=5, random_state=0)


def same(a, b, X):
    """Whether two estimators have the same parameters and predict the same, bit for bit."""
    assert (a.network_.parameters == b.network_.parameters).all()
    return (a.predict(X) == b.predict(X)).all()


# ---- scikit-learn's own checks ------------------------------------------------------------------

# what `parametrize_with_checks` goes through, as a list: the iterator that it gives to pytest in
# scikit-learn 1.6 is an error in pytest 10
CHECKS = [pair for kind in BOTH for pair in estimator_checks_generator(kind())]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("estimator", "check"),
    CHECKS,
    ids=[f"{type(estimator).__name__}-{check.func.__name__}" for estimator, check in CHECKS],
)
def test_every_check_of_scikit_learn(estimator, check):
    check(estimator)


# ---- targets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [[0, 1], [-1, 1], [True, False], ["no", "yes"], [2.0, 5.0, 9.0], ["a", "b", "c"]],
    ids=str,
)
def test_labels_of_any_kind(labels, rng):
    index = rng.integers(len(labels), size=200)
    X = np.eye(len(labels))[index] + 0.1 * rng.standard_normal((200, len(labels)))
    y = np.array(labels)[index]
    model = NNClassifier(random_state=0).fit(X, y)
    assert (model.classes_ == np.unique(y)).all()
    assert model.predict(X).dtype == y.dtype
    assert model.score(X, y) == 1
    assert model.network_.classes == tuple(sorted(labels))
    assert (model.network_.predict_classes(X) == y).all()
    P = model.predict_proba(X)
    assert P.shape == (200, len(labels))
    np.testing.assert_allclose(P.sum(axis=1), 1)
    np.testing.assert_array_equal(np.log(P), model.predict_log_proba(X))


def test_one_class_is_refused_by_name(rng):
    with pytest.raises(ValueError, match="y has one class, 'a'; a classifier needs at least two"):
        NNClassifier().fit(rng.random((5, 2)), ["a"] * 5)


def test_several_labels_at_once(rng):
    X = rng.standard_normal((300, 4))
    Y = (X[:, :3] > 0).astype(int)
    model = NNClassifier(random_state=0).fit(X, Y)
    assert model.network_.architecture.activations[-1] == "sigmoid"
    assert model.predict(X).shape == model.predict_proba(X).shape == Y.shape
    assert model.score(X, Y) > 0.9
    assert (model.classes_ == [0, 1, 2]).all()


def test_several_columns_of_classes_name_the_way_out(rng):
    X, Y = rng.random((50, 2)), rng.integers(3, size=(50, 2))
    with pytest.raises(ValueError, match="MultiOutputClassifier"):
        NNClassifier().fit(X, Y)
    assert MultiOutputClassifier(NNClassifier(epochs=1)).fit(X, Y).predict(X).shape == Y.shape


def test_several_numbers_at_once(rng):
    X = rng.standard_normal((300, 4))
    Y = np.column_stack([1000 * X[:, 0], 5 - X[:, 1]])
    model = NNRegressor(random_state=0).fit(X, Y)
    assert model.predict(X).shape == Y.shape
    assert model.score(X, Y) > 0.99
    assert NNRegressor(epochs=1).fit(X, Y[:, :1]).predict(X).shape == (300, 1)
    assert NNRegressor(epochs=1).fit(X, Y[:, 0]).predict(X).shape == (300,)


def test_targets_of_any_size_are_learned(rng):
    X = rng.standard_normal((300, 2))
    y = 1e6 + 1e-3 * X[:, 0]
    assert NNRegressor(random_state=0).fit(X, y).score(X, y) > 0.99


def test_a_column_of_labels_is_read_with_a_warning(flowers):
    X, y = flowers
    with pytest.warns(DataConversionWarning):
        NNClassifier(epochs=1).fit(X, y[:, None])


# ---- losses and optimizers ----------------------------------------------------------------------


def losses(estimator, X, y):
    """The losses that the estimator takes; of the others the error lists these."""
    with pytest.raises(ValueError, match="unknown loss 'nonsense'; choose from") as error:
        estimator(loss="nonsense").fit(X, y)
    return str(error.value).rstrip(".").partition("choose from ")[2].split(", ")


@pytest.mark.parametrize("classes", [2, 3])
def test_every_loss_of_a_classifier(classes, flowers):
    X, y = flowers
    X, y = X[y < classes], y[y < classes]
    names = losses(NNClassifier, X, y)
    assert {"cross_entropy", "categorical_focal", "mean_squared_error"} <= set(names)
    assert ("binary_cross_entropy" in names) == (classes == 2)
    for name in names:
        model = NNClassifier(loss=name, learning_rate=0.01, random_state=0).fit(X, y)
        assert model.network_.loss == name
        assert model.score(X, y) > 0.8, name


@pytest.mark.filterwarnings("ignore::nnfast.TrainingWarning")
def test_every_loss_of_a_regressor(rng):
    X = rng.standard_normal((300, 2))
    y = np.exp(0.5 * X[:, 0])
    names = losses(NNRegressor, X, y)
    assert {"huber", "poisson", "mean_absolute_error"} <= set(names)
    unit = {name for name in names if LOSSES[name].targets in ("unit", "binary")}
    for name in set(names) - unit:
        model = NNRegressor(loss=name, random_state=0).fit(X, y)
        assert model.network_.loss == name
        assert model.score(X, y) > 0.9, name
    share = 1 / (1 + np.exp(-X[:, 0]))
    assert NNRegressor(loss="binary_cross_entropy").fit(X, share).score(X, share) > 0.9


@pytest.mark.parametrize("name", [*OPTIMIZERS, *BATCH_METHODS])
def test_every_optimizer(name, flowers):
    X, y = flowers
    model = NNClassifier((6,), "tanh", optimizer=name, random_state=0)
    if name == "levenberg_marquardt":
        model.set_params(loss="mean_squared_error")
    assert model.fit(X, y).score(X, y) > 0.8


def test_the_rate_may_be_given_apart_from_the_optimizer(flowers):
    X, y = flowers

    def trained(**options):
        return NNClassifier(epochs=5, random_state=0, **options).fit(X, y)

    assert same(trained(optimizer="sgd", learning_rate=0.1), trained(optimizer=nn.SGD(0.1)), X)
    cosine = nn.Adam(nn.CosineDecay(0.01, 5))
    assert same(trained(learning_rate=0.01), trained(optimizer=cosine), X)
    assert same(
        trained(learning_rate=nn.StepDecay(0.01)), trained(optimizer=nn.Adam(nn.StepDecay(0.01))), X
    )
    with pytest.raises(ValueError, match="has no learning rate"):
        trained(optimizer="lbfgs", learning_rate=0.1)


# ---- parameters ---------------------------------------------------------------------------------


def test_layers(flowers):
    X, y = flowers
    layers = (7, nn.Dense(5, "elu", dropout=0.1))
    net = NNClassifier(layers, ["tanh", "relu"], dropout=0.2, epochs=1).fit(X, y).network_
    assert net.sizes == (4, 7, 5, 3)
    assert net.architecture.activations == ("tanh", "elu", "softmax")
    assert [layer.dropout for layer in net.layers] == [0.2, 0.1, 0.0]
    assert NNClassifier(9, epochs=1).fit(X, y).network_.sizes == (4, 9, 3)
    assert NNClassifier((), epochs=1).fit(X, y).network_.sizes == (4, 3)
    with pytest.raises(ValueError, match="activation has 1 names for 2 hidden layers"):
        NNClassifier((7, 5), ["tanh"]).fit(X, y)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("epochs", 0),
        ("epochs", "many"),
        ("batch_size", "auto"),
        ("optimizer", "newton"),
        ("activation", "abs"),
        ("standardize", "yes"),
        ("dtype", "float16"),
        ("l2", -1),
        ("hidden_layer_sizes", (0,)),
        ("validation_fraction", 1.5),
        ("clip_norm", 0),
        ("verbose", 3),
        ("shuffle", "no"),
        ("callbacks", [1]),
    ],
)
def test_wrong_parameters_are_refused_by_name(option, value, quick, flowers):
    early = {"early_stopping": True} if option == "validation_fraction" else {}
    quick.set_params(**{option: value, **early})
    name = {"hidden_layer_sizes": "units", "validation_fraction": "validation_split"}
    with pytest.raises((ValueError, TypeError), match=name.get(option, option)):
        quick.fit(*flowers)


def test_automatic_epochs(flowers):
    X, y = flowers
    assert NNClassifier().fit(X, y).n_iter_ == 334  # of 3 updates
    assert NNClassifier(batch_size=None).fit(X, y).n_iter_ == 1000
    assert NNRegressor().fit(np.tile(X, (30, 1)), np.tile(y, 30)).n_iter_ == 20


def test_the_dtype_follows_the_data(quick, flowers):
    X, y = flowers
    assert quick.fit(X, y).network_.dtype == "float64"
    assert quick.fit(X.astype(int), y).network_.dtype == "float64"
    assert quick.fit(X.astype(np.float32), y).network_.dtype == "float32"
    assert quick.set_params(dtype="float32").fit(X, y).network_.dtype == "float32"


def test_random_states(quick, flowers):
    X, y = flowers
    twin = clone(quick)
    assert same(quick.fit(X, y), twin.fit(X, y), X)
    assert same(quick.fit(X, y), twin, X)
    shared = np.random.RandomState(3)
    quick.set_params(random_state=shared).fit(X, y)
    twin.set_params(random_state=np.random.RandomState(3)).fit(X, y)
    assert same(quick, twin, X)
    assert not (quick.fit(X, y).network_.parameters == twin.network_.parameters).all()


def test_clone_keeps_parameters(quick):
    quick.set_params(optimizer=nn.SGD(0.1), callbacks=[nn.TimeLimit(1)])
    twin = clone(quick)
    assert twin.optimizer == quick.optimizer
    assert twin.callbacks[0].seconds == 1


def test_standardize(quick, flowers):
    X, y = flowers
    quick.fit(X, y)
    np.testing.assert_allclose(quick.network_.input_scaler.shift, X.mean(axis=0))
    np.testing.assert_allclose(quick.network_.input_scaler.scale, X.std(axis=0))
    raw = clone(quick).set_params(standardize=False).fit(X, y)
    assert raw.network_.input_scaler is raw.network_.output_scaler is None
    assert (raw.predict(X).shape) == y.shape
    weight = np.arange(150.0)
    quick.fit(X, y, weight)
    np.testing.assert_allclose(
        quick.network_.input_scaler.shift, np.average(X, axis=0, weights=weight)
    )
    constant = np.column_stack([X, np.full(150, 0.1)])
    assert quick.fit(constant, y).network_.input_scaler.scale[-1] == 1


# ---- weights, validation and callbacks ----------------------------------------------------------


@pytest.mark.filterwarnings("ignore::nnfast.TrainingWarning")
def test_class_weight_knows_the_labels(rng):
    X = rng.standard_normal((300, 2))
    y = np.where(X[:, 0] + 0.8 * rng.standard_normal(300) > 1, "rare", "often")
    model = NNClassifier(random_state=0, l2=0.1)
    plain = (model.fit(X, y).predict(X) == "rare").sum()
    heavy = model.set_params(class_weight={"rare": 20}).fit(X, y)
    assert (heavy.predict(X) == "rare").sum() > plain
    balanced = model.set_params(class_weight="balanced").fit(X, y)
    counts = {label: (y == label).sum() for label in ("rare", "often")}
    named = {label: 300 / (2 * count) for label, count in counts.items()}
    twin = clone(model).set_params(class_weight=named).fit(X, y)
    np.testing.assert_allclose(twin.network_.parameters, balanced.network_.parameters, rtol=1e-6)
    with pytest.raises(ValueError, match="class_weight has 'odd', which is no class"):
        model.set_params(class_weight={"odd": 1}).fit(X, y)


def test_validation_data_is_in_the_units_of_the_data(rng):
    X = rng.standard_normal((400, 3))
    y = 1e4 * X[:, 0]
    model = NNRegressor(random_state=0)
    history = model.fit(X[:300], y[:300], validation_data=(X[300:], y[300:])).history_
    assert history.epochs == model.n_iter_ == len(history["val_loss"])
    assert history["val_loss"][-1] < 0.01 * history["val_loss"][0]
    with pytest.raises(TypeError, match="validation_data is of type"):
        model.fit(X, y, validation_data=X)


@pytest.mark.parametrize("given", [True, False])
def test_early_stopping(given, flowers):
    X, y = flowers
    names = np.array(["a", "b", "c"])[y]
    model = NNClassifier(early_stopping=True, n_iter_no_change=3, learning_rate=0.1, random_state=0)
    data = {"validation_data": (X[::3], names[::3])} if given else {}
    model.fit(X, names, **data)
    assert model.n_iter_ < 400
    assert "val_loss has not become better for 3 epochs" in model.history_.stop_reason


def test_callbacks_and_metrics(flowers):
    X, y = flowers
    seen = []
    watch = nn.LambdaCallback(lambda epoch, logs: seen.append(logs))
    model = NNClassifier(epochs=3, callbacks=[watch], metrics=["accuracy"]).fit(X, y)
    assert len(seen) == 3
    assert model.loss_curve_ == [logs["loss"] for logs in seen]
    assert model.loss_ == seen[-1]["loss"]
    assert len(model.history_["accuracy"]) == 3


def test_a_used_callback_is_copied_without_its_training(flowers):
    model = NNClassifier(epochs=2, callbacks=[nn.TimeLimit(9)]).fit(*flowers)
    assert not hasattr(copy.deepcopy(model.callbacks[0]), "training")
    assert not hasattr(pickle.loads(pickle.dumps(model)).callbacks[0], "network")


# ---- going on -----------------------------------------------------------------------------------


def test_warm_start_goes_on(quick, flowers):
    X, y = flowers
    quick.set_params(warm_start=True).fit(X, y)
    before = quick.network_
    quick.fit(X, y)
    assert quick.network_ is before
    assert quick.n_iter_ == len(quick.loss_curve_) == 10
    assert quick.loss_curve_[5] < quick.loss_curve_[0]
    assert quick.set_params(warm_start=False).fit(X, y).n_iter_ == 5


def test_partial_fit_goes_on_with_the_optimizer(quick, flowers):
    X, y = flowers
    X = StandardScaler().fit_transform(X)
    more = {"classes": [0, 1, 2]} if isinstance(quick, NNClassifier) else {}
    quick.set_params(optimizer=nn.Adam(0.01), standardize=False)
    whole = clone(quick).fit(X, y)
    quick.partial_fit(X, y, **more)
    for _ in range(4):
        quick.partial_fit(X, y)
    assert quick.n_iter_ == 5
    assert same(whole, quick, X)


def test_partial_fit_after_fit_trains_on(quick, flowers):
    X, y = flowers
    quick.fit(X, y)
    before = quick.network_.parameters.copy()
    quick.partial_fit(X, y)
    assert (quick.network_.parameters != before).any()
    assert quick.network_.optimizer == nn.Adam(0.001)


def test_partial_fit_checks_classes(flowers):
    X, y = flowers
    model = NNClassifier()
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.partial_fit(X[:60], y[:60], classes=[0, 1, 2])
    assert model.predict_proba(X).shape == (150, 3)
    with pytest.raises(ValueError, match="but the first call had"):
        model.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(
        ValueError, match=r"y\[0\] is 7, which is no class of this network; its classes are 0, 1, 2"
    ):
        model.partial_fit(X, y + 7)


# ---- keeping ------------------------------------------------------------------------------------


def test_pickle(quick, flowers):
    X, y = flowers
    quick.fit(X, y)
    twin = pickle.loads(pickle.dumps(quick))
    assert same(quick, twin, X)
    assert same(quick.partial_fit(X, y), twin.partial_fit(X, y), X)


def test_a_pickle_of_another_version_warns(quick, flowers, monkeypatch):
    monkeypatch.setattr("nnfast.sklearn.base.__version__", "0.0.1")
    data = pickle.dumps(quick.fit(*flowers))
    monkeypatch.undo()
    words = f"pickled with nnfast 0.0.1 and is loaded with {nn.__version__}"
    with pytest.warns(InconsistentVersionWarning, match=words):
        pickle.loads(data)


@pytest.mark.parametrize("mode", [None, "r"])
def test_joblib_files(mode, quick, flowers, tmp_path):
    X, y = flowers
    joblib.dump(quick.fit(X, y), tmp_path / "model.joblib")
    twin = joblib.load(tmp_path / "model.joblib", mmap_mode=mode)
    assert same(quick, twin, X)
    assert (twin.predict(X[:1]) == quick.predict(X[:1])).all()
    assert same(quick.partial_fit(X, y), twin.partial_fit(X, y), X)


# ---- in scikit-learn's tools --------------------------------------------------------------------


def test_pipeline_and_cross_validation(flowers):
    model = make_pipeline(StandardScaler(), NNClassifier(random_state=0))
    assert cross_val_score(model, *flowers, cv=3).mean() > 0.9


def test_grid_search_in_two_processes(flowers):
    grid = {"hidden_layer_sizes": [(5,), (10,)], "optimizer": ["auto", nn.SGD(0.1)]}
    model = NNClassifier(epochs=10, random_state=0)
    search = GridSearchCV(model, grid, n_jobs=2, cv=3).fit(*flowers)
    alone = GridSearchCV(model, grid, cv=3).fit(*flowers)
    assert (search.cv_results_["mean_test_score"] == alone.cv_results_["mean_test_score"]).all()


def test_workers_of_joblib_share_the_processors():
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        counts = joblib.Parallel(2)(joblib.delayed(nn.get_num_threads)() for _ in range(2))
    assert counts == [1, 1]


def test_calibration(flowers):
    X, y = flowers
    calibrated = CalibratedClassifierCV(NNClassifier(epochs=30, random_state=0)).fit(X, y)
    assert calibrated.score(X, y) > 0.9


def test_permutation_importance(rng):
    X = rng.standard_normal((200, 3))
    model = NNRegressor(random_state=0).fit(X, X[:, 1])
    found = permutation_importance(model, X, X[:, 1], random_state=0).importances_mean
    assert found.argmax() == 1


def test_decision_boundary():
    pytest.importorskip("matplotlib").use("Agg")
    X, y = datasets.make_moons(50, random_state=0)
    DecisionBoundaryDisplay.from_estimator(NNClassifier(epochs=5).fit(X, y), X)


def test_weights_are_routed_through_a_pipeline(flowers):
    X, y = flowers
    weight = np.where(y == 0, 1.0, 0.0) + np.where(y == 1, 1.0, 0.0)
    with config_context(enable_metadata_routing=True):
        net = NNClassifier(epochs=30, random_state=0).set_fit_request(sample_weight=True)
        model = make_pipeline(FunctionTransformer(), net).fit(X, y, sample_weight=weight)
    assert (model.predict(X) != 2).all()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_have_names(library, quick, flowers):
    frames = pytest.importorskip(library)
    X, y = flowers
    frame = frames.DataFrame({name: X[:, i] for i, name in enumerate("abcd")})
    if not hasattr(StandardScaler().fit(frame), "feature_names_in_"):
        pytest.skip(f"this scikit-learn finds no names in a frame of {library}")
    quick.fit(frame, y)
    assert quick.feature_names_in_.tolist() == list("abcd")
    assert (quick.predict(frame) == clone(quick).fit(X, y).predict(X)).all()
    with pytest.raises(ValueError, match="feature names"):
        quick.predict(frame[["b", "a", "c", "d"]])


# ---- without scikit-learn -----------------------------------------------------------------------


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_nnfast_does_not_import_scikit_learn():
    done = python("import sys, nnfast; sys.exit('sklearn' in sys.modules)")
    assert done.returncode == 0, done.stderr


def test_without_scikit_learn_the_error_names_the_command():
    done = python("import sys; sys.modules['sklearn'] = None; import nnfast.sklearn")
    assert 'pip install "nnfast[sklearn]"' in done.stderr


def test_an_old_scikit_learn_is_named():
    done = python(
        "import sklearn.utils.validation as v; del v.validate_data; import nnfast.sklearn"
    )
    assert "needs scikit-learn 1.6 or newer" in done.stderr
