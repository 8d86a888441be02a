"""Runs that are done: compared, reported on, repeated."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Tlstudio
from tlstudio.core.backbones import Backbone
from tlstudio.core.run import RunFolder

QUICK = ["--backbone", "tiny", "--strategy", "feature-extraction", "--epochs", 2, "--threads", 1, "--json"]


@pytest.fixture
def first(here: Tlstudio, pictures: Path, tiny_backbone: Backbone) -> Path:
    """The folder of a finished run."""
    (pictures / "red").rename(pictures / "<b>red & hot")
    done = here("train", pictures, "--project", "mine", *QUICK)
    assert done.status == 0, done.err
    assert any("by 10 times 5 folds of 21 pictures" in said["text"] for said in done.of("said"))
    return Path(done.events[-1]["run"])


def test_a_report_holds_what_a_figure_needs_to_be_believed(first: Path) -> None:
    report = RunFolder(first).report()
    for split in ("val", "test"):
        for figures in report[split]["per_class"].values():
            for name in ("precision", "recall"):
                low, high = figures[f"{name}_interval"]
                assert low <= figures[name] <= high
        assert sum(b["n"] for b in report[split]["reliability"]["scaled"]) == report[split]["n"]
    assert report["calibration_error_out_of_fold"] == report["val"]["calibration_error"]
    for row in report["predictions"]:
        assert [row["label"], row["probability"]] == row["top"][0]
        assert len(row["top"]) == 3 and row["digest"]
    # Six pictures are held out: too few, so a head on the same features is judged by folds as well.
    assert (report["repeated"]["folds"], report["repeated"]["repeats"], report["repeated"]["n"]) == (5, 10, 21)
    low, high = report["repeated"]["interval"]
    assert low <= report["repeated"]["accuracy"] <= high
    assert len(RunFolder(first).pictures()) == 24


def test_a_run_repeats_to_the_last_bit_and_the_next_one_says_why_not(
    here: Tlstudio, pictures: Path, first: Path, tmp_path: Path
) -> None:
    same = here("replay", first, "--json")
    assert same.status == 0, same.err
    replayed = same.events[-1]
    assert (replayed["event"], replayed["identical"], replayed["differences"]) == ("replayed", True, [])
    assert Path(replayed["run"]) != first

    # Another picture in the middle of a class, one relabelled, another version.
    new = Image.new("RGB", (50, 40), (45, 205, 45))
    new.save(pictures / "green" / "new.png")
    shutil.move(pictures / "blue" / "3.png", pictures / "green" / "3b.png")
    history = (first / "events.jsonl").read_text()
    (first / "events.jsonl").write_text(history.replace('"timm": "', '"timm": "0.'))
    assert here("train", pictures, "--project", tmp_path / "mine", *QUICK).status == 0
    other = here("replay", first)
    assert other.status == 0, other.err
    assert re.search(r"timm was 0\.\S+ then and is \S+ now\.", other.out)
    assert "2 pictures were added" in other.out
    assert f"1 picture is gone or left out: {pictures / 'blue' / '3.png'}" in other.out
    assert "From epoch 1 of phase 1 on the figures differ." in other.out
    assert "The final weights differ: SHA-256 " in other.out
    assert f"Not the same as {first}." in other.out


def test_two_runs_are_compared(here: Tlstudio, first: Path, tmp_path: Path) -> None:
    again = Path(here("train", tmp_path / "mine", "--seed", 5, *QUICK).events[-1]["run"])
    (compared,) = here("compare", first, again, "--json").events
    assert (compared["event"], compared["split"], compared["n"]) == ("compared", "test", 3)
    assert compared["better"] is None
    people = here("compare", first, again)
    assert "Verdict: no difference that 3 pictures could show (McNemar's exact test, p = " in people.out
    refused = here("compare", first, tmp_path)
    assert (refused.status, "is not the folder of a run" in refused.err) == (1, True)
    report = json.loads((again / "report.json").read_text())
    for damage in ([1], {**report, "val": None}, {**report, "predictions": ["green"]}):
        (again / "report.json").write_text(json.dumps(damage))
        assert "report.json: is damaged" in here("compare", first, again).err
    (again / "report.json").write_text(json.dumps({**report, "val": {**report["val"], "accuracy": "good"}}))
    assert "report.json, recipe.json or events.jsonl is damaged" in here("report", again, tmp_path / "out.html").err
    (again / "report.json").unlink()
    unfinished = here("compare", first, again)
    assert (unfinished.status, "has not come to its end" in unfinished.err) == (1, True)


class Page(HTMLParser):
    """The tags of a page, and whatever it would have a browser fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.addresses, self.said = list[str](), list[str](), ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]

    def handle_data(self, data: str) -> None:
        self.said += data


def test_a_report_stands_alone_and_runs_nothing(here: Tlstudio, first: Path, tmp_path: Path) -> None:
    stored = json.loads((first / "report.json").read_text())
    # Whatever it got right, the report is to show a picture that is there and one that is not.
    for row, path in zip(
        stored["predictions"], (stored["predictions"][0]["path"], "/gone/</title><script>x.png"), strict=False
    ):
        row |= {"path": path, "label": "green", "truth": "blue", "top": [["green", 0.9]]}
    (first / "report.json").write_text(json.dumps(stored))
    done = here("report", first, tmp_path / "out.html", "--json")
    assert done.status == 0, done.err
    text = (tmp_path / "out.html").read_text("utf-8")
    assert done.events[-1] == {
        "event": "report_written",
        "path": str(tmp_path / "out.html"),
        "size": len(text.encode()),
    }
    page = Page(text)
    assert not {"script", "link", "iframe", "object", "b>red"} & set(page.tags)
    assert page.addresses and all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert "url(" not in text and "http" not in text.replace("http-equiv", "")
    for said in ("<b>red & hot", "Test pictures", "not there any more", "tlstudio replay", stored["weights_sha256"]):
        assert said in page.said, said
    assert len(re.findall("<svg", text)) == 4


@pytest.mark.parametrize("out", ["out.txt", "nowhere/out.html"])
def test_a_report_goes_where_it_can_be_opened(here: Tlstudio, out: str, tmp_path: Path) -> None:
    refused = here("report", tmp_path, tmp_path / out)
    assert (refused.status, "ends in .html, in a folder that exists" in refused.err) == (2, True)
    assert here("report", tmp_path, tmp_path / "out.html").status == 1
    assert "is not the folder of a run in a project" in here("replay", tmp_path).err
