"""Wrong answers to the exercises of 04_feature_maps, each with a word that the check's message must contain."""

ZEROS = "zeros = [(maps == 0).mean() for maps in helpers.feature_maps(model, photo).values()]\n"
OWN = "def own_channel(means, name):\n"
OTHERS = OWN + "    others = [values for other, values in means.items() if other != name]\n"

WRONG = {
    1: [
        ("chosen = convs[0]", "whole number"),
        ("chosen = len(convs)", "past the list"),
        (ZEROS + "chosen = int(np.argmin(zeros))", "fewest"),
        (ZEROS + "chosen = int(np.argmax(zeros)) + 1", "from 0"),
    ],
    2: [
        ("def one_scale(maps):\n    return (maps - maps.min((0, 1))) / np.ptp(maps, (0, 1))", "each channel"),
        ("def one_scale(maps):\n    return maps / maps.max()", "did not subtract"),
        ("def one_scale(maps):\n    return (maps - maps.min()) / maps.max()", "divide by the range"),
        ("def one_scale(maps):\n    return maps - maps.min()", "did not divide"),
        ("def one_scale(maps):\n    maps = maps - maps.min()\n    maps / maps.max()", "return all"),
    ],
    3: [
        (OWN + "    return int(np.argmax(means[name]))", "largest mean"),
        (OTHERS + "    return int(np.argmax(means[name] - np.mean(others, axis=0)))", "average"),
        (OTHERS + "    return int(np.argmax(means[name] / np.max(others, axis=0)))", "divided"),
        (OWN + "    return int(np.argmax(means[name] - np.max(list(means.values()), axis=0)))", "itself"),
        (OWN + "    return means[name]", "one channel"),
    ],
}
