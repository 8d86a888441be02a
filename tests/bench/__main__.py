"""Every benchmark there is, one after the other, or the one that is named: `python -m tests.bench [NAME [OPTIONS]]`."""

import subprocess
import sys

NAMES = (
    "start",
    "tree",
    "loading",
    "ui_stutter",
    "answers",
    "browsing",
    "browsing_window",
    "contention",
    "disk_full",
    "doubts",
    "duplicates",
    "pixels",
    "refusals",
    "training",
    "predicting",
    "survival",
    "exporting",
    "unknown",
    "coverage",
    "calibration",
    "solved",
    "advisor",
)


def main() -> int:
    name, *options = sys.argv[1:] or [""]
    if name and name not in NAMES:
        print(f"usage: python -m tests.bench [{' | '.join(NAMES)}] [options]", file=sys.stderr)
        return 2
    status = 0
    for each in [name] if name else NAMES:
        print(f"\n{each}", flush=True)
        status = max(status, subprocess.run([sys.executable, "-m", f"tests.bench.{each}", *options]).returncode)
    return status


if __name__ == "__main__":
    sys.exit(main())
