"""Wrong answers to the exercises, each with a word that the check's message must contain."""

COSINE = """
def stripes(orientation, frequency, size):
    rows, columns = np.indices((size, size))
    turn = np.radians(orientation)
    return np.cos({})
"""

WRONG = {
    1: [
        ("answer_1 = 5 * 5 * 24 * 40", "has a bias"),
        ("answer_1 = 5 * 5 * 40 + 40", "24 channels"),
        ("answer_1 = 5 * 5 * 24 * 40 + 24 * 40", "not for each slice"),
    ],
    2: [
        ("def to_picture(kernel): return (kernel - kernel.min()) / np.ptp(kernel)", "away from 0.5"),
        ("def to_picture(kernel): return kernel / np.abs(kernel).max()", "between -1 and 1"),
        ("def to_picture(kernel): return 0.5 + kernel / kernel.max() / 2", "outside 0 to 1"),
        ("def to_picture(kernel): return 0.5 + kernel / 100", "-4 must become 0"),
    ],
    3: [
        (COSINE.format("frequency * (columns * np.sin(turn) + rows * np.cos(turn))"), "2 pi"),
        (COSINE.format("2 * np.pi * frequency * (columns * np.sin(turn) - rows * np.cos(turn))"), "downwards"),
        (COSINE.format("2 * np.pi * frequency * (columns * np.cos(turn) + rows * np.sin(turn))"), "along"),
        (COSINE.format("2 * np.pi * frequency * (columns * np.sin(30) + rows * np.cos(30))"), "radians"),
    ],
}
