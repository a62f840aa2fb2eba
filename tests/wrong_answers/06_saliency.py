"""Wrong answers to the exercises, each with a word that the check's message must contain."""

WRONG = {
    1: [
        ("answer_1 = 192 / 4", "one side"),
        ("answer_1 = 4 * 4", "number of units"),
        ("answer_1 = 192 * 192", "whole photo"),
    ],
    2: [
        ("def grad_cam(maps, gradients): return (maps * gradients.mean(axis=(0, 1))).sum(axis=2)", "below zero"),
        ("def grad_cam(maps, gradients): return np.maximum((maps * gradients).sum(axis=2), 0)", "one weight"),
        ("def grad_cam(maps, gradients): return np.maximum(maps * gradients.mean(axis=(0, 1)), 0)", "shape"),
    ],
    3: [
        ("def intersection_over_union(one, other): return (one == other).mean()", "background"),
        ("def intersection_over_union(one, other): return (one & other).sum() / other.sum()", "not of one"),
        ("def intersection_over_union(one, other): return (one & other).sum() / (one.sum() + other.sum())", "twice"),
    ],
}
