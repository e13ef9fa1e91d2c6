"""A web server that fails on demand."""

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JPEG = b"\xff\xd8\xff"
"""How a photo begins; what is asked of a server is a photo if it does."""


class Server(ThreadingHTTPServer):
    """Answers from a table of pages; some fail first, and it counts what it was asked."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.pages: dict[str, bytes] = {}
        self.failures: dict[str, list[int]] = {}
        self.always: dict[str, int] = {}
        self.moved: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0
        self.sent = 0
        self.delay = 0.0
        self.lock = threading.Lock()

    def photos(self, label: str, *numbers: int, base: str = "") -> None:
        for number in numbers:
            self.pages[f"{base}/{label}/{number:08d}.jpg"] = JPEG + f"{label} {number}".encode()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        with server.lock:
            server.asked[self.path] += 1
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            failures = server.failures.get(self.path)
            status = failures.pop(0) if failures else server.always.get(self.path, 200)
        try:
            time.sleep(server.delay)
            self._answer(status)
        finally:
            with server.lock:
                server.at_once -= 1

    def _answer(self, status: int) -> None:
        page = self.server.pages.get(self.path)
        if status == 0:  # hang up in the middle
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"only this")
            return
        if self.path in self.server.moved:
            self.send_response(302)
            self.send_header("Location", self.server.moved[self.path])
        else:
            self.send_response(404 if status == 200 and page is None else status)
        self.end_headers()
        if status == 200 and page is not None:
            self._send(page)

    def _send(self, page: bytes) -> None:
        try:
            for start in range(0, len(page), 1_000_000):
                self.wfile.write(page[start : start + 1_000_000])
                self.server.sent += 1
        except OSError:
            pass  # the reader has seen enough

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
