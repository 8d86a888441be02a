"""How long the window takes from a fresh interpreter to the screen: `python -m tests.bench.start`. Goal: below 1 s."""

import tempfile
from pathlib import Path

from tests.test_rooms import start

TIMES = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        seconds = sorted(float(start(Path(folder) / "window.ini")[0]) for _ in range(TIMES))
    print(f"window shown after {seconds[0]:.2f} s at best, {seconds[TIMES // 2]:.2f} s in the middle of {TIMES} starts")


if __name__ == "__main__":
    main()
