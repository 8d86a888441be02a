"""What only a real X server can show: the program started from outside, and files dragged in by another process."""

import subprocess
import sys
from pathlib import Path

from tests.ui import x11
from tests.ui.world import draw_shapes

ROOT = Path(__file__).resolve().parents[2]


def test_files_dragged_from_another_program_begin_a_project(tmp_path):
    x11.require()
    pictures = draw_shapes(tmp_path / "Bänke & röd", 3)
    homes = {f"XDG_{name}_HOME": str(tmp_path / name) for name in ("CONFIG", "CACHE", "STATE", "DATA")}
    with x11.screen() as environment:
        environment |= {**homes, "HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
        program = subprocess.Popen([sys.executable, "-m", "tlstudio"], env=environment, cwd=ROOT)
        try:
            which = x11.window(environment, "^TL Studio")
            x, y, width, height = x11.geometry(environment, which)
            assert (width, height) >= (1024, 640)
            # A window that is only just there may not answer yet while the files are over it: a person drops again.
            taken = (x11.drag(environment, [pictures], x + width // 2, y + height // 2) for _ in range(3))
            assert "CopyAction" in taken
            x11.window(environment, "^TL Studio — Bänke & röd$")
            project = tmp_path / "home" / "Documents" / "TL Studio" / "Bänke & röd" / "project.json"
            assert project.is_file()
            x11.xdotool(environment, "windowfocus", "--sync", which, "key", "ctrl+q")
            assert program.wait(30) == 0
        finally:
            if program.poll() is None:
                program.kill()
                program.wait()
