"""Many pictures: answered in order and alike, as they come, and put to use."""

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Tlstudio
from tlstudio import tasks
from tlstudio.core.backbones import Backbone
from tlstudio.core.events import Predicted, Progress
from tlstudio.core.tables import read_csv


@pytest.fixture
def model(here: Tlstudio, pictures: Path, tmp_path: Path, tiny_backbone: Backbone) -> Path:
    """A quick model of three colours."""
    done = here("train", pictures, "--backbone", "tiny", "--epochs", 5, "--threads", 1, "--model", "colours.tlmodel")
    assert done.status == 0, done.err
    return tmp_path / "colours.tlmodel"


def test_every_path_is_answered_in_order_and_as_if_it_were_alone(
    here: Tlstudio, model: Path, pictures: Path, tmp_path: Path
) -> None:
    good = sorted(p for p in pictures.rglob("*.png") if p.name != "broken.png")
    bad = [pictures / "red" / "broken.png", tmp_path / "vanished.png", tmp_path]
    paths = [*good[:10], bad[0], *good[10:], bad[1], *good, good[0], good[0]]
    together = here("predict", model, *paths, "--threads", 3, "--json").events
    assert [answer["path"] for answer in together] == [str(path) for path in paths]
    assert [answer["ok"] for answer in together] == [path not in bad for path in paths]
    assert all(answer["error"] for answer in together if not answer["ok"])
    for path in good[::8]:
        (alone,) = here("predict", model, path, "--json").events
        for answer in together:
            if answer["path"] == str(path):
                assert dict(answer["top"]) == pytest.approx(dict(alone["top"]), abs=1e-5)
                assert answer["distance"] == pytest.approx(alone["distance"], abs=1e-5)


def test_answers_come_while_paths_are_still_asked_for_and_stop_when_nobody_asks(model: Path, pictures: Path) -> None:
    given = itertools.count()

    def endless() -> Iterator[Path]:
        for _ in given:
            yield pictures / "red" / "1.png"

    answers = tasks.predict(model, endless(), threads=2)
    assert all(isinstance(answer, Predicted) and answer.ok for answer in itertools.islice(answers, 40))
    answers.close()  # type: ignore[attr-defined]
    assert next(given) < 200


def test_an_open_model_says_how_far_it_is(model: Path, pictures: Path, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(600):
        os.link(pictures / "green" / "1.png", many / f"{number:03d}.png")
    said = list(tasks.OpenModel(model).predict([many]))
    progress = [event for event in said if isinstance(event, Progress)]
    assert (progress[0].task, progress[0].done) == ("finding pictures", 500)
    assert (progress[-1].done, progress[-1].total) == (600, 600)
    assert [Path(e.path).name for e in said if isinstance(e, Predicted)] == sorted(p.name for p in many.iterdir())


def test_a_table_holds_what_was_said(here: Tlstudio, model: Path, pictures: Path, tmp_path: Path) -> None:
    strange = pictures / "red" / "=1+1;'=x.png"
    shutil.copy(pictures / "red" / "1.png", strange)
    said = here("predict", model, pictures, "--csv", "t.csv", "--json").events
    table = read_csv(tmp_path / "t.csv")
    assert [(row.path, row.label, row.probability, row.error) for row in table] == [
        (answer["path"], answer["label"], answer["probability"], answer["error"]) for answer in said
    ]
    assert [list(map(list, row.top)) for row in table] == [answer["top"] for answer in said]
    assert str(strange) in {row.path for row in table}


def test_copies_are_sorted_and_taken_back(here: Tlstudio, model: Path, pictures: Path, tmp_path: Path) -> None:
    def files(folder: Path) -> list[Path]:
        return sorted(p for p in folder.rglob("*") if p.is_file())

    before = files(pictures)
    dry = here("predict", model, pictures, "--sort-into", "sorted", "--sort-below", 0.4, "--dry-run")
    assert dry.status == 0
    assert "24 copies" in dry.out
    assert f"Not copied: {pictures / 'red' / 'broken.png'}" in dry.out
    assert not (tmp_path / "sorted").exists()

    done = here("predict", model, pictures, "--sort-into", "sorted", "--sort-below", 0.4, "--json")
    assert done.status == 0
    (end,) = done.of("sorted")
    answers = [answer for answer in done.of("predicted") if answer["ok"]]
    assert end["copied"] == 24 == len(answers)
    unsure = [answer["unknown"] or answer["probability"] < 0.4 for answer in answers]
    assert len(list((tmp_path / "sorted" / "_unsure").glob("*.png"))) == sum(unsure) == end["unsure"]
    for answer, doubtful in zip(answers, unsure, strict=True):
        copies = list((tmp_path / "sorted" / ("_unsure" if doubtful else answer["label"])).glob("*.png"))
        assert Path(answer["path"]).read_bytes() in [copy.read_bytes() for copy in copies]

    taken = here("unsort", "sorted")
    assert taken.status == 0
    assert "24 copies removed" in taken.out
    assert not (tmp_path / "sorted").exists()
    assert files(pictures) == before
    again = here("unsort", tmp_path)
    assert again.status == 1
    assert "holds no sorted copies" in again.err


def test_evaluating_says_what_is_taken_for_what(here: Tlstudio, model: Path, pictures: Path, tmp_path: Path) -> None:
    for number in range(3):
        shutil.move(pictures / "red" / f"{number}.png", pictures / "blue" / f"red{number}.png")
    done = here("evaluate", model, pictures)
    assert done.status == 0, done.err
    (measured,) = here("evaluate", model, pictures, "--json").of("evaluated")
    counts, labels = measured["confusion"]["counts"], measured["confusion"]["labels"]
    assert (measured["n"], measured["refused"], measured["split"]) == (24, 1, "all")
    assert {label: scores["support"] for label, scores in measured["per_class"].items()} == {
        **{"blue": 11, "green": 8, "red": 5},
    }
    assert measured["accuracy"] == sum(counts[i][i] for i in range(3)) / 24
    mistaken = counts[labels.index("blue")][labels.index("red")]
    assert mistaken >= 1
    assert f"blue for red {mistaken}" in done.out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--dry-run"], "go with --sort-into"),
        (["--sort-below", "0.5"], "go with --sort-into"),
        (["--sort-into", "no/such"], "in a folder that exists"),
        (["--sort-into", "file"], "takes a folder"),
        (["--sort-into", "out", "--sort-below", "1.5"], "not in the range"),
    ],
)
def test_wrong_usage_of_sorting_is_said_at_once(here: Tlstudio, tmp_path: Path, flags: list[str], said: str) -> None:
    (tmp_path / "file").touch()
    done = here("predict", "m.tlmodel", "x.png", *flags)
    assert done.status == 2
    assert said in " ".join(done.err.split())


def test_a_person_may_have_more_refused(here: Tlstudio, model: Path, pictures: Path) -> None:
    def unknown(*options: object) -> int:
        return sum(answer["unknown"] for answer in here("predict", model, pictures, *options, "--json").events)

    assert unknown() <= unknown("--refuse", 0) < unknown("--refuse", 0.5)
    assert here("predict", model, pictures, "--refuse", 0.6).status == 2
