"""Find pictures that show the same although their files differ: re-encoded, resized or lightly cropped copies.

Each picture leaves a fingerprint when it is decoded: the signs of the 64 lowest frequencies of its brightness (a DCT
perceptual hash, Zauner 2010, here without the constant term), and its brightness on 16 × 16 fields. Hashes that differ
in few bits are candidates, found by comparing all with all; the fields then decide. No file is opened for it.
"""

import struct
from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from tlstudio.core.catalogue import Picture
from tlstudio.core.events import Progress

FIELDS = 16
HASH_BYTES = 8
_SIDE = 2 * FIELDS
# Bits of 64: re-encoded and resized photographs stay within 7, crops of up to 4 % a side within 15.
_BITS = 14
# Correlations of the fields. Pictures that share a layout (X-rays, cells) are compared by what is left of them
# without it, once there are enough to know the layout by.
_SAME = 0.985
_SAME_WITHOUT_LAYOUT = 0.945
_SAME_CROPPED = 0.96
_PERHAPS_CROPPED = 0.6
_ENOUGH = 50
# How much of a picture the layout may explain before a crop could be any other picture of the kind.
_COMMON_LAYOUT = 0.4
# Below this spread of brightness there is nothing to tell two pictures apart by.
_FLAT = 4
# Hashes compared at once: small enough to stay in the processor's cache.
_ROWS, _COLUMNS = 64, 8192
# A film of thousands of pictures is held together by fewer pairs than all there are.
_PARTNERS = 100
_PAIRS_AT_ONCE = 4096

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Measured:
    """What is remembered of a picture's pixels.

    fingerprint: 8 bytes of hash, then 16 × 16 bytes of brightness by rows. light: mean brightness, 0..255. contrast:
    its standard deviation over the fields. taken: camera and time, empty where the file does not say.
    """

    fingerprint: bytes
    light: int
    contrast: int
    taken: str


def measure(image: Image.Image) -> Measured:
    """Take a picture's fingerprint. image: upright, mode RGB, 8 bits a channel, of any size."""
    small = image.resize((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=2.0).convert("L")
    pixels = np.asarray(small, np.float32)
    frequencies = _DCT @ pixels @ _DCT.T
    bits = np.packbits(frequencies[_LOWEST] > 0)
    fields = pixels.reshape(FIELDS, 2, FIELDS, 2).mean((1, 3)).round().astype(np.uint8)
    return Measured(bits.tobytes() + fields.tobytes(), int(fields.mean()), int(fields.std()), _taken(image))


def _dct_matrix() -> Floats:
    frequency, place = np.arange(_SIDE)[:, None], np.arange(_SIDE)[None]
    return np.cos(np.pi * (2 * place + 1) * frequency / (2 * _SIDE)).astype(np.float32)


def _lowest() -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows and columns of the 64 lowest frequencies but the constant, diagonal by diagonal."""
    places = sorted(((i, j) for i in range(12) for j in range(12) if i + j), key=lambda at: (at[0] + at[1], at))
    rows, columns = zip(*places[: HASH_BYTES * 8], strict=True)
    return np.array(rows), np.array(columns)


_DCT = _dct_matrix()
_LOWEST = _lowest()

_EXIF_IFD, _MAKE, _MODEL, _WHEN = 0x8769, 271, 272, 36867


def _taken(image: Image.Image) -> str:
    """Camera and time of the exposure, such as `Canon EOS 5D|2019:05:01 12:00:03`."""
    if "exif" not in image.info:
        return ""
    # Metadata of strangers' files; Pillow raises many things at it, and the pixels are fine.
    with suppress(OSError, ValueError, TypeError, KeyError, SyntaxError, struct.error):
        exif = image.getexif()
        when, camera = exif.get_ifd(_EXIF_IFD).get(_WHEN), [str(exif.get(tag, "")) for tag in (_MAKE, _MODEL)]
        if isinstance(when, str) and any(camera):
            return f"{' '.join(camera).strip()}|{when.strip()}".replace("\0", "")
    return ""


def near(pictures: Sequence[Picture], known: Iterable[str] = ()) -> Generator[Progress, None, list[tuple[str, str]]]:
    """Pairs of digests, each in order, whose pictures show the same though their files differ.

    pictures: those without a fingerprint, and flat ones, are passed over. known: digests that have been compared with
    each other before; pairs of two of them are not looked for again. Time grows with the square of the number, 100,000
    take seconds (tests/bench/duplicates.py).
    """
    by_digest = {p.digest: p.fingerprint for p in pictures if p.fingerprint and p.contrast >= _FLAT and not p.refused}
    before = set(known)
    # New ones first: each is compared with all behind it.
    digests = sorted(by_digest, key=lambda digest: (digest in before, digest))
    fresh = sum(digest not in before for digest in digests)
    if len(digests) < 2 or not fresh:
        return []
    prints = np.frombuffer(b"".join(by_digest[digest] for digest in digests), np.uint8).reshape(len(digests), -1)
    hashes = np.ascontiguousarray(prints[:, :HASH_BYTES]).view(np.uint64)[:, 0]
    same = _Same(prints[:, HASH_BYTES:].reshape(-1, FIELDS, FIELDS))
    found: list[tuple[str, str]] = []
    for start in range(0, fresh, _ROWS):
        first, second = _candidates(hashes, start, min(start + _ROWS, fresh))
        for part in range(0, len(first), _PAIRS_AT_ONCE):
            one, other = first[part : part + _PAIRS_AT_ONCE], second[part : part + _PAIRS_AT_ONCE]
            for i in np.flatnonzero(same(one, other)):
                low, high = sorted((digests[one[i]], digests[other[i]]))
                found.append((low, high))
        if start // _ROWS % 16 == 0:
            yield Progress("comparing pictures", start, fresh)
    return sorted(found)


Indices = npt.NDArray[np.intp]


def _candidates(hashes: npt.NDArray[np.uint64], start: int, stop: int) -> tuple[Indices, Indices]:
    """Pairs (row, later row) with like hashes, for rows start..stop."""
    rows, columns = [], []
    for left in range(start, len(hashes), _COLUMNS):
        part = hashes[left : left + _COLUMNS]
        differing = np.bitwise_count(hashes[start:stop, None] ^ part[None])
        row, column = np.divmod(np.flatnonzero(differing <= _BITS), len(part))
        later = column + left > row + start
        row, column = row[later], column[later]
        # The place of each in its row; the first few stay.
        kept = np.arange(len(row)) - np.searchsorted(row, row) < _PARTNERS
        rows.append(row[kept] + start)
        columns.append(column[kept] + left)
    return np.concatenate(rows), np.concatenate(columns)


class _Same:
    """Whether two pictures show the same, by their 16 × 16 fields of brightness."""

    def __init__(self, fields: npt.NDArray[np.uint8]) -> None:
        self._fields = fields
        sampled = _standard(fields[:: max(1, len(fields) // 2000)].astype(np.float32))
        self._layout: Floats | None = None
        layout = sampled.mean(0)
        strength = float(np.linalg.norm(layout))
        if len(fields) >= _ENOUGH:
            self._layout = layout / max(strength, 1e-6)
        self._may_be_cropped = strength < _COMMON_LAYOUT or len(fields) < _ENOUGH

    def __call__(self, first: Indices, second: Indices) -> npt.NDArray[np.bool_]:
        one, other = self._fields[first].astype(np.float32), self._fields[second].astype(np.float32)
        a, b = _standard(one), _standard(other)
        alike = _product(a, b)
        if self._layout is None:
            same: npt.NDArray[np.bool_] = alike >= _SAME
        else:
            a, b = _standard(a - self._explained(a)), _standard(b - self._explained(b))
            same = _product(a, b) >= _SAME_WITHOUT_LAYOUT
        rest = np.flatnonzero(~same & (alike >= _PERHAPS_CROPPED))
        if self._may_be_cropped and len(rest):
            cropped = np.maximum(_as_crop(one[rest], other[rest]), _as_crop(other[rest], one[rest]))
            same[rest] = cropped >= _SAME_CROPPED
        return same

    def _explained(self, fields: Floats) -> Floats:
        assert self._layout is not None
        return _product(fields, self._layout)[:, None, None] * self._layout


def _standard(fields: Floats) -> Floats:
    """Without their mean, and of length 1, so that a product of two is their correlation."""
    centred = fields - fields.mean((-2, -1), keepdims=True)
    length = np.sqrt(np.square(centred).sum((-2, -1), keepdims=True))
    return np.asarray(centred / np.maximum(length, 1e-6), np.float32)


def _product(a: Floats, b: Floats) -> Floats:
    return np.asarray((a * b).sum((-2, -1)), np.float32)


def _window(before: float, behind: float) -> Floats:
    """A matrix that stretches the middle of a row of fields over all of it; before, behind: shares cut off."""
    edges = np.linspace(before * FIELDS, (1 - behind) * FIELDS, FIELDS + 1)
    low, high = np.arange(FIELDS)[None], np.arange(FIELDS)[None] + 1
    covered = np.minimum(edges[1:, None], high) - np.maximum(edges[:-1, None], low)
    weights = np.maximum(covered, 0)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


_CUTS = (0.0, 0.03, 0.06, 0.09)
_WINDOWS = np.stack([_window(before, behind) for before in _CUTS for behind in _CUTS])


def _as_crop(whole: Floats, crop: Floats) -> Floats:
    """The best correlation, for each pair, of the second with a part of the first: first the height, then the width."""
    target, every = _standard(crop)[:, None], np.arange(len(whole))
    tall = _WINDOWS @ whole[:, None]
    best = tall[every, _product(_standard(tall), target).argmax(1)]
    wide = best[:, None] @ _WINDOWS.transpose(0, 2, 1)
    at = _product(_standard(wide), target).argmax(1)
    # Once more for the height, now that the width is right.
    best = whole @ _WINDOWS[at].transpose(0, 2, 1)
    tall = _WINDOWS @ best[:, None]
    return np.asarray(_product(_standard(tall), target).max(1), np.float32)
