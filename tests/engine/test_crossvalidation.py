from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.bench import coverage
from tests.bench.solved import to_end
from tlstudio import tasks
from tlstudio.core import splits
from tlstudio.core.backbones import Backbone
from tlstudio.core.catalogue import class_names
from tlstudio.core.errors import TrainingFailed
from tlstudio.core.events import Event, FoldDone
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, make_recipe
from tlstudio.engine import crossvalidation, predictor
from tlstudio.engine import network as networks
from tlstudio.engine.training import Fit, fit


def job_for(project: Project, stop_after: int = 10**9, **changes: Any) -> tuple[Fit, list[Event]]:
    said: list[Event] = []
    wanted = {"epochs": 1, "warmup_epochs": 1, "augment": "none", "folds": 3, **changes}
    recipe = make_recipe("tiny", "fine-tune-all", Changes(**wanted))
    pictures = [p for p in project.catalogue.readable() if p.split != "test"]
    network = networks.build("tiny", 3, pretrained=True)
    run = project.new_run("folds")

    def stop() -> bool:
        return sum(isinstance(event, FoldDone) for event in said) >= stop_after

    return Fit(network, recipe, class_names(pictures), pictures, [], run, 1, stop), said


def test_each_fold_begins_from_the_same_weights(pictures: Path, tmp_path: Path, tiny_backbone: Backbone) -> None:
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        job, _ = job_for(project)
        before = {name: value.clone() for name, value in job.network.model.state_dict().items()}
        found = to_end(crossvalidation.out_of_fold(job, 0))
        after = job.network.model.state_dict()
        assert all(torch.equal(value, after[name]) for name, value in before.items())
        held_out = found.held_out
        assert sorted(p.path for p in held_out.kept) == sorted(p.path for p in job.train)
        assert held_out.logits.shape == (21, 3)
        assert held_out.distances.shape == (21,)


def test_a_fold_is_judged_by_what_its_own_pictures_had_no_say_in(
    pictures: Path, tmp_path: Path, tiny_backbone: Backbone
) -> None:
    """Not even in the epoch: with a rate at which the loss leaps about, the last one is not the best."""
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        job, _ = job_for(project, epochs=4, head_lr=0.3, backbone_lr=0.01, early_lr=0.01)
        held_out = to_end(crossvalidation.out_of_fold(job, 0)).held_out
        where = splits.folds([p.label for p in job.train], [p.digest for p in job.train], 3, 0)
        parts = [[p for p, f in zip(job.train, where, strict=True) if (f == 0) == asked] for asked in (False, True)]
        alone, _ = job_for(project, epochs=4, head_lr=0.3, backbone_lr=0.01, early_lr=0.01)
        alone.train = parts[0]
        list(fit(alone))
        said = to_end(predictor.answer(alone.network, alone.widest_cut, parts[1], 1, "asking"))
        assert held_out.kept[: len(said.kept)] == said.kept
        assert np.array_equal(held_out.logits[: len(said.kept)], said.logits)


def test_stopping_between_folds_says_where(pictures: Path, tmp_path: Path, tiny_backbone: Backbone) -> None:
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        job, said = job_for(project, stop_after=1)
        with pytest.raises(TrainingFailed, match=r"before"):
            for event in crossvalidation.out_of_fold(job, 0):
                said.append(event)


def test_the_interval_of_repeated_folds_covers_the_truth() -> None:
    """The small version of `python -m tests.bench coverage`: as many pictures as there are would say too much."""
    covered = coverage.folds_coverage(coverage.Clouds(40, 2, 20, 2.2), sets=100)
    assert 0.91 <= covered.repeated <= 0.99
    assert 0.90 <= covered.alone <= 0.99


def test_repeated_folds_keep_copies_on_one_side_and_need_three() -> None:
    random = np.random.default_rng(0)
    rows, truth = random.normal(size=(60, 2_000)), np.arange(60) % 2
    rows[30:] = rows[:30]  # of each picture a copy; nothing tells the classes apart
    truth[30:] = truth[:30]
    apart = crossvalidation.repeated(rows, truth, range(60), np.ones(2))
    together = crossvalidation.repeated(rows, truth, [i % 30 for i in range(60)], np.ones(2))
    assert apart is not None and together is not None
    assert (together.folds, together.repeats, together.n) == (5, 10, 60)
    assert apart.accuracy > 0.8 > 0.7 > together.accuracy
    assert crossvalidation.repeated(rows[:4], truth[:4], range(4), np.ones(2)) is None
    assert crossvalidation.repeated(rows, truth * 0, range(60), np.ones(2)) is None
