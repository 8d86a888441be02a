"""Read a stranger's safetensors file in bounded memory and time, whatever its header says.

The library maps a file into memory, takes a name that stands there twice, and NaN; and a mapped file that another
program cuts short ends the process. So the header is read here, and the values are copied out of the file.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import torch

from tlstudio.core.files import open_file, size_of

CHUNK = 1 << 20
MAX_HEADER = 16 << 20
# Signs that begin or part the values of a JSON text. Each value costs Python up to a hundred bytes.
MAX_MARKS = 1_000_000
# Bytes of values that are read at once. Larger files are first read through, so that a lie is found before they fill
# the memory.
AT_ONCE = 128 << 20
MAX_DIMENSIONS = 8
_METADATA = "__metadata__"
_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
}


class Unsound(ValueError):
    """What is wrong with a file, in words that go after its name."""


@dataclass(frozen=True)
class Entry:
    """A tensor as the header describes it. begin, end: its bytes, counted from the end of the header."""

    kind: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class TensorFile:
    """An open safetensors file with a sound header: its tensors fill the rest of it without a gap or an overlap.

    start: where the header ends, in bytes.
    """

    file: BufferedReader
    start: int
    metadata: dict[str, str]
    entries: dict[str, Entry]

    @property
    def size(self) -> int:
        """Bytes of all values together."""
        return sum(entry.end - entry.begin for entry in self.entries.values())

    def read(self) -> dict[str, torch.Tensor]:
        """Every tensor, copied out of the file.

        Raises:
            Unsound: the file is shorter than it was, or a value is not a number.
        """
        return self._pass(None, keep=True)

    def read_if(self, digest: str, first: bytes) -> dict[str, torch.Tensor] | None:
        """`read`, if this is the SHA-256 of `first` and of every tensor (see `hash_tensors`); else nothing."""
        for keep in (False, True) if self.size > AT_ONCE else (True,):
            seen = hashlib.sha256(first)
            tensors = self._pass(seen, keep)
            if seen.hexdigest() != digest:
                return None
        return tensors

    def _pass(self, seen: "hashlib._Hash | None", keep: bool) -> dict[str, torch.Tensor]:
        """Read every value, and hash it where that is asked for; the tensors, or none where they are not to be kept."""
        tensors, passing = {}, torch.empty(CHUNK, dtype=torch.uint8)
        for name, entry in sorted(self.entries.items()):
            if seen is not None:
                seen.update(_title(name, entry.kind, entry.shape))
            self.file.seek(self.start + entry.begin)
            kept = torch.empty(entry.end - entry.begin if keep else 0, dtype=torch.uint8)
            for at in range(0, entry.end - entry.begin, CHUNK):
                size = min(CHUNK, entry.end - entry.begin - at)
                part = kept[at : at + size] if keep else passing[:size]
                if self.file.readinto(part.numpy()) != size:
                    raise Unsound("is shorter than its header says")
                if seen is not None:
                    seen.update(part.numpy())
                if entry.kind.is_floating_point and not torch.isfinite(part.view(entry.kind)).all():
                    raise Unsound("holds values that are not numbers")
            if keep:
                tensors[name] = kept.view(entry.kind).reshape(entry.shape)
        return tensors


@contextmanager
def opened(path: Path) -> Iterator[TensorFile]:
    """Open a safetensors file and read its header.

    Raises:
        OSError: it cannot be read, or is a folder, a pipe or a device.
        Unsound: it is none, or says of itself what cannot be.
    """
    with open_file(path) as file:
        size = size_of(file)
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= size - 8:
            raise Unsound("has no header, or one that is longer than the file")
        if length > MAX_HEADER:
            raise Unsound(f"has a header of {length:,} bytes, of which {MAX_HEADER:,} are allowed")
        header = parse(file.read(length).decode())
        metadata = header.pop(_METADATA, {})
        if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
            raise Unsound("has remarks in its header that are no text")
        entries = {name: _entry(described) for name, described in header.items()}
        _check_layout(entries, size - 8 - length)
        yield TensorFile(file, 8 + length, metadata, entries)


def parse(text: str) -> dict[str, Any]:
    """The object a JSON text describes, in which no name stands twice.

    Raises:
        Unsound: it is none, or so long that it would fill the memory.
    """
    if sum(map(text.count, ",:[{")) > MAX_MARKS:
        raise Unsound("says more about itself than any model does")
    try:
        found = json.loads(text, object_pairs_hook=_unique)
    except RecursionError as error:
        raise Unsound("has a header that is nested without end") from error
    if not isinstance(found, dict):
        raise Unsound("has a header that is no table")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Unsound("says something twice, in two ways perhaps")
    return made


def _entry(described: object) -> Entry:
    if not isinstance(described, dict) or set(described) != {"dtype", "shape", "data_offsets"}:
        raise Unsound("has a header that does not describe tensors")
    shape, offsets = described["shape"], described["data_offsets"]
    if not isinstance(described["dtype"], str) or described["dtype"] not in _TYPES:
        raise Unsound("holds values of a type that is not known here")
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or len(numbers) > MAX_DIMENSIONS:
            raise Unsound("has a tensor whose shape or place is no short row of numbers")
        if not all(type(n) is int and n >= 0 for n in numbers):
            raise Unsound("has a tensor whose shape or place is no row of whole numbers")
    if len(offsets) != 2:
        raise Unsound("has a tensor that does not say where it begins and ends")
    kind = _TYPES[described["dtype"]]
    if offsets[1] - offsets[0] != math.prod(shape) * kind.itemsize:
        raise Unsound("has a tensor that does not have the bytes its shape needs")
    return Entry(kind, tuple(shape), *offsets)


def _check_layout(entries: dict[str, Entry], size: int) -> None:
    """Refuse gaps, in which anything could hide, overlaps, and what lies beyond the end."""
    reached = 0
    for entry in sorted(entries.values(), key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != reached:
            raise Unsound(f"has tensors that {'overlap' if entry.begin < reached else 'leave a gap'}")
        reached = entry.end
    if reached != size:
        raise Unsound("is shorter than its header says" if reached > size else "goes on after its last tensor")


def _title(name: str, kind: torch.dtype, shape: tuple[int, ...]) -> bytes:
    return f"\n{name} {kind} {list(shape)}\n".encode("utf-8", "surrogatepass")


def hash_tensors(seen: "hashlib._Hash", tensors: dict[str, torch.Tensor]) -> None:
    """Hash tensors with their names, types and shapes, in the order of their names."""
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        seen.update(_title(name, value.dtype, tuple(value.shape)))
        seen.update(value.reshape(-1).view(torch.uint8).numpy())
