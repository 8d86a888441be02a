"""The table of sizes and domains: which strategy to begin with. A prior, not a verdict."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from tlstudio.core.events import Event
from tlstudio.core.recipe import Domain

MILLIONS = 1_000_000


@dataclass(frozen=True)
class Advised(Event):
    """Which strategy, why, and what the table of sizes and domains says. measured: on the pictures; empty if nothing
    was."""

    strategy: str
    reasons: tuple[str, ...]
    table_says: str
    measured: dict[str, Any] = field(default_factory=dict)
    kind: ClassVar[str] = "advised"


def from_table(pictures: int, classes: int, domain: Domain) -> Advised:
    """What the table says for this many training pictures of a domain like ImageNet's (`similar`) or unlike it."""
    per_class = pictures / max(classes, 1)
    if domain == "different":
        strategy = "from-scratch" if pictures >= MILLIONS else "fine-tune-layered"
        why = "The pictures are very different from ImageNet's, so even early layers have to move, but slowest."
        if strategy == "from-scratch":
            why = "With millions of very different pictures the pretrained layers are no help any more."
    elif per_class < 1_000:
        strategy, why = "feature-extraction", "With few pictures of a familiar kind the backbone's features are enough."
    elif per_class <= 10_000:
        strategy, why = "fine-tune-last", "There are enough pictures for the last, most specific layers to adapt."
    else:
        strategy, why = "fine-tune-all", "There are enough pictures for every layer to adapt without overfitting."
    row = f"{per_class:,.0f} pictures a class, domain {domain}: {strategy}"
    return Advised(strategy, (why,), row)
