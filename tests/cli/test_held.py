"""A project that another program has open: who only reads may, who would change it is told who has it."""

import os
import socket
from pathlib import Path

from tests.conftest import Tlstudio
from tlstudio.core.backbones import Backbone
from tlstudio.core.project import Project

QUICK = ("--backbone", "tiny", "--strategy", "feature-extraction", "--epochs", 1)


def test_who_only_reads_may_and_who_writes_is_told(
    here: Tlstudio, pictures: Path, tmp_path: Path, tiny_backbone: Backbone
) -> None:
    mine, model = tmp_path / "mine", tmp_path / "mine.tlmodel"
    assert here("train", pictures, "--project", mine, "--model", model, *QUICK).status == 0
    with Project.open(mine, "tlstudio train") as holder:
        for reading in (["inspect", mine], ["evaluate", model, mine], ["advise", mine, "--backbone", "tiny"]):
            done = here(*reading)
            assert (done.status, done.err) == (0, ""), reading
        writing = (["train", mine, *QUICK], ["demo", "--project", mine], ["replay", holder.runs()[0].folder])
        for verb in writing:
            refused = here(*verb)
            assert refused.status == 1
            (said,) = refused.err.splitlines()
            who = f"tlstudio train, process {os.getpid()} on {socket.gethostname()}, since "
            assert said.startswith(f"tlstudio: {mine}: the project is open in another TL Studio ({who}")
            assert said.endswith("). Close it there, or use another project.")
    assert here("train", mine, *QUICK).status == 0
