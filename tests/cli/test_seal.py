"""What a run and its model say of BatchNorm's seal."""

from pathlib import Path

import pytest

from tests.conftest import Tlstudio
from tlstudio import tasks
from tlstudio.core.backbones import Backbone
from tlstudio.core.events import Finished
from tlstudio.core.project import Project
from tlstudio.core.recipe import BatchNormMode, Changes, make_recipe
from tlstudio.engine import weights


@pytest.mark.parametrize(
    ("bn", "words"), [("pinned", "as shipped."), ("adaptive", "not as shipped; moved in blocks4, neck, by up to 0.")]
)
def test_a_model_file_says_whether_its_statistics_are_the_shipped_ones(
    here: Tlstudio, pictures: Path, tmp_path: Path, tiny_backbone: Backbone, bn: BatchNormMode, words: str
) -> None:
    recipe = make_recipe("tiny", "fine-tune-last", Changes(epochs=1, warmup_epochs=1, bn=bn))
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        finished = list(tasks.train(project, recipe, device="cpu"))[-1]
        report = project.runs()[-1].report()
    assert isinstance(finished, Finished)
    (facts,) = here("inspect", finished.model, "--json").events
    of_run = report["seal"]
    assert of_run.pop("since") == (None if bn == "pinned" else {"phase": 2, "epoch": 1})
    assert facts["seal"] == of_run
    assert f"BatchNorm statistics: {words}" in here("inspect", finished.model).out
    assert set(report["movement"]) >= {"classifier", "bn2"}
    if bn == "pinned":
        weights.locate(tiny_backbone).unlink()
        remark = "BatchNorm statistics: cannot be checked here: the shipped weights of tiny are not on this machine."
        assert remark in here("inspect", finished.model).out
