"""Wrong answers to the exercises, each with a word that the check's message must contain."""

WRONG = {
    1: [
        ("answer_1 = 2", "without dilation"),
        ("answer_1 = 8", "both sides"),
        ("answer_1 = 1", "22 x 22"),
    ],
    2: [
        ("def parameters(k, c_in, filters): return k * k * c_in * filters", "biases are missing"),
        ("def parameters(k, c_in, filters): return k * k * c_in * filters + 1", "one bias for the layer"),
        ("def parameters(k, c_in, filters): return (k * k + 1) * filters", "as deep as its input"),
    ],
    3: [
        (
            "def convolve(p, k, s):\n"
            "    return np.lib.stride_tricks.sliding_window_view(p, k.shape)[::s, ::s].mean(axis=(2, 3))",
            "take the sum",
        ),
        (
            "def convolve(p, k, s):\n"
            "    windows = np.lib.stride_tricks.sliding_window_view(p, k.shape)[::s, ::s]\n"
            "    return (windows * k[::-1, ::-1]).sum(axis=(2, 3))",
            "flipped",
        ),
        (
            "def convolve(p, k, s):\n"
            "    return (np.lib.stride_tricks.sliding_window_view(p, k.shape) * k).sum(axis=(2, 3))",
            "with stride 2",
        ),
    ],
}
