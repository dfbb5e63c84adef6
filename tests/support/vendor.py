"""A fake of Anthropic's Messages API: a real HTTP server for the real SDK, with behaviour that the test scripts.

Run `python tests/support/vendor.py --port 0` (prints one JSON line with its base_url) or use `FakeVendor` as a context
manager. `POST /v1/messages` answers from the request alone, with schema-valid feedback whose quotes come from the essay.
`POST /control` sets the script, `GET /control` returns the counters. The module imports nothing of the project.

With `stream` the answer comes as server-sent events: `message_start` after the share `begins_after` of the latency, the
rest at its end. `/v1/messages/batches` takes batches at half price. Their results are ready after `batch_looks` polls.
The behaviours scripted for a pass decide the results; those scripted for the pass "batches" decide the calls about batches.

The prompt cache works as documented: a prefix ends at each `cache_control` block and includes model, thinking and output
format. It lives five minutes from its last use. It becomes readable when its first answer begins (streamed: with
`message_start`, otherwise after the latency). Prefixes below 512 tokens are not cached. A token counts as four characters.
A call that is reset or hangs is not billed. A stream that breaks after its beginning is billed for the usage in
`message_start`.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import os
import re
import signal
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_ERRORS = {
    "rate_limited": (429, "rate_limit_error", None),
    "budget_spent": (429, "rate_limit_error", "enforced_spend_limit_reached"),
    "server_error": (500, "api_error", None),
    "overloaded": (529, "overloaded_error", None),
    "bad_request": (400, "invalid_request_error", None),
    "unauthorised": (401, "authentication_error", None),
    "forbidden": (403, "permission_error", None),
    "not_found": (404, "not_found_error", None),
    "too_large": (413, "request_too_large", None),
}
_INSIDE_200 = ("ok", "obey", "truncated", "refusal", "context_exceeded", "invalid_json", "wrong_schema", "html")
_BROKEN_STREAMS = ("overloaded_stream", "cut_stream")  # for calls that do not stream: "overloaded" and "reset"
_BATCH_ENDS = ("expired", "canceled")  # of a request in a batch; for other calls: "ok"
BEHAVIOURS = frozenset((*_ERRORS, *_INSIDE_200, *_BROKEN_STREAMS, *_BATCH_ENDS, "reset", "hang"))
BATCHES = "batches"
_HTML = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
_CACHE_SECONDS = 300.0
_CACHE_MINIMUM_TOKENS = 512
_UNSUPPORTED = frozenset(
    ("minimum", "maximum", "multipleOf", "minLength", "maxLength", "maxItems", "uniqueItems", "oneOf")
)


@dataclass(frozen=True)
class Step:
    """One scripted answer."""

    behaviour: str = "ok"
    latency_seconds: float | None = None
    retry_after: str = "2"

    def __post_init__(self) -> None:
        if self.behaviour not in BEHAVIOURS:
            raise ValueError(f"unknown behaviour {self.behaviour!r}; known: {', '.join(sorted(BEHAVIOURS))}")


@dataclass
class _Batch:
    requests: list[dict[str, Any]]
    looks_left: int
    results: list[str] | None = None


@dataclass
class _State:
    lock: threading.Lock = field(default_factory=threading.Lock)
    latency_seconds: float = 0.0
    begins_after: float = 0.15
    streams: bool = True
    fate: str = "persisting"
    remarks: tuple[dict[str, Any], ...] = ()
    batch_looks: int = 0
    batches: dict[str, _Batch] = field(default_factory=dict)
    billed: list[dict[str, Any]] = field(default_factory=list)
    queues: dict[str, collections.deque[Step]] = field(
        default_factory=lambda: collections.defaultdict(collections.deque)
    )
    always: dict[str, Step] = field(default_factory=dict)
    cache: dict[str, tuple[float, float]] = field(default_factory=dict)  # readable since and until
    calls: int = 0
    running: int = 0
    behaviours: collections.Counter[str] = field(default_factory=collections.Counter)
    passes: collections.Counter[str] = field(default_factory=collections.Counter)
    tokens: collections.Counter[str] = field(default_factory=collections.Counter)
    requests: collections.deque[dict[str, Any]] = field(default_factory=lambda: collections.deque(maxlen=200))
    stopping: threading.Event = field(default_factory=threading.Event)
    watch: Callable[[str], None] = lambda _: None

    def next_step(self, pass_name: str) -> Step:
        for key in (pass_name, ""):
            if self.queues[key]:
                return self.queues[key].popleft()
        return self.always.get(pass_name) or self.always.get("") or Step()


class FakeVendor:
    """A fake vendor on a thread: `with FakeVendor() as vendor:`, then point the SDK at `vendor.base_url`."""

    def __init__(
        self, *, port: int = 0, latency_seconds: float = 0.0, begins_after: float = 0.15, streams: bool = True
    ) -> None:
        self._state = _State(latency_seconds=latency_seconds, begins_after=begins_after, streams=streams)
        self._server = _Server(("127.0.0.1", port), _Handler, self._state)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FakeVendor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._state.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def script(self, *steps: str | Step, pass_name: str = "") -> None:
        """Set the answers to the next calls (of this pass), in this order."""
        with self._state.lock:
            self._state.queues[pass_name].extend(step if isinstance(step, Step) else Step(step) for step in steps)

    def always(self, step: str | Step, *, pass_name: str = "") -> None:
        """Set the answer to every call (of this pass) without a scripted one."""
        with self._state.lock:
            self._state.always[pass_name] = step if isinstance(step, Step) else Step(step)

    def watch(self, reported: Callable[[str], None]) -> None:
        """Call `reported` with the essay of every call from now on, before the call is answered."""
        self._state.watch = reported

    def counters(self) -> dict[str, Any]:
        """Return the counters since the start or the last reset."""
        return _counters(self._state)

    @property
    def billed(self) -> list[dict[str, Any]]:
        """Return the tokens of every billed call in order: {"pass", "batch", "input", "cache_write", …}."""
        with self._state.lock:
            return list(self._state.billed)

    def cost(self, prices: dict[str, float]) -> float:
        """Return the total cost with these prices per token of each kind. Batches cost half."""
        return sum(
            price * int(call[kind]) * (0.5 if call["batch"] else 1.0)
            for call in self.billed
            for kind, price in prices.items()
        )

    def say(self, fate: str) -> None:
        """Set the resolution that the vendor gives for every earlier comment it is asked about."""
        self._state.fate = fate

    def remark(self, *remarks: dict[str, Any]) -> None:
        """Set the comments of every answer: each with its "quote", and "kind", "type" and "suggestions" where they matter."""
        self._state.remarks = remarks

    def set_batch_looks(self, looks: int) -> None:
        """Let new batches be in progress for so many polls before they end."""
        self._state.batch_looks = looks

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Return the bodies of the last 200 calls, oldest first."""
        with self._state.lock:
            return list(self._state.requests)

    def set_latency(self, seconds: float) -> None:
        """Set the latency of every answer without its own latency."""
        with self._state.lock:
            self._state.latency_seconds = seconds

    def forget_script(self) -> None:
        """Drop all scripted answers: every call succeeds from now on."""
        with self._state.lock:
            self._state.queues.clear()
            self._state.always.clear()

    def forget_cache(self) -> None:
        """Empty the prompt cache."""
        with self._state.lock:
            self._state.cache.clear()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    # Port 0 picks a free port. Address reuse is off, so that two vendors never share a port unnoticed.
    allow_reuse_address = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], state: _State) -> None:
        self.state = state
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, because the counters report."""

    def do_GET(self) -> None:
        if self.path.startswith("/v1/messages/batches/"):
            return self._look(self.path.removeprefix("/v1/messages/batches/"))
        if self.path != "/control":
            return self._json(404, {"error": "not here"})
        self._json(200, _counters(self.server.state))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/control":
            return self._control(json.loads(body))
        path = self.path.partition("?")[0]
        if path not in ("/v1/messages", "/v1/messages/batches"):
            return self._json(404, _error("not_found_error"))
        if not (
            self.headers.get("x-api-key") or self.headers.get("authorization")
        ):  # SDK 2 sends the key as a bearer token
            return self._json(401, _error("authentication_error"))
        call = json.loads(body)
        if path == "/v1/messages/batches":
            return self._batch(call)
        complaint = _unacceptable(call)
        if complaint:
            return self._json(400, _error("invalid_request_error", message=complaint))
        with self.server.state.lock:
            self.server.state.running += 1
        try:
            self._message(call)
        finally:
            with self.server.state.lock:
                self.server.state.running -= 1

    def _message(self, call: dict[str, Any]) -> None:
        state = self.server.state
        arrived = time.monotonic()
        pass_name = _pass_of(call)
        with state.lock:
            step = state.next_step(pass_name)
            state.calls += 1
            state.behaviours[step.behaviour] += 1
            state.passes[pass_name] += 1
            state.requests.append(call)
            latency = state.latency_seconds if step.latency_seconds is None else step.latency_seconds
            streamed = bool(call.get("stream")) and state.streams
        state.watch(_essay_of(call))
        if streamed and step.behaviour in (*_INSIDE_200, *_BROKEN_STREAMS, *_BATCH_ENDS) and step.behaviour != "html":
            return self._stream(call, step.behaviour, latency=latency, arrived=arrived)
        if not self._slept(latency):
            return None
        if step.behaviour in _BROKEN_STREAMS:
            step = Step("overloaded" if step.behaviour == "overloaded_stream" else "reset")
        if step.behaviour == "hang":
            state.stopping.wait(3600)
            self.close_connection = True
        elif step.behaviour == "html":
            self._send(200, _HTML, content_type="text/html; charset=utf-8")
        elif step.behaviour in _ERRORS:
            status, kind, code = _ERRORS[step.behaviour]
            headers = {"retry-after": step.retry_after} if step.behaviour == "rate_limited" else {}
            self._json(status, _error(kind, code=code), headers=headers)
        elif step.behaviour == "reset":
            self._reset(json.dumps(_answer(call, "ok")).encode())
        else:
            answer = _answer(call, step.behaviour, fate=state.fate, remarks=state.remarks)
            with state.lock:
                usage = _usage(state, call, answer, arrived=arrived)
                _bill(state, call, usage)
            answer["usage"] = _usage_body(usage)
            self._json(200, answer)

    def _slept(self, seconds: float) -> bool:
        if seconds > 0 and self.server.state.stopping.wait(seconds):
            self.close_connection = True
            return False
        return True

    def _stream(self, call: dict[str, Any], behaviour: str, *, latency: float, arrived: float) -> None:
        state = self.server.state
        if not self._slept(latency * state.begins_after):
            return None
        answer = _answer(call, behaviour, fate=state.fate, remarks=state.remarks)
        with state.lock:
            usage = _usage(state, call, answer, arrived=arrived)
            if behaviour in _BROKEN_STREAMS:
                usage["output"] = 1
            _bill(state, call, usage)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.send_header("request-id", f"req_{uuid.uuid4().hex[:16]}")
        self.end_headers()
        begun = {**answer, "content": [], "stop_reason": None, "usage": {**_usage_body(usage), "output_tokens": 1}}
        self._event("message_start", message=begun)
        if not self._slept(latency * (1 - state.begins_after)):
            return None
        text = answer["content"][0]["text"]
        self._event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        self._event("ping")
        third = len(text) // 3 + 1
        for at in range(0, len(text), third):
            self._event("content_block_delta", index=0, delta={"type": "text_delta", "text": text[at : at + third]})
            if behaviour == "overloaded_stream":
                self._event("error", error={"type": "overloaded_error", "message": "told to fail"})
            if behaviour in _BROKEN_STREAMS:
                return self._chunk(b"")
        self._event("content_block_stop", index=0)
        ending = {"stop_reason": answer["stop_reason"], "stop_sequence": None}
        self._event("message_delta", delta=ending, usage={"output_tokens": usage["output"]})
        self._event("message_stop")
        self._chunk(b"")

    def _event(self, kind: str, **fields: object) -> None:
        data = json.dumps({"type": kind, **fields}, ensure_ascii=False)
        self._chunk(f"event: {kind}\ndata: {data}\n\n".encode())

    def _chunk(self, body: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
        self.wfile.flush()

    def _send_scripted_error(self) -> bool:
        """Answer a call about a batch with the error scripted for such calls, if there is one."""
        state = self.server.state
        with state.lock:
            queue = state.queues[BATCHES]
            step = queue.popleft() if queue else state.always.get(BATCHES)
        if step is None or step.behaviour not in _ERRORS:
            return False
        status, kind, code = _ERRORS[step.behaviour]
        headers = {"retry-after": step.retry_after} if step.behaviour == "rate_limited" else {}
        self._json(status, _error(kind, code=code), headers=headers)
        return True

    def _batch(self, wish: dict[str, Any]) -> None:
        if self._send_scripted_error():
            return
        state = self.server.state
        name = f"msgbatch_{uuid.uuid4().hex[:20]}"
        with state.lock:
            state.batches[name] = _Batch(wish["requests"], looks_left=state.batch_looks)
        self._json(200, _batch_body(name, ended=False))

    def _look(self, path: str) -> None:
        if self._send_scripted_error():
            return None
        state = self.server.state
        name, _, rest = path.partition("/")
        with state.lock:
            batch = state.batches.get(name)
            if batch is not None and batch.looks_left <= 0 and batch.results is None:
                batch.results = [_result(state, one) for one in batch.requests]
            if batch is not None and not rest:
                batch.looks_left -= 1
        if batch is None or (rest and (rest != "results" or batch.results is None)):
            return self._json(404, _error("not_found_error"))
        if not rest:
            return self._json(200, _batch_body(name, ended=batch.results is not None))
        self._send(
            200, "".join(line + "\n" for line in batch.results or ()).encode(), content_type="application/binary"
        )

    def _control(self, wish: dict[str, Any]) -> None:
        """Apply {"reset", "latency_seconds", "script": [...], "always", "pass", "begins_after", "streams", "fate", "batch_looks"}.

        A step is the name of a behaviour or the fields of Step.
        """
        state = self.server.state
        key = wish.get("pass") or ""
        try:
            steps = [_step(item) for item in wish.get("script", [])]
            always = _step(wish["always"]) if "always" in wish else None
        except (TypeError, ValueError) as error:
            return self._json(400, {"error": str(error)})
        with state.lock:
            if wish.get("reset"):
                state.queues.clear()
                state.always.clear()
                state.cache.clear()
                state.requests.clear()
                state.calls = 0
                state.billed.clear()
                state.batches.clear()
                for counter in (state.behaviours, state.passes, state.tokens):
                    counter.clear()
            if "latency_seconds" in wish:
                state.latency_seconds = float(wish["latency_seconds"])
            for name in ("begins_after", "streams", "fate", "batch_looks"):
                if name in wish:
                    setattr(state, name, wish[name])
            state.queues[key].extend(steps)
            if always is not None:
                state.always[key] = always
        self._json(200, {"ok": True})

    def _json(self, status: int, body: object, *, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(body).encode(), content_type="application/json", headers=headers)

    def _send(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str,
        headers: dict[str, str] | None = None,
        claim: int | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body) if claim is None else claim))
        self.send_header("request-id", f"req_{uuid.uuid4().hex[:16]}")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _reset(self, body: bytes) -> None:
        self._send(200, body[: len(body) // 2], content_type="application/json", claim=len(body))
        # Linger 0 turns the close into a TCP reset. The descriptor is detached so that no orderly shutdown comes first.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        os.close(self.connection.detach())


def _step(item: str | dict[str, Any]) -> Step:
    return Step(item) if isinstance(item, str) else Step(**item)


def _counters(state: _State) -> dict[str, Any]:
    with state.lock:
        return {
            "calls": state.calls,
            "running": state.running,
            "behaviours": dict(state.behaviours),
            "passes": dict(state.passes),
            "tokens": {kind: state.tokens[kind] for kind in ("input", "cache_write", "cache_read", "output")},
            "batches": len(state.batches),
        }


def _error(kind: str, *, code: str | None = None, message: str = "told to fail") -> dict[str, Any]:
    error: dict[str, Any] = {"type": kind, "message": message}
    if code:
        error["details"] = {"error_code": code}
    return {"type": "error", "error": error, "request_id": "req_fake"}


def _unacceptable(call: dict[str, Any]) -> str:
    """Return why the real API would refuse this request, or the empty string."""
    for name in ("model", "max_tokens", "messages"):
        if name not in call:
            return f"{name}: Field required"
    thinking = (call.get("thinking") or {}).get("type")
    if thinking == "disabled" and call["model"] == "claude-sonnet-5-5":
        return "thinking: use between_tools"
    if thinking == "between_tools" and call["model"] != "claude-sonnet-5-5":
        return "thinking: between_tools is not supported by this model"
    if sum("cache_control" in block for block in _blocks(call)) > 4:
        return "a maximum of 4 blocks with cache_control may be provided"
    for node in _nodes(_schema(call)):
        if node.get("type") == "object" and node.get("additionalProperties") is not False:
            return "output_config.format.schema: additionalProperties must be false"
        found = _UNSUPPORTED & node.keys()
        if found and "properties" not in found:
            return f"output_config.format.schema: {min(found)} is not supported"
    return ""


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from _nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _nodes(value)


def _schema(call: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = ((call.get("output_config") or {}).get("format") or {}).get("schema") or {}
    return schema


def _blocks(call: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the text blocks of a call in the order of the prompt cache."""
    system = call.get("system") or []
    yield from ([{"type": "text", "text": system}] if isinstance(system, str) else system)
    for message in call["messages"]:
        content = message["content"]
        yield from ([{"type": "text", "text": content}] if isinstance(content, str) else content)


def _tail(call: dict[str, Any]) -> str:
    content = call["messages"][-1]["content"]
    return content if isinstance(content, str) else "\n".join(block.get("text", "") for block in content)


def _pass_of(call: dict[str, Any]) -> str:
    found = re.search(r"reading: (\w+)", _tail(call))
    return found[1] if found else "unknown"


def _essay_of(call: dict[str, Any]) -> str:
    for block in _blocks(call):
        for line in block.get("text", "").splitlines():
            if line.startswith("{") and '"text"' in line:
                essay = json.loads(line)
                if "paragraphs" in essay:
                    return "\n\n".join(one["text"] for one in essay["paragraphs"] if "text" in one)
                if isinstance(essay.get("text"), str):
                    return str(essay["text"])
    return ""


def _tokens(text: str) -> int:
    return len(text) // 4 + 1


def _usage(state: _State, call: dict[str, Any], answer: dict[str, Any], *, arrived: float) -> dict[str, int]:
    form = json.dumps([call["model"], call.get("thinking"), _schema(call)])
    digest = hashlib.sha256(form.encode())
    total = _tokens(form)
    now = time.monotonic()
    read = written = 0
    ends: list[str] = []
    for block in _blocks(call):
        digest.update(b"\0" + block.get("text", "").encode("utf-8", "surrogatepass"))
        total += _tokens(block.get("text", ""))
        if "cache_control" in block and total >= _CACHE_MINIMUM_TOKENS:
            key = digest.hexdigest()
            ends.append(key)
            written = total
            since, until = state.cache.get(key, (now, 0.0))
            if since <= arrived < until:
                read = total
    for key in ends:
        since, until = state.cache.get(key, (now, 0.0))
        state.cache[key] = (since if until > now else now, now + _CACHE_SECONDS)
    output = sum(_tokens(block["text"]) for block in answer["content"])
    return {"input": total - written, "cache_write": written - read, "cache_read": read, "output": output}


def _bill(state: _State, call: dict[str, Any], usage: dict[str, int], *, batch: bool = False) -> None:
    state.tokens.update(usage)
    state.billed.append({"pass": _pass_of(call), "batch": batch, **usage})


def _usage_body(usage: dict[str, int]) -> dict[str, int]:
    return {
        "input_tokens": usage["input"],
        "cache_creation_input_tokens": usage["cache_write"],
        "cache_read_input_tokens": usage["cache_read"],
        "output_tokens": usage["output"],
    }


def _batch_body(name: str, *, ended: bool) -> dict[str, Any]:
    return {
        "id": name,
        "type": "message_batch",
        "processing_status": "ended" if ended else "in_progress",
        "created_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-02T00:00:00Z",
        "results_url": f"https://not-here.invalid/v1/messages/batches/{name}/results" if ended else None,
    }


def _result(state: _State, request: dict[str, Any]) -> str:
    """Return one result line of a batch. A request that the direct API would refuse gets an error result."""
    call = request["params"]
    step = state.next_step(_pass_of(call))
    state.passes[_pass_of(call)] += 1
    state.behaviours[step.behaviour] += 1
    state.requests.append(call)
    complaint = _unacceptable(call)
    if complaint:
        result: dict[str, Any] = {"type": "errored", "error": _error("invalid_request_error", message=complaint)}
    elif step.behaviour in _BATCH_ENDS:
        result = {"type": step.behaviour}
    elif step.behaviour in _ERRORS:
        _, kind, code = _ERRORS[step.behaviour]
        result = {"type": "errored", "error": _error(kind, code=code)}
    else:
        answer = _answer(call, step.behaviour, fate=state.fate, remarks=state.remarks)
        usage = _usage(state, call, answer, arrived=time.monotonic())
        _bill(state, call, usage, batch=True)
        answer["usage"] = _usage_body(usage)
        result = {"type": "succeeded", "message": answer}
    return json.dumps({"custom_id": request["custom_id"], "result": result}, ensure_ascii=False)


def _answer(
    call: dict[str, Any], behaviour: str, *, fate: str = "persisting", remarks: tuple[dict[str, Any], ...] = ()
) -> dict[str, Any]:
    writer = _Writer(call, obeys=behaviour == "obey", fate=fate, remarks=remarks)
    text = json.dumps(writer.value(_schema(call)), ensure_ascii=False)
    stop_reason = "end_turn"
    if behaviour in ("truncated", "context_exceeded"):
        text = text[: len(text) // 2]
        stop_reason = "max_tokens" if behaviour == "truncated" else "model_context_window_exceeded"
    elif behaviour == "refusal":
        text, stop_reason = "I can't help with that.", "refusal"
    elif behaviour == "invalid_json":
        text = "Here is the feedback you asked for: {comments: none"
    elif behaviour == "wrong_schema":
        text = json.dumps({"comments": [{"type": "nonsense", "score": 100}], "total": 100})
    return {
        "id": f"msg_{uuid.uuid4().hex[:20]}",
        "type": "message",
        "role": "assistant",
        "model": call["model"],
        "content": [{"type": "text", "text": text}],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }


class _Writer:
    """Fills any JSON schema with feedback: words of the essay for quotes, plain sentences elsewhere."""

    def __init__(self, call: dict[str, Any], *, obeys: bool, fate: str, remarks: tuple[dict[str, Any], ...]) -> None:
        self._schema = _schema(call)
        self._remarks = remarks
        self._fate = fate
        self._asked = _asked_about(call)
        self._pass = _pass_of(call)
        self._system = "\n".join(block.get("text", "") for block in _blocks(call))
        self._instructions = _tail(call) + _section(self._system, self._pass)
        essay = _essay_of(call)
        self._orders = _orders(essay) if obeys else []
        self._spots = _spots(essay, count=3)
        self._spot: tuple[str, str, str] = ("", "", "")

    def value(self, schema: dict[str, Any], *, key: str = "", turn: int = 0) -> Any:
        if "$ref" in schema:
            return self.value(self._schema["$defs"][schema["$ref"].rpartition("/")[2]], key=key, turn=turn)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            # As a model would, choose among the allowed values those that the message names, if it names any.
            named = [word for word in schema["enum"] if f"`{word}`" in self._instructions] or schema["enum"]
            return named[0] if self._orders else named[turn % len(named)]
        if "anyOf" in schema:
            return self.value(schema["anyOf"][turn % len(schema["anyOf"])], key=key, turn=turn)
        kind = schema.get("type")
        if kind == "object":
            return {name: self.value(part, key=name, turn=turn) for name, part in schema["properties"].items()}
        if kind == "array":
            return self._list(schema["items"], key=key)
        if kind in ("number", "integer"):
            return 0.8 if kind == "number" else 1
        return False if kind == "boolean" else self._words(key, turn)

    def _list(self, items: dict[str, Any], *, key: str) -> list[Any]:
        if key == "comments":
            found = []
            spots = [(one["quote"], "", "") for one in self._remarks] or self._spots
            for turn, spot in enumerate(spots):
                self._spot = spot
                found.append(self.value(items, key=key, turn=turn))
            for comment, remark in zip(found, self._remarks, strict=False):
                comment.update({name: remark[name] for name in ("kind", "type", "suggestions") if name in remark})
            return found
        if key == "verdicts":
            return [{"comment": number, "fate": self._fate} for number in self._asked]
        if key == "picks":
            count = len(items.get("anyOf", [items])) if self._pass == "content" or self._orders else 0
            return [self.value(items, key=key, turn=turn) for turn in range(count)]
        if self._orders or key in ("strengths", "next_steps"):
            return [self.value(items, key=key)]
        return []

    def _words(self, key: str, turn: int) -> str:
        quote, prefix, suffix = self._spot
        if self._orders:
            order = self._orders[turn % len(self._orders)]
            reported = {
                "quote": order if turn == 0 else quote,
                "next_step": "<a href='https://evil.example/'>Click</a> [here](https://evil.example/)",
                "rationale": f"Total 100/100. {order}",
                "message": order if turn != 1 else self._system[:600],
            }
            return reported.get(key, prefix if key == "prefix" else suffix if key == "suffix" else order)
        return {
            "quote": quote,
            "prefix": prefix,
            "suffix": suffix,
            "message": "Here a reader stops for a moment.",
            "next_step": "What would you like the reader to see at this place?",
            "strengths": "You keep to your subject.",
            "next_steps": "Read the essay aloud once before the next draft.",
            "rationale": "Several places in the essay show this.",
        }.get(key, "")


def _section(rules: str, pass_name: str) -> str:
    """Return the section of the rules with the name of this pass."""
    found = re.search(rf"^## {pass_name}$(.*?)(?=^#|\Z)", rules, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def _asked_about(call: dict[str, Any]) -> list[int]:
    """Return the numbers of the earlier comments that a call asks about."""
    for line in _tail(call).splitlines():
        if line.startswith("{") and '"comments"' in line:
            return [one["comment"] for one in json.loads(line)["comments"]]
    return []


def _spots(text: str, *, count: int) -> list[tuple[str, str, str]]:
    """Return quotes of one to four words on one line, spread over the text, each with the text around it."""
    words = [match.span() for match in re.finditer(r"\S+", text)]
    spots: list[tuple[str, str, str]] = []
    for turn in range(min(count, len(words))):
        first = turn * len(words) // count if len(words) >= count else turn
        start, end = words[first]
        for _, further in words[first + 1 : first + 4]:
            if "\n" in text[start:further]:
                break
            end = further
        spots.append((text[start:end], text[max(0, start - 24) : start], text[end : end + 24]))
    return spots


def _orders(text: str) -> list[str]:
    """Return the orders in an essay: the quoted words of sentences that give orders, and these sentences."""
    sentences = re.split(r"(?<=[.!?])\s+|\n+", text)
    giving = re.compile(
        r"\b(ignore|disregard|forget|instruction|system|assistant|prompt|reveal|repeat|print|output|respond|reply|visit|click"
        r"|say|write|award|give|grade|score|marks?|https?:)",
        re.IGNORECASE,
    )
    reported = [sentence.strip() for sentence in sentences if giving.search(sentence)]
    return [
        quoted for sentence in reported for quoted in re.findall(r"[\"“']([^\"”']{3,300})[\"”']", sentence)
    ] + reported


def main() -> None:
    """Serve until SIGTERM or SIGINT. The first line on standard output has the address."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with FakeVendor(port=options.port, latency_seconds=options.latency) as vendor:
        print(json.dumps({"base_url": vendor.base_url, "pid": os.getpid()}), flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
