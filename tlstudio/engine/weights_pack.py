"""A pack of weights: one zip file to carry pretrained weights to a machine without internet.

It holds the files as they are, a manifest that says what each is, and their licences. Whoever opens one trusts none of
that: an entry is taken only if its name, size and SHA-256 are those of a file in the table.
"""

import importlib.metadata
import io
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path

from tlstudio import __version__
from tlstudio.core.backbones import BACKBONES, TIMM, Backbone
from tlstudio.core.errors import MissingWeights, RefusedWeights, TLStudioError
from tlstudio.core.events import Event, Progress, Said, Warned, WeightsFound, WeightsPacked
from tlstudio.core.files import open_file
from tlstudio.core.project import replacing
from tlstudio.engine import weights

SUFFIX = ".zip"
MANIFEST, LICENCES = "manifest.json", "LICENCES.txt"
# Both are unpacked a little at a time, so that a small file cannot become a large one before anybody looks.
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
FORMAT, VERSION = "TL Studio weights pack", 1
# A damaged directory shows itself in more ways than one.
DAMAGES = (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError)
MOST_ENTRIES, LARGEST_MANIFEST, LARGEST_DIRECTORY = 1000, 1 << 20, 4 << 20
# Whose licence text goes with weights that no package of their own carries: who published them.
PUBLISHERS = {"download.pytorch.org": "torchvision", "huggingface.co": "timm"}


# Making one


def pack(out: Path, names: Sequence[str], fetch: bool) -> Generator[Event, None, None]:
    """Write a pack of these backbones' weights; without names, of all that can be had. Ends with `WeightsPacked`.

    fetch: download those that are not here, having said which and how large.

    Raises:
        MissingWeights: one that was named is not here, and may not or cannot be fetched.
        RefusedWeights: what has its name has other contents.
        TLStudioError: nothing can be had, a download failed, or the pack cannot be written.
    """
    here = yield from _gather(names, fetch)
    total, done = sum(backbone.weights.size for backbone, _ in here), 0
    with replacing(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        wanted = [backbone for backbone, _ in here]
        archive.writestr(_entry(MANIFEST), _manifest(wanted))
        archive.writestr(_entry(LICENCES), _licences(wanted))
        for backbone, path in here:
            for written in _write(archive, backbone, path):
                done += written
                yield Progress("packing weights", min(done, total), total)
    packed = tuple(backbone.name for backbone in wanted)
    yield WeightsPacked(str(out), packed, out.stat().st_size)
    left = ", ".join(backbone.name for backbone in _in_table() if backbone.name not in packed)
    if left and not names:
        how = "no address is known" if fetch else "not on this machine; --fetch gets what has an address"
        yield Said(f"Not in it: {left} ({how}).")


def _gather(names: Sequence[str], fetch: bool) -> Generator[Event, None, list[tuple[Backbone, Path]]]:
    """Which backbones go into the pack, and where their files are; fetches them first where that was asked for."""
    here, absent = list[tuple[Backbone, Path]](), list[Backbone]()
    for backbone in [BACKBONES[name] for name in dict.fromkeys(names)] or _in_table():
        if backbone.name.startswith(TIMM):
            remedy = "Carry its safetensors file itself, and import that with --timm."
            raise TLStudioError(f"{backbone.name} was brought in by hand, and goes into no pack", remedy=remedy)
        found = yield from weights.look(backbone, check=True)
        if found.state == "checked":
            here.append((backbone, Path(found.path or "")))
        elif fetch and backbone.weights.url:
            absent.append(backbone)
        elif names:
            raise _not_here(backbone, found)
    if not here and not absent:
        raise TLStudioError("none of the known weights are on this machine", remedy="With internet, add: --fetch.")
    if absent:
        size = sum(backbone.weights.size for backbone in absent) / 1e6
        files = ", ".join(f"{b.name} ({b.weights.size / 1e6:.0f} MB) from {b.weights.url}" for b in absent)
        yield Said(f"Fetching {size:.0f} MB: {files}.")
    for backbone in absent:
        found = yield from weights.fetch(backbone)
        here.append((backbone, Path(found.path or "")))
    return here


def _in_table() -> list[Backbone]:
    """The backbones whose weights other machines know; those brought in by hand they do not."""
    return [backbone for backbone in BACKBONES.values() if not backbone.name.startswith(TIMM)]


def _not_here(backbone: Backbone, found: WeightsFound) -> TLStudioError:
    known = backbone.weights
    what = f"the weights of {backbone.name} are not on this machine"
    if found.state == "wrong":
        what = f"what is here has not the SHA-256 of the {backbone.name} weights"
    remedy = f"Import {known.filename} first; no address is known for it."
    if known.url:
        remedy = f"Add --fetch to download {known.size / 1e6:.0f} MB from {known.url}."
    return MissingWeights(what, path=found.path, remedy=remedy)


def _entry(name: str) -> zipfile.ZipInfo:
    """An entry without the time of day, so that the same files make the same pack."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o644 << 16
    return entry


def _write(archive: zipfile.ZipFile, backbone: Backbone, path: Path) -> Iterator[int]:
    """Copy one file into the pack; yields how many bytes went in."""
    found = sha256()
    entry = _entry(backbone.weights.filename)
    entry.file_size = path.stat().st_size
    with archive.open(entry, "w") as target:
        for chunk in weights.chunks(path):
            found.update(chunk)
            target.write(chunk)
            yield len(chunk)
    if not backbone.weights.is_digest(found.hexdigest()):
        what = f"is not the {backbone.name} weights its name says (SHA-256)"
        raise RefusedWeights(what, path=path, remedy="Delete it and get it again.")


def _manifest(wanted: Sequence[Backbone]) -> str:
    files = [
        {
            "name": b.name,
            "file": b.weights.filename,
            "sha256": b.weights.sha256,
            "size": b.weights.size,
            "licence": b.weights.licence,
            "source": b.weights.source,
            "url": b.weights.url,
        }
        for b in wanted
    ]
    return json.dumps({"format": FORMAT, "version": VERSION, "program": __version__, "files": files}, indent=1)


def _licences(wanted: Sequence[Backbone]) -> str:
    """What each file is under, and the texts of those licences, as the packages here have them."""
    notes = ["The pretrained weights in this pack, where they come from, and the licences they are under.", ""]
    for b in wanted:
        known = b.weights
        notes += [f"{known.filename}: {b.title}", f"  licence: {known.licence}", f"  source: {known.source}"]
        notes += [f"  address: {known.url}"] if known.url else []
    texts = dict[str, str]()
    for package in dict.fromkeys(filter(None, map(_publisher, wanted))):
        for text in _licence_texts(package):
            texts.setdefault(text, package)
    for text, package in texts.items():
        notes += ["", "=" * 72, f"As it comes with {package}:", "", text.strip()]
    return "\n".join(notes) + "\n"


def _publisher(backbone: Backbone) -> str:
    """The installed package whose licence covers these weights; empty if none is known."""
    known = backbone.weights
    if known.package:
        return known.package.replace("_", "-")
    return next((package for host, package in PUBLISHERS.items() if f"//{host}/" in known.url), "")


def _licence_texts(package: str) -> list[str]:
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    named = [file for file in files if file.name.upper().startswith(("LICEN", "NOTICE")) and "dist-info" in str(file)]
    return [place.read_text("utf-8") for place in (Path(str(file.locate())) for file in named) if place.is_file()]


# Opening one


def is_pack(path: Path) -> bool:
    """Whether this is to be opened as a pack. PyTorch's own files are zip files too, but without our manifest."""
    if path.suffix.lower() == SUFFIX:
        return True
    try:
        with _archive(path) as archive:
            return MANIFEST in archive.namelist()
    except (OSError, *DAMAGES):
        return False


def unpack(path: Path) -> Generator[Event, None, None]:
    """Take the weights out of a pack into our folder: a `WeightsFound` for each, and a warning that names the rest.

    Raises:
        RefusedWeights: it is no pack, or nothing in it can be taken.
        TLStudioError: our folder cannot be written.
    """
    with _opened(path) as archive:
        listed = _check_manifest(archive, path)
        entries = archive.infolist()
        counts = Counter(entry.filename.casefold() for entry in entries)
        refused, taken = list[str](), set[str]()
        for entry in entries:
            if entry.filename in (MANIFEST, LICENCES) and counts[entry.filename.casefold()] == 1:
                continue
            backbone, why = _judge(entry, counts[entry.filename.casefold()])
            if backbone is not None and not why:
                try:
                    yield (yield from weights.take(_chunks(archive, entry, path), backbone, path / entry.filename))
                    taken.add(entry.filename)
                except RefusedWeights as error:
                    why = error.what
            if why:
                refused.append(f"{_shown(entry.filename)}: {why}")
        present = {entry.filename for entry in entries}
        refused += [f"{_shown(name)}: the manifest names it, but it is not there" for name in listed - present]
    if not taken:
        what = f"holds no weights that can be taken ({'; '.join(refused) or 'it is empty'})"
        raise RefusedWeights(what, path=path, remedy="Make the pack again: tlstudio weights pack.")
    if refused:
        yield Warned(f"Not taken from {path.name}: {'; '.join(dict.fromkeys(refused))}.")


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    with ExitStack() as closing:
        try:
            archive = closing.enter_context(_archive(path))
        except OSError as error:
            raise RefusedWeights(f"cannot be read ({error.strerror or error})", path=path) from error
        except DAMAGES as error:
            raise _no_pack(path, "it is no whole zip file") from error
        yield archive


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    with _Sparing(open_file(path).detach()) as file, zipfile.ZipFile(file) as archive:
        yield archive


class _Sparing(io.BufferedReader):
    """A file of which only so much is read at once: a zip's directory is read whole, whatever size it claims."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > LARGEST_DIRECTORY:
            raise zipfile.BadZipFile("its directory is too large")
        return super().read(size)


def _no_pack(path: Path, why: str) -> RefusedWeights:
    remedy = "One is made with: tlstudio weights pack. Pictures in a zip file: unpack it first."
    return RefusedWeights(f"is no pack of weights ({why})", path=path, remedy=remedy)


def _check_manifest(archive: zipfile.ZipFile, path: Path) -> set[str]:
    """The names of the files it lists.

    Raises:
        RefusedWeights: it is not there once, or is none of ours, or a newer program wrote it.
    """
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise _no_pack(path, f"it has {len(entries):,} entries")
    found = [entry for entry in entries if entry.filename == MANIFEST]
    if len(found) != 1:
        raise _no_pack(path, f"{MANIFEST} is in it {len(found)} times" if found else f"it has no {MANIFEST}")
    if found[0].file_size > LARGEST_MANIFEST or found[0].compress_type not in COMPRESSIONS:
        raise _no_pack(path, f"its {MANIFEST} is not one of TL Studio")
    try:
        facts = json.loads(b"".join(_chunks(archive, found[0], path)))
        version, files = int(facts["version"]), {str(file["file"]) for file in facts["files"]}
        if facts["format"] != FORMAT:
            raise ValueError(facts["format"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _no_pack(path, f"its {MANIFEST} is not one of TL Studio") from error
    if version > VERSION:
        raise RefusedWeights("a newer TL Studio made this pack", path=path, remedy="Install that version.")
    return files


def _judge(entry: zipfile.ZipInfo, times: int) -> tuple[Backbone | None, str]:
    """Whose weights an entry says it is, and why it is not taken, from what the zip's directory says alone."""
    backbone = next((b for b in BACKBONES.values() if b.weights.filename == entry.filename), None)
    if times > 1:
        return None, "it is in the pack more than once"
    if re.search(r'[\\/:*?"<>|\x00-\x1f]|^\.', entry.filename):
        return None, "its name leads elsewhere"
    if backbone is None:
        return None, "it is no weights file TL Studio knows"
    if entry.flag_bits & 1:
        return None, "it is encrypted"
    if entry.compress_type not in COMPRESSIONS:
        return None, "it is packed in a way that is not unpacked here"
    if not weights.may_have(backbone, entry.file_size):
        return None, f"it has {entry.file_size:,} bytes, and {backbone.name} weights have {backbone.weights.size:,}"
    return backbone, ""


def _chunks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> Iterator[bytes]:
    """An entry's bytes; at most a chunk is unpacked before somebody looks how much it was.

    Raises:
        RefusedWeights: it is damaged.
    """
    try:
        with archive.open(entry) as file:
            while chunk := file.read(weights.CHUNK):
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise RefusedWeights(f"it is damaged ({error})", path=path / entry.filename) from error


def _shown(name: str) -> str:
    """A name out of a stranger's file, so that it cannot forge a line of its own."""
    plain = "".join(c if c.isprintable() else "?" for c in name)
    return plain if len(plain) <= 60 else plain[:57] + "…"
