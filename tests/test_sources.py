"""Promises about the source itself."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "tlstudio").rglob("*.py"))


def test_nothing_is_ever_unpickled() -> None:
    unsafe = re.compile(
        r"pickle\.load|joblib|allow_pickle\s*=\s*True|yaml\.load|weights_only\s*=\s*False|(?<!\.)\bexec\("
    )
    assert [f"{path}: {found[0]}" for path in SOURCES if (found := unsafe.search(path.read_text("utf-8")))] == []
    loads = [path.name for path in SOURCES if "torch.load(" in path.read_text("utf-8")]
    assert loads == ["weights.py"]
    assert "weights_only=True" in (ROOT / "tlstudio" / "engine" / "weights.py").read_text("utf-8")


def test_the_command_line_starts_without_torch() -> None:
    code = "import sys, tlstudio.__main__, tlstudio.tasks; "
    code += "print([m for m in ('torch', 'torchvision', 'timm', 'numpy', 'PySide6', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
