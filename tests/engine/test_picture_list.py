"""Lists of pictures as spreadsheets, scripts and tired people write them."""

from pathlib import Path

import pytest

from tests.engine.test_survey import found_in, look
from tlstudio import tasks
from tlstudio.core.errors import UnusableImages
from tlstudio.core.events import Inspected, Warned


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    (folder / "list.csv").write_bytes(text.encode(encoding))
    return folder / "list.csv"


def read(path: Path) -> dict[str, tuple[str, str]]:
    """Label and split of each file that a list names and that can be used."""
    return {Path(p.path).name: (p.label, p.split) for p in found_in(path) if not p.refused}


ROWS = [("path", "label", "split"), ("red/1.png", "warm", "train"), ("blue/2.png", "cold", "Validation")]
EXPECTED = {"1.png": ("warm", "train"), "2.png": ("cold", "val")}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_as_spreadsheets_write_it(pictures: Path, delimiter: str, encoding: str, end: str) -> None:
    text = end.join(delimiter.join(row) for row in ROWS) + end
    assert read(write(pictures, text, encoding)) == EXPECTED


@pytest.mark.parametrize(
    "text",
    [
        "red/1.png,warm,train\nblue/2.png,cold,valid\n",
        '"red/1.png","warm","train"\n"blue/2.png", "cold", "val"\n',
        "red\\1.png;warm;train\n.\\blue\\2.png;cold;val\n",
        "\n\nLabel , Split,Path,who\n\nwarm,train, red/1.png,me\n,,,\ncold,VAL,blue/2.png,you\n",
    ],
    ids=["no heading", "quoted", "backslashes", "other order, more columns, empty lines"],
)
def test_as_people_write_it(pictures: Path, text: str) -> None:
    assert read(write(pictures, text)) == EXPECTED


def test_names_with_everything_in_them(pictures: Path) -> None:
    odd = pictures / "red" / 'a, "b"; c\td.png'
    (pictures / "red" / "1.png").rename(odd)
    (pictures / "blue" / "1.png").rename(pictures / "blue" / "Größe.png")
    text = 'path,label\n"red/a, ""b""; c\td.png",warm\nblue/Größe.png,kühl\n' + f"{pictures}/green/1.png,kühl\n"
    assert read(write(pictures, text)) == {odd.name: ("warm", ""), "Größe.png": ("kühl", ""), "1.png": ("kühl", "")}
    assert read(write(pictures, text, "cp1252")) == read(write(pictures, text))


def test_every_bad_line_is_named_with_its_remedy_and_the_good_ones_go_on(pictures: Path) -> None:
    lines = [
        "path,label,split",
        "red/1.png,warm,train",
        "red/2.png,warm,sideways",
        "red/3.png,,train",
        ",warm,train",
        "red/gone.png,warm,",
        "red/4.png,warm",
        "blue/1.png,cold,val",
        "blue/2.png,cold,val",
        "blue/2.png,warm,val",
        "blue/3.png,cold,train",
        "blue/3.png,cold,test",
        "red/5.png",
        "green,leafy",
    ]
    seen = look(write(pictures, "\n".join(lines)))
    assert (seen.found, seen.read) == (11, 3)
    reasons = {str(Path(r["path"]).relative_to(pictures)): r["reason"] for r in seen.refused}
    assert reasons == {
        "red/2.png": "list.csv line 3: the split 'sideways' is unknown. Write train, val or test, or nothing.",
        "red/3.png": "list.csv line 4: it gives no label. Add it, or remove the line.",
        "list.csv line 5": "list.csv line 5: it names no file. Add the path, or remove the line.",
        "red/gone.png": "list.csv line 6: No such file. Correct the path, or remove the line.",
        "blue/2.png": "list.csv line 10: called 'warm' here, 'cold' in line 9. Keep one of the two lines.",
        "blue/3.png": "list.csv line 12: put into 'test' here, 'train' in line 11. Keep one of the two lines.",
        "red/5.png": "list.csv line 13: it gives no label. Add it, or remove the line.",
        "green": "list.csv line 14: it names a folder. Name each picture in it on a line of its own.",
    }


def test_a_file_named_twice_counts_once_and_is_said(pictures: Path) -> None:
    lines = ["path,label,split", "red/1.png,warm,", "blue/2.png,cold,", "red/1.png,warm,train", "red\\1.png,warm,"]
    path = write(pictures, "\n".join(lines))
    first, *_, seen = tasks.inspect(path)
    assert first == Warned("list.csv names files a second time in line 4, 5; each file counts once.")
    assert isinstance(seen, Inspected)
    assert (seen.found, seen.read) == (2, 2)
    assert read(path) == {"1.png": ("warm", "train"), "2.png": ("cold", "")}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"is not a list of pictures\. Its first line should be path,label"),
        (b"path,label\n", "is not a list of pictures"),
        (b"\xff\xfe", "is not a list of pictures"),
        (b"file;class\n1;2", "names no file that is there"),
        (b"path,label\n,a", "names no file that is there"),
        (b"path,label\n" + b"x" * 5000 + b",a", "names no file that is there"),
        (b"\x89PNG\r\n\x1a\n\x00\x81\x8d", "is not text"),
        (b"path,label\n" + b'"' + b"x" * 200_000, "cannot be read as a table"),
    ],
)
def test_what_is_no_list_says_how_one_begins(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(UnusableImages, match=sentence):
        found_in(tmp_path / "list.csv")
