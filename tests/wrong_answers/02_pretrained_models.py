"""Wrong answers to the exercises of notebook 02, each with a word that the check's message must contain."""

LOOP = """
field, step = 1, 1
for kernel, stride in layers:
    field += (kernel - 1) * step
    step *= stride
"""


def _layers(place: int, pair: tuple[int, int]) -> str:
    pairs = [(3, 1), (3, 1), (2, 2), (3, 1), (3, 1), (2, 2), (3, 1), (3, 1), (3, 1)]
    pairs[place] = pair
    return f"layers = {pairs}\n{LOOP}"


def _count(expression: str) -> str:
    return f"def count_parameters(kernel, channels_in, filters):\n    return {expression}\n"


def _field(start: int, first: str, second: str) -> str:
    lines = [
        f"    field, step = {start}, 1",
        "    for kernel, stride in layers:",
        f"        {first}",
        f"        {second}",
    ]
    return "\n".join(["def field_of(layers):", *lines, "    return field"]) + "\n"


WRONG = {
    1: [
        (_layers(1, (5, 1)), "block1_conv2"),
        (_layers(6, (5, 1)), "block3_conv1"),
        (_layers(7, (3, 5)), "stride"),
        (_layers(7, (7, 1)), "7 x 7"),
    ],
    2: [
        (_count("kernel * kernel * channels_in * filters"), "biases are missing"),
        (_count("kernel * channels_in * filters + filters"), "square"),
        (_count("kernel**2 * filters + filters"), "all channels in"),
        (_count("kernel**2 * channels_in * filters + channels_in"), "not for each channel in"),
        (_count("kernel**2 * channels_in + 1"), "one filter"),
    ],
    3: [
        (_field(1, "step *= stride", "field += (kernel - 1) * step"), "add first"),
        (_field(1, "field += kernel * step", "step *= stride"), "one less"),
        (_field(1, "field += kernel - 1", "step *= stride"), "ignored"),
        (_field(0, "field += (kernel - 1) * step", "step *= stride"), "one pixel"),
        (_field(1, "field += (kernel - 1) * step", "step = stride"), "product"),
        (_field(1, "field += (kernel - 1) * step", "step += stride"), "multiply"),
        ("def field_of(layers):\n    return 19\n", "not for none"),
    ],
}
