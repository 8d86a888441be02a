"""What makes the bundle, as far as it shows without making one: `make bundle` makes it and tries it."""

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tlstudio import __version__
from tlstudio.__main__ import NEW_WINDOW
from tlstudio.core.backbones import BACKBONES, DEFAULT_BACKBONE
from tlstudio.ui.app import DESKTOP_FILE

ROOT = Path(__file__).resolve().parent.parent
DESKTOP = ROOT / "resources" / "desktop"
ENTRY = DESKTOP / f"{DESKTOP_FILE}.desktop"
METAINFO = DESKTOP / f"{DESKTOP_FILE}.metainfo.xml"
MIME = "application/x-tlstudio-model"


def judge(package: str, *command: object) -> None:
    """Let a program of the desktop judge a file; without that program skip, but in CI fail."""
    if not shutil.which(str(command[0])):
        reason = f"needs {command[0]}: sudo apt-get install {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_desktop_takes_the_menu_entry() -> None:
    judge("desktop-file-utils", "desktop-file-validate", ENTRY)


def test_software_centres_take_the_description() -> None:
    judge("appstream", "appstreamcli", "validate", "--no-net", METAINFO)


def test_entry_description_and_file_type_speak_of_the_same() -> None:
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str  # type: ignore[assignment,method-assign]
    entry.read(ENTRY, encoding="utf-8")
    assert entry["Desktop Entry"]["MimeType"] == f"{MIME};"
    assert entry["Desktop Entry"]["Exec"] == "tlstudio %F"
    assert entry["Desktop Action new-window"]["Exec"] == f"tlstudio {NEW_WINDOW}"
    metainfo = ElementTree.parse(METAINFO)
    assert metainfo.findtext("id") == DESKTOP_FILE
    assert metainfo.findtext("launchable") == ENTRY.name
    assert metainfo.findtext("provides/mediatype") == MIME
    release = metainfo.find("releases/release")
    assert release is not None
    assert release.get("version") == __version__
    types = ElementTree.parse(DESKTOP / f"{DESKTOP_FILE}.mime.xml")
    (model,) = types.getroot()
    assert model.get("type") == MIME
    assert [child.get("pattern") for child in model if child.tag.endswith("glob")] == ["*.tlmodel"]


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """What is unpacked from the archive, with a program that only says its version."""
    folder = tmp_path / 'a 100% "good" $place' / "tlstudio"
    (folder / "_internal").mkdir(parents=True)
    (folder / "tlstudio").write_text("#!/bin/sh\necho tlstudio\n")
    (folder / "tlstudio").chmod(0o755)
    shutil.copy(DESKTOP / "install.sh", folder)
    for name, place in ((ENTRY.name, "applications"), (f"{DESKTOP_FILE}.mime.xml", "mime/packages")):
        (folder / "share" / place).mkdir(parents=True)
        shutil.copy(DESKTOP / name, folder / "share" / place / name.replace(".mime", ""))
    return folder


def install(unpacked: Path, home: Path, *arguments: str) -> None:
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    command = ["sh", str(unpacked / "install.sh"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the install script is for Linux")
@pytest.mark.parametrize("way", [(), ("--here",)])
def test_installing_needs_no_root_and_is_undone(unpacked: Path, tmp_path: Path, way: tuple[str, ...]) -> None:
    home = tmp_path / "home"
    home.mkdir()
    install(unpacked, home, *way)
    program = (unpacked if way else home / ".local" / "lib" / "tlstudio") / "tlstudio"
    command = home / ".local" / "bin" / "tlstudio"
    assert command.resolve() == program
    installed = home / ".local" / "share" / "applications" / ENTRY.name
    judge("desktop-file-utils", "desktop-file-validate", installed)
    lines = [line for line in installed.read_text().splitlines() if line.startswith("Exec=")]
    # The rules for quotes in menu entries: backslash before what a shell would act on, written twice; % stands double.
    quoted = str(program).replace("%", "%%").replace('"', '\\\\"').replace("$", "\\\\$")
    assert lines == [f'Exec="{quoted}" %F', f'Exec="{quoted}" --new-window']
    install(unpacked, home, "--uninstall")
    assert not [path for path in home.rglob("*") if "tlstudio" in path.name.lower()]
    assert (unpacked / "tlstudio").is_file()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for what Linux names so")
def test_the_spec_finds_all_of_the_program_and_nothing_that_must_not_be_passed_on(tmp_path: Path) -> None:
    """The spec's analysis, without the large libraries: TLSTUDIO_ANALYSE=whole takes them too, and minutes."""
    how = os.environ.get("TLSTUDIO_ANALYSE", "own")
    command = [
        sys.executable,
        "-m",
        "PyInstaller",
        "--noconfirm",
        "--workpath",
        tmp_path,
        "--distpath",
        tmp_path / "dist",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TLSTUDIO_ANALYSE": how}
    spec = ROOT / "packaging" / "tlstudio.spec"
    done = subprocess.run([*command, spec], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = (tmp_path / "tlstudio" / "sources.json").read_text()
    missing = [path for path in (ROOT / "tlstudio").rglob("*.py") if str(path) not in found]
    # The program's own entry is the bundle's launch.py; what imports it is what counts.
    assert missing == []
    assert BACKBONES[DEFAULT_BACKBONE].weights.filename in found
    assert "click" in found
    for unwanted in ("elpv_dataset", "site-packages/triton", "site-packages/_pytest"):
        assert unwanted not in found
    if how == "whole":
        assert "libtorch_cpu" in found
