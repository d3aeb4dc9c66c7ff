"""Female or male, from weight and height: a 2-2-1 network that learns from one person at a time."""

import nnfast as nn

ones = [[0.0], [1.0]]  # the weights of a unit that looks at its second input alone

neuron = nn.Network([2, 1], dtype="float64")
neuron.set_weights([(ones, [4.0])])
print(f"a neuron: {neuron.predict([[2, 3]])[0, 0]:.16f}")

net = nn.Network([2, 2, 1], dtype="float64")
net.set_weights([([[0, 0], [1, 1]], [0, 0]), (ones, [0])])
print(f"a network of three: {net.predict([[2, 3]])[0, 0]:.16f}")

# pounds less 135, inches less 66; 1 is female
X, y = nn.datasets.people()
zero = nn.Network([2, nn.Dense(1, "linear")], init="zeros")  # its loss is the mean squared error
print(f"mean squared error of the answer 0 for everybody: {zero.evaluate(X, y)['loss']}\n")

net = nn.Network([2, 2, 1], loss="mean_squared_error", init="normal", bias_init="normal", seed=0)
for epoch in range(1000):
    net.fit(X, y, batch_size=1, optimizer=nn.SGD(0.1), shuffle=False)
    if epoch % 10 == 0:
        print(f"epoch {epoch:3d}  loss {net.evaluate(X, y)['loss']:.6f}")

new_people = {"Anna (128 lb, 63 in)": [-7, -3], "Paul (155 lb, 68 in)": [20, 2]}
for name, person in new_people.items():
    print(f"{name}: {net.predict([person])[0, 0]:.3f}")
