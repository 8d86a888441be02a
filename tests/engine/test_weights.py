import functools
import hashlib
import http.server
import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tlstudio import tasks
from tlstudio.core import backbones
from tlstudio.core.backbones import Backbone
from tlstudio.core.errors import MissingWeights, RefusedWeights, TLStudioError
from tlstudio.core.events import WeightsFound
from tlstudio.engine import network as networks
from tlstudio.engine import weights


def test_known_weights_are_imported_and_used(tiny_backbone: Backbone, tmp_path: Path) -> None:
    place = weights.locate(tiny_backbone)
    place.rename(tmp_path / "from-a-stick.bin")
    with pytest.raises(MissingWeights, match=r"tiny\.pth"):
        networks.build("tiny", 2, pretrained=True)
    (found,) = tasks.weights_import(tmp_path / "from-a-stick.bin")
    assert found == WeightsFound("tiny", "tiny.pth", str(place), place.stat().st_size, weights.digest(place), "none")
    assert networks.build("tiny", 2, pretrained=True).running_statistics()["bn1.running_mean"].abs().sum() > 0


def test_unknown_or_changed_weights_are_refused(tiny_backbone: Backbone, tmp_path: Path) -> None:
    (tmp_path / "other.pth").write_bytes(b"other")
    with pytest.raises(RefusedWeights, match="no weights file TL Studio knows"):
        list(tasks.weights_import(tmp_path / "other.pth"))
    with pytest.raises(RefusedWeights, match="No such file"):
        list(tasks.weights_import(tmp_path / "gone.pth"))
    place = weights.locate(tiny_backbone)
    place.write_bytes(place.read_bytes() + b"!")
    with pytest.raises(RefusedWeights, match="not the tiny weights"):
        networks.build("tiny", 2, pretrained=True)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("exploded"),))  # type: ignore[return-value]


def test_even_a_file_of_known_digest_is_not_unpickled(
    tiny_backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = weights.locate(tiny_backbone)
    place.write_bytes(pickle.dumps(Bomb(), protocol=2))
    known = replace(tiny_backbone.weights, sha256=weights.digest(place))
    monkeypatch.setitem(backbones.BACKBONES, "tiny", replace(tiny_backbone, weights=known))
    with pytest.raises(RefusedWeights) as refused:
        networks.build("tiny", 2, pretrained=True)
    assert not (tmp_path / "exploded").exists()
    assert "weights_only" not in str(refused.value)  # torch's text tells how to switch the protection off


def test_the_embedded_weights_are_found_without_anybody_asking() -> None:
    found = {e.backbone: e.path for e in tasks.weights_list() if isinstance(e, WeightsFound)}
    assert found["efficientnet_lite0"]
    assert found["resnet18"] is None


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves a file and, as real servers do, the rest of it when asked for a range."""

    def send_head(self) -> object:  # type: ignore[override]
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return None
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        file = path.open("rb")
        file.seek(start)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(path.stat().st_size - start))
        self.end_headers()
        return file

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "served").mkdir()
    handler = functools.partial(Server, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_fetching_goes_on_where_it_broke_off_and_checks(
    tiny_backbone: Backbone, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = weights.locate(tiny_backbone)
    data = place.read_bytes()
    place.unlink()
    (tmp_path / "served" / "tiny.pth").write_bytes(data)
    served = replace(tiny_backbone, weights=replace(tiny_backbone.weights, url=f"{address}/tiny.pth"))
    monkeypatch.setitem(backbones.BACKBONES, "tiny", served)
    partial = place.with_name("tiny.pth.part")
    partial.write_bytes(data[:1000])
    list(tasks.weights_fetch("tiny"))
    assert place.read_bytes() == data
    assert not partial.exists()

    place.unlink()
    (tmp_path / "served" / "tiny.pth").write_bytes(data[:-1] + b"?")
    with pytest.raises(RefusedWeights, match="not the file expected"):
        list(tasks.weights_fetch("tiny"))
    assert not place.exists()
    assert not partial.exists()

    (tmp_path / "served" / "tiny.pth").unlink()
    with pytest.raises(TLStudioError, match="404"):
        list(tasks.weights_fetch("tiny"))


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"])
def test_every_name_of_the_wheel_has_its_place(name: str) -> None:
    spec = backbones.backbone(name)
    if name != "efficientnet_lite0":
        pytest.importorskip(spec.weights.package)
    state = networks.upstream_state(spec)
    assert set(state) == set(networks.assemble(spec, 1000).model.state_dict())
    assert hashlib.sha256(weights.locate(spec).read_bytes()).hexdigest() == spec.weights.sha256
    assert all(torch.isfinite(v).all() for v in state.values())


def test_a_digest_of_which_only_the_first_digits_are_published_says_so() -> None:
    known = backbones.backbone("regnet_y_400mf").weights
    assert known.check == "checked against the first 8 digits of its SHA-256, all that its publisher gives"
    assert known.is_digest("e6988f5f" + "0" * 56)
    assert not known.is_digest("e6988f50" + "0" * 56)
    assert not known.is_digest("e6988f5f")  # no whole digest
    assert backbones.backbone("resnet50").weights.check == "checked against its SHA-256"
    with pytest.raises(ValueError, match="no SHA-256"):
        replace(known, sha256="")
    short = [spec.name for spec in backbones.BACKBONES.values() if len(spec.weights.sha256) < 64]
    assert short == ["regnet_y_400mf"]
