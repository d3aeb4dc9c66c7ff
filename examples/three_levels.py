"""One network on three levels, pure Python, NumPy and C++: a worked example, and ten points."""

import time

import nnfast as nn

LEVELS = ["python", "numpy", nn.levels.resolve("fastest")]

# (W, b) of each layer; the weights of a unit are a column of W: the first hidden unit has 0.1, 0.2
HIDDEN = [[0.1, 0.3], [0.2, 0.4]], [0.5, 0.12]
OUTPUT = [[0.5, 0.7], [0.6, 0.8]], [0.2, 0.4]


def one_layer(x, weights, activation, level):
    net = nn.Network([2, nn.Dense(2, activation)], dtype="float64", level=level)
    net.set_weights([weights])
    return net.predict(x)


def worked_example(level):
    """Forward pass, backpropagation and one update of a 2-2-2 network."""
    x, target = [[2.78, 2.55]], [[0.1, 0.9]]
    print(f"level {level}")
    hidden = one_layer(x, HIDDEN, "sigmoid", level)
    for name, inputs, weights in (("hidden", x, HIDDEN), ("output", hidden, OUTPUT)):
        sums, outputs = (one_layer(inputs, weights, f, level)[0] for f in ("linear", "sigmoid"))
        print(f"  {name} sums {sums}, activations {outputs}")

    net = nn.Network([2, 2, 2], loss="quadratic", dtype="float64", level=level)
    net.set_weights([HIDDEN, OUTPUT])
    error, gradient = net.loss_and_gradient(x, target)
    # the flat gradient is laid out like net.parameters, and dE/db of a layer is its delta
    print(f"  error {error:.14f}, output deltas {gradient[10:]}, hidden deltas {gradient[4:6]}")
    net.fit(x, target, optimizer=nn.SGD(0.5))
    for name, (W, b) in zip(("hidden", "output"), net.weights, strict=True):
        print(f"  new {name} weights {W[:, 0]}, {W[:, 1]}, biases {b}")


def ten_points(sizes, epochs=40):
    """The same start trained on every level, with the summed error of each epoch."""
    X, y = nn.datasets.ten_points()
    start = nn.Network(
        sizes, loss="quadratic", init="uniform", bias_init="uniform", dtype="float64", seed=0
    )
    nets = [start.copy(level) for level in LEVELS]
    settings = {"batch_size": 1, "optimizer": nn.SGD(0.5), "shuffle": False}
    print(f"\n{sizes} on", ", ".join(LEVELS))
    for epoch in range(epochs):
        errors = [net.fit(X, y, **settings)["loss"][0] * len(X) for net in nets]
        print(f"epoch {epoch:2d}  error", *(f"{error:.6f}" for error in errors))
    for net in nets:
        right = int((net.predict_classes(X) == y).sum())
        started = time.perf_counter()
        net.fit(X, y, epochs=1000, **settings)
        seconds = time.perf_counter() - started
        print(f"{net.level:8} {right} of 10 right; 1,000 more epochs take {seconds:.4f} s")


for level in LEVELS:
    worked_example(level)

# Not every start gets there: of the seeds 0 to 199, 173 of [2, 2, 2] and 188 of [2, 3, 2] have all
# ten right after 40 epochs.
ten_points([2, 2, 2])
ten_points([2, 3, 2])

# Linear outputs and Adam, one row at a time: with all rows in every update 200 epochs are too few.
X, y = nn.datasets.ten_points()
net = nn.Network([2, 3, nn.Dense(2, "linear")], seed=0)
net.fit(X, y, epochs=200, batch_size=1, optimizer="adam")
print("\nlinear outputs, Adam:", net.evaluate(X, y), "classes", net.predict_classes(X))
