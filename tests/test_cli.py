"""The command line: every command, the sentences for mistakes, and the pages of help."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import warnings
from importlib.util import find_spec

import numpy as np
import pytest

import nnfast as nn
from nnfast.__main__ import main, parser
from nnfast.cli import sets
from nnfast.cli.arguments import METHODS
from nnfast.formulas import BATCH_METHODS

FLATS = """area,heating,rooms,price
52,gas,2,100
110,"heat pump",5,300
75,gas,3,150
80,oil,3,170
60,gas,2,110
90,oil,3,180
"""
README = """
nnfast data iris -o iris.csv
nnfast train iris.csv --target species --hidden 16,16 --epochs 200 -o iris.nnfast
nnfast predict iris.nnfast iris.csv -o species.csv
nnfast export iris.nnfast iris.h
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The working folder of every test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys):
    """Run a command line; (status, stdout, stderr)."""

    def run(line):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", nn.TrainingWarning)
            try:
                status = main(line.split())
            except SystemExit as end:
                status = end.code
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def iris(run):
    """iris.csv, and iris.nnfast trained on it."""
    assert run("data iris -o iris.csv")[0] == 0
    assert run("train iris.csv --target species --epochs 40 -o iris.nnfast --quiet")[0] == 0


@pytest.fixture
def flats(folder, run):
    """flats.csv, and flats.nnfast, a regression with categories."""
    (folder / "flats.csv").write_text(FLATS)
    line = "train flats.csv --categories one_hot --validation 0 -o flats.nnfast --epochs 300"
    assert run(f"{line} --quiet") == (0, "", "")


def table(text):
    """A CSV as lists of the fields of each row."""
    return list(csv.reader(io.StringIO(text)))


def give(monkeypatch, text):
    """Let standard input hold this text."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


# ---- the whole way --------------------------------------------------------------------------


def test_four_commands_from_a_table_to_c(run, folder):
    for line in README.strip().splitlines():
        status, _, error = run(line.removeprefix("nnfast "))
        assert (status, error) == (0, "")
    header, *rows = table((folder / "species.csv").read_text())
    truth = [row[-1] for row in table((folder / "iris.csv").read_text())[1:]]
    assert header == ["prediction"]
    assert np.mean([row == [label] for row, label in zip(rows, truth, strict=True)]) > 0.9
    assert "iris_predict" in (folder / "iris.h").read_text()


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_header_compiles_and_agrees(run, iris, folder):
    assert run("export iris.nnfast iris.h")[0] == 0
    build = ["cc", "-x", "c", "-DIRIS_SELF_TEST", "-o", "test", "iris.h", "-lm"]
    subprocess.run(build, check=True)
    assert subprocess.run([folder / "test"], capture_output=True, check=False).returncode == 0


def test_python_m_nnfast(folder):
    def call(*arguments, **options):
        command = [sys.executable, "-m", "nnfast", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, **options)

    assert call("--version").stdout == f"nnfast {nn.__version__}\n"
    data = call("data", "xor").stdout
    assert data == "x1,x2,y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n"
    line = ["train", "-", "--validation", "0", "-o", "xor.nnfast", "--json"]
    trained = call(*line, input=data)
    assert json.loads(trained.stdout)["classes"] == [0, 1]
    assert trained.stderr.startswith("classification: 0, 1\n")
    wrong = call("predict", "nothing.nnfast", "-", input=data)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "nnfast predict: nothing.nnfast: No such file or directory.\n"


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["info"]])
def test_starting_imports_nothing_heavy(arguments):
    code = (
        "import sys\nfrom nnfast.__main__ import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        "names = ('matplotlib', 'pandas', 'scipy', 'sklearn', 'onnx', 'torch', 'keras')\n"
        "sys.exit(', '.join(name for name in names if name in sys.modules) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals and pipes of POSIX")
def test_a_reader_that_goes_away():
    command = f"{sys.executable} -m nnfast data spirals --rows 20000 | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("x1,x2,y\n", "")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_pipe_with_a_name(run, iris, folder):
    os.mkfifo("pipe")
    expected = run("predict iris.nnfast iris.csv")[1]
    content = (folder / "iris.csv").read_bytes()
    writer = threading.Thread(target=(folder / "pipe").write_bytes, args=(content,))
    writer.start()
    assert run("predict iris.nnfast pipe")[1] == expected
    writer.join()


def test_an_interrupt(run, iris, folder, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(nn.Network, "fit", interrupted)
    status, _, error = run("train iris.csv -o new.nnfast --quiet")
    assert (status, error) == (130, "\nnnfast train: interrupted\n")
    assert not (folder / "new.nnfast").exists()


# ---- help -----------------------------------------------------------------------------------


def pages():
    """The help of every command."""
    root = parser()
    (commands,) = (action for action in root._actions if action.dest == "command")
    return {"": root, **commands.choices}


@pytest.mark.parametrize("name", pages())
@pytest.mark.parametrize("columns", ["80", "200"])
def test_help_fits_a_terminal(name, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    text = pages()[name].format_help()
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    if name:
        examples = text.partition("examples:\n")[2].splitlines()
        assert (
            2 <= sum(line.startswith("  nnfast ") or "| nnfast" in line for line in examples) <= 3
        )


def test_examples_of_the_help_run(run, folder, monkeypatch):
    """One after the other, in the order of the commands."""
    (folder / "flats.csv").write_text(FLATS)
    needs = {".onnx": "onnx", "--plot": "matplotlib"}
    for name, page in pages().items():
        if name in ("", "compare", "info"):  # `compare` measures for seconds
            continue
        examples = page.format_help().partition("examples:\n")[2].replace("\\\n", " ")
        for line in examples.strip().splitlines():
            if any(word in line and find_spec(needs[word]) is None for word in needs):
                continue
            before, command = re.split(r"(?:^|\| )nnfast ", line.strip())
            if before:
                give(monkeypatch, (folder / "iris.csv").read_text().splitlines()[-1])
            command, _, output = command.partition(" > ")
            if name == "bench":
                command += " --seconds 0.01"
            status, out, error = run(command.strip())
            assert status == 0, (line, error)
            if output:
                (folder / output).write_text(out)


def test_no_command_shows_the_help(run):
    status, out, error = run("")
    assert (status, out) == (2, "")
    assert error.startswith("usage: nnfast")


# ---- train ----------------------------------------------------------------------------------


def test_train_reports(run, iris, folder):
    status, out, error = run("train iris.csv --epochs 5 -o new.nnfast")
    assert (status, error) == (0, "")
    lines = out.splitlines()
    assert lines[:2] == [
        "classification: setosa, versicolor, virginica",
        "4 inputs -> 16 relu -> 3 softmax, 131 parameters",
    ]
    assert re.fullmatch(r"5 epochs in \S+ s\. All epochs are done: 5\.", lines[2])
    assert lines[4].split() == ["rows", "loss", "accuracy"]
    assert [line.split()[:2] for line in lines[5:7]] == [["training", "120"], ["validation", "30"]]
    assert lines[-1] == "saved: new.nnfast"


def test_train_is_repeatable(run, iris, folder):
    figures = [json.loads(run(f"train iris.csv -o {k}.nnfast --json")[1]) for k in "ab"]
    assert (folder / "a.nnfast").read_bytes() == (folder / "b.nnfast").read_bytes()
    for figure in figures:
        figure.pop("seconds"), figure.pop("network")
    assert figures[0] == figures[1]
    assert figures[0]["validation"]["rows"] == 30
    other = json.loads(run("train iris.csv --seed 1 -o c.nnfast --json")[1])
    assert other["validation"] != figures[0]["validation"]


def test_train_takes_all_options(run, iris):
    line = (
        "train iris.csv --target 5 --hidden 6,5 --activation tanh --scale minmax --dtype float64 "
        "--optimizer rmsprop --learning-rate 0.02 --batch-size 10 --epochs 7 --level numpy "
        "--validation 0.1 --seed 3 -o new.nnfast --quiet"
    )
    assert run(line) == (0, "", "")
    net = nn.load("new.nnfast", level="numpy")
    assert net.sizes == (4, 6, 5, 3)
    assert [layer.activation for layer in net.layers] == ["tanh", "tanh", "softmax"]
    assert (net.dtype, net.seed, net.batch_size) == ("float64", 3, 10)
    assert net.optimizer == nn.RMSprop(0.02)
    assert isinstance(net.input_scaler, nn.MinMaxScaler)
    assert net.training_state.step == 7 * 14  # of 135 rows


@pytest.mark.parametrize("name", METHODS)
def test_train_with_every_optimizer(run, iris, name):
    assert run(f"train iris.csv --hidden none --optimizer {name} --epochs 2 -o a --quiet")[0] == 0


def test_patience_ends_the_training_and_the_log_has_it(run, iris, folder):
    line = "train iris.csv --epochs 2000 --patience 3 --log log.csv -o new.nnfast --json"
    figures = json.loads(run(line)[1])
    assert "has not become better for 3 epochs" in figures["stop_reason"]
    header, *rows = table((folder / "log.csv").read_text())
    assert header == ["epoch", "loss", "val_loss"]
    assert len(rows) == figures["epochs"] < 2000
    best = min(float(row[2]) for row in rows)
    assert figures["validation"]["loss"] == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize(
    ("targets", "options", "kind", "classes"),
    [
        ("a b a b", "", "classification", ["a", "b"]),
        ("3 7 7 3", "", "classification", [3, 7]),
        ("3 7 9 3 7 9", "", "classification", [3, 7, 9]),
        ("1 2 3 4", "", "regression", None),
        ("1 2 3 4", "--task classification", "classification", [1, 2, 3, 4]),
        ("3 7 7 3", "--task regression", "regression", None),
        ("0.5 1 0.5 1", "", "regression", None),
    ],
)
def test_the_task_comes_from_the_target(run, folder, targets, options, kind, classes):
    rows = [f"{k},{-k},{target}" for k, target in enumerate(targets.split())]
    (folder / "a.csv").write_text("\n".join(rows))
    line = f"train a.csv --validation 0 --epochs 1 -o a.nnfast --json {options}"
    figures = json.loads(run(line)[1])
    assert (figures["task"], figures["classes"]) == (kind, classes)
    net = nn.load("a.nnfast")
    assert (net.output_scaler is None) == (kind == "classification")
    assert net.classes == (None if classes is None else tuple(classes))


def test_other_files(run, folder):
    X, y = nn.datasets.iris()
    numbers = np.hstack([X, np.eye(3)[y]]).astype(str)
    lines = [f"{len(X)} 4 3", *map(" ".join, numbers)]
    (folder / "a.data").write_text("\n".join(lines))
    counts = "bool_in=0\nreal_in=4\nbool_out=3\nreal_out=0\ntraining_examples=90\n"
    counts += "validation_examples=30\ntest_examples=30\n"
    (folder / "a.dt").write_text(counts + "\n".join(lines[1:]))
    np.savez(folder / "a.npz", X=X, y=y)
    kinds = [f"@attribute {name} numeric" for name in "abcd"] + ["@attribute kind {0, 1, 2}"]
    rows = [",".join([*row[:4], str(label)]) for row, label in zip(numbers, y, strict=True)]
    (folder / "a.arff").write_text("\n".join(["@relation iris", *kinds, "@data", *rows]))
    tsv = "\n".join(row.replace(",", "\t") for row in rows)
    (folder / "a.tsv").write_text(tsv)
    for name in ("a.data", "a.dt", "a.npz", "a.arff", "a.tsv"):
        figures = json.loads(run(f"train {name} -o a.nnfast --epochs 1 --json")[1])
        assert figures["sizes"] == [4, 16, 3], name
        assert ("test" in figures) == (name == "a.dt")
        status, out, _ = run(f"evaluate a.nnfast {name} --json --target -1")
        assert status == 0
        quality = json.loads(out)
        assert quality["rows"] == (30 if name == "a.dt" else 150)
        assert 0 <= quality["accuracy"] <= 1
    datasets = pytest.importorskip("sklearn.datasets")
    datasets.dump_svmlight_file(X, y, "a.libsvm", zero_based=False)
    assert run("train a.libsvm -o a.nnfast --epochs 1 --quiet") == (0, "", "")
    assert run("evaluate a.nnfast a.libsvm")[0] == 0


def test_several_targets(run, folder):
    """Rows of several 0 and 1 that are not one-hot, and several numbers."""
    X = np.random.default_rng(0).standard_normal((60, 2))
    for name, Y in (("labels", np.column_stack([X > 0, X.sum(axis=1) > 0])), ("numbers", 3 * X)):
        np.savez(folder / "a.npz", X=X, y=Y.astype(float))
        figures = json.loads(run("train a.npz -o a.nnfast --json --epochs 3")[1])
        assert figures["classes"] is None
        assert ("accuracy" in figures["training"]) == (name == "labels")
        assert ("accuracy" in run("evaluate a.nnfast a.npz")[1]) == (name == "labels")
        header, *rows = table(run("predict a.nnfast a.npz")[1])
        assert header == [f"prediction {k + 1}" for k in range(Y.shape[1])]
        assert (np.array(rows, np.float32) == nn.load("a.nnfast").predict(X)).all()


def test_attributes_are_found_by_name(run, flats, folder):
    """An ARFF file for a network of a CSV file, its attributes in another order."""
    attributes = ["rooms numeric", "heating {gas, 'heat pump', oil}", "area numeric"]
    lines = [f"@attribute {text}" for text in [*attributes, "price numeric"]]
    text = "\n".join(["@relation flats", *lines, "@data", "3,oil,80,170"])
    (folder / "a.arff").write_text(text)
    row = table(run("predict flats.nnfast a.arff")[1])[1]
    assert np.float32(row[0]) == nn.load("flats.nnfast").predict([[80, 0, 0, 1, 3]])[0, 0]
    (folder / "a.arff").write_text(text.replace("rooms", "room"))
    status, _, error = run("predict flats.nnfast a.arff")
    assert status == 2
    assert "no column 'rooms', which the network takes; the nearest is 'room'" in error


def test_a_training_that_diverges_is_a_failure(run, flats, folder):
    line = "train flats.csv --categories one_hot --scale none --optimizer sgd --learning-rate 1e9"
    status, _, error = run(f"{line} --validation 0 -o new.nnfast")
    assert status == 1
    assert error.splitlines()[-1].startswith("nnfast train: ")
    assert not (folder / "new.nnfast").exists()


# ---- predict and evaluate -------------------------------------------------------------------


def test_predictions_are_those_of_the_network(run, iris):
    X, _ = nn.datasets.iris()
    net = nn.load("iris.nnfast")
    assert net.feature_names == nn.datasets.iris().feature_names
    header, *rows = table(run("predict iris.nnfast iris.csv --probabilities")[1])
    assert header == ["prediction", *(f"p({label})" for label in nn.datasets.IRIS_CLASSES)]
    assert [row[0] for row in rows] == net.predict_classes(X).tolist()
    assert (np.array([row[1:] for row in rows], np.float32) == net.predict(X)).all()


def test_columns_are_found_by_name(run, iris, folder, monkeypatch):
    expected = run("predict iris.nnfast iris.csv")[1]
    rows = table((folder / "iris.csv").read_text())
    header = rows[0]
    order = [header.index(name) for name in sorted(header, reverse=True)]
    text = "\n".join(",".join(["7", *(row[k] for k in order)]) for row in rows[1:])
    give(monkeypatch, ",".join(["number", *(header[k] for k in order)]) + "\n" + text)
    assert run("predict iris.nnfast -")[1] == expected
    bare = "\n".join(",".join(row[:4]) for row in rows[1:])
    give(monkeypatch, bare)
    assert run("predict iris.nnfast -")[1] == expected
    give(monkeypatch, "\n".join(",".join(row) for row in rows[1:]))
    assert run("predict iris.nnfast - --target 5")[1] == expected


def test_ignored_columns(run, iris, folder, monkeypatch):
    """A column of names, which training, measuring and predicting leave out."""
    header, *rows = table((folder / "iris.csv").read_text())
    for name, named in (("named.csv", True), ("bare.csv", False)):
        lines = [",".join([f"flower {k}", *row]) for k, row in enumerate(rows)]
        if named:
            lines.insert(0, ",".join(["id", *header]))
        (folder / name).write_text("\n".join(lines))
        ignore = "--ignore id" if named else "--ignore 1 --no-header"
        line = f"train {name} --target -1 --epochs 40 -o other.nnfast --quiet"
        assert run(line)[0] == 2
        assert run(f"{line} {ignore}") == (0, "", "")
        assert (
            nn.load("other.nnfast").parameters.tobytes()
            == nn.load("iris.nnfast").parameters.tobytes()
        )
        expected = json.loads(run("evaluate iris.nnfast iris.csv --json")[1])
        assert json.loads(run(f"evaluate other.nnfast {name} --json {ignore}")[1]) == expected
        assert (
            run(f"predict other.nnfast {name} {ignore} --target -1")[1]
            == run("predict iris.nnfast iris.csv")[1]
        )
    assert "no column 'ed'" in run("train named.csv --ignore ed -o x.nnfast")[2]
    np.savez(folder / "a.npz", X=np.eye(2), y=[0, 1])
    assert "--ignore is for CSV and ARFF" in run("train a.npz --ignore 1 -o x.nnfast")[2]


def test_two_classes_and_their_probabilities(run, folder):
    run("data moons -o moons.csv")
    run("train moons.csv -o moons.nnfast --quiet --epochs 2")
    header, *rows = table(run("predict moons.nnfast moons.csv --probabilities")[1])
    assert header == ["prediction", "p(0)", "p(1)"]
    numbers = np.array(rows, float)
    assert np.allclose(numbers[:, 1:].sum(axis=1), 1)
    assert (numbers[:, 0] == (numbers[:, 2] >= 0.5)).all()


def test_categories_are_made_again(run, flats, monkeypatch):
    """Columns in another order, and with a part of the categories only."""
    net = nn.load("flats.nnfast")
    assert net.feature_names == ("area", "heating=gas", "heating=heat pump", "heating=oil", "rooms")
    give(monkeypatch, "rooms,heating,area\n3,oil,77\n2,heat pump,51.5\n")
    header, *rows = table(run("predict flats.nnfast -")[1])
    expected = net.predict([[77, 0, 0, 1, 3], [51.5, 0, 1, 0, 2]])
    assert header == ["prediction"]
    assert (np.array(rows, np.float32) == expected).all()
    give(monkeypatch, "77,oil,3\n")
    assert table(run("predict flats.nnfast -")[1])[1:] == rows[:1]
    given = ",".join(net.feature_names) + "\n77,0,0,1,3\n"
    give(monkeypatch, given)
    assert table(run("predict flats.nnfast -")[1])[1:] == rows[:1]


def test_categories_of_numbers_stay_texts(run, folder, monkeypatch):
    """A column of texts at training time may look like numbers later."""
    (folder / "a.csv").write_text("doors,x,y\n3,1,5.5\n4,2,6.5\n5+,3,7\n3,2,5\n")
    run("train a.csv --categories one_hot --validation 0 -o a.nnfast --quiet")
    give(monkeypatch, "doors,x\n3,1\n4,2\n")
    rows = table(run("predict a.nnfast -")[1])[1:]
    expected = nn.load("a.nnfast").predict([[1, 0, 0, 1], [0, 1, 0, 2]])
    assert (np.array(rows, np.float32) == expected).all()


def test_gaps_take_the_means_of_the_training(run, flats, monkeypatch):
    net = nn.load("flats.nnfast")
    mean = net.input_scaler.shift
    give(monkeypatch, "area,heating,rooms\n?,gas,2\n60,,\n")
    rows = table(run("predict flats.nnfast - --missing mean")[1])[1:]
    expected = net.predict([[mean[0], 1, 0, 0, 2], [60, 1, 0, 0, mean[-1]]])
    assert np.allclose(np.array(rows, float), expected, rtol=1e-6)
    give(monkeypatch, "area,heating,rooms,price\n?,gas,2,100\n60,gas,2,110\n")
    assert json.loads(run("evaluate flats.nnfast - --missing drop --json")[1])["rows"] == 1


def test_evaluate(run, flats, iris):
    X, y = nn.datasets.iris()
    expected = nn.load("iris.nnfast").evaluate(
        X, np.array(nn.datasets.IRIS_CLASSES)[y], ["accuracy", "f1"]
    )
    line = "evaluate iris.nnfast iris.csv --metrics accuracy,f1"
    assert json.loads(run(f"{line} --json")[1]) == {"rows": 150, **expected}
    assert run(line)[1].splitlines()[0].split() == ["rows", "loss", "accuracy", "f1"]
    assert json.loads(run("evaluate flats.nnfast flats.csv --json")[1])["r2"] > 0.9


# ---- show, walkthrough, export, bench, data -------------------------------------------------


def test_show(run, flats):
    out = run("show flats.nnfast")[1]
    for words in ("113 parameters", "[ 5 inputs ]  area, heating=gas", "scaled back (standard)"):
        assert words in out
    assert max(map(len, out.splitlines())) <= 100


def test_show_a_log(run, iris):
    run("train iris.csv --log log.csv --epochs 30 -o a.nnfast --quiet")
    status, out, _ = run("show log.csv")
    assert status == 0
    assert "* loss   o val_loss" in out
    assert out.splitlines()[-1].startswith("epoch 30: loss ")
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("what", ["iris.nnfast", "log.csv"])
def test_show_draws(run, iris, folder, what):
    pytest.importorskip("matplotlib")
    run("train iris.csv --log log.csv --epochs 3 -o a.nnfast --quiet")
    assert run(f"show {what} --plot picture.png") == (0, "saved: picture.png\n", "")
    assert (folder / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert run(f"show {what} --plot picture.xyz")[0] == 2


@pytest.mark.parametrize(("suffix", "words"), [("txt", "z"), ("md", "$"), ("html", "<html")])
def test_walkthrough(run, folder, suffix, words):
    run("data xor -o xor.csv")
    run("train xor.csv --hidden 2 --validation 0 -o xor.nnfast --quiet")
    line = "walkthrough xor.nnfast xor.csv --row 2 --learning-rate 0.5 --digits 4"
    assert run(f"{line} -o update.{suffix}")[0] == 0
    written = (folder / f"update.{suffix}").read_text(encoding="utf-8")
    assert words in written
    if suffix == "txt":
        assert run(line)[1] == run(f"{line} -o -")[1] == written
        X, y = nn.datasets.gate("xor")
        net = nn.load("xor.nnfast")
        told = nn.walkthrough(net, X[1:2], y[1:2], nn.SGD(0.5), digits=4)
        assert f"{told}\n" == written


def test_export(run, iris, folder):
    assert run("export iris.nnfast 7-flowers.h") == (0, "saved: 7-flowers.h\n", "")
    assert "model_7_flowers_predict(" in (folder / "7-flowers.h").read_text()
    assert run("export iris.nnfast a.h --name tiny --numbers int8 --data iris.csv")[0] == 0
    assert "tiny_predict_q" in (folder / "a.h").read_text()
    assert run("export iris.nnfast iris.npz")[0] == 0
    X, _ = nn.datasets.iris()
    assert np.allclose(nn.from_npz("iris.npz").predict(X), nn.load("iris.nnfast").predict(X))


def test_export_onnx(run, iris):
    pytest.importorskip("onnx")
    assert run("export iris.nnfast iris.onnx")[0] == 0
    X, _ = nn.datasets.iris()
    expected = nn.load("iris.nnfast").predict(X)
    assert np.allclose(nn.from_onnx("iris.onnx").predict(X), expected, atol=1e-6)


def test_a_package_that_is_not_there(run, iris, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    status, _, error = run("export iris.nnfast iris.onnx")
    assert status == 1
    assert 'pip install "nnfast[onnx]"' in error


def test_bench(run, iris):
    out = run("bench iris.csv --target species --hidden 4 --seconds 0.01 --compare")[1]
    assert out.startswith("iris.csv, 150 rows: 4 inputs -> 4 relu -> 3 softmax, adam, batch 32, on")
    assert all(f"  {level} " in out for level in nn.levels.available())
    figures = json.loads(run("bench iris.csv --hidden 4 --seconds 0.01 --level numpy --json")[1])
    assert figures.pop("title").startswith("iris.csv")
    assert figures.pop("level") == "numpy"
    assert len(figures) == 3
    assert all(figure > 0 for figure in figures.values())


def test_info(run):
    out = run("info")[1]
    for word in (nn.__version__, "levels", "threads", np.__version__, *nn.levels.available()):
        assert word in out
    assert json.loads(run("info --json")[1]) == nn.info()


def test_compare_prints_figures(run):
    status, out, _ = run("compare --seconds 0.004 --json")
    assert status == 0
    assert len(json.loads(out)["comparisons"]) == 4


@pytest.mark.parametrize("name", [*sets.FIXED, *sets.DRAWN])
def test_data_can_be_read_again(run, folder, name):
    assert run(f"data {name} -o a.csv") == (0, "", "")
    X, y = sets.FIXED[name]() if name in sets.FIXED else getattr(nn.datasets, name)(seed=0)
    again, labels = nn.datasets.load_csv("a.csv", header=True)
    assert np.allclose(again, X, rtol=1e-14)
    if name != "iris":
        assert (labels == y.ravel()).all()


# ---- mistakes -------------------------------------------------------------------------------

MISTAKES = {
    "": "usage: nnfast",
    "trian iris.csv": "invalid choice: 'trian'",
    "train": "the following arguments are required: data, -o/--output",
    "train nothing.csv -o a": "There is no file 'nothing.csv'",
    "train . -o a": "is a folder",
    "train iris.csv -o .": "is a folder",
    "train iris.csv -o iris.csv": "iris.csv is read and would be replaced",
    "predict iris.nnfast iris.csv -o ./iris.nnfast": "is read and would be replaced",
    "train iris.csv -o nowhere/a": "there is no folder 'nowhere'",
    "train iris.csv -o a --log nowhere/a": "there is no folder 'nowhere'",
    "train iris.csv -o a --target specie": "no column 'specie'; the nearest is 'species'",
    "train iris.csv -o a --target 6": "has 5 columns, counted from 1, and none is 6",
    "train iris.csv -o a --target 0": "none is 0",
    "train iris.csv -o a --delimiter ;": "has one column only; check --delimiter",
    "train iris.csv -o a --hidden 3,0": "'3,0' is no list of whole numbers such as 16,16",
    "train iris.csv -o a --epochs 0": "'0' is no whole number from 1",
    "train iris.csv -o a --epochs many": "'many' is no whole number from 1",
    "train iris.csv -o a --learning-rate -1": "'-1' is no number above 0",
    "train iris.csv -o a --validation 1": "'1' is no number from 0, below 1",
    "train iris.csv -o a --optimizer amad": "invalid choice: 'amad'",
    "train iris.csv -o a --optimizer lbfgs --learning-rate 1": "lbfgs has no learning rate",
    "train iris.csv -o a --task regression": "the target holds texts, such as setosa",
    "train gaps.csv -o a": "'?' is not a number; it can be read with --missing mean",
    "train flats.csv -o a": "is not a number; it can be read with --categories one_hot",
    "train gaps.csv -o a --categories one_hot": "column 1: '?' is not a number",
    "train both.csv -o a": "of every text, and --missing mean",
    "train comma.csv -o a --delimiter ; --categories one_hot": "column 'a' holds '1,5'; its comma",
    "train same.csv -o a": "every row has the same target, 1",
    "train empty.csv -o a": "is empty",
    "train single.csv -o a": "has one row, and none to spare for validation",
    "train bare.csv -o a --target c": "has no header with a column 'c'",
    "predict iris.csv iris.csv": "not an nnfast file",
    "predict nothing iris.csv": "nothing: No such file or directory.",
    "predict iris.nnfast nothing.csv": "There is no file 'nothing.csv'",
    "predict iris.nnfast flats.csv": "no column 'sepal_length', which the network takes",
    "predict iris.nnfast iris.csv --delimiter ;": "petal_width,species'. Check --delimiter.",
    "predict iris.nnfast bare.csv": "has 3 columns, but the network takes 4",
    "predict iris.nnfast iris.csv -o nowhere/a": "there is no folder 'nowhere'",
    "predict iris.nnfast short.csv": "the row has 3 fields, but the first row has 4",
    "predict flats.nnfast coal.csv": "'coal' is new; of the categories of 'heating'",
    "predict flats.nnfast flats.csv --probabilities": "--probabilities needs a network of classes",
    "predict flats.nnfast gap.csv": "--missing mean fills gaps",
    "predict flats.nnfast cold.csv": "the value of 'heating' is missing. --missing mean fills",
    "predict raw.nnfast gaps.csv --missing mean": "a network trained with --scale standard",
    "evaluate iris.nnfast flowers.csv": "the network does not take 0 columns",
    "evaluate iris.nnfast iris.csv --metrics acuracy": "unknown metric 'acuracy'",
    "show bare.csv": "no column 'loss'",
    "walkthrough iris.nnfast iris.csv --row 151": "has 150 rows of data, and no row 151",
    "walkthrough iris.nnfast iris.csv -o a.pdf": "expected .txt, .md, .html",
    "export iris.nnfast iris.exe": "ends in '.exe'; expected .h, .onnx, .npz",
    "export iris.nnfast iris": "iris ends in no suffix; expected .h",
    "export iris.nnfast iris.npz --numbers int8": "--numbers is for C headers only",
    "export iris.nnfast iris.h --numbers int8": "--numbers int8 needs --data FILE",
    "export iris.nnfast iris.h --name 3": "expected a C identifier",
    "bench iris.csv --optimizer rprop": "a batch method",
    "compare --seconds 0": "'0' is no number above 0 and at most 3600",
    "data irises": "invalid choice: 'irises'",
    "data iris --rows 3": "iris is as it is; leave --rows out",
}


@pytest.fixture
def mistakes(run, iris, flats, folder):
    """The files that the mistakes are about."""
    (folder / "gaps.csv").write_text("a,b,y\n1,2,0\n?,1,1\n3,?,0\n1,2,1\n")
    (folder / "both.csv").write_text("a,b,y\nu,2,0\nu,?,1\nv,1,0\nv,2,1\n")
    (folder / "comma.csv").write_text("a;y\n52,5;0\n110;1\n1,5;0\n2;1\n")
    (folder / "same.csv").write_text("a,y\n1,1\n2,1\n")
    (folder / "empty.csv").write_text("")
    (folder / "bare.csv").write_text("1,2,0\n3,4,1\n")
    names = ",".join(nn.datasets.iris().feature_names)
    (folder / "short.csv").write_text(f"{names}\n1,2,3,4\n1,2,3\n")
    (folder / "flowers.csv").write_text(f"{names}\n1,2,3,4\n")
    (folder / "coal.csv").write_text("area,heating,rooms\n60,coal,2\n")
    (folder / "cold.csv").write_text("area,heating,rooms\n50,,2\n")
    (folder / "single.csv").write_text("1,2,3\n")
    (folder / "gap.csv").write_text("area,heating,rooms\n,gas,2\n")
    line = "train gaps.csv --missing mean --validation 0 --scale none -o raw.nnfast"
    assert run(f"{line} --quiet")[0] == 0


@pytest.mark.parametrize("line", MISTAKES)
def test_mistakes_are_told_in_a_sentence(run, mistakes, folder, line):
    before = sorted(folder.iterdir())
    status, out, error = run(line)
    assert status == 2
    assert MISTAKES[line] in error
    assert out == ""
    assert "Traceback" not in error
    if line:
        assert error.startswith("nnfast")
        assert error.count("\n") == 1
    assert sorted(folder.iterdir()) == before


def test_batch_methods_are_known():
    """The mistake above needs one without a learning rate."""
    assert "learning_rate" not in BATCH_METHODS["lbfgs"].__dataclass_fields__


def test_warnings_are_one_line(run, folder, capsys):
    (folder / "a.csv").write_text("a,b,y\n1000000,1,0\n2000000,1,1\n1000000,1,0\n2000000,1,1\n")
    line = "train a.csv --scale none --validation 0 -o a.nnfast"
    status = main([*line.split(), "--quiet"])
    error = capsys.readouterr().err
    assert status == 0
    assert all(line.startswith("warning: ") for line in error.splitlines())
