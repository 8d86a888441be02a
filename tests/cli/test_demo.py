"""The demo on a small part of its sample; `make demo` runs the whole of it."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import Tlstudio
from tlstudio import tasks
from tlstudio.core import advice, events
from tlstudio.core.project import Project
from tlstudio.engine import sample, shapes


def test_the_sample_is_stratified_and_says_its_licence(tmp_path: Path) -> None:
    cells = sample.find()
    assert cells is not None
    with sample.write_list(cells, tmp_path).open() as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["label"] for row in rows) == {"defective": 200, "functional": 200}
    assert all(Path(row["path"]).is_file() for row in rows)
    assert "CC BY-NC-SA 4.0" in sample.ABOUT


def test_without_the_solar_cells_it_draws_its_sample_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "PACKAGE", "no_such_package")
    monkeypatch.setattr(shapes, "PER_CLASS", 6)
    with Project.open(tmp_path / "project") as project:
        said = list(tasks.demo(project))
    assert isinstance(said[0], events.Said)
    assert "synthetic" in said[0].text
    (seen,) = [e for e in said if isinstance(e, events.Inspected)]
    assert (seen.read, sorted(seen.classes)) == (30, sorted(shapes.SHAPES))
    (finished,) = [e for e in said if isinstance(e, events.Finished)]
    assert Path(finished.model).name == "shapes.tlmodel"
    assert Path(finished.model).is_file()
    answers = [e for e in said if isinstance(e, events.Predicted)]
    assert answers
    assert all(e.ok for e in answers)


def test_one_that_fails_leaves_no_temporary_project(
    here: Tlstudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "PER_STRATUM", 6)
    assert here("demo", "--device", "cuda:7").status == 1
    assert not list(tmp_path.glob("tlstudio-*"))


@pytest.mark.slow
def test_the_whole_job_from_pictures_to_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "PER_STRATUM", 6)
    with Project.open(tmp_path / "project") as project:
        said = list(tasks.demo(project))
    kinds = [type(event) for event in said]
    (seen,) = [e for e in said if isinstance(e, events.Inspected)]
    assert (seen.read, seen.refused) == (24, ())
    (advised,) = [e for e in said if isinstance(e, advice.Advised)]
    assert advised.strategy == "fine-tune-layered"
    assert kinds.count(events.PhaseStarted) == 2
    (finished,) = [e for e in said if isinstance(e, events.Finished)]
    assert finished.test_interval is not None
    assert Path(finished.model).is_file()
    assert all(e.ok for e in said if isinstance(e, events.Predicted))
    assert kinds.count(events.Predicted) == 4
