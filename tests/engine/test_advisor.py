"""Measured advice: every stage is asked, trials are fair, test pictures are left alone, nothing is changed."""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tlstudio import tasks
from tlstudio.core.advice import Advised, BackboneProbed, Probed, Tried
from tlstudio.core.backbones import Backbone
from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import UnusableImages
from tlstudio.core.events import Event, FeaturesReady, Progress
from tlstudio.core.project import Project
from tlstudio.engine import advisor

STAGES = ["stem", "blocks0", "blocks1", "blocks2", "blocks3", "blocks4", "neck"]


def noise(folder: Path, per_class: int) -> Path:
    """Two classes of noise that hardly differ: no head tells them all apart."""
    draw = random.Random(0)
    for label, lightest in (("dark", 200), ("light", 215)):
        for split, count in (("train", per_class), ("val", 4), ("test", 3)):
            place = folder / split / label
            place.mkdir(parents=True)
            for number in range(count):
                pixels = bytes(draw.randrange(lightest) for _ in range(36 * 36 * 3))
                Image.frombytes("RGB", (36, 36), pixels).resize((9, 9)).resize((36, 36)).save(place / f"{number}.png")
    return folder


@pytest.fixture
def project(tmp_path: Path, tiny_backbone: Backbone) -> Iterator[Project]:
    with Project.open(tmp_path / "project") as opened:
        list(tasks.scan(opened, noise(tmp_path / "noise", 16)))
        yield opened


def of(kind: type[Event], said: list[Event]) -> list[Event]:
    return [event for event in said if isinstance(event, kind)]


def test_every_stage_is_asked_and_trials_stand_beside_the_head_and_the_same_is_said_twice(
    project: Project, fresh_cache: Path
) -> None:
    for picture in project.catalogue.readable("test"):
        Path(picture.path).unlink()  # who looks at one fails
    before = {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file()}
    said = list(tasks.advise(project, "tiny", "different", threads=1))
    probed = [event for event in said if isinstance(event, Probed)]
    assert [event.stage for event in probed] == STAGES
    assert {(event.n, event.baseline) for event in probed} == {(40, 0.5)}
    tried = [event for event in said if isinstance(event, Tried)]
    assert [event.train_from for event in tried] == ["head", "blocks4", "head", "blocks2"]
    for head, tuned in zip(tried[::2], tried[1::2], strict=True):
        assert head.n == tuned.n
        assert tuned.gain == pytest.approx(tuned.accuracy - head.accuracy)
        assert tuned.gain_interval[0] < tuned.gain < tuned.gain_interval[1]
    advised = said[-1]
    assert isinstance(advised, Advised)
    assert advised.table_says == "16 pictures a class, domain different: fine-tune-layered"
    assert advised.strategy in advised.measured["expected"]
    assert [each["stage"] for each in advised.measured["stages"]] == STAGES
    counts = [(e.task, e.done / e.total) for e in said if isinstance(e, Progress) and e.task.startswith("trying")]
    assert all(first[1] < then[1] <= 1 for first, then in itertools.pairwise(counts) if first[0] == then[0])
    assert counts[-1][1] == 1
    assert {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file()} == before

    # A second time the same is said, and everything is remembered.
    again = list(tasks.advise(project, "tiny", "different", threads=1))
    assert probed == [event for event in again if isinstance(event, Probed)]
    assert [(e.accuracy, e.loss) for e in tried] == [(e.accuracy, e.loss) for e in again if isinstance(e, Tried)]
    assert not sum(e.computed for e in again if isinstance(e, FeaturesReady))


def test_stopped_it_says_nothing(project: Project) -> None:
    said: list[Event] = []

    def stop() -> bool:
        return any(isinstance(event, Progress) and event.task.startswith("trying") for event in said)

    for event in tasks.advise(project, "tiny", threads=1, stop=stop):
        said.append(event)
    assert of(Probed, said)
    assert not of(Advised, said)


def test_a_rare_class_is_measured_too() -> None:
    of_class = {"common": 3_000, "rare": 9, "copied": 20}
    pictures = [
        Picture(f"{label} {number}.png", label, digest=f"{label} {number // 2 if label == 'copied' else number}")
        for label, count in of_class.items()
        for number in range(count)
    ]
    drawn = advisor.evenly(pictures, 300, seed=0)
    assert Counter(p.label for p in drawn) == {"common": 298, "rare": 8, "copied": 8}
    assert len({p.digest for p in drawn}) == len(drawn)
    assert drawn == advisor.evenly(pictures, 300, seed=0)


def test_backbones_are_compared_and_those_that_are_missing_say_so(project: Project) -> None:
    found = [e for e in tasks.compare_backbones(project, ("tiny", "resnet18"), 1) if isinstance(e, BackboneProbed)]
    here, missing = found
    assert (here.backbone, here.at_hand, here.n) == ("tiny", True, 40)
    assert here.accuracy is not None
    assert here.interval is not None
    assert here.interval[0] < here.accuracy < here.interval[1]
    assert (missing.backbone, missing.at_hand, missing.accuracy) == ("resnet18", False, None)
    assert missing.size > 0


def test_too_few_pictures_leave_it_to_the_table(tmp_path: Path, pictures: Path, tiny_backbone: Backbone) -> None:
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        (advised,) = tasks.advise(project, "tiny", "different")
        assert isinstance(advised, Advised)
        assert (advised.strategy, advised.measured) == ("fine-tune-layered", {})
        assert "fewer than 8" in advised.reasons[-1]
        with pytest.raises(UnusableImages, match="fewer than 8"):
            list(tasks.compare_backbones(project, ("tiny",)))
