"""What only a GPU can show: mixed precision, copies that do not wait, and answers that agree with the processor's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tlstudio import tasks
from tlstudio.core.backbones import Backbone
from tlstudio.core.events import EpochDone, Event, Finished, PhaseStarted, Predicted
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, make_recipe

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
    pytest.mark.usefixtures("fresh_cache"),
]


@pytest.fixture
def project(pictures: Path, tmp_path: Path) -> Iterator[Project]:
    with Project.open(tmp_path / "project") as opened:
        list(tasks.scan(opened, pictures))
        yield opened


def train(project: Project, device: str, **changes: object) -> list[Event]:
    recipe = make_recipe("tiny", "fine-tune-last", Changes(**{"epochs": 4, "warmup_epochs": 2, **changes}))  # type: ignore[arg-type]
    return list(tasks.train(project, recipe, device=device))


@pytest.mark.parametrize("changes", [{}, {"augment": "light"}, {"train_from": "stem", "augment": "light"}])
def test_a_gpu_learns_what_the_processor_learns(
    project: Project, tiny_backbone: Backbone, changes: dict[str, object]
) -> None:
    losses = []
    for device in ("cuda", "cpu"):
        said = train(project, device, **changes)
        assert isinstance(said[-1], Finished)
        losses.append([e.val_loss for e in said if isinstance(e, EpochDone)])
        expected = {"float32"} if device == "cpu" else {"bfloat16", "float16"}
        assert {e.precision for e in said if isinstance(e, PhaseStarted)} <= expected
    assert losses[0] == pytest.approx(losses[1], abs=0.05)


def test_a_model_trained_on_a_gpu_answers_the_same_on_the_processor(project: Project, tiny_backbone: Backbone) -> None:
    finished = train(project, "cuda")[-1]
    assert isinstance(finished, Finished)
    paths = [p.path for p in project.catalogue.readable("val")]
    answers = [
        [e.probability for e in tasks.predict(Path(finished.model), paths, device=device) if isinstance(e, Predicted)]
        for device in ("cuda", "cpu")
    ]
    assert answers[0] == pytest.approx(answers[1], abs=1e-3)
