"""The table of sizes and domains, row by row."""

from pathlib import Path

import pytest

from tlstudio import tasks
from tlstudio.core.advice import Advised, from_table
from tlstudio.core.catalogue import Picture
from tlstudio.core.project import Project
from tlstudio.core.recipe import Domain

TABLE: list[tuple[int, int, Domain, str]] = [
    (2, 1, "similar", "feature-extraction"),
    (999, 1, "similar", "feature-extraction"),
    (1_000, 1, "similar", "fine-tune-last"),
    (10_000, 1, "similar", "fine-tune-last"),
    (10_001, 1, "similar", "fine-tune-all"),
    (5_000_000, 100, "similar", "fine-tune-all"),
    (9_990, 10, "similar", "feature-extraction"),
    (10, 2, "different", "fine-tune-layered"),
    (20_000, 2, "different", "fine-tune-layered"),
    (999_999, 2, "different", "fine-tune-layered"),
    (1_000_000, 2, "different", "from-scratch"),
]


@pytest.mark.parametrize(("pictures", "classes", "domain", "strategy"), TABLE)
def test_the_table_says(pictures: int, classes: int, domain: Domain, strategy: str) -> None:
    advice = from_table(pictures, classes, domain)
    assert advice.strategy == strategy
    assert f"{pictures / classes:,.0f} pictures a class, domain {domain}: {strategy}" == advice.table_says


@pytest.mark.parametrize(
    ("count", "domain", "strategy"),
    [
        (1_998, "similar", "feature-extraction"),
        (2_000, "similar", "fine-tune-last"),
        (20_002, "similar", "fine-tune-all"),
    ],
)
def test_a_projects_training_pictures_choose_the_row(tmp_path: Path, count: int, domain: Domain, strategy: str) -> None:
    """Rows of a catalogue stand for files nobody has the room for."""
    parts = [("train", count), ("val", 500), ("test", 500)]
    pictures = [
        Picture(f"/{split}/{n}.png", "ab"[n % 2], split, digest=f"{split}{n}")
        for split, size in parts
        for n in range(size)
    ]
    with Project.open(tmp_path / "project") as project:
        project.catalogue.replace(pictures, {})
        (advice,) = tasks.advise(project, domain)
    assert isinstance(advice, Advised)
    assert advice.strategy == strategy
