from collections import Counter
from pathlib import Path

import pytest
import torch
from sklearn.metrics import roc_auc_score

from tlstudio import tasks
from tlstudio.core.backbones import Backbone
from tlstudio.core.catalogue import Picture
from tlstudio.core.events import Finished, Predicted
from tlstudio.core.project import Project
from tlstudio.core.recipe import make_recipe
from tlstudio.engine import predictor


def test_the_threshold_promises_at_most_a_twentieth_of_new_pictures_like_the_held_out_ones() -> None:
    held_out = torch.linspace(0, 1, 100)
    assert (held_out > predictor.threshold(held_out)).sum() == 4  # of 101, with the new one, 5 may be refused
    assert (held_out[:39] > predictor.threshold(held_out[:39])).sum() == 1
    draws = torch.rand(2_000, 25, generator=torch.Generator().manual_seed(0))
    refused = sum(float(draw[-1]) > predictor.threshold(draw[:-1]) for draw in draws) / len(draws)
    assert 0.02 < refused < 0.05


def test_with_too_few_held_out_pictures_the_threshold_keeps_its_distance() -> None:
    assert predictor.threshold(torch.tensor([0.1, 0.3, 0.2])) == pytest.approx(0.4)
    assert predictor.threshold(torch.tensor([0.1])) == pytest.approx(0.1)
    assert predictor.threshold(torch.tensor([0.1, 0.2, 1.9])) == 2


def test_a_share_to_refuse_is_looked_up_among_the_held_out() -> None:
    unknown = {"threshold": 0.7, "distances": [i / 100 for i in range(101)]}
    assert predictor.threshold_for(unknown, None) == 0.7
    assert predictor.threshold_for(unknown, 0) == 1
    assert predictor.threshold_for(unknown, 0.255) == pytest.approx(0.745)


def test_distance_is_to_the_nearest_and_never_negative() -> None:
    sample = predictor.sample_of(torch.tensor([[1.0, 0.0], [0.0, 5000.0]]))
    here = torch.tensor([[3.0, 0.0], [1.0, 1.0], [-1.0, 0.0]])
    assert predictor.distances(here, sample).tolist() == pytest.approx([0.0, 1 - 2**-0.5, 1.0], abs=1e-3)
    many = torch.rand(200, 64)
    assert (predictor.distances(many, predictor.sample_of(many)) >= 0).all()


def test_a_class_is_the_mean_direction_of_its_pictures() -> None:
    rows = predictor.sample_of(torch.tensor([[1.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 1.0]]))
    middle = 2**-0.5
    expected = torch.tensor([[middle, middle, 0.0], [0.0, 0.0, 1.0]])
    assert torch.allclose(predictor.centres(rows, [0, 0, 3]), expected, atol=1e-6)


def of_classes(*sizes: int) -> list[Picture]:
    return [Picture(f"{label}/{number}", str(label)) for label, size in enumerate(sizes) for number in range(size)]


def test_a_sample_is_drawn_only_from_many() -> None:
    few, many = of_classes(*[2] * 5), of_classes(*[4_000] * 5, *[12] * 20)
    assert predictor.some_of(few, 0) == few
    some = predictor.some_of(many, 0)
    assert len({p.path for p in some}) == len(some) == 2_000
    assert some == predictor.some_of(many, 0) != predictor.some_of(many, 1)
    assert Counter(Counter(p.label for p in some).values()) == {12: 20, 352: 5}


def test_no_class_goes_without_a_sample() -> None:
    for sizes in ([10] * 1_000, [5_000] * 2 + [8] * 10, [2] * 2_000):
        assert len({p.label for p in predictor.some_of(of_classes(*sizes), 0)}) == len(sizes)


def test_who_refuses_more_is_answered_unknown_more_often(
    tiny_backbone: Backbone, pictures: Path, tmp_path: Path
) -> None:
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        *_, finished = tasks.train(project, make_recipe("tiny", "feature-extraction"))
        paths = [Path(p.path) for p in project.catalogue.readable()]
    assert isinstance(finished, Finished)
    model = Path(finished.model)

    def unknown(refuse: float | None) -> set[str]:
        answers = [e for e in tasks.predict(model, paths, refuse=refuse) if isinstance(e, Predicted)]
        opened = [e for e in tasks.OpenModel(model).predict(paths, refuse=refuse) if isinstance(e, Predicted)]
        assert [e.unknown for e in answers] == [e.unknown for e in opened]
        return {e.path for e in answers if e.unknown}

    assert unknown(None) <= unknown(0) < unknown(0.5)


@pytest.mark.slow
def test_solar_cells_and_flowers_are_stranger_than_insects(data: Path, tmp_path: Path) -> None:
    """How much by, over several splits, says `python -m tests.bench unknown`."""
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, data / "hymenoptera"))
        *_, finished = tasks.train(project, make_recipe("efficientnet_lite0", "feature-extraction"))
    assert isinstance(finished, Finished)
    model = tasks.OpenModel(Path(finished.model))

    def answers(*folders: Path) -> list[Predicted]:
        files = [file for folder in folders for file in sorted(folder.iterdir())[:40]]
        return [e for e in model.predict(files) if isinstance(e, Predicted) and e.ok]

    known = answers(*(data / "hymenoptera" / "val" / label for label in ("ants", "bees")))

    def auroc(strange: list[Predicted]) -> float:
        truth = [0] * len(known) + [1] * len(strange)
        return float(roc_auc_score(truth, [answer.distance for answer in (*known, *strange)]))

    cells = answers(data / "elpv_solar_cells" / "defective")
    assert auroc(cells) > 0.97
    assert sum(answer.unknown for answer in cells) > 0.8 * len(cells)
    assert auroc(answers(data / "flowers5" / "rose", data / "flowers5" / "tulip")) > 0.88
    assert sum(answer.unknown for answer in known) < 0.1 * len(known)
