"""What Ctrl-C means while a network is being trained."""

from __future__ import annotations

import signal
import sys
from typing import Any


class Interruption:
    """Within `with`, the first Ctrl-C asks the training to end and keep its best; the second ends everything."""

    def __init__(self) -> None:
        self._asked = False
        self._before: Any = None

    def __call__(self) -> bool:
        return self._asked

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGINT, self._ask)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _ask(self, *_: object) -> None:
        self._asked = True
        signal.signal(signal.SIGINT, self._before)
        text = "Interrupted. Keeping the best weights so far; press Ctrl-C again to end at once."
        print(f"tlstudio: {text}", file=sys.stderr)
