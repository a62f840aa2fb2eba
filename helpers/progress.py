"""One kind of progress bar: it appears after a moment, and not at all where ``TQDM_DISABLE`` is set."""

import os
import threading
from typing import Any


def progress_bar(**options: Any) -> Any:
    """A tqdm bar, in a notebook a widget; it is shown after one second and removed at its end."""
    from tqdm.auto import tqdm

    # tqdm's notebook bar does not read its own environment variable; a thread's bar would land in any cell.
    silent = os.environ.get("TQDM_DISABLE") == "1" or threading.current_thread() is not threading.main_thread()
    return tqdm(**options, delay=1, leave=False, disable=silent)
