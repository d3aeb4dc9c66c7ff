"""What a walkthrough says beside its equations: what each step does, and why."""

from __future__ import annotations

from nnfast.arithmetic.quantities import functions
from nnfast.formulas import ACTIVATIONS, LOSSES, Optimizer, Schedule

NETWORK = (
    "x is an input, w a weight, b a bias, z the sum of a unit, a its activation, y a target, E the "
    "loss, and δ is ∂E/∂z. A layer's number stands above in parentheses, a unit's below; w has two "
    "of them, from which and to which it leads: row and column of W. Numbers are shown rounded, "
    "and computed in float64 with all their digits."
)
FORWARD = "From the inputs to the outputs, layer by layer."
BACKWARD = (
    "From the loss back to the weights, by the chain rule: how the loss depends on one layer "
    "follows from how it depends on the next one."
)
SCALING = (
    "The network has scalers, which bring all numbers to one size before it learns from them: the "
    "inputs r to x, the targets t to y. The loss is that of the scaled numbers."
)
MEAN = (
    "The loss of a batch is the mean over its rows, and so is its gradient: the update answers all "
    "of them at once."
)
PENALTY = (
    "Penalties hold the weights small: Ω, made of λ₁ and the sum A of their absolute values, and "
    "of λ₂ and the sum Q of their squares, is added to the loss, and J is what training lowers. "
    "Biases are left alone."
)
PENALTY_GRADIENT = (
    "The penalties pull every weight towards zero: λ₁ by the same amount always, λ₂ in proportion "
    "to the weight."
)
SHARED = "These numbers are the same for all parameters."
FUNCTIONS = {
    "Phi": "Φ(z) is the probability that a standard normal number is at most z.",
    "sigmoid": "σ(z) is the logistic sigmoid, 1 / (1 + e^−z).",
}


def sums(layer: int) -> str:
    if layer > 1:
        return "The activations of the layer before are the inputs of this one."
    return (
        "Each unit multiplies every input by the weight of its connection, and adds up the "
        "products and its bias: z = x W + b."
    )


def activation(name: str) -> str:
    f = ACTIVATIONS[name]
    if f.normalise:
        return (
            f"{name} turns the sums of all units into positive numbers that add up to 1: e^z is "
            "divided by S, the sum over the units."
        )
    if f.formula == "z":
        return f"The activation {name} hands the sum on as it is: the output can be any number."
    why = "without it, several layers could do no more than one."
    told = " ".join(FUNCTIONS[n] for n in functions(f.formula) if n in FUNCTIONS)
    return f"The activation bends the sum; {why} {told}".strip()


def loss(name: str, single: bool) -> str:
    text = "The loss says with one number how far the outputs a are from their targets y"
    if single:
        return f"{text}; training is the search for weights that lower it."
    total = "mean" if LOSSES[name].mean else "sum"
    return f"{text}: the {total} of what each output contributes. Training lowers it."


def paired(loss_name: str, name: str) -> str:
    delta = LOSSES[loss_name].delta_formula.replace("-", "−")
    start = "δ = ∂E/∂z says how the loss changes with a unit's sum."
    if ACTIVATIONS[name].slope_formula == "0":
        return (
            f"{start} {name} is flat, and nothing can go back through it; the loss {loss_name} is "
            f"therefore written with z itself, and its derivative is {delta}."
        )
    return (
        f"{start} {name} and {loss_name} belong together: the slope of the one cancels against the "
        f"denominator of the other, and {delta} is left. A unit that is quite wrong learns fast, "
        "however flat its activation is there."
    )


def slope_of_loss(logarithmic: bool) -> str:
    if logarithmic:
        return "u is the derivative of the loss by log a, in which no division by a is left."
    return "The derivative of the loss by each output: its sign says which way is better."


def slope(formula: str) -> str:
    told = " ".join(FUNCTIONS[n] for n in functions(formula) if n in FUNCTIONS)
    return f"How much an output moves when its sum does. {told}".strip()


def jacobian(name: str) -> str:
    return (
        f"Every output of {name} depends on every sum, so there is a slope for each pair, the "
        "Jacobian: aᵢ (1 − aᵢ) for a unit's own sum, and −aᵢ aⱼ for another's."
    )


DELTA = (
    "δ = ∂E/∂z says how the loss changes with a unit's sum. By the chain rule it is how the loss "
    "changes with the output, times how the output changes with the sum."
)
JACOBIAN_DELTA = (
    "δ = ∂E/∂z says how the loss changes with a unit's sum. By the chain rule the ways from the "
    "sum to the loss are added up, one through each output."
)
LOGARITHM = (
    "δ = ∂E/∂z says how the loss changes with a unit's sum. Since log a = z − log S, a change of "
    "one z moves the log a of its own unit by as much, and takes a times that from all of them."
)
SHARE = (
    "A hidden unit has no target. Its share in the loss comes back through the connections that it "
    "feeds: each delta of the next layer, times the weight that leads there."
)


def gradient(bias: bool) -> str:
    text = (
        "A weight enters z multiplied by its input, so that ∂z/∂w is this input, and the gradient "
        "is the input times the delta of the unit that the weight leads to"
    )
    return f"{text}. A bias has the constant 1 as its input." if bias else f"{text}."


def optimizer(kind: Optimizer, schedule: Schedule | None, epoch: int) -> str:
    first = (type(kind).__doc__ or "").split("\n")[0]
    text = f"{first} The gradient points uphill; the update goes against it."
    if schedule is None:
        return text
    return f"{text} The learning rate follows {schedule!r}; this is its value after {epoch} epochs."


def after(before: float, now: float, rows: int) -> str:
    told = "of this row" if rows == 1 else f"of these {rows} rows"
    verb = "falls" if now < before else "grows" if now > before else "stays"
    return (
        f"With the new weights and biases the loss {told} {verb} from {before:.15g} to {now:.15g}. "
        "`set_weights(walkthrough.weights)` puts them into a network."
    )
