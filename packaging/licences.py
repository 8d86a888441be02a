"""What is inside a bundle, and under which licences: a list and the texts, taken from what each part says itself."""

import csv
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution
from pathlib import Path

from tlstudio import __version__
from tlstudio.core.backbones import BACKBONES, DEFAULT_BACKBONE

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ROOT / "resources" / "licences"
TEXT_NAMES = ("LICEN", "COPYING", "NOTICE", "COPYRIGHT", "EULA")
# Their wheels bring no text.
GNU = ("pyside6_essentials", "shiboken6")
# What PyInstaller adds without naming it among the sources: its bootloader and its start-up code.
ALWAYS = ("pyinstaller",)
QT = """\
Qt and PySide6, version {version}, are used under the GNU Lesser General Public License, version 3 (LGPL-3.0.txt, which
adds to GPL-3.0.txt). Their libraries are files of their own in the folder _internal/PySide6: you may replace them by
versions that you have built or changed, and TL Studio will use yours. Their sources are at
https://download.qt.io/official_releases/qt/ and https://download.qt.io/official_releases/QtForPython/. What Qt itself
contains of others is listed at https://doc.qt.io/qt-6/licenses-used-in-qt.html.
"""


class NoLicence(Exception):
    """Something is in the bundle and nobody knows under which licence."""


def write(sources: Iterable[Path], folder: Path) -> int:
    """Write LICENCES.txt and the texts into a new folder; returns how many parts it lists.

    sources: every file that went into the bundle, where it came from. Run by the Python that the bundle was built with.

    Raises:
        NoLicence: a file belongs to nothing that is known, or its owner brings no text.
    """
    folder.mkdir(parents=True)
    packages, system = _owners(sources)
    lines = [_own()]
    for name in sorted((packages | set(ALWAYS)) - {"tlstudio"}, key=str.lower):
        lines.append(_package(importlib.metadata.distribution(name), folder))
    lines.append(_python(folder))
    lines += _system(system, folder)
    lines.append(_weights())
    qt = QT.format(version=importlib.metadata.version("PySide6_Essentials"))
    text = "\n".join(["What is inside this bundle, in which version, and under which licence.\n", *lines, "", qt])
    (folder / "LICENCES.txt").write_text(text, encoding="utf-8")
    return len(lines)


def _owners(sources: Iterable[Path]) -> tuple[set[str], dict[str, list[str]]]:
    """Names of the Python packages the files belong to, and those of the system with their libraries."""
    owner = {}
    for distribution in importlib.metadata.distributions():
        root = str(distribution.locate_file(""))
        for row in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
            owner[os.path.normpath(f"{root}/{row[0]}")] = distribution.metadata["Name"]
    packages, strangers = set(), []
    for source in sources:
        if name := owner.get(str(source)):
            packages.add(name)
        elif not any(source.is_relative_to(place) for place in (ROOT / "tlstudio", ROOT / "packaging", ROOT / "build")):
            strangers.append(source)
    environment = Path(sys.prefix)
    if lost := [str(path) for path in strangers if path.is_relative_to(environment)]:
        # An empty __init__.py that no RECORD lists is nobody's work.
        lost = [path for path in lost if Path(path).stat().st_size]
        if lost:
            raise NoLicence(f"no installed package says that these files are its own: {', '.join(lost[:5])}")
    python = Path(sys.base_prefix)
    others = [p for p in strangers if not p.is_relative_to(environment) and not _is_pythons(p, python)]
    return packages, _system_owners(others)


def _is_pythons(path: Path, python: Path) -> bool:
    library = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return path.is_relative_to(python) and (library in str(path) or python != Path("/usr"))


def _system_owners(libraries: list[Path]) -> dict[str, list[str]]:
    """Debian's packages that brought the system's libraries; what another system brought stands under its own name."""
    package = _debian_packages(libraries) if shutil.which("dpkg") else {}
    found: dict[str, list[str]] = defaultdict(list)
    for library in libraries:
        found[package.get(str(library.resolve()), library.name)].append(library.name)
    return found


def _debian_packages(libraries: list[Path]) -> dict[str, str]:
    """File, and the package that brought it. Where /lib is a link to /usr/lib, dpkg knows it by one of two names."""
    names = {name: str(path.resolve()) for path in libraries for name in _names(path)}
    # It ends with an error: of each file, one of the two names is unknown.
    done = subprocess.run(["dpkg", "-S", *names], capture_output=True, text=True, check=False)
    answers = (line.rpartition(": ") for line in done.stdout.splitlines())
    return {names[name]: owners.split(":")[0].split(",")[0] for owners, _, name in answers if name in names}


def _names(path: Path) -> tuple[str, str]:
    real = str(path.resolve())
    return real, real.removeprefix("/usr")


def _own() -> str:
    stated = _field(importlib.metadata.distribution("tlstudio"), "License-Expression") or "no licence is stated"
    return f"TL Studio {__version__}: {stated}"


def _package(distribution: Distribution, folder: Path) -> str:
    name, texts = distribution.metadata["Name"], list(_texts(distribution))
    if name.lower() in GNU:
        texts = sorted(TEXTS.iterdir())
    if not texts:
        raise NoLicence(f"{name} {distribution.version} is in the bundle and brings no licence text")
    target = folder / name
    for number, text in enumerate(texts):
        target.mkdir(exist_ok=True)
        # Several parts inside a package may call theirs LICENSE.
        clash = (target / text.name).exists()
        shutil.copyfile(text, target / (f"{text.parent.name}-{number}-{text.name}" if clash else text.name))
    return f"{name} {distribution.version}: {_stated(distribution, texts)} (texts in {name}/)"


def _texts(distribution: Distribution) -> Iterator[Path]:
    for file in distribution.files or ():
        is_text = file.suffix.lower() in ("", ".txt", ".md", ".rst", ".apache", ".bsd")
        if is_text and any(word in file.name.upper() for word in TEXT_NAMES):
            path = Path(str(distribution.locate_file(file)))
            if path.is_file():
                yield path


def _stated(distribution: Distribution, texts: list[Path]) -> str:
    """What the package says its licence is, in a line."""
    expression = _field(distribution, "License-Expression") or _field(distribution, "License")
    if expression not in ("", "UNKNOWN") and len(expression) < 200 and "\n" not in expression:
        return expression
    classifiers = [c for c in distribution.metadata.get_all("Classifier") or () if c.startswith("License ::")]
    if classifiers:
        return classifiers[0].rpartition(" :: ")[2]
    lines = texts[0].read_text("utf-8", errors="replace").splitlines()
    return next(line.strip() for line in lines if line.strip())[:120]


def _field(distribution: Distribution, name: str) -> str:
    return str((distribution.metadata.get_all(name) or [""])[0])


def _python(folder: Path) -> str:
    version = platform.python_version()
    short = ".".join(version.split(".")[:2])
    library = Path(importlib.__file__ or "").parent.parent
    places = (
        library / "LICENSE.txt",
        Path(sys.base_prefix, "LICENSE.txt"),
        Path(f"/usr/share/doc/python{short}/copyright"),
    )
    text = next((place for place in places if place.is_file()), None)
    if text is None:
        raise NoLicence(f"the licence of Python is in none of: {', '.join(map(str, places))}")
    (folder / "Python").mkdir()
    shutil.copyfile(text, folder / "Python" / "LICENSE.txt")
    return f"Python {version}: PSF-2.0 (text in Python/)"


def _system(packages: dict[str, list[str]], folder: Path) -> Iterator[str]:
    """A line for each package of the system that some of the bundle's libraries came from, its text copied."""
    for package, files in packages.items():
        text = Path("/usr/share/doc", package, "copyright")
        if not text.is_file():
            raise NoLicence(f"no licence text is known for {', '.join(files)} of this system")
        target = folder / "system" / package
        target.mkdir(parents=True)
        shutil.copyfile(text, target / "copyright")
    # One call for all of them: each takes a quarter of a second.
    query = ["dpkg-query", "--show", "--showformat=${Package} ${Version}\\n", *packages]
    shown = subprocess.run(query, capture_output=True, text=True, check=True).stdout if packages else ""
    for package, version in sorted(line.split(" ") for line in set(shown.splitlines())):
        libraries = ", ".join(sorted(packages[package]))
        yield f"{package} {version} of the system it was built on: {libraries} (text in system/{package}/)"


def _weights() -> str:
    weights = BACKBONES[DEFAULT_BACKBONE].weights
    text = f"{weights.licence}, {weights.source} (text in {weights.package.replace('_', '-')}/)"
    return f"Weights {weights.filename}, SHA-256 {weights.sha256}: {text}"
