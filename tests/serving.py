"""A server on this computer, in place of those in the world that have weights to download."""

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO


class Handler(http.server.SimpleHTTPRequestHandler):
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

    def copyfile(self, source: IO[bytes], outputfile: IO[bytes]) -> None:  # type: ignore[override]
        with contextlib.suppress(ConnectionError):  # whoever asked has cancelled
            super().copyfile(source, outputfile)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the files of a folder; yields the address."""
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=functools.partial(server.serve_forever, 0.02))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
