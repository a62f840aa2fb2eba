"""Wrong answers to the exercises, each with a word that the check's message must contain."""

WRONG = {
    1: [
        ("answer_1 = 10", "whole step"),
        ("answer_1 = 10 / (96 * 96 * 3)", "square root"),
        ("answer_1 = 10 / 96", "three colours"),
    ],
    2: [
        ("def contrast(maps, a, b): return maps[..., a].mean() - 0.5 * maps[..., b].mean()", "shape is ()"),
        ("def contrast(maps, a, b): return (maps[..., a] - maps[..., b]).mean(axis=(1, 2))", "counts half"),
        ("def contrast(maps, a, b): return (maps[..., a] + 0.5 * maps[..., b]).mean(axis=(1, 2))", "subtracted"),
    ],
    3: [
        ("def unit(gradient): return gradient / (tf.norm(gradient) + 1e-8)", "batch as a whole"),
        ("def unit(g): return g / tf.sqrt(tf.reduce_sum(g**2, axis=[1, 2, 3], keepdims=True))", "NaN"),
        ("def unit(g): return g / (tf.norm(g, axis=3, keepdims=True) + 1e-8)", "must be 1, 1 and 0"),
    ],
}
