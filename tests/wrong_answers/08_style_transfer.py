"""Wrong answers to the exercises, each with a word that the check's message must contain."""

WRONG = {
    1: [
        ("answer_1 = 64 * 64", "each pair once"),
        ("answer_1 = 64 * 63 // 2", "diagonal"),
        ("answer_1 = 64 * 24 * 24", "averaged away"),
    ],
    2: [
        (
            "def variation(p): return np.abs(np.diff(p, axis=0)).mean() + np.abs(np.diff(p, axis=1)).mean()",
            "absolute differences",
        ),
        ("def variation(p): return (np.diff(p, axis=1) ** 2).mean()", "one direction"),
        ("def variation(p): return (np.diff(p, axis=0) ** 2).mean(axis=(0, 1))", "shape is (3,)"),
    ],
    3: [
        (
            "def keep_colours(photo, painted): return photo + (painted @ [0.299, 0.587, 0.114])[..., None]",
            "take the photo",
        ),
        ("def keep_colours(photo, painted): return (painted @ [0.299, 0.587, 0.114])", "[..., None]"),
        (
            "def keep_colours(photo, painted):\n"
            "    return np.repeat((painted @ [0.299, 0.587, 0.114])[..., None], 3, axis=2)",
            "not those of the photo",
        ),
    ],
}
