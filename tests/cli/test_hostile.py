"""Hostile files on the command line: exit 1 and one line that names the file, whatever the verb."""

from pathlib import Path

from tests import hostile
from tests.conftest import Result, Tlstudio
from tlstudio.cli import cli
from tlstudio.engine import weights

# One of each kind, for the verbs that read a model as `predict` does.
SOME = (
    *("pickle as torch saves it", "header of empty tables", "overlap", "not a number", "tensor missing", "cut short"),
    *("digest of another", "metrics accuracy", "classes control", "100,000 classes", "pipe", "device without end"),
    *("link to itself", "link to nothing", "terabyte, sparse header", "bomb.zip", "folder", "schema newer"),
)


def check(done: Result, path: Path, verb: str) -> None:
    assert (done.status, done.out) == (1, ""), f"{verb} {path.name}: {done.status} {done.out[:200]} {done.err[:300]}"
    assert len(done.err.splitlines()) == 1
    assert path.name in done.err
    assert "inside TL Studio" not in done.err


def test_every_model_file_is_refused(here: Tlstudio, hostile_files: list[Path], pictures: Path, tmp_path: Path) -> None:
    before = hostile.listing(tmp_path)
    for path in hostile_files:
        if path.suffix == ".tlmodel":
            check(here("predict", path, pictures), path, "predict")
    assert hostile.listing(tmp_path) == before


def test_every_verb_refuses_each_kind(
    here: Tlstudio, hostile_files: list[Path], pictures: Path, tmp_path: Path
) -> None:
    before = hostile.listing(tmp_path)
    verbs = {
        "evaluate": lambda path: ("evaluate", path, pictures),
        "inspect": lambda path: ("inspect", path),
        "inspect --json": lambda path: ("inspect", path, "--json"),
        "train": lambda path: ("train", pictures, "--backbone", path, "--model", "new.tlmodel"),
        "outline": lambda path: ("outline", path),
    }
    if "export" in cli.commands:
        verbs["export"] = lambda path: ("export", path, tmp_path / "exported")
    for path in hostile_files:
        if path.suffix == ".tlmodel" and path.stem in SOME:
            for verb, arguments in verbs.items():
                check(here(*arguments(path)), path, verb)
    assert hostile.listing(tmp_path) == before


def test_no_file_is_taken_for_weights(here: Tlstudio, hostile_files: list[Path]) -> None:
    for path in hostile_files:
        if path.suffix not in (".csv", ".tlmodel") or path.stem in SOME:
            check(here("weights", "import", path), path, "weights import")
            check(here("weights", "import", path, "--timm", "test_resnet"), path, "weights import --timm")
    assert not list(weights.folder().glob("*"))


def test_a_list_without_end_is_refused(here: Tlstudio, hostile_files: list[Path]) -> None:
    lists = [path for path in hostile_files if path.suffix == ".csv"]
    assert lists
    for path in lists:
        check(here("inspect", path), path, "inspect")


def test_answers_that_are_no_numbers_are_none(here: Tlstudio, pictures: Path, tmp_path: Path) -> None:
    path = hostile.write_good(tmp_path / "beyond.tlmodel", times=1e20)
    done = here("predict", path, pictures / "red" / "1.png", "--json")
    assert done.status == 1
    assert "answer is no number" in done.of("predicted")[0]["error"]
    for label in ("red", "green", "blue"):
        (pictures / label).rename(pictures / {"red": "ant", "green": "bee", "blue": "cow"}[label])
    done = here("evaluate", path, pictures)
    assert done.status == 1
    assert f"{path}: gives answers that are no numbers." in done.err


def test_the_card_of_a_model_is_plain_text(here: Tlstudio, tmp_path: Path) -> None:
    names = ["<b>bold</b>", "[red]markup[/red]", "=1+1", "\u202egnp.exe"]
    path = hostile.write_good(tmp_path / "odd.tlmodel", classes=names, trained_on=dict.fromkeys(names, 7))
    done = here("inspect", path)
    assert done.status == 0, done.err
    card = done.out.splitlines()
    assert card[0] == "This is a model: timm/test_efficientnet, 4 classes."
    for name in names[:3]:
        assert any(line.split() == [name, "7"] for line in card)
    assert "Accuracy 90.0% (95 % interval 80.0% to 95.0%) on 40 test pictures; calibration error 0.050" in card
    assert any("feature-extraction, learned from stage head on" in line for line in card)
    assert any("at most 5% of known pictures; set on 3 pictures" in line for line in card)
    assert any(line.startswith("Began with w.safetensors") and "none; random values" in line for line in card)
    assert any(line.split() == ["\\u202egnp.exe", "7"] for line in card)
    (said,) = here("inspect", path, "--json").events
    assert said["classes"] == names
    assert said["provenance"]["licence"] == "none"
