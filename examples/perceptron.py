"""Perceptrons: a NAND gate, a decision, adders made of NAND gates, and how a perceptron learns."""

from itertools import product

import numpy as np

import nnfast as nn


def perceptron(weights, bias):
    """A unit that outputs 1 where w . x + bias > 0, else 0."""
    unit = nn.Network([len(weights), nn.Dense(1, "step")])
    unit.set_weights([(np.reshape(weights, (-1, 1)), [bias])])
    return unit


nand_unit = perceptron([-2, -2], bias=3)


def nand(a, b):
    """NAND of two columns of bits."""
    return nand_unit.predict_classes(np.column_stack([a, b]))


def half_adder(a, b):
    """The sum bit and the carry bit of a + b, from five NAND gates."""
    g1 = nand(a, b)
    return nand(nand(a, g1), nand(b, g1)), nand(g1, g1)


def add(A, B):
    """Bits of the sums of two columns of numbers, given as bits (n, bits), highest bit first."""
    carry, bits = np.zeros(len(A)), []
    for a, b in zip(A.T[::-1], B.T[::-1], strict=True):
        partial, first = half_adder(a, b)
        total, second = half_adder(partial, carry)
        carry = nand(nand(first, first), nand(second, second))  # first OR second
        bits.append(total)
    return np.column_stack([carry, *reversed(bits)])


def learn(gate, limit=100):
    """Rosenblatt's rule: after every wrong answer, add the input to the weights or subtract it."""
    X, y = nn.datasets.gate(gate)
    unit = nn.Network([X.shape[1], nn.Dense(1, "step")], init="zeros")
    for epoch in range(1, limit + 1):
        unit.fit(X, y, batch_size=1, optimizer=nn.SGD(1.0), shuffle=False)
        wrong = int((unit.predict_classes(X) != y).sum())
        if not wrong:
            return f"no errors after {epoch} epochs"
    return f"did not converge: still {wrong} of {len(y)} wrong after {limit} epochs"


print("a b  NAND  sum carry")
X, _ = nn.datasets.gate("nand")
for (a, b), out, total, carry in zip(X, nand(*X.T), *half_adder(*X.T), strict=True):
    print(f"{a:.0f} {b:.0f}  {out:4d}  {total:3d} {carry:5d}")

# "the sum is at least 5" is, between whole numbers, "the sum - 4.5 is more than 0"
go_out = perceptron([2, 2, 5], bias=-4.5)
print("\nweather near partner  go out")
for weather, near, partner in product((0, 1), repeat=3):
    answer = go_out.predict_classes([[weather, near, partner]])[0]
    print(f"{weather:7} {near:4} {partner:7} {answer:7}")

X, sums = nn.datasets.adder(4)
right = (add(X[:, :4], X[:, 4:]) == sums).all(axis=1).sum()
print(f"\n4-bit adder of NAND gates: {right} of {len(sums)} sums right\n")

for gate in ("and", "or", "nand", "not", "xor"):
    print(f"{gate.upper():4} {learn(gate)}")
