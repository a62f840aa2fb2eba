"""Wrong answers to the exercises, each with a word that the check's message must contain."""

FOLD = """
def fold(kernel, bias, gamma, beta, mean, variance, epsilon):
    factor = {}
    return kernel * factor, {}
"""
FACTOR = "gamma / np.sqrt(variance + epsilon)"
RIGHT = "beta + (bias - mean) * factor"

WRONG = {
    1: [
        ("answer_1 = np.log(200)", "200 classes"),
        ("answer_1 = np.log10(1000)", "another base"),
        ("answer_1 = np.log2(1000)", "another base"),
        ("answer_1 = 1 / 1000", "probability itself"),
        ("answer_1 = np.log(1 / 1000)", "positive"),
        ("answer_1 = 5", "minus the logarithm"),
    ],
    2: [
        ("def triangle(share, warm): return min(share / warm, 1)", "at the end"),
        ("def triangle(share, warm): return 1 - share", "at the beginning"),
        ("def triangle(share, warm): return min(share, 1 - share)", "share = warm"),
        ("def triangle(share, warm): return min((share / warm) ** 2, (1 - share) / (1 - warm))", "half-way up"),
        ("def triangle(share, warm): return min(share / warm, ((1 - share) / (1 - warm)) ** 2)", "half-way down"),
        ("def triangle(share, warm): return None", "no number"),
    ],
    3: [
        (FOLD.format("gamma / np.sqrt(variance)", RIGHT), "epsilon"),
        (FOLD.format("gamma / (variance + epsilon)", RIGHT), "square root"),
        (FOLD.format("1 / np.sqrt(variance + epsilon)", RIGHT), "multiplied by gamma"),
        (FOLD.format(FACTOR, "beta - mean * factor"), "is lost"),
        (FOLD.format(FACTOR, "bias + beta - mean * factor"), "scaled as well"),
        (FOLD.format(FACTOR, "beta + (bias + mean) * factor"), "make of 0"),
        (FOLD.format(FACTOR, "mean"), "make of 0"),
    ],
}
