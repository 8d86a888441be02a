"""What Ctrl-C and a request to terminate mean while a network is being trained."""

from __future__ import annotations

import signal
import sys
from typing import Any


class Interruption:
    """Within `with`, the first Ctrl-C asks the training to end and keep its best; the second ends everything.

    SIGTERM, such as a computer sends that shuts down, asks it to stand still, so that it can go on later.
    """

    def __init__(self) -> None:
        self._asked = False
        self._asked_to_pause = False
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        return self._asked

    def asks_to_pause(self) -> bool:
        return self._asked_to_pause

    def __enter__(self) -> None:
        for number, handler in ((signal.SIGINT, self._ask), (signal.SIGTERM, self._ask_to_pause)):
            self._before[number] = signal.signal(number, handler)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, *_: object) -> None:
        self._asked = True
        signal.signal(signal.SIGINT, self._before[signal.SIGINT])
        text = "Interrupted. Keeping the best weights so far; press Ctrl-C again to end at once."
        print(f"tlstudio: {text}", file=sys.stderr)

    def _ask_to_pause(self, *_: object) -> None:
        self._asked_to_pause = True
        signal.signal(signal.SIGTERM, self._before[signal.SIGTERM])
