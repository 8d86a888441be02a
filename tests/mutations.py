"""A sound model, changed at random: `python -m tests.mutations [N [SEED]]`. No change may crash or pass unseen.

How a changed file is judged: it is refused by a sentence that names it, or it says what the original says, digest for
digest, and gives the same answers to the same pixels bit by bit (a change of blanks, or of the order of names, does
that). Facts that were changed and given a fitting digest are another model, as anybody may make one: such a file is
refused, or its card can be told and its answers are numbers; they are the same ones unless what was changed decides
about answers.
"""

import json
import math
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tests import hostile
from tlstudio.core.errors import RefusedModel
from tlstudio.core.events import FileInspected
from tlstudio.engine import checkpoints, evaluation, predictor
from tlstudio.printing import describe

DECISIVE = {"temperature", "classes", "preprocessing", "network"}
STRANGE = (
    None,
    True,
    0,
    -1,
    3,
    10**400,
    0.5,
    math.nan,
    math.inf,
    "",
    "x",
    "\x1b",
    "<b>",
    "é" * 300,
    [],
    {},
    [1],
    {"a": 1},
)


@dataclass(frozen=True)
class Answer:
    """All that a model says to some pixels: (N, classes) probabilities, and the distance of each picture."""

    probable: Any
    distances: torch.Tensor

    @classmethod
    @torch.inference_mode()
    def of(cls, model: checkpoints.Model) -> "Answer":
        preprocessing = model.network.preprocessing
        pixels = torch.rand(2, 3, preprocessing.size, preprocessing.size, generator=torch.Generator().manual_seed(0))
        mean, std = (torch.tensor(each)[:, None, None] for each in (preprocessing.mean, preprocessing.std))
        body, head = model.network.split("head")
        pooled = body((pixels - mean) / std)
        probable = evaluation.probabilities(head(pooled).numpy(), model.facts["temperature"])
        return cls(probable, predictor.distances(pooled, model.sample))

    def same_as(self, other: "Answer") -> bool:
        return (self.probable == other.probable).all() and torch.equal(self.distances, other.distances)


def changed_bytes(data: bytes, chance: random.Random) -> tuple[str, bytes]:
    """A file with some bytes otherwise. Half of the changes are in the header, which is a small part of the file."""
    header = 8 + int.from_bytes(data[:8], "little")
    end = header if chance.random() < 0.5 else len(data)
    begin = chance.randrange(end)
    length = min(chance.choice([1, 2, 4, 8, 64, 1024]), len(data) - begin)
    part, other = data[begin : begin + length], chance.randrange(len(data) - length)
    how = chance.choice(["flip", "flip", "cut", "insert", "delete", "repeat", "swap", "blank", "digit"])
    made = bytearray(data)
    match how:
        case "flip":
            for _ in range(chance.choice([1, 1, 8])):
                made[chance.randrange(end)] ^= 1 << chance.randrange(8)
        case "cut":
            del made[begin:]
        case "insert":
            made[begin:begin] = chance.randbytes(length)
        case "delete":
            del made[begin : begin + length]
        case "repeat":
            made[begin:begin] = part
        case "swap":
            made[begin : begin + length], made[other : other + length] = data[other : other + length], part
        case "blank":
            made[begin : begin + length] = b" " * length
        case "digit":
            digits = [at for at in range(8, header) if 48 <= data[at] <= 57]
            made[chance.choice(digits)] = 48 + chance.randrange(10)
    return how, bytes(made)


def changed_facts(data: bytes, chance: random.Random) -> tuple[str, bytes]:
    """A file one of whose facts, however deep, is otherwise or gone; its digest fits if it can."""
    header, facts, values = hostile.taken_apart(data)
    field = chance.choice(sorted(set(facts) - {"digest"}))
    holder: Any = facts
    key: Any = field
    while isinstance(holder[key], (dict, list)) and holder[key] and chance.random() < 0.8:
        holder = holder[key]
        key = chance.choice(sorted(holder)) if isinstance(holder, dict) else chance.randrange(len(holder))
    old = holder[key]
    new = chance.choice(STRANGE)
    if isinstance(old, (int, float)) and chance.random() < 0.5:
        new = old * chance.choice([-1, 0.5, 0.999, 1.001, 2, 1000])
    if chance.random() < 0.2:
        del holder[key]
    else:
        holder[key] = new
    with suppress(ValueError):
        facts = hostile.with_digest(header, facts, values)
    return field, hostile.put_together(header, values, json.dumps(facts))


def taken(path: Path, field: str, original: checkpoints.Model, answer: Answer) -> tuple[str, str]:
    """What became of a changed file, `refused` or `loaded`, and what is wrong with that, if anything.

    field: of the facts that were changed, with a digest that fits; empty where bytes were.
    """
    try:
        model = checkpoints.load_model(path)
    except RefusedModel as error:
        return "refused", "" if path.name in str(error) and "\n" not in str(error) else f"not by name: {error}"
    now, digest = Answer.of(model), checkpoints.weights_digest(model)
    seal = {"intact": None, "reason": "the weights it began with are not here"}
    list(describe(FileInspected("model", {**model.facts, "sha256": digest, "seal": seal})))
    wrong = ""
    if not field and (model.facts != original.facts or digest != checkpoints.weights_digest(original)):
        wrong = "it says something else than the original"
    elif field not in DECISIVE and not now.same_as(answer):
        wrong = "its answers are others"
    elif not (torch.isfinite(torch.as_tensor(now.probable)).all() and torch.isfinite(now.distances).all()):
        wrong = "its answers are no numbers"
    return "loaded", wrong


def run(count: int, seed: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Try so many changes; how often each kind was refused or loaded, and what went wrong."""
    chance, path = random.Random(seed), folder / "changed.tlmodel"
    good = hostile.write_good(folder / "good.tlmodel").read_bytes()
    original = checkpoints.load_model(folder / "good.tlmodel")
    answer = Answer.of(original)
    counts, faults = Counter[str](), []
    for number in range(count):
        of_facts = chance.random() < 0.3
        what, data = (changed_facts if of_facts else changed_bytes)(good, chance)
        path.write_bytes(data)
        became, wrong = taken(path, what if of_facts else "", original, answer)
        counts[f"{'facts' if of_facts else what} {became}"] += 1
        if wrong:
            faults.append(f"change {number} of seed {seed} ({what}), {became}: {wrong}")
    return counts, faults


def main() -> int:
    count, seed = (int(given) for given in (*sys.argv[1:], *("10000", "0")[len(sys.argv) - 1 :]))
    torch.set_num_threads(1)
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        counts, faults = run(count, seed, Path(folder))
    print(f"{count} changes in {time.process_time() - began:.0f} s of processor time, {len(faults)} taken wrongly")
    for what, times in sorted(counts.items()):
        print(f"  {what:<16} {times:6,}")
    print("\n".join(faults[:20]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
