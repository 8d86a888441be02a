from pathlib import Path

import pytest
import torch

from tlstudio import tasks
from tlstudio.core.events import Finished, Predicted
from tlstudio.core.project import Project
from tlstudio.core.recipe import make_recipe
from tlstudio.engine import predictor


def test_at_most_a_twentieth_of_the_held_out_pictures_lies_beyond_the_threshold() -> None:
    held_out = torch.linspace(0, 1, 100)
    beyond = held_out > predictor.threshold(held_out)
    assert beyond.sum() == 5
    few = torch.tensor([0.1, 0.3, 0.2])
    assert not (few > predictor.threshold(few)).any()


def test_distance_is_to_the_nearest_and_never_negative() -> None:
    sample = predictor.sample_of(torch.tensor([[1.0, 0.0], [0.0, 5000.0]]))
    here = torch.tensor([[3.0, 0.0], [1.0, 1.0], [-1.0, 0.0]])
    assert predictor.distances(here, sample).tolist() == pytest.approx([0.0, 1 - 2**-0.5, 1.0], abs=1e-3)
    many = torch.rand(200, 64)
    assert (predictor.distances(many, predictor.sample_of(many)) >= 0).all()


def test_a_sample_is_drawn_only_from_many() -> None:
    few, many = list(range(10)), list(range(5_000))
    assert predictor.some_of(few, 0) == few  # type: ignore[arg-type,comparison-overlap]
    some = predictor.some_of(many, 0)  # type: ignore[arg-type]
    assert len(some) == len(set(some)) == 2_000


@pytest.mark.slow
def test_strange_pictures_are_called_unknown_and_known_ones_are_not(data: Path, tmp_path: Path) -> None:
    """Insects against solar cells: how well it tells them apart is measured elsewhere; here, that it does at all."""
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, data / "hymenoptera"))
        *_, finished = tasks.train(project, make_recipe("efficientnet_lite0", "feature-extraction"))
    assert isinstance(finished, Finished)

    def unknown(folder: Path) -> float:
        files = sorted(folder.iterdir())[:40]
        answers = [e for e in tasks.predict(Path(finished.model), files) if isinstance(e, Predicted)]
        return sum(e.unknown for e in answers) / len(answers)

    assert unknown(data / "hymenoptera" / "val" / "bees") <= 0.2
    assert unknown(data / "elpv_solar_cells" / "defective") >= 0.8
