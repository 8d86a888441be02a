"""Make and try the thing to double-click: `python packaging/dev.py bundle [--cuda]`.

On Linux: dist/tlstudio (the folder), an archive and a Debian package of it, each with its SHA-256, all tried by
packaging/smoke.py. On Windows and macOS: the folder or the application; what wraps it there is in packaging/README.md.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import desktop
import licences

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tlstudio import __version__  # noqa: E402
from tlstudio.core.backbones import BACKBONES, DEFAULT_BACKBONE  # noqa: E402

WORK, DIST = ROOT / "build" / "tlstudio", ROOT / "dist"
LOG = ROOT / "build" / "bundle.log"
# Parts that must not be passed on, or that nothing here can use.
FORBIDDEN = ("elpv_dataset", "triton", "pillow_heif", "pillow_jxl", "albumentations", "pytest", "mypy")
PROGRAM = "tlstudio.exe" if os.name == "nt" else "tlstudio"


class BuildError(Exception):
    """The bundle could not be made, or must not be used; says why and what to do."""


def main() -> int:
    arguments = argparse.ArgumentParser(prog="bundle", description=__doc__.splitlines()[0])
    arguments.add_argument("--cuda", action="store_true", help="take a CUDA build of PyTorch: 4 GB instead of 1")
    arguments.add_argument(
        "--lintian-all", action="store_true", help="let lintian read PyTorch's libraries too: an hour"
    )
    wanted = arguments.parse_args()
    began = time.monotonic()
    try:
        kind = _check_environment(wanted.cuda)
        facts: dict[str, Any] = {
            "version": __version__,
            "kind": kind,
            "system": f"{platform.system()} {platform.machine()}",
        }
        _prepare(facts)
        bundle = _freeze()
        facts["parts"] = _write_licences(bundle)
        facts["weights"] = _check_contents(bundle)
        if sys.platform == "linux":
            facts |= _wrap_for_linux(bundle, kind, wanted.lintian_all)
            facts["build_seconds"] = round(time.monotonic() - began)
            facts |= _try_on_linux(bundle)
        else:
            facts["build_seconds"] = round(time.monotonic() - began)
            subprocess.run([bundle / PROGRAM, "demo"], check=True)
    except (BuildError, licences.NoLicence, desktop.Incomplete) as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"bundle: {error.cmd[0]} failed ({error.returncode}); its message is above", file=sys.stderr)
        return 1
    facts["megabytes"] = _megabytes(bundle)
    _report(facts)
    return 0


def _step(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def _check_environment(cuda: bool) -> str:
    """Whether this Python may be frozen; returns `cpu` or `cuda`, which PyTorch it has."""
    if sys.prefix == sys.base_prefix:
        raise BuildError("this is no environment of its own. Use: python packaging/dev.py bundle")
    code = "import torch, json; print(json.dumps([torch.version.cuda, torch.__version__, torch.__file__]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"PyTorch cannot be loaded here: {done.stderr.strip()[-500:]}")
    toolkit, version, place = json.loads(done.stdout)
    if not Path(place).is_relative_to(sys.prefix):
        raise BuildError(f"PyTorch is outside the environment ({place}); its libraries would be copied twice")
    _step(f"PyTorch {version}, {f'for CUDA {toolkit}' if toolkit else 'for the CPU'}")
    if toolkit and not cuda:
        raise BuildError(
            "this PyTorch is built for CUDA, which makes a bundle of more than 4 GB. For a small one point pip at "
            "PyTorch's own CPU index (packaging/README.md says how) and remove .venv; to take this one add --cuda"
        )
    if cuda and not toolkit:
        raise BuildError("--cuda was asked for, and this PyTorch is built for the CPU")
    return "cuda" if toolkit else "cpu"


def _prepare(facts: dict[str, Any]) -> None:
    """Empty folders, the icon in pixels, and what the spec has to know."""
    for folder in (WORK, DIST):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    (WORK / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    code = (
        "import sys; from PySide6.QtGui import QGuiApplication, QIcon; a = QGuiApplication([]); "
        f"ok = QIcon(sys.argv[1]).pixmap({desktop.ICON_SIDE}, {desktop.ICON_SIDE}).save(sys.argv[2]); sys.exit(not ok)"
    )
    icon = ROOT / "resources" / "icons" / "tlstudio.svg"
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    subprocess.run([sys.executable, "-c", code, icon, WORK / "tlstudio.png"], env=environment, check=True)


def _freeze() -> Path:
    _step(f"freezing with PyInstaller (a few minutes; what it says goes to {LOG.relative_to(ROOT)})")
    command = [
        sys.executable,
        "-m",
        "PyInstaller",
        "--noconfirm",
        "--distpath",
        str(DIST),
        "--workpath",
        str(WORK.parent),
    ]
    with LOG.open("w", encoding="utf-8") as log:
        spec = str(ROOT / "packaging" / "tlstudio.spec")
        status = subprocess.run([*command, spec], stdout=log, stderr=log, cwd=ROOT, check=False).returncode
    if status:
        tail = "\n".join(LOG.read_text("utf-8", errors="replace").splitlines()[-15:])
        raise BuildError(f"PyInstaller failed:\n{tail}")
    if sys.platform == "darwin":
        return DIST / "TL Studio.app" / "Contents" / "MacOS"
    return DIST / "tlstudio"


def _write_licences(bundle: Path) -> int:
    sources = json.loads((WORK / "sources.json").read_text("utf-8"))
    parts = licences.write(map(Path, sources), bundle / "licences")
    _step(f"licences of {parts} parts in {(bundle / 'licences').relative_to(ROOT)}")
    return parts


def _check_contents(bundle: Path) -> str:
    """The default weights have to be inside, once and unharmed; some things must not be. Returns the weights' name."""
    weights = BACKBONES[DEFAULT_BACKBONE].weights
    inside = [path for path in bundle.rglob(weights.filename) if path.is_file()]
    if len(inside) != 1 or hashlib.sha256(inside[0].read_bytes()).hexdigest() != weights.sha256:
        raise BuildError(f"{weights.filename} is {len(inside)} times in the bundle, or damaged")
    # Code and data of a part stand under its name; a part that is code alone shows by its licence.
    parts = {path.name for folder in ("licences", "_internal") for path in (bundle / folder).glob("*")}
    if unwanted := sorted(parts.intersection(FORBIDDEN)):
        raise BuildError(f"these must not be in a bundle: {', '.join(unwanted)}")
    twice = defaultdict(list)
    for path in bundle.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size > 5_000_000:
            with path.open("rb") as file:
                twice[hashlib.file_digest(file, "sha256").hexdigest()].append(str(path.relative_to(bundle)))
    if copied := [names for names in twice.values() if len(names) > 1]:
        raise BuildError(f"large files are in the bundle twice: {copied[:5]}")
    return weights.filename


def _wrap_for_linux(bundle: Path, kind: str, lintian_all: bool) -> dict[str, Any]:
    """Desktop integration, archive, Debian package; what the desktop's own tools call an error ends the build."""
    desktop.integrate(bundle, WORK / "tlstudio.png")
    depends = desktop.packages_needed(bundle)
    _step(f"it takes from the system only what these bring: {', '.join(depends)}")
    _step("archive")
    name = f"tlstudio-{__version__}-linux-{platform.machine()}-{kind}.tar.zst"
    packed = DIST / name
    desktop.archive(bundle, packed)
    _step("Debian package")
    package = desktop.debian(bundle, WORK / "deb", __version__, depends)
    desktop.checksum(package)
    files = {path.name: round(path.stat().st_size / 1e6) for path in (packed, package)}
    return {"files_megabytes": files, "lintian": _judge(package, lintian_all)}


def _judge(package: Path, lintian_all: bool) -> str:
    """Let the desktop's and Debian's tools look for errors; returns what lintian said in short."""
    _step("desktop-file-validate, appstreamcli")
    complaints = desktop.validate()
    if lintian_all:
        _step("lintian on the whole package (it may take an hour)")
    else:
        package, left_out = desktop.without_large_libraries(WORK / "deb")
        _step(f"lintian on the package without its {len(left_out)} largest libraries (--lintian-all: with them)")
    errors, said = desktop.lintian(package)
    if complaints or errors:
        raise BuildError("\n".join([*complaints, *errors]))
    shutil.rmtree(WORK / "deb")
    if not lintian_all:
        package.unlink()
    return said


def _try_on_linux(bundle: Path) -> dict[str, Any]:
    _step("trying it without Python, checkout and network")
    report = DIST / "smoke.json"
    script = ROOT / "packaging" / "smoke.py"
    if subprocess.run([sys.executable, script, bundle, report], check=False).returncode:
        raise BuildError(f"the smoke test failed; its message is above. The bundle it tried is {bundle}")
    found: dict[str, Any] = json.loads(report.read_text("utf-8"))
    return found


def _megabytes(folder: Path) -> int:
    return round(sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink()) / 1e6)


def _report(facts: dict[str, Any]) -> None:
    """Say what came out, and write it beside it."""
    (DIST / "bundle.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    _step(f"done; {DIST / 'bundle.json'}:")
    for name, value in facts.items():
        print(f"  {name.replace('_', ' ')}: {value}")


if __name__ == "__main__":
    sys.exit(main())
