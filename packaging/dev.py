"""From a clean checkout to a working program: `python packaging/dev.py demo | run | test | bench | bundle`.

Standard library only. Makes `.venv` with everything in it on the first call (torch alone is about 3 GB to download),
and again when pyproject.toml or the Python changes.
"""

import ctypes.util
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENV = ROOT / ".venv"
PYTHON = ENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = ENV / "installed"

CHECKS = [
    ["-m", "ruff", "check", "."],
    ["-m", "ruff", "format", "--check", "."],
    ["-m", "mypy"],
    ["-c", "import sys, importlinter.cli as cli; sys.exit(cli.lint_imports(no_cache=True, no_logo=True))"],
    # Half the time on two cores; more workers would only load torch once more each.
    ["-m", "pytest", "-n", "auto", "--maxprocesses", "4", "--dist", "worksteal"],
]
TASKS = {
    "demo": [["-m", "tlstudio", "demo"]],
    "run": [["-m", "tlstudio"]],
    "test": CHECKS,
    "bench": [["-m", "tests.bench"]],
    "bundle": [["packaging/bundle.py"]],
}
# What Qt's wheels expect of a Debian-like system, by the library that is missing without it.
QT_LIBRARIES = {
    "EGL": "libegl1",
    "GL": "libgl1",
    "X11-xcb": "libx11-xcb1",
    "dbus-1": "libdbus-1-3",
    "fontconfig": "libfontconfig1",
    "xcb-cursor": "libxcb-cursor0",
    "xcb-icccm": "libxcb-icccm4",
    "xcb-image": "libxcb-image0",
    "xcb-keysyms": "libxcb-keysyms1",
    "xcb-randr": "libxcb-randr0",
    "xcb-render-util": "libxcb-render-util0",
    "xcb-shape": "libxcb-shape0",
    "xcb-util": "libxcb-util1",
    "xcb-xkb": "libxcb-xkb1",
    "xkbcommon": "libxkbcommon0",
    "xkbcommon-x11": "libxkbcommon-x11-0",
}
# What some tests need: a screen of their own and a real drag on it, a program's calls watched, and the desktop's own
# judges of what we give it.
TEST_PROGRAMS = {
    "Xvfb": "xvfb",
    "xdotool": "xdotool",
    "strace": "strace",
    "desktop-file-validate": "desktop-file-utils",
    "appstreamcli": "appstream",
}
# What a bundle is packed, judged and tried with. Files, where a package brings no program.
BUNDLE_PROGRAMS = {
    **TEST_PROGRAMS,
    "dbus-run-session": "dbus",
    "gio": "libglib2.0-bin",
    "lintian": "lintian",
    "readelf": "binutils",
    "update-mime-database": "shared-mime-info",
    "zstd": "zstd",
    "/usr/libexec/at-spi-bus-launcher": "at-spi2-core",
    "/usr/lib/python3/dist-packages/pyatspi": "python3-pyatspi",
}
PROGRAMS = {"test": TEST_PROGRAMS, "bundle": BUNDLE_PROGRAMS}


def install() -> None:
    """Make `.venv` what pyproject.toml says, unless it is already."""
    want = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + sys.version.encode()).hexdigest()
    if STAMP.is_file() and STAMP.read_text() == want:
        return
    print(
        "Installing into .venv. The first time this fetches about 3 GB (PyTorch) and takes a few minutes.", flush=True
    )
    try:
        # Linked, as `python -m venv` does it: over an environment made so, copies fail.
        venv.create(ENV, with_pip=True, clear=not PYTHON.exists(), symlinks=os.name != "nt")
    except subprocess.CalledProcessError:
        # Debian and Ubuntu keep pip for environments in a package of its own.
        sys.exit("Python cannot make an environment here. On Debian or Ubuntu type: sudo apt-get install python3-venv")
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "-e", f"{ROOT}[test,demo]"], check=True)
    STAMP.write_text(want)


def system_packages(task: str) -> None:
    """Install what Qt and the tests need of the system where we may; else say what to type."""
    if not sys.platform.startswith("linux"):
        return
    missing = [package for name, package in QT_LIBRARIES.items() if not ctypes.util.find_library(name)]
    programs = PROGRAMS.get(task, {})
    missing += [package for name, package in programs.items() if not (shutil.which(name) or Path(name).exists())]
    if not missing:
        return
    command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing]
    if shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "--quiet"], check=False, **quiet)  # type: ignore[call-overload]
        if subprocess.run(command, check=False, **quiet).returncode == 0:  # type: ignore[call-overload]
            return
    print(f"The window and its tests need what is missing here. Type: sudo {' '.join(command)}", file=sys.stderr)


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in TASKS:
        print(f"usage: {Path(sys.argv[0]).name} {' | '.join(TASKS)} [arguments]", file=sys.stderr)
        return 2
    task, arguments = sys.argv[1], sys.argv[2:]
    try:
        install()
    except subprocess.CalledProcessError as error:
        print(f"pip could not install everything; its message is above. Try again: {error}", file=sys.stderr)
        return 1
    if task == "bench":
        # Without them the benchmark says that they are not installed.
        subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "-e", f"{ROOT}[bench]"], check=False)
    if task != "demo":
        system_packages(task)
    environment = dict(os.environ)
    if task in ("test", "bench") and sys.platform.startswith("linux"):
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    for command in TASKS[task]:
        extra = arguments if command is TASKS[task][-1] else []
        if code := subprocess.run([PYTHON, *command, *extra], cwd=ROOT, env=environment, check=False).returncode:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
