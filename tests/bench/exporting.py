"""What an export takes and how close it comes, random weights: `python -m tests.bench exporting [BACKBONE]...`."""

import sys
import tempfile
import time
from pathlib import Path

from tests.exported import untrained
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.events import Exported
from tlstudio.engine import exporters, network


def main() -> None:
    names = sys.argv[1:] or list(BACKBONES)
    print(f"{'backbone':<20} {'traced':>7} {'in all':>7} {'size':>7}  largest difference   (processor seconds, MB)")
    for name in names:
        model = untrained(network.build(name, 5, pretrained=False))
        began = time.process_time()
        exporters._graph(model)
        traced = time.process_time() - began
        began = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            *_, done = exporters.to_onnx(model, Path(folder) / "out", 2)
        taken = time.process_time() - began
        assert isinstance(done, Exported)
        print(f"{name:<20} {traced:7.1f} {taken:7.1f} {done.size / 1e6:7.0f}  {done.difference:.1e}", flush=True)


if __name__ == "__main__":
    main()
