"""Wrong answers to the exercises, each with a word that the check's message must contain."""

WRONG = {
    1: [
        ('answer_1 = "block3_conv4"', "no layer block3_conv4"),
        ('answer_1 = "block4_conv3"', "another block"),
        ('answer_1 = "block3_conv2"', "one more"),
    ],
    2: [
        ('answer_2 = helpers.load_image("coffee", (96, 64))', "height comes first"),
        ('answer_2 = helpers.load_image("coffee", 64)', "(64, 64, 3)"),
        ('answer_2 = helpers.load_image("cat", (64, 96))', "another photo"),
    ],
    3: [
        ("def busiest_channel(maps): return maps.max(axis=(0, 1)).argmax()", "mean counts"),
        ("def busiest_channel(maps): return maps.mean(axis=(0, 1))", "list of numbers"),
        ("def busiest_channel(maps): return maps.shape[-1] - 1", "not the channel"),
    ],
}
