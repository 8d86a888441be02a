"""What `inspect` says of pictures and of a project: the same as the window, as text and as JSON."""

import shutil
from pathlib import Path

from tests.conftest import Tlstudio
from tlstudio import tasks
from tlstudio.core.edits import Edits
from tlstudio.core.project import Project


def test_every_line_names_its_pictures(here: Tlstudio, pictures: Path) -> None:
    shutil.copy(pictures / "red" / "1.png", pictures / "red" / "again.png")
    shutil.copy(pictures / "red" / "2.png", pictures / "blue" / "red.png")
    result = here("inspect", pictures, "--json")
    seen = result.of("inspected")[0]
    assert seen["found"] == seen["read"] + len(seen["refused"])
    found = {line["kind"]: line for line in seen["findings"]}
    assert (
        found["conflict"]["paths"] == seen["conflicts"] == [[str(pictures / p) for p in ("blue/red.png", "red/2.png")]]
    )
    assert found["duplicate"]["paths"] == seen["duplicates"]
    assert [Path(p).name for p in found["unreadable"]["paths"][0]] == ["broken.png"]
    assert [line["kind"] for line in seen["findings"]][:2] == ["unreadable", "conflict"]
    text = here("inspect", pictures).out
    assert all(line["text"] in text for line in seen["findings"] if line["kind"] not in ("unreadable", "duplicate"))


def test_a_project_says_what_it_holds_with_the_edits(here: Tlstudio, pictures: Path, tmp_path: Path) -> None:
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        Edits(project.catalogue).rename_class("red", "crimson")
        Edits(project.catalogue).exclude(project.catalogue.matching("blue")[:3])
    seen = here("inspect", tmp_path / "project", "--json").of("inspected")[0]
    assert seen["classes"] == {"blue": 5, "crimson": 8, "green": 8}
    assert (seen["pictures"]["found"], seen["pictures"]["read"], seen["pictures"]["excluded"]) == (25, 24, 3)
    assert seen["pictures"]["findings"][0]["kind"] == "unreadable"
