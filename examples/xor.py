"""XOR learned by a 2-4-1 network: sigmoids, binary cross-entropy, all four rows in every update."""

import numpy as np

import nnfast as nn

X, y = nn.datasets.gate("xor")

# NumPy's older generator, so that the figures can be compared with a network written by hand
np.random.seed(42)
W1, W2 = np.random.randn(2, 4), np.random.randn(4, 1)

net = nn.Network([2, 4, 1], dtype="float64")
net.set_weights([(W1, np.zeros(4)), (W2, np.zeros(1))])

history = net.fit(X, y, epochs=10_000, batch_size=None, optimizer=nn.SGD(0.1))
for epoch in range(0, history.epochs, 1000):
    print(f"epoch {epoch:4d}  loss {history['loss'][epoch]:.10f}")

print(f"after {history.epochs} epochs  loss {net.evaluate(X, y)['loss']:.10f}")
for (a, b), output in zip(X, net.predict(X)[:, 0], strict=True):
    print(f"{a:.0f} XOR {b:.0f} = {output:.8f}")
