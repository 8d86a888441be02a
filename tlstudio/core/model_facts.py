"""What a model file says about itself, and which of it is believed.

The digest in the file keeps out accidents, not people: anybody can compute one. So each value that somebody reads later
has its type, range and length checked here, and each text is one line of plain characters.
"""

import json
import re
from datetime import datetime
from typing import Any

from tlstudio.core.backbones import TIMM, Backbone, timm_record
from tlstudio.core.catalogue import MAX_CLASSES, is_label
from tlstudio.core.errors import RefusedModel
from tlstudio.core.events import OUT_OF_FOLD
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.recipe import STRATEGIES

SCHEMA_VERSION = 3
SAMPLE_SIZE = 2_000
SHARES = 101  # how often, for each whole percent of known pictures
MAX_TEXT = 2_000
# How many models of one's own, each begun from the one before, a file remembers.
MAX_GENERATIONS = 20
MAX_SIDE = 1024  # pixels; no network of timm's looks at larger ones
_MANY = 10**12
_FIELDS = {
    "schema",
    "program",
    "created",
    "backbone",
    "strategy",
    "train_from",
    "classes",
    "preprocessing",
    "temperature",
    "unknown",
    "sample",
    "trained_on",
    "metrics",
    "recipe_digest",
    "provenance",
}
# What describes a network of timm's, which another machine's table does not have.
_OF_TIMM = {"network"}
_UNKNOWN = {"threshold", "set_on", "refused_at_most", "distances"}
_FIGURES = {"accuracy", "interval", "n", "calibration_error", "split"}
_ORIGIN = {"weights", "sha256", "licence", "source", "before"}
_DIGEST = re.compile(r"[0-9a-f]{32,128}")
_SHA256 = re.compile(r"[0-9a-f]{0,64}")  # of random weights there is none; some publishers give its first digits only


def plain(text: str, most: int = MAX_TEXT) -> str:
    """A text as a model file may hold it: one line, nothing that steers a screen, at most so many characters."""
    line = "".join(c if c.isprintable() else "?" for c in text[: most + 1])
    return line if len(line) <= most else line[: most - 1] + "…"


def recent(origin: dict[str, Any], generations: int = MAX_GENERATIONS) -> dict[str, Any]:
    """Where weights come from, without the models that lie so far back that no file would be believed to know."""
    before = origin.get("before")
    if before is None:
        return origin
    kept = {key: value for key, value in origin.items() if key != "before"}
    return {**kept, "before": recent(before, generations - 1)} if generations else kept


def check_form(facts: dict[str, Any]) -> None:
    """Refuse facts of another version, or with fields this one does not write.

    Raises:
        RefusedModel: without the file's name.
    """
    schema = facts.get("schema")
    if type(schema) is not int or schema != SCHEMA_VERSION:
        raise RefusedModel(
            f"is of version {plain(repr(schema), 40)}, this program reads {SCHEMA_VERSION}",
            remedy="Open it with the TL Studio that wrote it.",
        )
    if not isinstance(facts.get("backbone"), str):
        raise RefusedModel("does not say which backbone it has")
    expected = _FIELDS | _OF_TIMM if facts["backbone"].startswith(TIMM) else _FIELDS
    if set(facts) != expected:
        odd = ", ".join(plain(name, 40) for name in sorted(set(facts) ^ expected)[:5])
        raise RefusedModel(f"has fields missing or too many ({odd})")


def check(facts: dict[str, Any], backbone: Backbone) -> None:
    """Refuse facts that this version would not have written of a network with this backbone.

    facts: of the right form, see `check_form`.

    Raises:
        RefusedModel: without the file's name.
    """
    if facts["train_from"] not in backbone.stage_names:
        raise RefusedModel("names a stage its backbone does not have")
    if facts["strategy"] not in list(STRATEGIES):
        raise RefusedModel("names no strategy of training")
    classes = facts["classes"]
    named = isinstance(classes, list) and all(isinstance(c, str) and is_label(c) for c in classes)
    if not named or not 2 <= len(classes) <= MAX_CLASSES or len(set(classes)) != len(classes):
        raise RefusedModel("has no sound list of classes")
    _check_history(facts)
    _check_origin(facts["provenance"])
    _check_figures(facts["metrics"])
    _check_limits(facts["temperature"], facts["unknown"])
    _check_sample(facts["sample"], len(classes))
    _check_preprocessing(facts["preprocessing"], backbone)
    if "network" in facts:
        _check_network(facts["network"], backbone)


def _check_history(facts: dict[str, Any]) -> None:
    """When, by which program and from how many pictures it was made."""
    if not _is_text(facts["program"], 80) or not _is_text(facts["recipe_digest"], 64, _SHA256):
        raise RefusedModel("does not say what it was made with")
    if not _is_text(facts["created"], 40) or not _is_date(facts["created"]):
        raise RefusedModel("does not say when it was made")
    counts = facts["trained_on"]
    known = isinstance(counts, dict) and counts.keys() <= set(facts["classes"])
    if not known or not all(_is_count(count) for count in counts.values()):
        raise RefusedModel("does not say what it was trained on")


def _check_origin(origin: object) -> None:
    """Where its first weights come from, and those of the model it was begun from."""
    for _ in range(MAX_GENERATIONS + 1):
        texts = {key: value for key, value in origin.items() if key != "before"} if isinstance(origin, dict) else {}
        sound = isinstance(origin, dict) and origin.keys() <= _ORIGIN and all(map(_is_text, texts.values()))
        if not sound or not _is_text(texts.get("sha256", ""), 64, _SHA256):
            raise RefusedModel("does not say where its weights come from")
        assert isinstance(origin, dict)
        if "before" not in origin:
            return
        origin = origin["before"]
    raise RefusedModel("says of too many models before it where their weights came from")


def _check_figures(metrics: object) -> None:
    if not isinstance(metrics, dict) or not metrics.keys() <= {"val", "test"}:
        raise RefusedModel("has no sound figures")
    for split, measured in metrics.items():
        if measured is not None and not _are_figures(measured, split):
            raise RefusedModel(f"has no sound figures for {split}")


def _are_figures(measured: object, split: str) -> bool:
    if not isinstance(measured, dict) or set(measured) != _FIGURES:
        return False
    interval, shares = measured["interval"], (measured["accuracy"], measured["calibration_error"])
    return (
        isinstance(interval, list)
        and len(interval) == 2
        and all(_is_between(share, 0, 1) for share in (*shares, *interval))
        and interval[0] <= interval[1]
        and _is_count(measured["n"])
        and measured["split"] in (split, OUT_OF_FOLD)
    )


def _check_limits(temperature: object, unknown: object) -> None:
    if not isinstance(unknown, dict) or set(unknown) != _UNKNOWN or not _is_text(unknown["set_on"]):
        raise RefusedModel("does not say when a picture is unknown to it")
    threshold, known, refused = unknown["threshold"], unknown["distances"], unknown["refused_at_most"]
    if not isinstance(known, list) or not all(_is_number(n) for n in (temperature, threshold, refused, *known)):
        raise RefusedModel("has a temperature or threshold that is not a number")
    distances = all(_is_between(n, 0, 2.1) for n in (threshold, *known))
    if not _is_between(temperature, 0.01, 100) or not distances or not _is_between(refused, 0, 1):
        raise RefusedModel("has a temperature or threshold out of range")
    if len(known) != SHARES or known != sorted(known):
        raise RefusedModel("does not say how far known pictures are from each other")


def _check_sample(sample: object, classes: int) -> None:
    """Refuse what is not one class and one file's digest for each picture whose features are in the file."""
    if not isinstance(sample, dict) or set(sample) != {"labels", "digests"}:
        raise RefusedModel("does not say of which pictures its sample is")
    labels, digests = sample["labels"], sample["digests"]
    listed = isinstance(labels, list) and isinstance(digests, list) and 1 <= len(labels) == len(digests) <= SAMPLE_SIZE
    if not listed or not all(type(label) is int and 0 <= label < classes for label in labels):
        raise RefusedModel("does not say of which classes its sample of pictures is")
    if not all(_is_text(digest, 128, _DIGEST) for digest in digests):
        raise RefusedModel("does not say which pictures its sample is of")


def _check_preprocessing(described: object, backbone: Backbone) -> None:
    try:
        made = Preprocessing.from_json(described)  # type: ignore[arg-type]  # what is no object is refused there
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RefusedModel("does not say how its pictures are prepared, or in a way TL Studio does not know") from error
    side = backbone.preprocessing.size
    if made.size != side or side > MAX_SIDE:
        raise RefusedModel(f"wants pictures of {made.size} pixels, which is not what its backbone is made for")
    if made.resize > 2 * side:
        raise RefusedModel(f"wants pictures of {made.resize} pixels before they are cut, far more than it looks at")


def _check_network(described: dict[str, Any], backbone: Backbone) -> None:
    """Refuse a description of a network of timm's that says more than was understood of it."""
    understood, written = (json.dumps(record, sort_keys=True) for record in (timm_record(backbone), described))
    if understood != written or len(written) > 2 * MAX_TEXT:
        raise RefusedModel("does not describe its network as this program does")


def _is_number(value: object) -> bool:
    return type(value) is int or (type(value) is float and value - value == 0)


def _is_between(value: object, low: float, high: float) -> bool:
    """Whether it is a number of that range; what is not a number compares as neither more nor less."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MANY


def _is_text(value: object, most: int = MAX_TEXT, form: re.Pattern[str] | None = None) -> bool:
    sound = isinstance(value, str) and len(value) <= most and value.isprintable()
    return sound and (form is None or form.fullmatch(str(value)) is not None)


def _is_date(text: str) -> bool:
    """Whether it is a time that every clock can show, in whatever zone."""
    try:
        return 1980 <= datetime.fromisoformat(text).year <= 9000
    except ValueError:
        return False
