import csv
import json
import random
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tlstudio.core.errors import ProjectError
from tlstudio.core.events import Predicted
from tlstudio.core.tables import read_csv, save_answers, saved

FORMULA = '=HYPERLINK("http://example.invalid";"x")'
HOSTILE = (
    *(
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(1,1)",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        "'=1+1",
        "''=1+1",
        "'",
        "'x",
        " =1+1",
        '"=1+1"',
    ),
    *("a;=1+1", "a,=1+1", "a\t=1+1", "a|=1+1", "a\n=1+1", "a\r\n=1+1", 'a;"=1+1', "a; =1+1", "a;'=1+1", ";;=1+1"),
    *(
        FORMULA,
        f"x;{FORMULA}",
        f'"{FORMULA}',
        "=cmd|' /C calc'!A0",
        "x;@SUM(1;1)",
        "x;-1+1",
        "x;+1+1",
        "＝1+1",
        "x;＝1+1",
    ),
    *("Photo - Copy (2).jpg", 'quote".png', "a\nb.png", "nul\0.png", "lone\udcff.png", "\ud800", "\\udcff", "\\u005c"),
    *(
        "\\u0000",
        "\\\\udcff",
        "C:\\users\\new",
        "é.png",
        "e\u0301.png",
        "\u202egnp.exe",
        "\u2028=1+1",
        "\x85=1+1",
        "<b>x</b>",
    ),
    *("x" * 40_000, "=" * 40_000, " " * 40_000 + "=1", ";" * 40_000 + "=1", "", " ", "1e5", "007", "true", "#REF!"),
)


def answered(name: str, label: str = "ant") -> Predicted:
    return Predicted(name, True, label, 0.1 + 0.2, ((label, 0.1 + 0.2), ("bee", 1e-9)), len(label) > 3, None, 1 / 3)


ANSWERS = [
    Predicted("-first.png", ok=False, error="is not a picture"),
    *(answered(name) for name in HOSTILE),
    *(answered("a.png", label) for label in HOSTILE),
    Predicted("gone.png", ok=False, error="=1+1; is gone"),
]


def starts_formula(text: str) -> bool:
    return text.lstrip(' "').startswith(tuple("=+-@＝＋－＠"))


def test_a_table_is_read_back_exactly(tmp_path: Path) -> None:
    save_answers(tmp_path / "t.csv", ANSWERS)
    assert read_csv(tmp_path / "t.csv") == ANSWERS


def test_any_text_comes_back(tmp_path: Path) -> None:
    chance = random.Random(0)
    letters = "=+-@'\";,|\t\r\n \\u0d5c8f\0\ud800\udfffxＡ＝\u2028"
    names = ["".join(chance.choices(letters, k=chance.randrange(12))) for _ in range(5000)]
    save_answers(tmp_path / "t.csv", [answered(name) for name in names])
    assert [answer.path for answer in read_csv(tmp_path / "t.csv")] == names


def test_a_table_says_everything_that_was_answered(tmp_path: Path) -> None:
    save_answers(tmp_path / "t.csv", [Predicted("x.png", False, error="is gone"), answered("/a,b.png", "stag beetle")])
    with (tmp_path / "t.csv").open(encoding="utf-8-sig", newline="") as file:
        failed, fine = csv.DictReader(file)
    assert failed == dict.fromkeys(fine, "") | {"path": "x.png", "error": "is gone"}
    assert fine == {
        "path": "/a,b.png",
        "label": "stag beetle",
        "probability": "0.30000000000000004",
        "unknown": "yes",
        "distance": "0.3333333333333333",
        "label_1": "stag beetle",
        "probability_1": "0.30000000000000004",
        "label_2": "bee",
        "probability_2": "1e-09",
        "error": "",
    }


@pytest.mark.parametrize("separator", ",;\t|")
def test_no_cell_begins_like_a_formula_wherever_lines_are_split(tmp_path: Path, separator: str) -> None:
    save_answers(tmp_path / "t.csv", ANSWERS)
    text = (tmp_path / "t.csv").read_text("utf-8-sig")
    with (tmp_path / "t.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file, delimiter=separator) for cell in row]
    # And without any regard for quotation marks.
    cells += re.split(f"[{separator}\r\n]", text)
    assert len(cells) > len(ANSWERS)
    assert [cell for cell in cells if starts_formula(cell)] == []


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_spreadsheet_program_finds_no_formula(tmp_path: Path, separator: str) -> None:
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("LibreOffice (soffice) is not installed")
    save_answers(tmp_path / "t.csv", ANSWERS)
    (tmp_path / "control.csv").write_text('"a"\n"=1+1"\n')
    # Separator, quotation mark, UTF-8, from line 1, columns, language, quoted fields are nothing special, find numbers,
    # (two for writing), trim blanks, sheet, evaluate formulas: all that a careless user could turn on.
    options = f"CSV:{ord(separator)},34,76,1,,0,false,true,false,false,true,-1,true"
    home = f"-env:UserInstallation={(tmp_path / 'office').as_uri()}"
    command = [office, home, "--headless", "--convert-to", "xlsx", f"--infilter={options}", "t.csv", "control.csv"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    formula = re.compile(r"<f[ >].*?</f>")
    assert formula.findall(sheet(tmp_path / "control.xlsx")) != []
    assert formula.findall(sheet(tmp_path / "t.xlsx")) == []
    assert sheet(tmp_path / "t.xlsx").count("<row ") > 20


def sheet(book: Path) -> str:
    with zipfile.ZipFile(book) as opened:
        return opened.read("xl/worksheets/sheet1.xml").decode()


@pytest.mark.parametrize(
    ("name", "read"), [("t.json", json.loads), ("t.jsonl", lambda text: [*map(json.loads, text.splitlines())])]
)
def test_json_holds_the_same(tmp_path: Path, name: str, read: Callable[[str], list[dict[str, object]]]) -> None:
    save_answers(tmp_path / name, ANSWERS)
    found = read((tmp_path / name).read_text("ascii"))
    assert [(row["path"], row["label"], row["probability"], row["error"]) for row in found] == [
        (answer.path, answer.label, answer.probability, answer.error) for answer in ANSWERS
    ]
    save_answers(tmp_path / name, [])
    assert read((tmp_path / name).read_text("ascii")) == []


def test_a_table_is_whole_or_not_there(tmp_path: Path) -> None:
    task = saved(tmp_path / "t.csv", ANSWERS)
    assert [next(task) for _ in range(5)] == ANSWERS[:5]
    assert not (tmp_path / "t.csv").exists()
    task.close()
    assert list(tmp_path.iterdir()) == []
    assert list(saved(tmp_path / "t.csv", ANSWERS)) == ANSWERS
    assert read_csv(tmp_path / "t.csv") == ANSWERS
    with pytest.raises(ProjectError, match="cannot be written"):
        save_answers(tmp_path / "gone" / "t.csv", ANSWERS)


def test_another_file_is_no_table_of_answers(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="not a table"):
        read_csv(tmp_path / "t.csv")
