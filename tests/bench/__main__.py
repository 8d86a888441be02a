"""Every benchmark there is, one after the other: `make bench`."""

import subprocess
import sys

for name in ("start", "loading", "ui_stutter"):
    print(f"\n{name}", flush=True)
    subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=True)
