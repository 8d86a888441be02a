"""What a run needs to go on exactly where it stood: its checkpoint `last.safetensors`, and the one before it.

Which of the two is newer and where it stands is in its header (`core/run.py` reads it without torch).
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from tlstudio.core.errors import BadRecipe, RefusedModel
from tlstudio.core.project import write_atomically
from tlstudio.core.run import CHECKPOINT_FACTS, RunFolder
from tlstudio.engine import tensor_files
from tlstudio.engine.memory import is_about_memory
from tlstudio.engine.tensor_files import Unsound

SCHEMA_VERSION = 1
_WEIGHTS, _OPTIMIZER = "weights.", "optimizer."


@dataclass
class Place:
    """Where a run stands. phase, epoch: from 1. batch: how many of the epoch are learned; checked: how many of the
    validation pictures' are asked after them.

    since_best: epochs of the phase without a lower validation loss. sums: what has been added up since the epoch
    began. left_out: numbers of the pictures, in the order of the run, that could not be read when the phase began.
    """

    phase: int = 1
    epoch: int = 1
    batch: int = 0
    checked: int = 0
    since_best: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    left_out: tuple[int, ...] = ()

    def next_epoch(self, improved: bool) -> "Place":
        since_best = 0 if improved else self.since_best + 1
        return Place(self.phase, self.epoch + 1, since_best=since_best, left_out=self.left_out)


@dataclass(frozen=True)
class Checkpoint:
    """A run as it stood. tensors: see `weights`, `restore_optimizer`; besides them `random`, the state of torch's
    generator, and `checked.…`, what was said of validation pictures. All absent but the weights where a phase begins.

    facts: whatever else a run goes on with, as JSON values. terms: what must not change while it stands.
    """

    place: Place
    phases: int
    facts: dict[str, Any]
    terms: dict[str, Any]
    tensors: dict[str, torch.Tensor]

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        """From the earliest stage that had learned, under their stock names."""
        found = self.tensors.items()
        return {name.removeprefix(_WEIGHTS): value for name, value in found if name.startswith(_WEIGHTS)}


def write(run: RunFolder, checkpoint: Checkpoint) -> None:
    """Make it the run's last checkpoint; the one that was becomes the previous one. A kill leaves one of them, whole.

    Raises:
        ProjectError: it cannot be written; the ones there are stay as they are.
    """
    described = {
        "schema": SCHEMA_VERSION,
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        **{name: getattr(checkpoint, name) for name in ("phases", "facts", "terms")},
        "place": asdict(checkpoint.place),
    }
    tensors = {name: value.detach().cpu().contiguous() for name, value in checkpoint.tensors.items()}
    digest = hashlib.sha256(_canonical(described))
    tensor_files.hash_tensors(digest, tensors)
    metadata = {CHECKPOINT_FACTS: _canonical({**described, "digest": digest.hexdigest()}).decode()}
    run.sync_history()
    write_atomically(run.last_file, save(tensors, metadata=metadata), former=run.previous_file)


def read(run: RunFolder) -> Checkpoint:
    """The newest of the run's checkpoints that is as it was written; a damaged one beside it is deleted.

    Raises:
        RefusedModel: neither is; the message is about the newer one.
    """
    newest: RefusedModel | None = None
    for path in (run.last_file, run.previous_file):
        try:
            found = _read(path)
        except RefusedModel as error:
            newest = newest or error
            continue
        if newest:
            run.last_file.unlink(missing_ok=True)  # the next one would push the sound one out for it
        return found
    assert newest
    raise newest


def _read(path: Path) -> Checkpoint:
    remedy = "Start a new run."
    try:
        with tensor_files.opened(path) as file:
            described = tensor_files.parse(file.metadata.get(CHECKPOINT_FACTS, ""))
            digest = described.pop("digest", "")
            tensors = file.read_if(digest, _canonical(described))
        if tensors is None:
            raise Unsound("was changed after it was written")
        if described["schema"] > SCHEMA_VERSION:
            raise RefusedModel("was written by a newer TL Studio", path=path, remedy="Install that version.")
        place = Place(**{**described["place"], "left_out": tuple(described["place"]["left_out"])})
        if not all(type(n) is int and n >= 0 for n in (place.phase - 1, place.epoch - 1, place.batch, place.checked)):
            raise Unsound("says it stands where no run can")
        return Checkpoint(place, described["phases"], described["facts"], described["terms"], tensors)
    except OSError as error:
        raise RefusedModel(f"cannot be read ({error.strerror or error})", path=path, remedy=remedy) from error
    except Unsound as error:
        raise RefusedModel(f"is a damaged checkpoint: it {error}", path=path, remedy=remedy) from error
    except (ValueError, LookupError, TypeError) as error:
        raise RefusedModel("is a damaged checkpoint", path=path, remedy=remedy) from error


@contextmanager
def fitting(run: RunFolder) -> Iterator[None]:
    """What in a checkpoint does not fit its run becomes a `RefusedModel` that names the run."""
    try:
        yield
    except (BadRecipe, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        if is_about_memory(error):
            raise
        raise RefusedModel("has a checkpoint that does not fit it", path=run.folder, remedy="Train again.") from error


def named_weights(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights under the names a checkpoint has them by."""
    return {_WEIGHTS + name: value for name, value in state.items()}


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """What an optimiser remembers of each parameter, by the parameter's number."""
    return {
        f"{_OPTIMIZER}{number}.{what}": value
        for number, parameter in enumerate(_parameters(optimizer))
        for what, value in optimizer.state[parameter].items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put back what `optimizer_state` gave for the same parameters; their rates are the schedule's to restore.

    Raises:
        ValueError, LookupError: it is of other parameters.
    """
    parameters = _parameters(optimizer)
    for name, value in tensors.items():
        if name.startswith(_OPTIMIZER):
            number, _, what = name.removeprefix(_OPTIMIZER).partition(".")
            parameter = parameters[int(number)]
            if value.ndim and value.shape != parameter.shape:
                raise ValueError("the optimiser's numbers are of another shape")
            # In the parameter's own layout: another one may go through other kernels, which round otherwise.
            kept = torch.empty_like(parameter, requires_grad=False).copy_(value) if value.ndim else value.clone()
            optimizer.state[parameter][what] = kept


def _parameters(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """Where torch's generators stand, from which dropout draws."""
    state = {"random": torch.get_rng_state()}
    return state | ({"random.cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def restore_random_state(tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
    """Put back what `random_state` gave."""
    torch.set_rng_state(tensors["random"])
    if device.type == "cuda" and "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"], device)


def are_finite(tensors: Mapping[str, torch.Tensor]) -> bool:
    return all(bool(torch.isfinite(value).all()) for value in tensors.values() if value.is_floating_point())


def as_text(loss: float) -> str:
    """A loss, which may be no number, as JSON can hold it."""
    return repr(loss) if math.isfinite(loss) else str(loss)


def _canonical(described: dict[str, Any]) -> bytes:
    return json.dumps(described, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
