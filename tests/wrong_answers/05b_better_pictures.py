"""Wrong answers to the exercises, each with a word that the check's message must contain."""

WRONG = {
    1: [
        ('answer_1 = dataclasses.replace(helpers.RECIPES["fourier"], rotation=45)', "90 of the 180"),
        ('answer_1 = dataclasses.replace(helpers.RECIPES["fourier"], rotation=180)', "twice"),
        ("answer_1 = 90", "must be a Recipe"),
    ],
    2: [
        ("def variation(images): return np.abs(np.diff(images, axis=1)).mean(axis=(1, 2, 3))", "to the right"),
        ("def variation(images): return sum(np.diff(images, axis=a).mean(axis=(1, 2, 3)) for a in (1, 2))", "absolute"),
        ("def variation(images): return sum(np.abs(np.diff(images, axis=a)).mean() for a in (1, 2))", "shape is ()"),
        (
            "def variation(images): "
            "return sum(np.abs(images - np.roll(images, 1, axis=a)).mean(axis=(1, 2, 3)) for a in (1, 2))",
            "wrapping",
        ),
    ],
    3: [
        (
            "def only(layer, chosen, others):\n"
            "    objective = helpers.channel(layer, chosen)\n"
            "    for number in set(others) - {chosen}:\n"
            "        objective -= helpers.channel(layer, number)\n"
            "    return objective",
            "divide",
        ),
        (
            "def only(layer, chosen, others):\n"
            "    objective = helpers.channel(layer, chosen)\n"
            "    for number in others:\n"
            "        objective -= 1 / len(others) * helpers.channel(layer, number)\n"
            "    return objective",
            "each of the four others",
        ),
        (
            "def only(layer, chosen, others):\n"
            "    objective = helpers.channel(layer, chosen)\n"
            "    for number in set(others) - {chosen}:\n"
            "        objective += 0.25 * helpers.channel(layer, number)\n"
            "    return objective",
            "subtract them",
        ),
    ],
}
