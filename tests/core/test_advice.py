"""The table of sizes and domains, row by row, and what measuring makes of it."""

from dataclasses import replace

import pytest

from tlstudio.core.advice import Probed, Tried, from_table, needs_deep_trial, needs_trial, weighed
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


def probes(accuracy: float, n: int = 400) -> list[Probed]:
    return [Probed(name, accuracy, (accuracy - 0.03, accuracy + 0.03), n, 0.2) for name in ("stem", "neck")]


def trial(cut: str, gain: float, spread: float = 0.02) -> list[Tried]:
    """The head alone and a trial that was so much better, with this standard deviation."""
    interval = (gain - 1.96 * spread, gain + 1.96 * spread)
    head = Tried("head", 0.8, (0.7, 0.9), 200, 0.5, 0.0, (0.0, 0.0), 0.0)
    return [head, replace(head, train_from=cut, accuracy=0.8 + gain, gain=gain, gain_interval=interval, seconds=9.0)]


@pytest.mark.parametrize(
    ("last", "deep", "domain", "strategy"),
    [
        (0.06, 0.02, "similar", "fine-tune-last"),
        (-0.04, -0.06, "similar", "feature-extraction"),
        (0.02, 0.12, "similar", "fine-tune-all"),
        (0.02, 0.12, "different", "fine-tune-layered"),
        (0.08, -0.03, "different", "fine-tune-last"),
        (-0.05, -0.08, "different", "feature-extraction"),
    ],
)
def test_what_was_measured_outweighs_the_table(last: float, deep: float, domain: Domain, strategy: str) -> None:
    table = from_table(500, 5, domain)
    trials = [*trial("blocks6", last), *trial("blocks3", deep)]
    advice = weighed(table, domain, probes(0.8), trials, {"pictures": 400})
    assert advice.strategy == strategy
    assert advice.table_says == table.table_says
    differs = any(f"The table says {table.strategy}" in reason for reason in advice.reasons)
    assert differs == (strategy != table.strategy)
    assert advice.measured["expected"][strategy]["gain"] == max(
        each["gain"] for each in advice.measured["expected"].values()
    )


def test_a_trial_on_a_handful_of_pictures_says_little() -> None:
    table = from_table(20, 2, "similar")
    sure, unsure = (
        weighed(table, "similar", probes(0.8), trial("blocks6", 0.1, spread), {}).measured["expected"]["fine-tune-last"]
        for spread in (0.01, 0.15)
    )
    assert unsure["gain"] < sure["gain"] / 2
    assert unsure["interval"][1] - unsure["interval"][0] > sure["interval"][1] - sure["interval"][0]


def test_a_gain_that_may_be_chance_is_not_worth_learning_everything() -> None:
    trials = [*trial("blocks6", -0.004), *trial("blocks3", 0.016, spread=0.03)]
    advice = weighed(from_table(250, 5, "similar"), "similar", probes(0.82), trials, {})
    assert advice.strategy == "feature-extraction"


def test_a_head_that_misses_nothing_needs_no_trial() -> None:
    assert not needs_trial(probes(0.99))
    assert needs_trial(probes(0.9))
    advice = weighed(from_table(100, 2, "similar"), "similar", probes(0.99), [], {})
    assert advice.strategy == "feature-extraction"
    assert "nothing for fine-tuning to gain" in " ".join(advice.reasons)


def test_where_trials_would_take_too_long_the_table_is_followed() -> None:
    advice = weighed(from_table(20_000, 5, "similar"), "similar", probes(0.8), [], {})
    assert advice.strategy == "fine-tune-last"
    assert "too long" in " ".join(advice.reasons)


def test_many_pictures_speak_for_fine_tuning_though_a_trial_on_few_shows_nothing() -> None:
    few, many = (
        weighed(from_table(n, 5, "similar"), "similar", probes(0.8), trial("blocks6", 0.0), {}) for n in (200, 20_000)
    )
    assert (few.strategy, many.strategy) == ("feature-extraction", "fine-tune-last")


@pytest.mark.parametrize(
    ("gain", "pictures", "domain", "deeper"),
    [
        (0.01, 200, "similar", True),
        (0.0, 200, "similar", False),
        (-0.01, 200, "different", True),
        (-0.01, 100_000, "similar", True),
    ],
)
def test_deeper_is_tried_where_the_last_stages_gained_or_the_table_says_so(
    gain: float, pictures: int, domain: Domain, deeper: bool
) -> None:
    table = from_table(pictures, 5, domain)
    assert needs_deep_trial(table, probes(0.8), trial("blocks6", gain)) == deeper
    assert not needs_deep_trial(table, probes(0.8), [])
    assert not needs_deep_trial(table, probes(0.97), trial("blocks6", gain))


def test_what_the_table_says_counts_though_it_was_too_dear_to_try() -> None:
    table = from_table(100_000, 5, "similar")
    advice = weighed(table, "similar", probes(0.8), trial("blocks6", -0.01), {})
    assert advice.strategy == table.strategy == "fine-tune-all"
