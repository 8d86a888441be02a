"""How fast TL Studio trains beside others: `python -m tests.bench training [--quick] [--only a,c]`.

Each contender works in a process of its own, in turns (A B C A B C …), on the same real pictures. A ratio is made
within a turn; the table shows the median of the ratios with the smallest and the largest. TL Studio begins with an
empty cache. Imports are in no ratio; they are listed with the memory at the end.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image, ImageChops
from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.contenders.job import Job, Measured

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TLSTUDIO_BENCH_DATA") or ROOT.parent / "shared" / "data")
LITE, RESNET = "efficientnet_lite0", "resnet18"
TITLES = {LITE: "Lite0", RESNET: "ResNet-18"}
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
TWELVE_MEGAPIXELS = (4000, 3000)

TUTORIAL, OURS = Job("tutorial"), Job("ours")
# Everybody who trains, by the name the table gives them; 0 in a job is what they take by themselves.
OTHERS = {
    "tutorial": TUTORIAL,
    "tutorial, our allocator": replace(TUTORIAL, tuned=True),
    "tutorial at its best": replace(TUTORIAL, tuned=True, batch=32, workers=CORES),
    "fastai": Job("fastai_learner"),
    "Lightning": Job("lightning_trainer"),
}


@dataclass(frozen=True)
class Size:
    """How much is measured.

    others_epochs: of the others, where an epoch is long. reach: of the tutorial, to see how good it gets. insects,
    flowers, large: pictures a class of hymenoptera, flowers5, and those enlarged to 12 megapixels.
    """

    repeats: int
    others_epochs: int
    reach: int
    insects: int
    flowers: int
    large: int
    networks: tuple[str, ...]


QUICK = Size(repeats=1, others_epochs=1, reach=3, insects=40, flowers=30, large=8, networks=(LITE,))
FULL = Size(repeats=3, others_epochs=1, reach=15, insects=1000, flowers=100, large=40, networks=(LITE, RESNET))


@dataclass
class Bench:
    """What has been measured so far. insects, flowers: the pictures, split into `train` and `val`."""

    size: Size
    insects: Path
    flowers: Path
    place: Path
    console: Console
    table: Table
    seen: dict[str, list[Measured]] = field(default_factory=dict)

    def run(self, title: str, job: Job) -> Measured:
        """One job in a process of its own, with a home and a cache of its own."""
        with tempfile.TemporaryDirectory() as home:
            folders = {f"XDG_{name}_HOME": str(Path(home, name)) for name in ("CACHE", "CONFIG", "DATA", "STATE")}
            environment = {**os.environ, **folders, "HOME": home, "PYTHONPATH": str(ROOT)}
            command = [sys.executable, "-W", "ignore", "-m", "tests.bench.contenders", job.to_text()]
            began = time.perf_counter()
            done = subprocess.run(command, env=environment, cwd=ROOT, text=True, capture_output=True, check=False)
        if done.returncode:
            sys.exit(f"{title} failed at {job.to_text()}:\n{done.stderr.strip()}")
        measured = Measured.from_text(done.stdout.splitlines()[-1])
        measured.whole = time.perf_counter() - began
        if not measured.missing:
            self.seen.setdefault(f"{title}, {TITLES[job.network]}, {job.learn}", []).append(measured)
        said = measured.missing or f"{measured.total:.1f} s of work, {measured.whole:.1f} s in all"
        self.console.print(f"  {title}, {TITLES[job.network]}: {said}", style="dim", markup=False)
        return measured

    def turns(self, jobs: dict[str, Job]) -> Iterator[dict[str, Measured]]:
        """What everybody measured in each turn; who is not installed is in none."""
        for _ in range(self.size.repeats):
            found = {title: self.run(title, job) for title, job in jobs.items()}
            yield {title: measured for title, measured in found.items() if not measured.missing}

    def row(
        self, what: str, against: str, pairs: list[tuple[float, float]], target: float | None = None, unit: str = "s"
    ) -> None:
        """A row of the table. pairs: their figure and ours in each turn; of a rate, ours should be the larger."""
        if not pairs:
            self.table.add_row(what, against, "not installed")
            return
        ratios = [ours / theirs if unit != "s" else theirs / ours for theirs, ours in pairs]
        middle = statistics.median(ratios)
        theirs, ours = (f"{statistics.median(column):.3g} {unit}" for column in zip(*pairs, strict=True))
        spread = f"{min(ratios):.2f}..{max(ratios):.2f}"
        wanted, met = ("", "") if target is None else (f"{target:g}", "met" if middle >= target else "MISSED")
        self.table.add_row(what, against, theirs, ours, f"{middle:.2f}", spread, wanted, met)


def head_epochs(bench: Bench, network: str) -> None:
    """(a) Fifteen epochs of the head, each with its validation."""
    epochs = bench.size.others_epochs
    others = {title: job for title, job in OTHERS.items() if network == LITE or job.contender == "tutorial"}
    jobs = {t: replace(j, images=str(bench.insects), network=network, epochs=epochs) for t, j in others.items()}
    jobs["TL Studio"] = replace(OURS, images=str(bench.insects), network=network, epochs=15)
    turns = list(bench.turns(jobs))
    what = f"a. 15 head epochs, {TITLES[network]} (theirs: {epochs} measured, times {15 / epochs:g})"
    targets = {"tutorial": 30.0, "tutorial, our allocator": 20.0}
    for title in others:
        found = [(turn[title], turn["TL Studio"]) for turn in turns if title in turn]
        pairs = [(theirs.for_epochs(15), ours.for_epochs(15)) for theirs, ours in found]
        bench.row(what, title, pairs, targets.get(title))
    whole = [(t["tutorial"].for_epochs(15), t["TL Studio"].total) for t in turns]
    what = f"a. the same, ours from the folder to the model file, {TITLES[network]}"
    bench.row(what, "tutorial", whole)


def best_accuracy(bench: Bench) -> None:
    """(b) From the folder to the best validation accuracy that the tutorial's loop reaches, Lite0 on ants and bees."""
    reach = bench.size.reach
    jobs = {
        "tutorial": replace(TUTORIAL, images=str(bench.insects), epochs=reach),
        "TL Studio": replace(OURS, images=str(bench.insects), epochs=20),
    }
    pairs = []
    # The others' figure takes minutes; once is enough where the ratio is this far from its target.
    theirs = bench.run("tutorial", jobs["tutorial"])
    best = max(theirs.accuracies)
    reached = theirs.until(best)
    for seed in range(bench.size.repeats):
        ours = bench.run("TL Studio", replace(jobs["TL Studio"], seed=seed))
        seconds = ours.until(best)
        if reached and seconds:
            pairs.append((reached, seconds + ours.extra["scan"]))
    failed = bench.size.repeats - len(pairs)
    what = f"b. time to {best:.1%}, the tutorial's best of {reach} epochs, Lite0"
    if failed:
        what += f" (ours did not get there in {failed} of {bench.size.repeats} runs)"
    if pairs:
        bench.row(what, "tutorial", pairs, 3.0)
    else:
        bench.table.add_row(what, "tutorial", f"{reached:.3g} s", "never", "", "", "3", "MISSED")


def extraction(bench: Bench, network: str) -> None:
    """(c) Pictures a second through the frozen stages, from files, against the bare network on tensors in memory."""
    job = Job("forward", images=str(bench.flowers), network=network, epochs=0)
    jobs = {"bare forward pass": replace(job, way="bare"), "TL Studio, extraction": replace(job, way="ours")}
    pairs = [(t["bare forward pass"].rate, t["TL Studio, extraction"].rate) for t in bench.turns(jobs)]
    what = f"c. pictures through the frozen stages, {TITLES[network]}"
    bench.row(what, "bare forward pass", pairs, 0.85 if network == LITE else 0.95, "pictures/s")


def last_stages(bench: Bench, network: str) -> None:
    """(d) An epoch of fine-tuning the last stages, from remembered activations against from the files."""
    job = replace(OURS, images=str(bench.flowers), network=network, learn="last")
    jobs = {
        "TL Studio, uncached": replace(job, way="uncached", epochs=1),
        "TL Studio": replace(job, epochs=2),
    }
    turns = list(bench.turns(jobs))
    pairs = [tuple(statistics.median(t[title].epochs) for title in jobs) for t in turns]
    what = f"d. fine-tune-last epoch, {TITLES[network]}"
    bench.row(what, "ours, uncached", pairs, 4.0 if network == LITE else 1.7)


def everything(bench: Bench, network: str) -> None:
    """(e) An epoch of fine-tuning everything."""
    jobs = {title: OTHERS[title] for title in ("tutorial", "tutorial at its best")}
    jobs = {**jobs, "TL Studio": OURS}
    epochs = bench.size.others_epochs
    jobs = {
        t: replace(j, images=str(bench.insects), network=network, learn="all", epochs=epochs) for t, j in jobs.items()
    }
    turns = list(bench.turns(jobs))
    for title in list(jobs)[:-1]:
        pairs = [tuple(statistics.median(t[who].epochs) for who in (title, "TL Studio")) for t in turns]
        what = f"e. fine-tune-all epoch, {TITLES[network]}"
        bench.row(what, title, pairs, 1.3 if title == "tutorial" else None)


def large_pictures(bench: Bench) -> None:
    """(f) JPEGs of 12 megapixels to what the network is given, one thread; and what a classifier makes of them."""
    folder = bench.place / "large"
    enlarge(bench.flowers, folder, bench.size.large)
    job = Job("reading", images=str(folder), epochs=0)
    jobs = {"plain Pillow": job, "TL Studio, reading": replace(job, way="ours")}
    turns = list(bench.turns(jobs))
    pairs = [(t["plain Pillow"].rate, t["TL Studio, reading"].rate) for t in turns]
    bench.row("f. 12-megapixel JPEGs read", "plain Pillow", pairs, 3.0, "pictures/s")
    theirs, ours = (turns[0][title].accuracies[0] * 100 for title in jobs)
    within = "met" if abs(ours - theirs) <= 0.5 else "MISSED"
    if bench.size.large < FULL.large:
        within = "too few to tell"
    difference = f"{ours - theirs:+.2f} points"
    what = "f. mean accuracy on them (Lite0 features, logistic regression)"
    bench.table.add_row(what, "plain Pillow", f"{theirs:.2f} %", f"{ours:.2f} %", difference, "", "±0.5", within)


def enlarge(images: Path, folder: Path, per_class: int) -> None:
    """Copies of the pictures with 12 megapixels each and noise as a camera leaves it, one folder a class."""
    noise = Image.effect_noise(TWELVE_MEGAPIXELS, 6).convert("RGB")  # about 128, of that deviation

    def one(file: Path) -> None:
        target = folder / file.parent.name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(file) as small:
            large = small.convert("RGB").resize(TWELVE_MEGAPIXELS, Image.Resampling.BICUBIC)
        ImageChops.add(large, noise, offset=-128).save(target, quality=90)

    chosen = [f for kind in sorted((images / "train").iterdir()) for f in sorted(kind.iterdir())[:per_class]]
    with ThreadPoolExecutor(CORES) as pool:
        list(pool.map(one, chosen))


def linked(images: Path, target: Path, per_class: int) -> Path:
    """A part of a set, by links, as `train` and `val` above class folders; not split yet, every fourth is for `val`."""
    given = [name for name in ("train", "val") if (images / name).is_dir()]
    for split in given or [""]:
        for kind in (images / split).iterdir():
            files = sorted(f for f in kind.iterdir() if f.suffix.lower() in (".jpg", ".jpeg"))
            random.Random(0).shuffle(files)
            for number, file in enumerate(files[:per_class]):
                place = target / (split or ("train" if number % 4 else "val")) / kind.name / file.name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(file.resolve())
    return target


def costs(bench: Bench) -> Table:
    """(g) The most memory each contender held, and the times of all it did: imports, work, and the whole process."""
    columns = ("g. contender", "peak memory", "and a worker", "imports", "work", "its processor time", "whole process")
    table = Table(*columns, box=box.SIMPLE)
    for title, found in bench.seen.items():
        most = [max(values) / 2**20 for values in ([m.peak for m in found], [m.worker for m in found])]
        memory = [f"{value:.0f} MiB" if value else "" for value in most]
        times = [[getattr(m, name) for m in found] for name in ("imports", "total", "cpu", "whole")]
        table.add_row(title, *memory, *(f"{statistics.median(values):.1f} s" for values in times))
    return table


ROWS = "abcdef"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench training", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few minutes: Lite0 alone, fewer pictures, one turn")
    parser.add_argument("--repeats", type=int, help="turns; the table shows their median and spread")
    parser.add_argument("--only", default=ROWS, help=f"which rows, such as a or c,d; of {', '.join(ROWS)}")
    parser.add_argument("--data", type=Path, default=DATA, help="where hymenoptera and flowers5 lie")
    options = parser.parse_args()
    missing = [name for name in ("hymenoptera", "flowers5") if not (options.data / name).is_dir()]
    if missing:
        where = "Give their place with --data or TLSTUDIO_BENCH_DATA."
        print(f"No benchmark without real pictures: {' and '.join(missing)} not in {options.data}. {where}")
        return 1
    size = QUICK if options.quick else FULL
    if options.repeats:
        size = replace(size, repeats=options.repeats)
    table = Table("what", "against", "theirs", "ours", "ratio", "spread", "target", "", box=box.SIMPLE)
    console = Console(width=max(150, Console().width), highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        insects = linked(options.data / "hymenoptera", place / "insects", size.insects)
        flowers = linked(options.data / "flowers5", place / "flowers", size.flowers)
        bench = Bench(size, insects, flowers, place, console, table)
        counts = [sum(1 for file in images.rglob("*.jp*g")) for images in (insects, flowers)]
        console.print(f"{counts[0]} ants and bees, {counts[1]} flowers, {CORES} cores, turns: {size.repeats}")
        measure(bench, options.only)
    console.print(table, costs(bench))
    return 0


def measure(bench: Bench, only: str) -> None:
    for network in bench.size.networks:
        for letter, work in {"a": head_epochs, "c": extraction, "d": last_stages, "e": everything}.items():
            if letter in only:
                work(bench, network)
    if "b" in only:
        best_accuracy(bench)
    if "f" in only:
        large_pictures(bench)


if __name__ == "__main__":
    sys.exit(main())
