"""Logic gates: a linear layer, XOR without biases, every gate, and the same with relu and Adam.

`python gates.py --plot FILE` also draws the loss of XOR into an image file.
"""

import argparse

import numpy as np

import nnfast as nn

parser = argparse.ArgumentParser(description="Train networks to be logic gates.")
parser.add_argument("--plot", metavar="FILE", help="draw the loss of XOR into this image file")
arguments = parser.parse_args()

# Three linear units. A unit's weights are a column of W, hence the transpose.
units = [[0.2, 0.8, -0.5, 1.0], [0.5, -0.91, 0.26, -0.5], [-0.26, -0.27, 0.17, 0.87]]
linear = nn.Network([4, nn.Dense(3, "linear")], dtype="float64")
linear.set_weights([(np.transpose(units), [2.0, 3.0, 0.5])])
print("linear units:", linear.predict([[1.0, 2.0, 3.0, 2.5]])[0])

# XOR with two hidden units and no biases, from the starting weights of a network written by hand
X, y = nn.datasets.gate("xor")
np.random.seed(42)
W1, W2 = np.random.rand(2, 2), np.random.rand(1, 2)
net = nn.Network([2, nn.Dense(2, bias=False), nn.Dense(1, bias=False)], dtype="float64")
net.set_weights([(W1.T, None), (W2.T, None)])
history = net.fit(X, y, epochs=10_000, batch_size=None, optimizer=nn.SGD(0.1))
print("\nXOR without biases")
for epoch in range(0, history.epochs, 1000):
    print(f"iteration {epoch:4d}  loss {history['loss'][epoch]:.10f}")
print("outputs", net.predict(X)[:, 0], "classes", net.predict_classes(X))

if arguments.plot:
    try:
        history.plot().figure.savefig(arguments.plot)
    except ImportError as missing:
        print(f"No plot: {missing}")

# With biases and four hidden units every gate is learned, from each of the seeds 0 to 11.
print("\nevery gate, 2-4-1")
for name in nn.datasets.GATES:
    X, y = nn.datasets.gate(name)
    net = nn.Network([X.shape[1], 4, 1], seed=0)
    net.fit(X, y, epochs=10_000, batch_size=None, optimizer=nn.SGD(0.1))
    right = (net.predict_classes(X) == y).all()
    print(f"{name.upper():4}", net.predict_classes(X), "right" if right else "wrong")

# The rounded outputs of AND are right after 500 epochs from 47 of the seeds 0 to 49 (the other
# three need up to 1,000), those of XOR after 1,000 epochs from all 50.
for name, epochs in (("and", 500), ("xor", 1000)):
    X, y = nn.datasets.gate(name)
    net = nn.Network([2, nn.Dense(10, "relu"), nn.Dense(10, "relu"), 1], seed=0)
    if name == "and":
        print()
        net.summary()
    net.fit(X, y, epochs=epochs, optimizer=nn.Adam(0.001))
    result = net.evaluate(X, y)
    print(f"{name.upper()} after {epochs} epochs:", net.predict(X).round()[:, 0], result)
