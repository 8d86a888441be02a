"""What a contender is asked, and what it answers. Standard library only: nothing is loaded before a contender is."""

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Job:
    """One piece of work.

    contender: the module of this package that does it. images: a folder with `train` and `val` above class folders, or
    whatever else the contender reads. network: `efficientnet_lite0` or `resnet18`, the latter with random values.
    learn: `head`, `last` (stages) or `all`. epochs: how many to run. batch, workers: of the contender's loader; 0 is
    what it takes by itself. tuned: keep the C allocator from giving memory back, as TL Studio does. way: which of its
    ways the contender goes, where it has several.
    """

    contender: str
    images: str = ""
    network: str = "efficientnet_lite0"
    learn: str = "head"
    epochs: int = 1
    batch: int = 0
    workers: int = 0
    tuned: bool = False
    way: str = ""
    seed: int = 0

    def to_text(self) -> str:
        return json.dumps(asdict(self))


@dataclass
class Measured:
    """What came of it. All times in seconds, memory in bytes.

    imports: until everything needed was loaded; in no other figure. setup: from there to the first epoch. epochs: each
    one with its validation. accuracies: on the validation pictures after each. rate: pictures a second, where the work
    is one pass. total, cpu: all of the work, and the processor time it took, its workers' too. whole: the process from
    start to end. peak, worker: the most memory that the
    process held, and that any one of its children did. extra: further times by name. missing: why there is nothing.
    """

    imports: float = 0.0
    setup: float = 0.0
    epochs: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    rate: float = 0.0
    total: float = 0.0
    cpu: float = 0.0
    whole: float = 0.0
    peak: int = 0
    worker: int = 0
    missing: str = ""
    extra: dict[str, float] = field(default_factory=dict)

    @classmethod
    def from_text(cls, text: str) -> "Measured":
        return cls(**json.loads(text))

    def for_epochs(self, count: int) -> float:
        """Setup and `count` epochs: as measured, or reckoned from the epochs there are."""
        measured = self.epochs[:count]
        return self.setup + sum(measured) / len(measured) * count

    def until(self, accuracy: float) -> float | None:
        """Seconds from the start of the work until an epoch ended at that accuracy or better; None: it never did."""
        elapsed = self.setup
        for seconds, reached in zip(self.epochs, self.accuracies, strict=True):
            elapsed += seconds
            if reached >= accuracy:
                return elapsed
        return None
