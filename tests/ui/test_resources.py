"""What is compiled into the program is what lies in resources/."""

import runpy
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_compiled_resources_are_up_to_date(tmp_path, monkeypatch):
    for part in ("resources", "packaging", "tlstudio"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "*.qm"))
    texts = tmp_path / "resources" / "translations" / "tlstudio_en.ts"
    runpy.run_path(str(tmp_path / "packaging" / "resources.py"), run_name="__main__")
    hint = "run: python packaging/resources.py"
    committed = ROOT / "resources" / "translations" / "tlstudio_en.ts"
    assert texts.read_text("utf-8") == committed.read_text("utf-8"), hint
    module = Path("tlstudio") / "ui" / "rc_resources.py"
    assert (tmp_path / module).read_text("utf-8") == (ROOT / module).read_text("utf-8"), hint
