"""A system of the school's own, as the demo plays it: it takes our webhooks and checks their signatures."""

from __future__ import annotations

import hmac
import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from outgoing.signature import sign


class WebhookReceiver:
    """Takes webhooks at `url`, and keeps each until somebody asks for it."""

    def __init__(self) -> None:
        self._taken: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        taken = self._taken

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taken.put(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Return where webhooks go to."""
        return f"http://127.0.0.1:{self.server.server_port}/essaycoach"

    def take(self, *, secret: str, within_seconds: float) -> dict[str, Any]:
        """Return the next event. Raises ValueError when none comes in time, or its signature is not the secret's."""
        try:
            headers, body = self._taken.get(timeout=within_seconds)
        except queue.Empty:
            raise ValueError("no webhook has come") from None
        timestamp = int(headers["webhook-timestamp"])
        expected = sign(secret, event_id=headers["webhook-id"], timestamp=timestamp, body=body)
        if not hmac.compare_digest(expected, headers["webhook-signature"]):
            raise ValueError("the signature of a webhook is wrong")
        event: dict[str, Any] = json.loads(body)
        return event


@contextmanager
def run_webhook_receiver() -> Iterator[WebhookReceiver]:
    """Run a receiver while the block runs."""
    receiver = WebhookReceiver()
    thread = Thread(target=receiver.server.serve_forever, name="webhook receiver", daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()
