"""`tlstudio advise`: measured, beside what the table says."""

import json
from pathlib import Path

import pytest

from tests.conftest import Tlstudio
from tests.engine.test_advisor import noise
from tlstudio.core.backbones import Backbone


def test_it_answers_as_json_and_for_people(here: Tlstudio, tmp_path: Path, tiny_backbone: Backbone) -> None:
    pictures = noise(tmp_path / "noise", 12)
    done = here("advise", pictures, "--backbone", "tiny", "--threads", 1, "--json")
    assert done.status == 0, done.err
    advised = done.events[-1]
    assert {"strategy", "reasons", "table_says", "measured"} < advised.keys()
    assert advised["measured"]["pictures"] == 32
    assert not list(tmp_path.glob("**/project.json"))
    told = here("advise", pictures, "--backbone", "tiny", "--threads", 1).out
    assert f"Strategy {advised['strategy']}." in told
    assert "over the head alone" in told
    assert "The table says, 12 pictures a class, domain similar: feature-extraction." in told


def test_training_follows_it_unless_the_flags_settle_it(
    here: Tlstudio, tmp_path: Path, tiny_backbone: Backbone
) -> None:
    pictures = noise(tmp_path / "noise", 12)
    flags = ["--backbone", "tiny", "--threads", 1, "--epochs", 1, "--json"]
    measured = here("train", pictures, *flags)
    (advised,) = measured.of("advised")
    assert advised["measured"]
    (started,) = measured.of("run_started")
    assert started["recipe"]["strategy"] == advised["strategy"]
    settled = here("train", pictures, "--train-from", "head", *flags)
    (advised,) = settled.of("advised")
    assert not advised["measured"]
    assert not settled.of("probed")


def test_all_backbones_are_compared(here: Tlstudio, tmp_path: Path, tiny_backbone: Backbone, monkeypatch) -> None:
    from tlstudio.core import backbones

    monkeypatch.setattr(backbones, "BACKBONES", backbones.BACKBONES)
    for name in list(backbones.BACKBONES):
        if name not in ("tiny", "resnet18"):
            monkeypatch.delitem(backbones.BACKBONES, name)
    done = here("advise", noise(tmp_path / "noise", 12), "--backbone", "all", "--threads", 1)
    assert done.status == 0, done.err
    lines = {line.split()[0]: line for line in done.out.splitlines() if "MB" in line}
    assert "%" in lines["tiny"]
    assert "not here" in lines["resnet18"]


def test_an_unknown_backbone_is_wrong_usage(here: Tlstudio, pictures: Path) -> None:
    done = here("advise", pictures, "--backbone", "alexnet")
    assert (done.status, "alexnet" in done.err) == (2, True)


@pytest.mark.slow
def test_fifty_photographs_of_each_animal_need_a_head_only(here: Tlstudio, tmp_path: Path, data: Path) -> None:
    table = tmp_path / "animals.csv"
    rows = [
        f"{path},{label},train"
        for label in ("ants", "bees")
        for path in sorted((data / "hymenoptera" / "train" / label).glob("*.jpg"))[:50]
    ]
    table.write_text("\n".join(["path,label,split", *rows]))
    done = here("advise", table, "--json")
    assert done.status == 0, done.err
    advised = json.loads(done.out.splitlines()[-1])
    assert advised["strategy"] == "feature-extraction"
    assert advised["measured"]["stages"][-1]["accuracy"] > 0.85
