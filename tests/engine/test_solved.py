"""The head that is solved for: the one there is, the same each time, its penalty chosen on what it did not see."""

from pathlib import Path

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from tlstudio import tasks
from tlstudio.core.backbones import Backbone
from tlstudio.core.events import EpochDone, Finished, HeadSolved
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, make_recipe
from tlstudio.engine import solved


def rows_of(count: int, width: int, classes: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Three overlapping clouds, about a middle that is not 0."""
    draw = torch.Generator().manual_seed(seed)
    targets = torch.arange(count) % classes
    centres = torch.randn(classes, width, generator=draw)
    return 5 + centres[targets] + 1.5 * torch.randn(count, width, generator=draw), targets


@pytest.mark.parametrize(("count", "width"), [(90, 6), (30, 50)])
def test_it_is_the_minimum_that_scikit_learn_finds(count: int, width: int) -> None:
    rows, targets = rows_of(count, width, 3)
    head = solved.solve(rows, targets, 3, torch.ones(3), penalty=1e-2)
    middle = rows - rows.mean(0)
    scaled = middle / middle.square().sum(1).mean().sqrt()
    other = LogisticRegression(C=1 / (1e-2 * count), tol=1e-8, max_iter=5_000).fit(scaled.numpy(), targets.numpy())
    theirs = torch.from_numpy(other.predict_proba(scaled.numpy())).float()
    assert torch.allclose(head(rows).softmax(1), theirs, atol=3e-3)


def test_a_heavier_class_is_found_more_often() -> None:
    rows, targets = rows_of(90, 2, 3)
    counts = [
        int((solved.solve(rows, targets, 3, torch.tensor([1.0, 1.0, w]), 1e-3)(rows).argmax(1) == 2).sum())
        for w in (0.2, 1.0, 5.0)
    ]
    assert counts == sorted(counts)
    assert counts[0] < counts[2]


def test_copies_of_a_picture_are_never_on_both_sides() -> None:
    """Noise with labels of chance, each row twice: who has seen the copy knows the answer, nobody else can."""
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(60, 80, generator=draw).repeat(2, 1)
    targets = torch.randint(0, 2, (60,), generator=draw).repeat(2)
    apart = solved.best_penalty(rows, targets, 2, torch.ones(2), list(range(120)), 0)
    together = solved.best_penalty(rows, targets, 2, torch.ones(2), [*range(60), *range(60)], 0)
    right = [(each.logits.argmax(1) == targets).double().mean().item() for each in (apart, together)]
    assert right[0] > 0.9
    assert right[1] < 0.7
    assert functional.cross_entropy(together.logits, targets).item() == pytest.approx(together.loss)


def test_of_many_classes_one_fold_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, targets = rows_of(90, 6, 3)
    given = rows, targets, 3, torch.ones(3), list(range(90)), 0
    whole = solved.best_penalty(*given)
    monkeypatch.setattr(solved, "LIGHT", rows.numel() * 3 - 1)
    part = solved.best_penalty(*given)
    assert (len(whole.some), len(part.some)) == (90, 18)
    assert torch.allclose(part.logits.softmax(1), whole.logits[part.some].softmax(1), atol=0.1)
    assert functional.cross_entropy(part.logits, targets[part.some]).item() == pytest.approx(part.loss)


def test_it_says_the_same_twice() -> None:
    rows, targets = rows_of(60, 40, 3)
    first, again = (solved.solve(rows, targets, 3, torch.ones(3), 1e-3) for _ in range(2))
    assert torch.equal(first.weight, again.weight)
    assert torch.equal(first.bias, again.bias)


def test_a_run_takes_the_solved_head_where_its_validation_loss_is_lower(
    tmp_path: Path, pictures: Path, tiny_backbone: Backbone
) -> None:
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        said = list(tasks.train(project, make_recipe("tiny", "feature-extraction", Changes(epochs=1)), device="cpu"))
        run = project.runs()[-1]
    (found,) = [e for e in said if isinstance(e, HeadSolved)]
    (epoch,) = [e for e in said if isinstance(e, EpochDone)]
    assert found.taken
    assert found.val_loss < epoch.val_loss
    finished = said[-1]
    assert isinstance(finished, Finished)
    assert finished.val_accuracy == found.val_accuracy
    assert run.state().solved == (found,)


@pytest.mark.parametrize(
    ("strategy", "changes"),
    [("fine-tune-last", Changes(epochs=1, warmup_epochs=1)), ("feature-extraction", Changes(epochs=1, folds=2))],
)
def test_it_is_not_solved_for_before_fine_tuning_nor_in_folds(
    tmp_path: Path, pictures: Path, tiny_backbone: Backbone, strategy: str, changes: Changes
) -> None:
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        said = list(tasks.train(project, make_recipe("tiny", strategy, changes), device="cpu"))
    assert not [e for e in said if isinstance(e, HeadSolved)]
