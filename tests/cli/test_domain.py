from pathlib import Path

import pytest

from tests.conftest import Tlstudio
from tlstudio.core.backbones import Backbone


@pytest.mark.parametrize(
    ("domain", "strategy", "rates", "augment"),
    [
        ("similar", "feature-extraction", [{"head": 1e-3}], "none"),
        ("different", "fine-tune-layered", [{"head": 1e-3}, {"early": 1e-5, "late": 1e-4, "head": 1e-3}], "strong"),
    ],
)
def test_the_domain_chooses_the_strategy(
    here: Tlstudio,
    pictures: Path,
    tiny_backbone: Backbone,
    domain: str,
    strategy: str,
    rates: list[dict[str, float]],
    augment: str,
) -> None:
    flags = ["--domain", domain, "--epochs", 1, "--threads", 1, "--json"]
    done = here("train", pictures, "--backbone", "tiny", *flags)
    assert done.status == 0, done.err
    (advice,) = done.of("advised")
    assert (advice["strategy"], f"domain {domain}" in advice["table_says"]) == (strategy, True)
    assert [{g["name"]: g["lr"] for g in p["groups"]} for p in done.of("phase_started")] == rates
    (started,) = done.of("run_started")
    assert (started["recipe"]["domain"], started["recipe"]["phases"][-1]["augment"]) == (domain, augment)
