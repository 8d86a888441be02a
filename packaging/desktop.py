"""Make the program part of a Linux desktop: menu entry, file type, icons, archive, Debian package."""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable
from email.utils import formatdate
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DESKTOP = ROOT / "resources" / "desktop"
ID = "io.github.tlstudio.TLStudio"
HOME_PAGE = "https://github.com/tlstudio/tlstudio"
MAINTAINER = "TL Studio <tlstudio@users.noreply.github.com>"
ICON_SIDE = 256
# Where each of resources/desktop belongs below share/.
PLACES = {
    f"{ID}.desktop": "applications",
    f"{ID}.metainfo.xml": "metainfo",
    f"{ID}.mime.xml": "mime/packages",
    "application-x-tlstudio-model.svg": "icons/hicolor/scalable/mimetypes",
}
# Libraries that must be the desktop's own, because they belong to its C library, its graphics driver or its session,
# and the Debian package that brings each. Everything else that the bundle needs has to be in it.
OF_THE_SYSTEM = {
    r"ld-linux.*|lib(c|m|dl|rt|pthread|util|resolv|anl)\.so\..*": "libc6 (>= 2.34)",
    r"libEGL\.so\.1": "libegl1",
    r"libGLX?\.so\..*|libOpenGL\.so\.0": "libgl1",
    r"libxcb\.so\.1": "libxcb1",
    r"libdrm\.so\.2": "libdrm2",
    r"libwayland-client\.so\.0": "libwayland-client0",
    r"libwayland-cursor\.so\.0": "libwayland-cursor0",
    r"libwayland-egl\.so\.1": "libwayland-egl1",
}
# Parts that ask for what few machines have, and are never loaded without: the driver of an NVIDIA GPU, the fabrics of a
# cluster, the GTK look.
OPTIONAL = r"libcuda\.so\.1|lib(mlx5|ibverbs|rdmacm|fabric|pmix|mpi|oshmem|ucs|ucp)\.so\..*|libg(tk|dk)-3\.so\.0"
LARGE_LIBRARY = 1_000_000  # bytes
EXECUTABLE = ("tlstudio", "torch_shm_manager", "install.sh")


class Incomplete(Exception):
    """The bundle would not run on another machine."""


def integrate(bundle: Path, icon: Path) -> None:
    """Put menu entry, file type, icons and the install script into the bundle, and set every file's mode.

    icon: the program's icon as a PNG of 256 × 256 pixels.
    """
    share = bundle / "share"
    for name, place in PLACES.items():
        _copy(DESKTOP / name, share / place / name.replace(".mime.xml", ".xml"))
    _copy(ROOT / "resources" / "icons" / "tlstudio.svg", share / f"icons/hicolor/scalable/apps/{ID}.svg")
    _copy(icon, share / f"icons/hicolor/{ICON_SIDE}x{ICON_SIDE}/apps/{ID}.png")
    _copy(DESKTOP / "install.sh", bundle / "install.sh")
    _copy(DESKTOP / "README.txt", bundle / "README.txt")
    for path in bundle.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.name in EXECUTABLE else 0o644)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def packages_needed(bundle: Path) -> list[str]:
    """The Debian packages whose libraries the bundle takes from the system.

    Raises:
        Incomplete: it needs a library that neither it nor a plain desktop has. Where it was built, that was missing.
    """
    needs = _needs(path for path in bundle.rglob("*") if ".so" in path.name or path.name in EXECUTABLE)
    inside = {path.name for path in bundle.rglob("*.so*")}
    found, lacking = set(), []
    for library, users in sorted(needs.items()):
        if library in inside or re.fullmatch(OPTIONAL, library):
            continue
        package = next((package for name, package in OF_THE_SYSTEM.items() if re.fullmatch(name, library)), None)
        if package:
            found.add(package)
        else:
            lacking.append(f"{library} (for {', '.join(sorted(users)[:3])})")
    if lacking:
        raise Incomplete(
            f"libraries are missing on this machine, so they are missing in the bundle: {'; '.join(lacking)}. "
            "Install them and build again."
        )
    return sorted(found)


def _needs(files: Iterable[Path]) -> dict[str, set[str]]:
    """Library names, each with the files that ask for it."""
    command = ["readelf", "--dynamic", "--wide", *(str(path) for path in files if not path.is_symlink())]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    needs: dict[str, set[str]] = defaultdict(set)
    user = ""
    for line in lines:
        if line.startswith("File: "):
            user = Path(line.removeprefix("File: ")).name
        elif found := re.search(r"\(NEEDED\).*\[(.+)\]", line):
            needs[found[1]].add(user)
    return needs


def archive(bundle: Path, target: Path) -> Path:
    """Pack the bundle into a .tar.zst with its SHA-256 beside it; the checksum is for `sha256sum --check`."""
    target.unlink(missing_ok=True)
    compress = "zstd -T0 -6 --quiet"
    owner = ["--owner=0", "--group=0", "--numeric-owner", "--sort=name"]
    command = ["tar", "--create", f"--use-compress-program={compress}", *owner, "--file", str(target)]
    subprocess.run([*command, "--directory", str(bundle.parent), bundle.name], check=True)
    return checksum(target)


def checksum(path: Path) -> Path:
    """Write the SHA-256 of a file beside it, as `sha256sum` does."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    beside = path.with_name(path.name + ".sha256")
    beside.write_text(f"{digest}  {path.name}\n", encoding="utf-8")
    return beside


def debian(bundle: Path, work: Path, version: str, depends: list[str]) -> Path:
    """Make a Debian package of the bundle, under /usr/lib/tlstudio; returns it. work: keeps what the package holds."""
    shutil.rmtree(work, ignore_errors=True)
    program = work / "usr/lib/tlstudio"
    # Hard links: nothing of 4 GB is copied, and nothing is changed below.
    own = shutil.ignore_patterns("install.sh", "README.txt", "share")
    shutil.copytree(bundle, program, symlinks=True, ignore=own, copy_function=_link)
    shutil.copytree(bundle / "share", work / "usr/share", copy_function=_link)
    (work / "usr/bin").mkdir()
    (work / "usr/bin/tlstudio").symlink_to("../lib/tlstudio/tlstudio")
    _documents(work / "usr/share/doc/tlstudio", version)
    _copy(ROOT / "packaging" / "lintian-overrides", work / "usr/share/lintian/overrides/tlstudio")
    _manual(work / "usr/share/man/man1", version)
    size = sum(path.stat().st_size for path in work.rglob("*") if path.is_file() and not path.is_symlink()) // 1024
    control = [
        "Package: tlstudio",
        f"Version: {version}",
        f"Architecture: {_output('dpkg', '--print-architecture')}",
        f"Maintainer: {MAINTAINER}",
        f"Installed-Size: {size}",
        f"Depends: {', '.join(depends)}",
        "Recommends: desktop-file-utils, shared-mime-info",
        "Section: science",
        "Priority: optional",
        f"Homepage: {HOME_PAGE}",
        "Description: teach a pretrained image network your own classes, offline",
        " TL Studio takes a folder of pictures, one folder inside it per class, lets a",
        " pretrained network learn the classes, measures it on pictures it never saw,",
        " and writes one file that classifies new ones.",
        " .",
        " Everything it needs is inside, Python and PyTorch among it: nothing is fetched",
        " from a network unless you ask for more pretrained networks.",
    ]
    (work / "DEBIAN").mkdir()
    (work / "DEBIAN/control").write_text("\n".join(control) + "\n", encoding="utf-8")
    _checksums(work)
    for path in work.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    return _pack(work, bundle.parent / f"tlstudio_{version}_{_output('dpkg', '--print-architecture')}.deb", "-z3")


def without_large_libraries(work: Path) -> tuple[Path, list[Path]]:
    """A package like the one whose content `debian` left in `work`, for lintian to judge in a minute.

    lintian prints every library of a package out as text before it looks at anything, whatever one asks of it, and that
    takes it very long for those of PyTorch and NVIDIA. Takes them out of `work`.

    Returns:
        The package, and what is not in it, relative to its root.
    """
    large = [p for p in work.rglob("*.so*") if not p.is_symlink() and p.stat().st_size > LARGE_LIBRARY]
    for library in large:
        library.unlink()
    _checksums(work)
    return _pack(work, work.with_name("for-lintian.deb"), "-z1"), [path.relative_to(work) for path in large]


def _pack(work: Path, target: Path, level: str) -> Path:
    command = ["dpkg-deb", "--root-owner-group", "-Zzstd", level, "--build", str(work), str(target)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return target


def _link(source: str, target: str) -> str:
    os.link(source, target)
    return target


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _documents(folder: Path, version: str) -> None:
    folder.mkdir(parents=True)
    (folder / "licences").symlink_to("../../../lib/tlstudio/licences")
    text = (
        "TL Studio, as one bundle with everything it needs. What is inside, in which version and under which licence,\n"
        "and the text of each, is in the folder licences beside this file; its LICENCES.txt is the list.\n\n"
        "Copyright: the authors of TL Studio, and those named there for their parts.\n"
    )
    (folder / "copyright").write_text(text, encoding="utf-8")
    entry = f"tlstudio ({version}) stable; urgency=medium\n\n  * Version {version}.\n\n"
    entry += f" -- {MAINTAINER}  {formatdate()}\n"
    (folder / "changelog.gz").write_bytes(gzip.compress(entry.encode(), 9, mtime=0))


def _manual(folder: Path, version: str) -> None:
    folder.mkdir(parents=True)
    page = (
        f'.TH TLSTUDIO 1 "" "TL Studio {version}" "User Commands"\n.SH NAME\n'
        "tlstudio \\- teach a pretrained image network your own classes, offline\n.SH SYNOPSIS\n.B tlstudio\n"
        "[\\fIPATH\\fR]\n.br\n.B tlstudio\n\\fICOMMAND\\fR [\\fIARGUMENT\\fR]...\n.SH DESCRIPTION\n"
        "Without a command it opens the window; PATH is a project, a folder of pictures, a model or pictures.\n"
        ".B tlstudio \\-\\-help\nlists the commands.\n"
    )
    (folder / "tlstudio.1.gz").write_bytes(gzip.compress(page.encode(), 9, mtime=0))


def _checksums(work: Path) -> None:
    lines = []
    for path in sorted(work.rglob("*")):
        if path.is_file() and not path.is_symlink() and "DEBIAN" not in path.relative_to(work).parts:
            with path.open("rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'md5').hexdigest()}  {path.relative_to(work)}")
    (work / "DEBIAN/md5sums").write_text("\n".join(lines) + "\n", encoding="utf-8")


def validate() -> list[str]:
    """Let the desktop's own tools judge what it is given; returns what they call an error."""
    commands = {
        "desktop-file-validate": ["desktop-file-validate", str(DESKTOP / f"{ID}.desktop")],
        "appstreamcli": ["appstreamcli", "validate", "--no-net", str(DESKTOP / f"{ID}.metainfo.xml")],
    }
    complaints = []
    for name, command in commands.items():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            complaints.append(f"{name}: {done.stdout}{done.stderr}")
    return complaints


def lintian(package: Path) -> tuple[list[str], str]:
    """What lintian calls an error in a package, and in a line how much it said of which kind."""
    done = subprocess.run(["lintian", "--show-overrides", str(package)], capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if re.match("[A-Z]: ", line)]
    errors = [line for line in lines if line.startswith("E: ")]
    # 2 stands for errors, and for overridden ones when they are shown.
    if done.returncode not in (0, 2):
        errors += [f"lintian: {done.stdout}{done.stderr}"]
    count = Counter(line[0] for line in lines)
    return errors, f"{count['E']} errors, {count['W']} warnings, {count['O']} overridden with a reason"
