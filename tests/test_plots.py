"""Pictures: what their artists show, where they are drawn, and what is said of wrong arguments."""

import subprocess
import sys

import numpy as np
import pytest

import nnfast as nn

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import colors  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

plots = nn.plots


@pytest.fixture(autouse=True)
def nothing_is_shown(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *_: pytest.fail("a picture was shown"))
    monkeypatch.setattr(Figure, "show", lambda *_: pytest.fail("a figure was shown"))
    yield
    plt.close("all")


X, Y = nn.datasets.moons(60, noise=0.1, seed=0)
BLOBS = nn.datasets.blobs(60, centers=3, seed=1)
IMAGES = np.random.default_rng(0).random((40, 16))
DIGITS = np.arange(40) % 3


@pytest.fixture(scope="module")
def net():
    net = nn.Network([2, nn.Dense(5, "tanh"), nn.Dense(3, bias=False), 1], seed=0)
    options = {"validation_split": 0.2, "metrics": ["accuracy"], "record": ["weights", "gradients"]}
    net.fit(X, Y, epochs=12, optimizer=nn.Adam(0.05), **options)
    return net


@pytest.fixture(scope="module")
def images():
    net = nn.Network([16, nn.Dense(7, "relu"), nn.Dense(3, "softmax")], seed=0)
    net.fit(IMAGES, DIGITS, epochs=2)
    return net


@pytest.fixture(scope="module")
def three():
    layers = [2, nn.Dense(6, "tanh"), nn.Dense(3, "softmax")]
    net = nn.Network(layers, seed=0, input_scaler="standard", classes=["a", "b", "c"])
    net.fit(BLOBS[0], [net.classes[k] for k in BLOBS[1]], epochs=40, optimizer=nn.Adam(0.05))
    return net


DISPLAYS = {
    "HistoryDisplay": lambda net, images, **own: plots.HistoryDisplay.from_history(
        net.history, **own
    ),
    "SpreadDisplay": lambda net, images, **own: plots.SpreadDisplay.from_histories(
        [net.history, net.history], **own
    ),
    "DecisionBoundaryDisplay": lambda net, images, **own: (
        plots.DecisionBoundaryDisplay.from_network(net, X, Y, resolution=20, **own)
    ),
    "DiagramDisplay": lambda net, images, **own: plots.DiagramDisplay.from_network(
        net, X[0], **own
    ),
    "WeightImagesDisplay": lambda net, images, **own: plots.WeightImagesDisplay.from_network(
        images, **own
    ),
    "ConfusionMatrixDisplay": lambda net, images, **own: plots.ConfusionMatrixDisplay.from_network(
        images, IMAGES, DIGITS, **own
    ),
    "MistakesDisplay": lambda net, images, **own: plots.MistakesDisplay.from_network(
        images, IMAGES, DIGITS, **own
    ),
    "HistogramsDisplay": lambda net, images, **own: plots.HistogramsDisplay.from_network(
        net, **own
    ),
    "EvolutionDisplay": lambda net, images, **own: plots.EvolutionDisplay.from_history(
        net.history, layer=0, **own
    ),
}


@pytest.fixture(params=DISPLAYS)
def make(request, net, images):
    """A function that draws one of the displays."""
    return lambda **own: DISPLAYS[request.param](net, images, **own)


# ---- what all have in common ------------------------------------------------------------------


def test_names_of_classes_are_shown_as_they_stand():
    names = np.array([r"$\oops$", "20 $ x_$", "_a"])
    labels = names[BLOBS[1]]
    net = nn.Network([2, nn.Dense(3, "softmax")], seed=0, classes=names.tolist())
    shown = [
        plots.DecisionBoundaryDisplay.from_network(net, BLOBS[0], labels, resolution=20),
        plots.DiagramDisplay.from_network(net),
        plots.ConfusionMatrixDisplay.from_network(net, BLOBS[0], labels),
        plots.MistakesDisplay.from_network(net, BLOBS[0], labels),
    ]
    for display in shown:
        display.figure_.canvas.draw()
    assert len(shown[0].ax_.get_legend().get_texts()) == 3


def test_every_display_is_tried():
    classes = {name for name in plots.__all__ if name.endswith("Display")}
    assert classes == {"Display", *DISPLAYS}


def test_a_figure_is_made_where_no_axes_are_given(make):
    display = make()
    assert plt.get_fignums() == [display.figure_.number]
    assert display.ax_ in display.figure_.axes
    display.figure_.canvas.draw()


def test_given_axes_are_used_again_and_again(make):
    figure, (left, right) = plt.subplots(1, 2, figsize=(5, 2), layout="constrained")
    display = make(ax=left)
    assert (display.ax_, display.figure_) == (left, figure)
    artists = len(left.get_children())
    assert display.plot(right) is display
    assert display.ax_ is right
    assert len(right.get_children()) == artists
    assert plt.get_fignums() == [figure.number]
    figure.canvas.draw()


def test_all_look_the_same_in_tiny_axes_and_without_a_layout(make):
    figure, ax = plt.subplots(figsize=(1.2, 1.0))
    make(ax=ax)
    figure.canvas.draw()


def test_the_network_stays_as_it_is(make, net, images):
    before = [n.parameters.tobytes() for n in (net, images)]
    make()
    assert [n.parameters.tobytes() for n in (net, images)] == before


def test_without_matplotlib(make, monkeypatch):
    for name in list(sys.modules):
        if name.split(".")[0] == "matplotlib":
            monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r'matplotlib; install it with: pip install "nnfast\[pl'):
        make()


def test_importing_takes_matplotlib_along_only_for_a_picture():
    code = (
        "import sys, nnfast as nn\n"
        "assert 'nnfast.plots' not in sys.modules\n"
        "assert nn.plots.HistoryDisplay and 'plots' in nn.__all__\n"
        "nn.Network([2, 1])._repr_html_()\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'pots'"):
        _ = nn.pots


# ---- curves -----------------------------------------------------------------------------------


def history(**records):
    """A history with these records."""
    made = nn.History()
    made.add_losses(records.pop("loss"))
    for k in range(made.epochs):
        made.append({name: values[k] for name, values in records.items()})
    return made


def test_training_and_validation_have_one_colour():
    records = history(loss=[3.0, 2, 1], val_loss=[3.0, 1, 2])
    display = plots.HistoryDisplay.from_history(records)
    training, held_out = display.lines_
    assert training.get_ydata().tolist() == [3, 2, 1]
    assert held_out.get_ydata().tolist() == [3, 1, 2]
    assert training.get_color() == held_out.get_color()
    assert (training.get_linestyle(), held_out.get_linestyle()) == ("-", "--")
    ((ring,),) = [collection.get_offsets().tolist() for collection in display.rings_]
    assert ring == [1, 1]
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["training", "validation", "best: 1, epoch 1"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("epoch", "loss")


def test_the_best_accuracy_is_the_highest():
    records = history(loss=[1.0, 1, 1], accuracy=[0, 0, 0], val_accuracy=[np.nan, 0.9, 0.5])
    display = plots.HistoryDisplay.from_history(records, "accuracy")
    assert display.rings_[0].get_offsets().tolist() == [[1, 0.9]]
    unknown = history(loss=[1.0, 1], mine=[1.0, 2], val_mine=[1.0, 2])
    assert not plots.HistoryDisplay.from_history(unknown, "mine").rings_


@pytest.mark.parametrize("several", [dict, list])
def test_several_runs(several):
    runs = {name: history(loss=[k + 1.0, k], val_loss=[1.0, 2]) for k, name in enumerate("ab")}
    if several is dict:
        display = plots.HistoryDisplay.from_history(runs, scale="log")
    else:
        given = list(runs.values())
        display = plots.HistoryDisplay.from_history(given, labels=["a", "b"], scale="log")
    assert display.ax_.get_yscale() == "log"
    assert [line.get_ydata().tolist() for line in display.lines_[::2]] == [[1, 0], [2, 1]]
    tones = [line.get_color() for line in display.lines_]
    assert tones[0] == tones[1] != tones[2] == tones[3]
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["a", "b", "validation"]


def test_several_records_and_a_style():
    records = history(loss=[1.0, 2], accuracy=[0, 1])
    display = plots.HistoryDisplay.from_history(records, ["loss", "accuracy"], linewidth=5)
    assert [line.get_linewidth() for line in display.lines_] == [5, 5]
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["loss", "accuracy"]
    everything = records.plot()
    assert len(everything.get_lines()) == 2


def test_validation_alone():
    records = history(loss=[3.0, 2], val_loss=[4.0, 1])
    display = plots.HistoryDisplay.from_history(records, "val_loss")
    (line,) = display.lines_
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["validation", "best: 1, epoch 1"]
    assert line.get_ydata().tolist() == [4, 1]
    assert line.get_linestyle() == "--"


def test_one_epoch_is_a_point():
    (line,) = plots.HistoryDisplay.from_history(history(loss=[1.0])).lines_
    assert line.get_marker() == "o"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["val_loss"], ValueError, "no record 'val_loss'.*has loss.*Give `fit` validation_data"),
        (["accuracy"], ValueError, r"no record 'accuracy'.*metrics=\['accuracy'\]"),
        ([["loss", "losss"]], ValueError, "no record 'losss'; this history has loss"),
    ],
)
def test_unknown_records(arguments, error, message):
    with pytest.raises(error, match=message):
        plots.HistoryDisplay.from_history(history(loss=[1.0, 2]), *arguments)
    assert not plt.get_fignums()


def test_what_is_no_history():
    with pytest.raises(TypeError, match="history is of type float"):
        plots.HistoryDisplay.from_history(1.0)
    with pytest.raises(TypeError, match=r"history\['a'\] is of type list"):
        plots.HistoryDisplay.from_history({"a": [1.0]})
    one = history(loss=[1.0])
    with pytest.raises(ValueError, match="labels has 1 entries, but there are 2 histories"):
        plots.HistoryDisplay.from_history([one, one], labels=["a"])
    with pytest.raises(ValueError, match="unknown scale 'wide'"):
        plots.HistoryDisplay.from_history(one, scale="wide")


def test_the_spread_of_seeds():
    runs = [history(loss=[float(k), k, k][: 3 - (k == 0)]) for k in range(5)]
    groups = {"five": runs, "one": runs[2:3]}
    display = plots.SpreadDisplay.from_histories(groups, quantiles=(0, 1))
    five, one = display.lines_
    assert five.get_ydata().tolist() == [2, 2, 2.5]  # the run that ended does not count any more
    assert one.get_ydata().tolist() == [2, 2, 2]
    corners = display.bands_[0].get_paths()[0].vertices[:, 1]
    assert (corners.min(), corners.max()) == (0, 4)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["five (5 runs)", "one (1 runs)", "0% to 100%"]


def test_the_spread_ends_where_most_runs_have_ended():
    runs = [history(loss=[1.0] * epochs) for epochs in (2, 2, 9)]
    (line,) = plots.SpreadDisplay.from_histories(runs).lines_
    assert len(line.get_xdata()) == 2


@pytest.mark.parametrize(
    ("runs", "options", "message"),
    [
        ([nn.History()], {}, "no epochs"),
        ([], {}, "no epochs"),
        ([history(loss=[1.0])], {"name": "f1"}, "no record 'f1'"),
        ([history(loss=[1.0])], {"quantiles": (0.9, 0.1)}, "two rising numbers"),
    ],
)
def test_no_spread(runs, options, message):
    with pytest.raises(ValueError, match=message):
        plots.SpreadDisplay.from_histories(runs, **options)


# ---- boundaries -------------------------------------------------------------------------------


def test_the_boundary_of_two_classes(net):
    display = plots.DecisionBoundaryDisplay.from_network(net, X, Y, resolution=30)
    shown = display.surface_.get_array()
    left, right, low, high = display.surface_.get_extent()
    assert left < X[:, 0].min() < X[:, 0].max() < right
    corners = np.array([[left, low], [right, high]])
    assert np.allclose(shown[[0, -1], [0, -1]], net.predict(corners)[:, 0])
    assert display.surface_.get_clim() == (0, 1)
    (line,) = display.lines_
    points = np.concatenate([path.vertices for path in line.get_paths()])
    assert abs(net.predict(points) - 0.5).max() < 0.1
    assert [len(points.get_offsets()) for points in display.points_] == [30, 30]


def test_a_boundary_without_points(net):
    display = plots.DecisionBoundaryDisplay.from_network(net, X, resolution=10, margin=0)
    assert not display.points_
    assert display.ax_.get_legend() is None
    assert display.ax_.get_xlim() == pytest.approx((X[:, 0].min(), X[:, 0].max()))


def test_the_regions_of_three_classes(three):
    labels = [three.classes[k] for k in BLOBS[1]]
    display = plots.DecisionBoundaryDisplay.from_network(three, BLOBS[0], labels, resolution=25)
    assert display.surface_.get_array().shape == (25, 25, 3)
    assert 1 <= len(display.lines_) <= 2
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["a", "b", "c"]
    rows = display.surface_.get_array()
    found = three.predict(
        np.stack(np.meshgrid(display.plane.x, display.plane.y), -1).reshape(-1, 2)
    )
    for k in range(3):
        pixels = rows.reshape(-1, 3)[found.argmax(axis=1) == k]
        surest = pixels[pixels.sum(axis=1).argmin()]
        tone = np.array(colors.to_rgb(nn.drawing.PALETTE[k]))
        assert np.argmax(1 - surest) == np.argmax(1 - tone)


def test_the_boundary_of_hinge_is_at_zero():
    net = nn.Network([2, nn.Dense(1, "linear")], loss="hinge", seed=0)
    display = plots.DecisionBoundaryDisplay.from_network(net, X, 2 * Y - 1, resolution=10)
    assert display.surface_.get_clim() == (-1, 1)
    assert display.plane.threshold == 0
    assert len(display.points_) == 2


def test_numbers_have_a_scale_and_no_boundary():
    net = nn.Network([2, nn.Dense(1, "linear")], seed=0)
    values = X[:, 0] * 3
    display = plots.DecisionBoundaryDisplay.from_network(net, X, values, resolution=10)
    assert not display.lines_
    assert display.surface_.get_clim() == pytest.approx((values.min(), values.max()))
    (points,) = display.points_
    assert np.allclose(points.get_array(), values)
    assert len(display.figure_.axes) == 2


def test_points_of_one_place_have_a_plane_around_them():
    net = nn.Network([2, 1], seed=0)
    display = plots.DecisionBoundaryDisplay.from_network(net, [[1, 1]], [1], resolution=5)
    assert display.plane.x[0] < 1 < display.plane.x[-1]


def test_many_classes_differ_in_colour_or_marker_and_have_no_legend():
    points, labels = nn.datasets.blobs(400, centers=40, seed=0)
    net = nn.Network([2, nn.Dense(40, "softmax")], seed=0)
    display = plots.DecisionBoundaryDisplay.from_network(net, points, labels, resolution=20)
    kinds = {
        (tuple(dots.get_facecolor()[0]), dots.get_paths()[0].vertices.tobytes())
        for dots in display.points_
    }
    assert len(kinds) == len(display.points_) == 40
    assert display.ax_.get_legend() is None


def test_a_boundary_needs_two_inputs(images):
    with pytest.raises(ValueError, match="this network has 16 inputs; expected 2"):
        plots.DecisionBoundaryDisplay.from_network(images, IMAGES)
    with pytest.raises(ValueError, match=r"X has shape \(60, 1\)"):
        plots.DecisionBoundaryDisplay.from_network(nn.Network([2, 1]), X[:, :1])


@pytest.mark.parametrize("ending", ["gif", "html"])
def test_an_animated_training(ending, tmp_path):
    nets = [nn.Network([2, 3, 1], seed=0) for _ in range(2)]
    path = tmp_path / f"training.{ending}"
    options = {"epochs": 6, "optimizer": nn.Adam(0.1), "batch_size": 16}
    records = plots.animate_boundary(nets[0], X, Y, path, frames=4, **options)
    assert nets[1].fit(X, Y, **options)["loss"] == records["loss"]
    assert np.array_equal(nets[0].parameters, nets[1].parameters)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    if ending == "gif":
        image = pytest.importorskip("PIL.Image")
        with image.open(path) as movie:
            assert movie.n_frames == 4
    else:
        assert path.read_text(encoding="utf-8").count("data:image/png;base64") == 4
    assert not plt.get_fignums()


def test_an_animation_ends_with_its_training(tmp_path):
    image = pytest.importorskip("PIL.Image")
    stop = nn.LambdaCallback(lambda epoch, logs: epoch == 2)
    net = nn.Network([2, 3, 1], seed=0)
    path = tmp_path / "training.gif"
    records = plots.animate_boundary(net, X, Y, path, epochs=9, frames=2, callbacks=stop)
    assert records.epochs == 3
    with image.open(path) as movie:
        assert movie.n_frames == 2


def test_no_animation(tmp_path):
    with pytest.raises(ValueError, match=r"'a.mp4'; expected a file that ends in .gif or .html"):
        plots.animate_boundary(nn.Network([2, 1]), X, Y, "a.mp4")
    with pytest.raises(ValueError, match="this network has 3 inputs"):
        plots.animate_boundary(
            nn.Network([3, 1]), np.ones((4, 3)), [0, 1, 0, 1], tmp_path / "a.gif"
        )
    assert not list(tmp_path.iterdir())
    assert not plt.get_fignums()


# ---- diagrams and weights ---------------------------------------------------------------------


def test_the_lines_of_a_diagram_are_the_weights():
    net = nn.Network([2, nn.Dense(2, bias=False), 1], seed=0)
    net.set_weights([([[1.0, -2], [0, 4]], None), ([[-1.0], [2]], [0.0])])
    display = plots.DiagramDisplay.from_network(net)
    first, second = display.edges_
    assert len(first.get_segments()) == 4
    assert len(second.get_segments()) == 2
    widths = np.sort(first.get_linewidths())
    assert widths[-1] > widths[-2] > widths[-3] > widths[-4] > 0
    thickest = int(np.argmax(first.get_linewidths()))
    (_, start), (_, end) = first.get_segments()[thickest]
    assert (start, end) == (-0.5, -0.5)  # the second input, the second unit
    tone = first.get_colors()[thickest]
    assert colors.to_hex(tone) == nn.drawing.POSITIVE
    assert tone[3] == 1
    assert [len(nodes.get_offsets()) for nodes in display.nodes_] == [2, 2, 1]
    texts = [text.get_text() for text in display.texts_]
    assert texts == ["2 inputs", "2 sigmoid", "1 sigmoid"]


def test_large_layers_leave_out_their_middle():
    net = nn.Network([100, 4, 9], seed=0)
    display = plots.DiagramDisplay.from_network(net, most=5)
    assert [len(nodes.get_offsets()) for nodes in display.nodes_] == [4, 4, 4]
    column = plots.layout.column(9, 5)
    assert column.units.tolist() == [0, 1, 7, 8]
    assert column.heights.tolist() == [2, 1, -1, -2]
    assert (column.gap, column.places) == (0, 5)


def test_a_diagram_with_values(three):
    display = plots.DiagramDisplay.from_network(three, BLOBS[0][:1])
    texts = [text.get_text() for text in display.texts_]
    assert f"{BLOBS[0][0, 0]:.2g}" in texts  # the raw input
    assert f"{three.predict(BLOBS[0][:1])[0, 0]:.2g}" in texts
    assert texts[-3:] == ["a", "b", "c"]


def test_a_diagram_shows_one_row():
    net = nn.Network([2, 1])
    with pytest.raises(ValueError, match=r"x has shape \(2, 2\); a diagram shows"):
        plots.DiagramDisplay.from_network(net, [[1, 2], [3, 4]])
    with pytest.raises(ValueError, match=r"X has shape \(1, 3\)"):
        plots.DiagramDisplay.from_network(net, [1, 2, 3])
    with pytest.raises(ValueError, match="most is 2"):
        plots.DiagramDisplay.from_network(net, most=2)


def test_a_diagram_of_zeros():
    plots.DiagramDisplay.from_network(nn.Network([2, 1], init="zeros"), [0, 0])


def test_weight_images(images):
    display = plots.WeightImagesDisplay.from_network(images)
    assert len(display.images_) == 7
    W, _ = images.weights[0]
    for k, image in enumerate(display.images_):
        assert np.array_equal(image.get_array(), W[:, k].reshape(4, 4))
        assert image.get_clim() == (-abs(W).max(), abs(W).max())
    some = plots.WeightImagesDisplay.from_network(images, (2, 8), most=3)
    assert [image.get_array().shape for image in some.images_] == [(2, 8)] * 3
    assert some.ax_.get_title() == "the first 3 of 7 units"


@pytest.mark.parametrize(
    ("inputs", "shape", "error", "message"),
    [
        (12, None, ValueError, "12 numbers, which make no square image; give shape"),
        (12, (3, 5), ValueError, r"shape is \(3, 5\), but an input of this network has 12"),
        (12, 3, TypeError, "shape is 3; expected"),
    ],
)
def test_weights_that_are_no_images(inputs, shape, error, message):
    with pytest.raises(error, match=message):
        plots.WeightImagesDisplay.from_network(nn.Network([inputs, 1]), shape)


def test_images_do_not_overlap(images):
    extents = [own.get_extent() for own in plots.WeightImagesDisplay.from_network(images).images_]
    for k, (left, right, bottom, top) in enumerate(extents):
        for other in extents[k + 1 :]:
            apart = left >= other[1] or other[0] >= right or top >= other[2] or other[3] >= bottom
            assert apart


# ---- histograms -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "axis"), [((), "weight"), ((X,), "activation"), ((X, Y), "gradient")]
)
def test_histograms_of_every_layer(net, data, axis):
    display = plots.HistogramsDisplay.from_network(net, *data)
    assert display.ax_.get_xlabel() == axis
    assert len(display.ridges_) == 3
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert labels[-1] == "dense 1\ntanh"
    if not data:
        assert [len(values) for values in display.values] == [15, 15, 4]
    for k, ridge in enumerate(display.ridges_):
        heights = ridge.get_paths()[0].vertices[:, 1]
        assert (heights.min(), heights.max()) == (2 - k, pytest.approx(2.85 - k))


def test_histograms_of_equal_numbers():
    plots.HistogramsDisplay.from_network(nn.Network([2, 1], init="zeros"))


def test_histograms_of_no_numbers():
    net = nn.Network([2, 1])
    net.parameters[:] = np.nan
    display = plots.HistogramsDisplay.from_network(net)
    assert display.ax_.get_xlim()[0] < 0 < display.ax_.get_xlim()[1]


@pytest.mark.parametrize(
    ("what", "data", "message"),
    [
        ("activations", (), "activations depend on the data, but there is no X"),
        ("gradients", (X,), "gradients depend on the data, but there is no y"),
        ("wights", (), "unknown what 'wights' .*; choose from weights"),
    ],
)
def test_no_histograms(net, what, data, message):
    with pytest.raises(ValueError, match=message):
        plots.HistogramsDisplay.from_network(net, *data, what=what)


def test_histograms_over_the_epochs(net):
    display = plots.EvolutionDisplay.from_history(net.history, "weights")
    assert len(display.axes_) == len(display.images_) == 3
    for k, (image, lines) in enumerate(zip(display.images_, display.lines_, strict=True)):
        shares = image.get_array()
        assert shares.shape[1] == 12
        assert (shares.sum(axis=0) > 0.9).all()
        low, median, high = (line.get_ydata() for line in lines)
        assert (low <= median).all()
        assert (median <= high).all()
        counts, edges = net.history["weights"][-1][k]
        assert edges[0] <= median[-1] <= edges[-1]
        assert counts.sum() == [15, 15, 4][k]


def test_the_evolution_in_axes_of_ones_own(net):
    _, axes = plt.subplots(1, 3)
    display = plots.EvolutionDisplay.from_history(net.history, "gradients", ax=axes)
    assert display.axes_ == list(axes)
    with pytest.raises(ValueError, match="3 layers need 3 axes, but there is 1"):
        plots.EvolutionDisplay.from_history(net.history, ax=axes[0])
    with pytest.raises(ValueError, match="layer is 3; expected 0 to 2"):
        plots.EvolutionDisplay.from_history(net.history, layer=3)
    with pytest.raises(ValueError, match=r"no histograms of weights; train with fit\(record="):
        plots.EvolutionDisplay.from_history(history(loss=[1.0]))
    with pytest.raises(ValueError, match="unknown what 'loss'"):
        plots.EvolutionDisplay.from_history(net.history, "loss")


# ---- mistakes ---------------------------------------------------------------------------------


def test_confusion_counts_what_a_network_says(images):
    display = plots.ConfusionMatrixDisplay.from_network(images, IMAGES, DIGITS)
    metrics = pytest.importorskip("sklearn.metrics")
    expected = metrics.confusion_matrix(DIGITS, images.predict_classes(IMAGES), labels=range(3))
    assert np.array_equal(display.counts, expected)
    assert np.array_equal(display.image_.get_array(), expected)
    texts = [[text.get_text() for text in row] for row in display.texts_]
    assert texts == [[f"{count}" for count in row] for row in expected]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("predicted", "true")


@pytest.mark.parametrize("normalize", ["true", "pred", "all"])
def test_confusion_in_fractions(normalize):
    metrics = pytest.importorskip("sklearn.metrics")
    true, found = ["x", "y", "y", "z"], ["x", "y", "x", "x"]
    own = {"pred": "predicted"}.get(normalize, normalize)
    display = plots.ConfusionMatrixDisplay.from_predictions(true, found, normalize=own)
    assert np.allclose(display.shown, metrics.confusion_matrix(true, found, normalize=normalize))
    assert display.names == ["x", "y", "z"]


def test_confusion_of_labels_and_many_classes(three):
    labels = [three.classes[k] for k in BLOBS[1]]
    display = plots.ConfusionMatrixDisplay.from_network(three, BLOBS[0], labels)
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["a", "b", "c"]
    assert display.counts.sum() == 60
    many = plots.ConfusionMatrixDisplay.from_predictions(np.arange(100), np.arange(100))
    assert not many.texts_.any()


def test_no_confusion(images):
    with pytest.raises(ValueError, match=r"y_true has shape \(2,\) and y_pred \(3,\)"):
        plots.ConfusionMatrixDisplay.from_predictions([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="unknown normalize 'rows'"):
        plots.ConfusionMatrixDisplay.from_predictions([1], [1], normalize="rows")
    with pytest.raises(ValueError, match="names has 2 entries; expected one for each class, 3"):
        plots.ConfusionMatrixDisplay.from_network(images, IMAGES, DIGITS, names=["a", "b"])
    with pytest.raises(ValueError, match="rows with several classes or none"):
        plots.ConfusionMatrixDisplay.from_network(nn.Network([2, 2]), X, np.ones((60, 2)))
    net = nn.Network([2, nn.Dense(1, "linear")])
    with pytest.raises(ValueError, match="y holds numbers other than 0 and 1"):
        plots.ConfusionMatrixDisplay.from_network(net, X, X[:, 0])


def test_the_worst_mistakes_come_first(images):
    display = plots.MistakesDisplay.from_network(images, IMAGES, DIGITS, count=5)
    found = images.predict_classes(IMAGES)
    losses = [images.evaluate(IMAGES[k : k + 1], DIGITS[k : k + 1])["loss"] for k in range(40)]
    wrong = sorted((k for k in range(40) if found[k] != DIGITS[k]), key=lambda k: -losses[k])
    assert display.rows.tolist() == wrong[:5]
    assert np.allclose(display.losses, [losses[k] for k in wrong[:5]], rtol=1e-5)
    assert display.total == len(wrong)
    first = wrong[0]
    assert np.allclose(display.images_[0].get_array(), IMAGES[first].reshape(4, 4))
    words = f"{DIGITS[first]}, not {found[first]}\nrow {first}, "
    assert display.texts_[0].get_text() == words + f"{images.predict(IMAGES)[first].max():.2f}"
    assert display.ax_.get_title() == f"the worst 5 of {len(wrong)} mistakes"


def test_mistakes_that_are_no_images(net):
    display = plots.MistakesDisplay.from_network(net, X, 1 - Y, count=3)
    assert not display.images_
    assert [bar.get_width() for bar in display.bars_] == display.losses.tolist()
    assert (display.outputs >= 0.5).all()
    assert (
        display.texts_[0].get_text().startswith(f" {display.true[0]}, not {display.predicted[0]}")
    )
    with pytest.raises(ValueError, match="make no square image"):
        plots.MistakesDisplay.from_network(net, X, Y, images=True)


def test_no_mistakes():
    net = nn.Network([2, nn.Dense(8, "tanh"), 1], seed=0)
    gate = nn.datasets.gate("xor")
    net.fit(*gate, epochs=300, batch_size=None, optimizer=nn.Adam(0.1))
    display = plots.MistakesDisplay.from_network(net, *gate)
    assert [text.get_text() for text in display.texts_] == ["no mistakes"]


@pytest.mark.parametrize("loss", ["mean_squared_error", "quadratic", "cross_entropy"])
@pytest.mark.parametrize("level", ["numpy", "fastest"])
def test_row_losses_are_those_of_evaluate(loss, level):
    net = nn.Network([16, 5, nn.Dense(3, "softmax")], loss=loss, seed=0, level=level)
    losses = nn.inspection.row_losses(net, IMAGES, DIGITS)
    assert losses.shape == (40,)
    assert losses.mean() == pytest.approx(net.evaluate(IMAGES, DIGITS)["loss"], rel=1e-5)
