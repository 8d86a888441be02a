"""From the ways people store pictures to a model, as a user types it."""

import shutil
from collections import Counter
from pathlib import Path

from PIL import Image

from tests.conftest import Tlstudio
from tlstudio.core.backbones import Backbone

QUICK = ["--backbone", "tiny", "--strategy", "feature-extraction", "--epochs", 1, "--threads", 1, "--json"]


def test_several_places_are_one_set(here: Tlstudio, pictures: Path, tmp_path: Path, tiny_backbone: Backbone) -> None:
    second = tmp_path / "second"
    for label, size in (("red", 4), ("violet", 6)):
        (second / label).mkdir(parents=True)
        for number in range(size):
            Image.new("RGB", (50 + number, 30), label).save(second / label / f"{number}.png")
    done = here("train", pictures, second, "--project", "mine", "--model", "m.tlmodel", *QUICK)
    assert done.status == 0, done.err
    (seen,) = done.of("inspected")
    assert {name: sum(splits.values()) for name, splits in seen["classes"].items()} == {
        "blue": 8,
        "green": 8,
        "red": 12,
        "violet": 6,
    }
    assert done.events[-1]["classes"] == ["blue", "green", "red", "violet"]
    (measured,) = here("evaluate", "m.tlmodel", pictures, second, "--json").of("evaluated")
    assert (measured["split"], measured["n"], measured["refused"]) == ("all", 34, 1)
    assert here("inspect", pictures, second, "--json").events[-1]["found"] == 35
    together = here("train", "mine", second)
    assert (together.status, "One of IMAGES is a project" in together.err) == (2, True)


def test_validation_pictures_stay_apart_from_several_places(
    here: Tlstudio, pictures: Path, tmp_path: Path, tiny_backbone: Backbone
) -> None:
    for label in ("red", "green", "blue"):
        (tmp_path / "val" / label).mkdir(parents=True)
        Image.new("RGB", (90, 30), label).save(tmp_path / "val" / label / "1.png")
    done = here("train", pictures / "red", pictures / "green", pictures / "blue", "--val", tmp_path / "val", *QUICK)
    assert done.status == 0, done.err
    assert done.of("run_started")[0]["pictures"] == {"train": 24, "val": 3, "test": 0}


def test_a_list_with_bad_lines_trains_on_the_good_ones(
    here: Tlstudio, pictures: Path, tmp_path: Path, tiny_backbone: Backbone
) -> None:
    lines = [f"pictures\\{label}\\{n}.png;{label}" for label in ("red", "blue") for n in range(8)]
    lines += ["pictures/red/1.png;blue", "gone.png;red", "pictures/red/broken.png;red", ";red"]
    (tmp_path / "list.csv").write_text("\ufeffPath;Label\r\n" + "\r\n".join(lines) + "\r\n", encoding="utf-8")
    done = here("train", "list.csv", *QUICK)
    assert done.status == 0, done.err
    (seen,) = done.of("inspected")
    assert (seen["found"], seen["read"]) == (19, 15)
    skipped = {Path(e["path"]).name: e["reason"] for e in done.of("picture_skipped")}
    assert set(skipped) == {"1.png", "gone.png", "broken.png", "list.csv line 21"}
    assert skipped["1.png"] == "list.csv line 18: called 'blue' here, 'red' in line 3. Keep one of the two lines."
    assert here("train", "list.csv", "--folds", 3, *QUICK).status == 0


def test_a_list_gives_all_three_parts(here: Tlstudio, pictures: Path, tmp_path: Path, tiny_backbone: Backbone) -> None:
    parts = ["train"] * 5 + ["Valid"] + ["test"] * 2
    lines = [f"pictures/{label}/{n}.png,{label},{part}" for label in ("red", "blue") for n, part in enumerate(parts)]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    done = here("train", "list.csv", *QUICK)
    assert done.of("run_started")[0]["pictures"] == {"train": 10, "val": 2, "test": 4}
    (measured,) = here("evaluate", done.events[-1]["model"], "list.csv", "--split", "test", "--json").of("evaluated")
    assert (measured["split"], measured["n"]) == ("test", 4)


def test_shares_of_a_split_that_is_given_are_said_to_do_nothing(
    here: Tlstudio, pictures: Path, tmp_path: Path, tiny_backbone: Backbone
) -> None:
    shutil.copytree(pictures, tmp_path / "set" / "train")
    shutil.copytree(pictures, tmp_path / "set" / "val")
    said = [w["text"] for w in here("train", tmp_path / "set", "--val-fraction", 0.3, *QUICK).of("warning")]
    assert "The pictures come with their own split, which is kept; the shares asked for do nothing." in said


def test_a_project_that_gets_other_pictures_says_so(
    here: Tlstudio, pictures: Path, tmp_path: Path, tiny_backbone: Backbone
) -> None:
    shutil.copytree(pictures, tmp_path / "second")
    here("train", pictures, tmp_path / "second", "--project", "mine", *QUICK)
    done = here("train", pictures, "--project", "mine", *QUICK)
    text = f"The project held pictures from {tmp_path / 'second'}; these take their place."
    assert text in [w["text"] for w in done.of("warning")]


def test_what_looks_like_a_mistake_is_said_before_training(
    here: Tlstudio, pictures: Path, tmp_path: Path, tiny_backbone: Backbone
) -> None:
    shutil.copytree(pictures, tmp_path / "above" / "set")
    done = here("train", tmp_path / "above", *QUICK)
    assert done.status == 1
    assert "holds only one class, 'set'; two are needed" in done.err
    assert ["If the folders in it (blue, green, red)" in w["text"] for w in done.of("warning")] == [True]
    assert Counter(e["event"] for e in done.events)["picture_skipped"] == 1
