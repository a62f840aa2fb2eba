"""Wrong answers to the exercises, each with a word that the check's message must contain."""

WRONG = {
    1: [
        ("answer_1 = 512 / 1.4**5", "four steps"),
        ("answer_1 = 512 / (1.4 * 4)", "multiply"),
        ("answer_1 = 512 * 1.4**4", "smaller than the picture"),
    ],
    2: [
        ("def next_start(photo, change, enlarge): return photo + enlarge(change, photo.shape[:2])", "above 1"),
        ("def next_start(photo, change, enlarge): return enlarge(change, photo.shape[:2])", "change alone"),
        ("def next_start(photo, change, enlarge): return change", "shape is (2, 2, 3)"),
    ],
    3: [
        ("def rolled_gradient(picture, gradient, shift): return gradient(picture)", "without a roll"),
        (
            "def rolled_gradient(picture, gradient, shift): return gradient(np.roll(picture, shift, axis=(0, 1)))",
            "roll it back",
        ),
        ("def rolled_gradient(picture, gradient, shift): return gradient(np.roll(picture, shift[0]))", "axis=(0, 1)"),
    ],
}
