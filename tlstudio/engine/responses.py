"""What a network's stages respond to: the strongest channels in a picture, and the part of it that excites each."""

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from tlstudio.core.errors import UnreadablePicture
from tlstudio.core.events import Event, Progress
from tlstudio.core.responses import Patch, Response, Square
from tlstudio.engine.explain import as_map, is_map, stage_outputs
from tlstudio.engine.network import Network
from tlstudio.engine.tensors import Pixels, batched, normalise, read, stacked, threaded, to_tensor

ALL_TOGETHER = -1
# Of what a place depends on lies within its field. In late stages all of it is the whole picture; the core shows what
# it is about.
FIELD_SHARE = 0.5
SAME_PART = 0.5  # parts that share more than this of their area are one
LEAST_FIELD = 16  # pixels: a smaller part of a picture shows nothing
PATCHES = 4
BATCH = 8
MOST_FILTERS = 64


class Look:
    """One picture's way through a network, kept: any stage can be asked about at once.

    square: what the network was shown, (side, side, 3). stages: the names of those before the head.
    """

    def __init__(self, network: Network, square: Pixels, fields: dict[str, int] | None = None) -> None:
        """fields: what `field` has found of this network already, and where it notes more."""
        self.square = square
        self.stages = tuple(name for name in network.stages if name != "head")
        self._body = nn.Sequential(*(network.stages[name] for name in self.stages))
        device = next(network.model.parameters()).device
        self._pixels = normalise(to_tensor(square)[None].to(device), network.preprocessing)
        network.eval_mode()
        self._outputs = dict(zip(self.stages, stage_outputs(self._body, self._pixels), strict=True))
        self._fields = {} if fields is None else fields

    def maps(self, stage: str) -> torch.Tensor | None:
        """What a stage says about each place, (channels, rows, columns); None where it does not speak of places.

        Of a vision transformer one map: how far each patch's vector is from the mean one.
        """
        value = self._outputs.get(stage)
        if value is None or not is_map(value):
            return None
        found = as_map(value).float()
        if value.dim() == 3:
            found = (found - found.mean(dim=(1, 2), keepdim=True)).norm(dim=0, keepdim=True)
        return found.cpu()

    def is_tokens(self, stage: str) -> bool:
        """Whether a stage speaks of patches, as a vision transformer does."""
        return self._outputs[stage].dim() == 3

    def channels(self, stage: str) -> int:
        return int(as_map(self._outputs[stage]).shape[0])

    def field(self, stage: str) -> int:
        """Side of what one place of a stage sees, in pixels of the square: the effective receptive field.

        By how much the place in the middle depends on each pixel (Luo et al. 2016, arXiv 1701.04128): the square around
        it that holds most of that. Of a transformer's patch, which sees the whole picture from the first block on, it
        is the patch with those around it.
        """
        if stage not in self._fields:
            self._fields[stage] = self._measure_field(stage)
        return self._fields[stage]

    def respond(self, stage: str, channels: Sequence[int]) -> tuple[Response, ...]:
        """Where these channels of a stage respond, in their order."""
        maps = self.maps(stage)
        if maps is None:
            return ()
        return tuple(self._response(stage, channel, maps[max(0, channel)]) for channel in channels)

    def strongest(self, stage: str, count: int) -> tuple[int, ...]:
        """The channels that respond most to single places of this picture, the strongest first.

        Of those that respond to the same part only the strongest, as long as there are others.
        """
        maps = self.maps(stage)
        if maps is None:
            return ()
        if self.is_tokens(stage):
            return (ALL_TOGETHER,)
        ranked = _contrast(maps).argsort(descending=True, stable=True)[: 8 * count].tolist()
        places = [divmod(int(maps[channel].argmax()), maps.shape[2]) for channel in ranked]
        side, field = self.square.shape[0], self.field(stage)
        rows, columns = maps.shape[1:]
        parts = [_part(row, column, rows, columns, side, field) for row, column in places]
        taken: list[int] = []
        for at, part in enumerate(parts):
            if not any(_shared(part, parts[other]) > SAME_PART for other in taken):
                taken.append(at)
        taken += [at for at in range(len(ranked)) if at not in taken]
        return tuple(ranked[at] for at in sorted(taken[:count]))

    def _response(self, stage: str, channel: int, values: torch.Tensor) -> Response:
        rows, columns = values.shape
        row, column = divmod(int(values.argmax()), columns)
        strength = float((values.max() - values.mean()) / values.std().clamp(min=1e-12))
        part = _part(row, column, rows, columns, self.square.shape[0], self.field(stage))
        return Response(channel, _heat(values, self.square.shape[0]), part, strength)

    def _measure_field(self, stage: str) -> int:
        side = self.square.shape[0]
        maps = as_map(self._outputs[stage])
        rows, columns = maps.shape[1:]
        if self.is_tokens(stage):
            return min(side, 3 * side // columns)
        pixels = self._pixels.clone().requires_grad_()
        with torch.enable_grad():
            value = pixels
            for module in self._body[: self.stages.index(stage) + 1]:
                value = module(value.clone())
            middle = as_map(value)[:, rows // 2, columns // 2]
            # All at once and with random signs: what many channels see adds up instead of cancelling.
            signs = torch.randint(2, middle.shape, generator=torch.Generator().manual_seed(0)) * 2.0 - 1
            (slope,) = torch.autograd.grad((middle * signs.to(middle.device)).sum(), pixels)
        return _width_of_most(slope[0].abs().sum(dim=0).cpu(), rows, columns, side)


def _part(row: int, column: int, rows: int, columns: int, side: int, field: int) -> Square:
    """What a place of a map sees of the square, moved inside where it would reach beyond."""
    left, top = round((column + 0.5) * side / columns - field / 2), round((row + 0.5) * side / rows - field / 2)
    left, top = max(0, min(left, side - field)), max(0, min(top, side - field))
    return left, top, left + field, top + field


def _width_of_most(seen: torch.Tensor, rows: int, columns: int, side: int) -> int:
    """Side of the square around the middle place that holds most of what it depends on. seen: (side, side)."""
    y = torch.arange(side).float() - (rows // 2 + 0.5) * side / rows
    x = torch.arange(side).float() - (columns // 2 + 0.5) * side / columns
    away = torch.maximum(y.abs()[:, None], x.abs()[None, :]).flatten()
    order = away.argsort()
    share = seen.flatten()[order].cumsum(0) / seen.sum().clamp(min=1e-30)
    at = int(torch.searchsorted(share, FIELD_SHARE).clamp(max=len(order) - 1))
    return min(side, max(LEAST_FIELD, round(2 * float(away[order[at]]))))


def _shared(one: Square, other: Square) -> float:
    """The share of its area that a square shares with another of the same size."""
    side = one[2] - one[0]
    across, down = (max(0, side - abs(one[i] - other[i])) for i in (0, 1))
    return across * down / side**2


def _contrast(maps: torch.Tensor) -> torch.Tensor:
    """By how much each channel's strongest place stands out from its mean, (channels,)."""
    return maps.amax(dim=(1, 2)) - maps.mean(dim=(1, 2))


def _heat(values: torch.Tensor, side: int) -> bytes:
    above = (values - values.mean()).clamp(min=0)
    large = functional.interpolate(above[None, None], size=(side, side), mode="bilinear", align_corners=False)[0, 0]
    scaled = large / large.max().clamp(min=torch.finfo(large.dtype).tiny)
    return (scaled * 255).round().to(torch.uint8).numpy().tobytes()


def filters(network: Network) -> tuple[int, tuple[bytes, ...]]:
    """The first layer's filters as colour tiles: their side in pixels, and each as RGB, the strongest first.

    Grey is zero, each tile's largest value of either sign full colour. At most `MOST_FILTERS`; (0, ()) where the first
    layer does not look at three colours.
    """
    first = next((m for m in network.model.modules() if isinstance(m, nn.Conv2d)), None)
    if first is None or first.weight.shape[1] != 3:
        return 0, ()
    weight = first.weight.detach().float().cpu()
    order = weight.flatten(1).norm(dim=1).argsort(descending=True)[:MOST_FILTERS]
    chosen = weight[order]
    largest = chosen.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)
    tiles = ((0.5 + 0.5 * chosen / largest) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    return int(weight.shape[2]), tuple(tile.numpy().tobytes() for tile in tiles)


def best_patches(
    network: Network, stage: str, channels: Sequence[int], pictures: Sequence[Path], field: int, threads: int
) -> Generator[Event, None, dict[int, tuple[Patch, ...]]]:
    """For each channel of a stage the parts that excite it most, one a picture.

    Pictures that cannot be read are left out. field: side of a part, in pixels of the square the network sees.
    """
    names = list(network.stages)
    body = nn.Sequential(*(network.stages[name] for name in names[: names.index(stage) + 1]))
    network.eval_mode()
    device = next(network.model.parameters()).device
    found: dict[int, list[Patch]] = {channel: [] for channel in channels}
    task, done = "looking through the pictures", 0
    yield Progress(task, 0, len(pictures))

    def shown(path: Path) -> tuple[Path, torch.Tensor | UnreadablePicture]:
        return path, read(path, network.preprocessing)

    with closing(threaded(shown, pictures, threads)) as squares:
        for batch in batched(squares, BATCH):
            good = [(path, square) for path, square in batch if isinstance(square, torch.Tensor)]
            if good:
                pixels = normalise(stacked([square for _, square in good]).to(device), network.preprocessing)
                with torch.inference_mode():
                    maps = body(pixels).float().cpu()
                for (path, square), values in zip(good, maps, strict=True):
                    _keep_best(found, path, square, as_map(values[None]), field)
            done += len(batch)
            yield Progress(task, done, len(pictures))
    return {channel: tuple(patches) for channel, patches in found.items()}


def _keep_best(found: dict[int, list[Patch]], path: Path, square: torch.Tensor, maps: torch.Tensor, field: int) -> None:
    """Let one picture, (3, side, side), compete for each channel's best parts. maps: (channels, rows, columns)."""
    rows, columns = maps.shape[1:]
    for channel, best in found.items():
        at = int(maps[channel].argmax())
        strength = float(maps[channel].flatten()[at])
        if len(best) < PATCHES or strength > best[-1].strength:
            left, top, right, bottom = _part(at // columns, at % columns, rows, columns, square.shape[1], field)
            pixels = square[:, top:bottom, left:right].permute(1, 2, 0).contiguous().numpy().tobytes()
            best.append(Patch(str(path), field, pixels, strength))
            best.sort(key=_strength, reverse=True)
            del best[PATCHES:]


def _strength(patch: Patch) -> float:
    return patch.strength
