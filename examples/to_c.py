"""Networks as C headers: train, export, compile, and compare accuracy and size of every format.

    python to_c.py              handwritten digits of 8 x 8 pixels, 64-32-10
    python to_c.py FOLDER       MNIST from the files in FOLDER as well, 784-30-10

Without a C compiler it says what the headers say of themselves.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

import nnfast as nn

FORMATS = {
    "float32": {},
    "float32, own": {"math": "own"},
    "int16": {"numbers": "int16"},
    "int8": {"numbers": "int8"},
}
# reads rows of floats and writes their classes
PROGRAM = """
#include <stdio.h>
#include "model.h"

int main(void)
{
    float in[MODEL_INPUTS];
    while (fread(in, sizeof in, 1, stdin) == 1) printf("%d\\n", model_predict_class(in));
    return 0;
}
"""


def compiled(folder, *arguments):
    """A program made in the folder, or None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    command = [compiler, "-std=c99", "-O2", *arguments, "-lm", "-o", "program"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "program"


def classes(program, X):
    """What the program says of the rows."""
    rows = X.astype(np.float32).tobytes()
    done = subprocess.run([program], input=rows, capture_output=True, check=True)
    return np.array(done.stdout.split(), int)


def export(net, train, test, folder):
    """Write a header of each kind, compile it, and print what it is worth."""
    (folder / "program.c").write_text(PROGRAM)
    header = folder / "model.h"
    X, y = test
    print(f"network: {100 * (net.predict_classes(X) == y).mean():.2f} % right")
    for name, options in FORMATS.items():
        net.to_c(header, data=train, **options)
        text = header.read_text()
        flash = re.search(r"flash +(.*) bytes", text)[1]
        line = f"  {name:13s} {flash:>7s} bytes"
        program = compiled(folder, "-DMODEL_SELF_TEST", "-x", "c", "model.h")
        if program is not None:
            subprocess.run([program], check=True, capture_output=True)
            found = classes(compiled(folder, "program.c"), X)
            same = (found == net.predict_classes(X)).mean()
            line += f"  {100 * (found == y).mean():.2f} % right, {100 * same:.2f} % as the network"
        error = re.search(r"error +on .* rows of data: (.*)", text)
        print(line + (f", error {error[1]}" if error else ""))


def digits():
    """64-32-10 on digits of 8 x 8 pixels, a fifth of them for the test."""
    X, y = nn.datasets.digits()
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[len(X) // 5 :], order[: len(X) // 5]
    net = nn.Network([64, nn.Dense(32, "relu"), nn.Dense(10, "softmax")], seed=0)
    net.fit(X[train], y[train], epochs=30, optimizer="adam", verbose=0)
    return net, X[train], (X[test], y[test])


def mnist(folder, epochs):
    """784-30-10 on MNIST."""
    (X, y), test = nn.datasets.load_mnist(folder)
    net = nn.Network([784, 30, 10], seed=0)
    net.fit(X, y, epochs=epochs, optimizer="adam", verbose=0)
    return net, X, test


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", help="folder of the MNIST files")
    parser.add_argument("--epochs", type=int, default=10, help="of MNIST")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print("digits 64-32-10, ", end="")
        export(*digits(), Path(folder))
        if arguments.folder:
            print("\nMNIST 784-30-10, ", end="")
            export(*mnist(arguments.folder, arguments.epochs), Path(folder))


if __name__ == "__main__":
    main()
