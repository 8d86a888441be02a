import csv
from pathlib import Path

from tlstudio.core.events import Predicted
from tlstudio.core.tables import write_csv


def test_a_table_says_what_was_answered_and_holds_no_formula(tmp_path: Path) -> None:
    answers = [
        Predicted("/a,b.png", True, "=cmd()", 0.75, (("=cmd()", 0.75),), True),
        Predicted("-c.png", False, error="is not a picture"),
    ]
    write_csv(tmp_path / "t.csv", answers)
    with (tmp_path / "t.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["path", "label", "probability", "unknown", "error"],
        ["/a,b.png", "'=cmd()", "0.750000", "yes", ""],
        ["'-c.png", "", "", "", "is not a picture"],
    ]
