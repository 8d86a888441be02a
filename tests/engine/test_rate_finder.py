"""The learning-rate range test: what it suggests, and that nothing is changed by it."""

from pathlib import Path

import pytest

from tlstudio import tasks
from tlstudio.core.advice import RateFound, RateTried
from tlstudio.core.backbones import Backbone
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, make_recipe
from tlstudio.engine import rate_finder

RATES = [10 ** (-7 + i / 10) for i in range(71)]


def curve(fall: float, rise: float) -> list[float]:
    """A loss of 1 that falls to 0.3 about the one rate and rises without end from the other on."""
    return [1 - 0.7 / (1 + (fall / rate) ** 2) + (0 if rate < rise else 5 * (rate / rise - 1)) for rate in RATES]


@pytest.mark.parametrize(("fall", "rise"), [(1e-4, 1e-1), (1e-2, 2e-2)])
def test_it_keeps_a_tenth_below_where_the_loss_rises(fall: float, rise: float) -> None:
    rate, highest = rate_finder.suggestion(RATES, curve(fall, rise))
    assert rate == pytest.approx(highest / 10)
    assert rise / 2 < highest < 2 * rise


def test_a_loss_that_hardly_falls_still_says_where_it_is_too_high() -> None:
    flat = [0.1 + (0.0 if rate < 1e-3 else rate) for rate in RATES]
    rate, highest = rate_finder.suggestion(RATES, flat)
    assert rate == pytest.approx(highest / 10)
    assert 1e-3 < highest < 1e-1


def files_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("strategy", ["feature-extraction", "fine-tune-layered"])
def test_it_keeps_the_recipes_proportions_and_changes_nothing(
    tmp_path: Path, pictures: Path, tiny_backbone: Backbone, strategy: str
) -> None:
    recipe = make_recipe("tiny", strategy, Changes(warmup_epochs=2) if strategy != "feature-extraction" else Changes())
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        before = files_in(project.folder)
        said = list(tasks.find_rate(project, recipe, threads=1))
        again = list(tasks.find_rate(project, recipe, threads=1))
        assert files_in(project.folder) == before
        assert list(tasks.find_rate(project, recipe, threads=1, stop=bool))[-1] == said[-1]
        assert not [e for e in tasks.find_rate(project, recipe, stop=lambda: True) if isinstance(e, RateFound)]
    found = said[-1]
    assert isinstance(found, RateFound)
    assert found == again[-1]
    tried = [e.rate for e in said if isinstance(e, RateTried)]
    assert tried == sorted(tried)
    assert found.rate < found.highest_sane <= tried[-1]
    assert found.rates["head"] == found.rate
    if strategy == "fine-tune-layered":
        assert found.rates == pytest.approx({"early": found.rate / 100, "late": found.rate / 10, "head": found.rate})
