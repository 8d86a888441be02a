"""What can be said of runs that are done, against numbers worked out by hand or known from elsewhere."""

import json
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from tests.bench import coverage
from tlstudio.core import comparison, events
from tlstudio.core.errors import ProjectError
from tlstudio.core.recipe import make_recipe
from tlstudio.core.run import RunFolder


def report(
    answers: str, split: str = "test", truth: str = "", digest: str = "d", first: int = 0, val: str = "val"
) -> dict[str, Any]:
    """Of pictures numbered from `first`, each with a letter for the class it was taken for; in truth all are `a`."""
    rows = [
        {"path": f"{n}.png", "digest": f"{digest}{n}", "split": split, "truth": t, "label": said, "probability": 0.9}
        for n, (said, t) in enumerate(zip(answers, truth or "a" * len(answers), strict=True), start=first)
    ]
    return {"predictions": rows, "val": {"split": val}}


@pytest.mark.parametrize(("first", "second"), [(0, 0), (3, 0), (0, 6), (2, 12), (9, 14), (40, 70)])
def test_mcnemars_test_is_the_binomial_one(first: int, second: int) -> None:
    known = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert comparison.mcnemar(first, second) == pytest.approx(known)


def test_tangos_interval() -> None:
    """Two answers of 50 against twelve: found again by maximising the likelihood numerically."""
    assert comparison.paired_interval(2, 12, 50) == pytest.approx((0.061112, 0.344709), abs=1e-5)
    low, high = comparison.paired_interval(12, 2, 50)
    assert (-high, -low) == pytest.approx((0.061112, 0.344709), abs=1e-5)
    z2 = 1.959964**2
    assert comparison.paired_interval(0, 0, 40) == pytest.approx((-z2 / (40 + z2), z2 / (40 + z2)), abs=1e-6)


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_equally_good_runs_are_seldom_told_apart(share: float) -> None:
    covers, better = coverage.paired_rates(150, share, share, sets=1_500)
    assert better <= 0.05
    assert 0.93 <= covers <= 0.975


def test_so_many_pictures_as_are_needed_show_the_difference() -> None:
    needed = comparison.pictures_needed(20, 100, 1_000)
    assert needed is not None
    _, better = coverage.paired_rates(needed, 0.02, 0.10, sets=1_500)
    assert 0.75 <= better <= 0.87
    assert comparison.pictures_needed(7, 7, 100) is None


def test_better_is_said_only_where_it_is_earned() -> None:
    first = report("a" * 30 + "b" * 10)
    clear = comparison.compared("one", "two", (first, report("a" * 40)))
    assert (clear.better, clear.verdict) == ("second", "the second is better")
    assert (clear.n, clear.both_right, clear.both_wrong, clear.difference) == (40, 30, 0, 0.25)
    assert clear.only_second == tuple(f"{n}.png" for n in range(30, 40))
    assert comparison.compared("two", "one", (report("a" * 40), first)).better == "first"

    close = comparison.compared("one", "two", (first, report("a" * 35 + "b" * 5)))
    assert (close.p, close.better) == (0.0625, None)
    assert close.verdict == "no difference that 40 pictures could show"
    assert close.needed is not None and close.needed > 40
    assert close.interval[0] < 0.125 < close.interval[1]


def test_only_what_both_judged_counts() -> None:
    shifted = comparison.compared("one", "two", (report("a" * 40), report("a" * 40, first=10)))
    assert shifted.n == 30
    assert "only the 30 in common count" in shifted.remarks[0]
    changed = comparison.compared(
        "one",
        "two",
        (
            report("aaaa"),
            {
                **report("aaaa"),
                "predictions": [*report("aa")["predictions"], *report("aa", digest="new", first=2)["predictions"]],
            },
        ),
    )
    assert changed.n == 2
    assert any("2 files were changed" in remark for remark in changed.remarks)
    relabelled = comparison.compared("one", "two", (report("aaaa"), report("aaab", truth="aaab")))
    assert relabelled.n == 3
    assert "1 picture was relabelled between the runs and does not count." in relabelled.remarks
    with pytest.raises(ProjectError, match="none of the same pictures"):
        comparison.compared("one", "two", (report("aa"), report("aa", first=2)))


def test_validation_pictures_are_no_test() -> None:
    both = report("aaaa", split="val"), report("aaab", split="val")
    assert comparison.compared("one", "two", both).split == "val"
    assert "no test" in comparison.compared("one", "two", both).remarks[-1]
    folds = report("aaaa", split="val", val="out of fold"), report("aaab", split="val", val="out of fold")
    judged = comparison.compared("one", "two", folds)
    assert judged.split == "out of fold"
    assert "had not learned from it" in judged.remarks[-1]
    half = comparison.compared("one", "two", (both[0], folds[1]))
    assert half.split == "val"
    assert "validation pictures of the first run" in half.remarks[-1]


def test_the_surest_mistakes_come_first() -> None:
    said = report("aba")
    sure = {
        **said["predictions"][1],
        "path": "sure",
        "split": "val",
        "probability": 0.95,
        "top": [["b", 0.95], ["a", 0.05]],
    }
    said["predictions"].append(sure)
    assert [m.path for m in comparison.mistakes(said)] == ["sure", "1.png"]
    (only,) = comparison.mistakes(said, "test")
    assert (only.truth, only.label, only.top) == ("a", "b", (("b", 0.9),))
    assert comparison.mistakes(said, "val")[0].top == (("b", 0.95), ("a", 0.05))


RECIPE = make_recipe("resnet18", "feature-extraction").to_json()


def run_folder(folder: Path, computed: int, loss: float, weights: bytes) -> RunFolder:
    """A run of one epoch, as versions without lists of pictures left it."""
    folder.mkdir()
    run = RunFolder(folder)
    run.record(events.RunStarted(str(folder), RECIPE, "cpu", 2, {"train": 9}, {"torch": "2.15"}))
    run.record(events.FeaturesReady("head", computed, 9 - computed, 0.1))
    run.record(events.EpochDone(1, 1, 1, loss, 0.9, 0.5, 0.8, 0.1, True))
    run.best_file.write_bytes(weights)
    run.report_file.write_text(json.dumps({"val": {"accuracy": 0.8}, "test": None}))
    return run


def test_a_run_of_an_older_version_is_told_apart_by_what_it_left(tmp_path: Path) -> None:
    first = run_folder(tmp_path / "1", 9, 0.25, b"same")
    identical, said = comparison.differences(first, run_folder(tmp_path / "2", 0, 0.25, b"same"))
    assert identical
    assert said == ("The first run is of a version that did not keep which pictures it had.",)
    identical, said = comparison.differences(first, run_folder(tmp_path / "3", 0, 0.2500001, b"other"))
    assert not identical
    assert said[1].startswith("The stages before the cut were asked about 9 pictures then and 0 now")
    assert said[2] == "From epoch 1 of phase 1 on the figures differ."
    assert said[3].startswith("The final weights differ: SHA-256 ")
