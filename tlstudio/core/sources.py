"""Where a project's pictures come from: folders, lists, single files, and lists of copies it keeps itself."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tlstudio.core.catalogue import Catalogue
from tlstudio.core.import_log import ImportLog
from tlstudio.core.project import Project


@dataclass(frozen=True)
class Source:
    """One place that was given.

    path: absolute. label: the class of everything there, or empty where folders or a list tell. split: the one that
    everything there belongs to, or empty. copies: where the project keeps copies of it, from its folder on: a list, or
    one picture; empty where the pictures are used where they lie.
    """

    path: str
    label: str = ""
    split: str = ""
    copies: str = ""

    def place(self, project: Project) -> Path:
        """Where its pictures lie, or the list of them."""
        return project.folder / (self.copies or self.path)

    @property
    def key(self) -> tuple[str, str, str]:
        """What sources that were given alike have in common, copied or not."""
        return self.path, self.label, self.split


def source(path: Path, label: str = "", split: str = "") -> Source:
    return Source(str(path.absolute()), label, split)


def sources_of(project: Project) -> list[Source]:
    """Where the project's pictures came from, in the order they were given; with those of an import that was killed."""
    return _sources(project.folder, project.catalogue)


def places_in(project: Path) -> list[Path]:
    """Where the pictures of the project in a folder lie, or the lists of them; nobody needs to have it open."""
    catalogue = Catalogue.look(project / "catalogue.sqlite")
    return [project / (each.copies or each.path) for each in _sources(project, catalogue)]


def _sources(folder: Path, catalogue: Catalogue) -> list[Source]:
    stored, first = catalogue.fact("sources"), catalogue.fact("source")
    held = [Source(**each) for each in json.loads(stored)] if stored else [Source(first)] if first else []
    return [Source(**each) for each in ImportLog(folder).pending()] or held


def as_facts(sources: Sequence[Source]) -> dict[str, str]:
    """What the catalogue keeps of them."""
    return {"source": sources[0].path, "sources": json.dumps(as_json(sources))}


def as_json(sources: Sequence[Source]) -> list[dict[str, str]]:
    return [asdict(each) for each in sources]


def called(places: Sequence[Path | str]) -> str:
    """What to call several places in a sentence."""
    others = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"{places[0]}{others}"
