import tempfile
from pathlib import Path

import pytest

from tests.conftest import Result, Tlstudio
from tlstudio import cli


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tlstudio:
    """Runs the command line in this process, which knows the tiny backbone and has torch loaded already."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        status = cli.main([str(argument) for argument in arguments])
        return Result(status, *capsys.readouterr())

    return run
