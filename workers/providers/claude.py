"""Claude as a provider: one streamed HTTP call per pass, and one decision table for everything that can come back.

The worker controls retries, waits and pauses through the row in `passes`, so the SDK's own retries are off and every
failure has a name. The detail of an error never holds words of an essay, an answer or a vendor's message; those are
only in `raw`, which is encrypted. The file is long because the decision table and the code that uses it are read
together.
"""

from __future__ import annotations

import email.utils
import hashlib
import json
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import anthropic
import httpx2
from anthropic.types import TextBlockParam, ThinkingConfigParam
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import ValidationError
from pydantic_core import from_json

from models.jobs import PassName
from workers.passes.answer import read
from workers.passes.prompt import Prompt, build, prompt_version
from workers.passes.request import Criterion, PassRequest
from workers.passes.schema import (
    Answer,
    CommentAnswer,
    PickAnswer,
    PlaceAnswer,
    VerdictAnswer,
    answer_model,
    wire_schema,
)
from workers.providers import wire
from workers.providers.batches import batch_of, result_of
from workers.providers.contract import BatchAway, GiveUp, Outcome, Pause, ProviderError, Repair, Reply, TryAgain, Usage
from workers.providers.deadline import Deadline
from workers.providers.left_alone import without_left_alone
from workers.providers.prices import Prices, Tokens, UnknownModel, prices_of
from workers.providers.prompt_cache import CacheTurn, PromptCacheGate

DEFAULT_MODEL = "claude-sonnet-5-5"
DEFAULT_BASE_URL = "https://api.anthropic.com"
EXPECTED_OUTPUT_TOKENS = 1_500
BYTES_PER_TOKEN = 3  # a low figure, so that the estimate is rather too high

# Reading one essay needs no long thinking, which would use up the timeout and `max_tokens`. Each model has its own
# setting for this and refuses the others' (documented). A model that is not listed here decides for itself.
_THINKING: dict[str, ThinkingConfigParam] = {
    "claude-sonnet-5-5": {"type": "between_tools"},
    "claude-haiku-5-5": {"type": "disabled"},
}

ErrorRule = tuple[type[ProviderError], Outcome]

# The decision table, from here to `_FINISHED`: what came back -> what the worker does next, and why.
_BY_STATUS: dict[int, ErrorRule] = {
    400: (GiveUp, Outcome.BAD_REQUEST),
    401: (Pause, Outcome.UNAUTHORISED),
    402: (Pause, Outcome.BUDGET_SPENT),
    403: (Pause, Outcome.UNAUTHORISED),
    404: (Pause, Outcome.BAD_REQUEST),  # a wrong model name or base URL: every essay would fail
    408: (TryAgain, Outcome.TIMEOUT),
    409: (TryAgain, Outcome.SERVER_ERROR),
    413: (GiveUp, Outcome.BAD_REQUEST),
    429: (TryAgain, Outcome.RATE_LIMITED),  # with a retry-after header; without one see `_rule_for_response`
    504: (TryAgain, Outcome.TIMEOUT),
    529: (TryAgain, Outcome.OVERLOADED),
}
_REDIRECT: ErrorRule = (Pause, Outcome.BAD_REQUEST)  # never followed; a wrong base URL, as with 404
_OTHER_4XX: ErrorRule = (GiveUp, Outcome.BAD_REQUEST)
_OTHER_5XX: ErrorRule = (TryAgain, Outcome.SERVER_ERROR)
_BUDGET_SPENT: ErrorRule = (Pause, Outcome.BUDGET_SPENT)
_BY_ERROR_CODE: dict[str, ErrorRule] = {
    "enforced_spend_limit_reached": _BUDGET_SPENT,
    "contract_spend_limit_reached": _BUDGET_SPENT,
    "linked_organization_spend_limit_reached": _BUDGET_SPENT,
    "linked_organization_billing_unavailable": _BUDGET_SPENT,
    "organization_on_hold": (Pause, Outcome.UNAUTHORISED),
}
# An error inside a stream or a batch has a type but no status.
_STATUS_BY_TYPE: dict[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_BY_RESULT: dict[str, ErrorRule] = {
    "expired": (TryAgain, Outcome.TIMEOUT),
    "canceled": (TryAgain, Outcome.SERVER_ERROR),
}
_BY_EXCEPTION: tuple[tuple[type[BaseException], ErrorRule], ...] = (
    (httpx2.ConnectTimeout, (TryAgain, Outcome.CONNECTION)),
    (httpx2.TimeoutException, (TryAgain, Outcome.TIMEOUT)),
    (anthropic.APITimeoutError, (TryAgain, Outcome.TIMEOUT)),
    (httpx2.HTTPError, (TryAgain, Outcome.CONNECTION)),
    (anthropic.APIConnectionError, (TryAgain, Outcome.CONNECTION)),
)
_BY_STOP_REASON: dict[str, tuple[Outcome, str]] = {
    "max_tokens": (Outcome.TRUNCATED, "it was cut off before its end; give fewer and shorter comments"),
    "model_context_window_exceeded": (Outcome.CONTEXT_EXCEEDED, "it did not fit; give fewer and shorter comments"),
    "refusal": (Outcome.REFUSED, "it was a refusal; the essay is only material to read, give feedback on its writing"),
}
_FINISHED = "end_turn"

_FIELDS = frozenset(
    name for model in (Answer, CommentAnswer, PlaceAnswer, PickAnswer, VerdictAnswer) for name in model.model_fields
)


@dataclass(frozen=True)
class _RawBody:
    """A response body exactly as received, and whether it came as a stream of events."""

    raw: str
    streamed: bool = False


class ClaudeProvider:
    """Asks Claude.

    One object serves all threads of a process. Each process makes its HTTP client at its first call.
    """

    name = "anthropic"
    remote = True
    in_batches = True

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str = DEFAULT_BASE_URL,
        model: str = DEFAULT_MODEL,
        connect_timeout_seconds: float = 5.0,
        timeout_seconds: float = 60.0,
        max_tokens: int = 8_000,
        prices: Prices | None = None,
        gate: PromptCacheGate | None = None,
    ) -> None:
        self.model = model
        self._gate = PromptCacheGate() if gate is None else gate
        self._prices = prices or prices_of(model)
        self._api_key = api_key
        self._base_url = base_url
        self._connect_timeout_seconds = connect_timeout_seconds
        self._timeout_seconds = timeout_seconds
        self._timeout = httpx2.Timeout(timeout_seconds, connect=connect_timeout_seconds)
        self._max_tokens = max_tokens
        self._deadline = Deadline()
        self._lock = threading.Lock()
        self._client: tuple[int, anthropic.Anthropic] | None = None
        self._by_model: dict[str, ClaudeProvider] = {}

    def with_model(self, model: str) -> ClaudeProvider | None:
        """Return the provider that asks this model of Claude, always the same object, or None where its price is unknown."""
        if model == self.model:
            return self
        with self._lock:
            if model not in self._by_model:
                try:
                    prices = prices_of(model)
                except UnknownModel:
                    return None
                self._by_model[model] = ClaudeProvider(
                    self._api_key,
                    base_url=self._base_url,
                    model=model,
                    connect_timeout_seconds=self._connect_timeout_seconds,
                    timeout_seconds=self._timeout_seconds,
                    max_tokens=self._max_tokens,
                    prices=prices,
                    gate=self._gate,
                )
            return self._by_model[model]

    def prompt_version(self, pass_name: PassName) -> str:
        """Return the content hash of the prompt behind answers to this pass."""
        return prompt_version(pass_name)

    def expected_cost_micros(self, request: PassRequest) -> int:
        """Return a rather high cost estimate in micro-dollars.

        It assumes three bytes a token, and that the whole prompt is written to the prompt cache.
        """
        prompt = build(request)
        parts = (prompt.rules, prompt.assignment, prompt.essay, prompt.tail)
        size = sum(len(part.encode(errors="replace")) for part in parts) + _schema_size(request.criteria)
        return self._prices.cost_micros(Tokens(cache_write=-(-size // BYTES_PER_TOKEN), output=EXPECTED_OUTPUT_TOKENS))

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
        """Return Claude's answer to one pass. Raises TryAgain, Repair, Pause or GiveUp when there is none."""
        prompt = build(request, complaint=repair.detail if repair else "")
        # After a truncated answer allow twice the tokens, or the repair would be cut off at the same place.
        token_factor = 2 if repair is not None and repair.outcome is Outcome.TRUNCATED else 1
        params = self._params(prompt, request, token_factor=token_factor)
        class_key, essay_key = _cache_keys(params)
        with self._gate.passing(class_key=class_key, essay_key=essay_key) as turn:
            received = self._call(params, turn)
        return self._reply_of_body(received, request=request, marker=prompt.marker)

    def submit(self, request: PassRequest) -> str:
        """Submit the request in a batch of its own, and return the batch's id. Raises TryAgain, Pause or GiveUp."""
        params = self._params(build(request), request)
        raw = self._fetch_body(
            lambda client: client.post(
                "/v1/messages/batches",
                body={"requests": [{"custom_id": request.pass_name.value, "params": params}]},
                cast_to=httpx2.Response,
            )
        )
        try:
            return batch_of(raw).id
        except ValueError as error:
            # Without an id nobody can fetch the answer, so the request must be sent again.
            raise TryAgain(Outcome.SERVER_ERROR, "the vendor named no batch", raw=raw, model=self.model) from error

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        """Return Claude's answer to a submitted request, or None while there is none.

        Raises the same errors as `ask`, and BatchAway when the vendor could not be asked about the batch.
        """
        path = f"/v1/messages/batches/{quote(batch, safe='')}"
        try:
            state = self._fetch_body(lambda client: client.get(path, cast_to=httpx2.Response))
            if not _has_ended(state):
                return None
            raw = self._fetch_body(lambda client: client.get(f"{path}/results", cast_to=httpx2.Response))
        except ProviderError as error:
            if error.outcome is Outcome.BAD_REQUEST:
                # The batch does not exist (any more). This concerns only this pass, so do not pause the provider.
                raise TryAgain(Outcome.SERVER_ERROR, "the batch is gone", raw=error.raw, model=self.model) from error
            wait = error.retry_after_seconds
            raise BatchAway(
                error.outcome, error.detail, raw=error.raw, model=self.model, retry_after_seconds=wait
            ) from error
        return self._reply_of_batch(raw, request=request)

    def close(self) -> None:
        """Close the connections of this process. The next call opens new ones."""
        with self._lock:
            if self._client is not None and self._client[0] == os.getpid():
                self._client[1].close()
            self._client = None
            others = list(self._by_model.values())
        for other in others:
            other.close()

    def _params(
        self, prompt: Prompt, request: PassRequest, *, token_factor: int = 1
    ) -> MessageCreateParamsNonStreaming:
        params = MessageCreateParamsNonStreaming(
            model=self.model,
            max_tokens=self._max_tokens * token_factor,
            system=_system_blocks(prompt),
            messages=[{"role": "user", "content": prompt.tail}],
            output_config={"format": {"type": "json_schema", "schema": wire_schema(request.criteria)}},
        )
        if self.model in _THINKING:
            params["thinking"] = _THINKING[self.model]
        return params

    def _call(self, params: MessageCreateParamsNonStreaming, turn: CacheTurn) -> _RawBody:
        body = bytearray()
        streamed = False
        try:
            with (
                self._deadline.within(self._timeout_seconds),
                self._client_of_process().messages.with_streaming_response.create(
                    model=params["model"],
                    max_tokens=params["max_tokens"],
                    system=params["system"],
                    messages=params["messages"],
                    output_config=params["output_config"],
                    thinking=params.get("thinking", anthropic.omit),
                    stream=True,
                ) as response,
            ):
                # A vendor that does not stream sends the answer in one piece, with another content type.
                streamed = response.headers.get("content-type", "").startswith(wire.STREAM)
                for chunk in response.iter_bytes():
                    body += chunk
                    if streamed and turn.begun_after is None and wire.BEGINS in body:
                        turn.report_start()
        except anthropic.APIStatusError as error:
            raise self._error_of_response(error) from error
        except (anthropic.APIConnectionError, httpx2.HTTPError) as error:
            raise self._error_of_connection(error, received=_RawBody(_decode(body), streamed)) from error
        turn.report_end()
        return _RawBody(_decode(body), streamed)

    def _fetch_body(self, call: Callable[[anthropic.Anthropic], httpx2.Response]) -> str:
        """Return the response body of a call to the batch API. Raises a ProviderError subclass."""
        try:
            with self._deadline.within(self._timeout_seconds):
                return _decode(call(self._client_of_process()).content)
        except anthropic.APIStatusError as error:
            raise self._error_of_response(error) from error
        except (anthropic.APIConnectionError, httpx2.HTTPError) as error:
            raise self._error_of_connection(error, received=_RawBody("")) from error

    def _client_of_process(self) -> anthropic.Anthropic:
        with self._lock:
            # After a fork, a client would share its sockets with the parent process, so each process makes its own.
            if self._client is None or self._client[0] != os.getpid():
                # An essay and the key go to the configured address only, wherever it points.
                http_client = anthropic.DefaultHttpxClient(follow_redirects=False)
                self._deadline.apply_to(http_client)
                client = anthropic.Anthropic(
                    api_key=self._api_key,
                    base_url=self._base_url,
                    timeout=self._timeout,
                    max_retries=0,
                    http_client=http_client,
                    open_telemetry=False,  # a trace must never hold an essay, whatever the environment enables
                )
                self._client = (os.getpid(), client)
            return self._client[1]

    def _error_of_response(self, error: anthropic.APIStatusError) -> ProviderError:
        headers = error.response.headers
        kind, outcome = _rule_for_response(error)
        return kind(
            outcome,
            f"the vendor answered {error.status_code} ({error.type or 'no type'}, {error.error_code or 'no code'})",
            raw=error.response.text,
            model=self.model,
            retry_after_seconds=retry_after_seconds(headers),
        )

    def _error_of_connection(self, error: Exception, *, received: _RawBody) -> ProviderError:
        causes = (error.__cause__, error)
        kind, outcome = next(
            rule for cause in causes for exception, rule in _BY_EXCEPTION if isinstance(cause, exception)
        )
        return kind(
            outcome,
            f"no whole answer came: {type(causes[0] or error).__name__}",
            raw=received.raw,
            model=self.model,
            usage=self._usage(wire.tokens_so_far(received.raw)) if received.streamed else None,
        )

    def _error_in_body(self, trouble: wire.VendorError, *, raw: str, usage: Usage | None = None) -> ProviderError:
        kind, outcome = _rule_for_error(trouble)
        detail = f"the vendor answered with an error ({trouble.type or 'no type'}, {trouble.code or 'no code'})"
        return kind(outcome, detail, raw=raw, model=self.model, usage=usage)

    def _reply_of_body(self, received: _RawBody, *, request: PassRequest, marker: str) -> Reply:
        raw = received.raw
        try:
            envelope = (
                self._message_of_stream(raw) if received.streamed else wire.Envelope.model_validate(from_json(raw))
            )
        except ValidationError as error:
            raise Repair(Outcome.WRONG_SCHEMA, "the response was no message", raw=raw, model=self.model) from error
        except ValueError as error:
            raise Repair(Outcome.NOT_JSON, "the response was not JSON", raw=raw, model=self.model) from error
        return self._reply_of_message(envelope, raw=raw, request=request, marker=marker)

    def _message_of_stream(self, raw: str) -> wire.Envelope:
        stream = wire.parse_stream(raw)
        usage = self._usage(stream.message.usage)
        if stream.trouble is not None:
            raise self._error_in_body(stream.trouble, raw=raw, usage=usage)
        if not stream.whole:
            raise TryAgain(
                Outcome.CONNECTION, "the stream stopped before its end", raw=raw, model=self.model, usage=usage
            )
        return stream.message

    def _reply_of_batch(self, raw: str, *, request: PassRequest) -> Reply:
        try:
            result = result_of(raw, custom_id=request.pass_name.value)
        except ValueError as error:
            raise TryAgain(Outcome.SERVER_ERROR, "the batch has no result", raw=raw, model=self.model) from error
        if result.message is not None:
            return self._reply_of_message(
                result.message, raw=raw, request=request, marker=build(request).marker, batch=True
            )
        if result.error is not None:
            raise self._error_in_body(result.error.error, raw=raw)
        kind, outcome = _BY_RESULT.get(result.type, _OTHER_5XX)
        raise kind(
            outcome, f"the batch ended without an answer ({_known_result_type(result.type)})", raw=raw, model=self.model
        )

    def _reply_of_message(
        self, envelope: wire.Envelope, *, raw: str, request: PassRequest, marker: str, batch: bool = False
    ) -> Reply:
        stop_reason = envelope.stop_reason or ""
        model = envelope.model or self.model
        usage = self._usage(envelope.usage, batch=batch)

        def repair(outcome: Outcome, complaint: str) -> Repair:
            return Repair(outcome, complaint, raw=raw, model=model, stop_reason=stop_reason, usage=usage)

        if stop_reason != _FINISHED:
            outcome, complaint = _BY_STOP_REASON.get(
                stop_reason, (Outcome.WRONG_SCHEMA, "it did not end as an answer should")
            )
            raise repair(outcome, complaint)
        try:
            found = from_json(envelope.text())
        except ValueError as error:
            raise repair(Outcome.NOT_JSON, "it was not valid JSON") from error
        try:
            answer = answer_model(request.pass_name, criteria=request.criteria).model_validate(found)
        except ValidationError as error:
            raise repair(Outcome.WRONG_SCHEMA, _complaint(error)) from error
        return Reply(
            answer=without_left_alone(read(answer, request=request, marker=marker), request),
            raw=raw,
            model=model,
            stop_reason=stop_reason,
            usage=usage,
        )

    def _usage(self, spent: wire.TokenCounts, *, batch: bool = False) -> Usage:
        tokens = Tokens(
            input=spent.input_tokens,
            cache_write=spent.cache_creation_input_tokens or 0,
            cache_read=spent.cache_read_input_tokens or 0,
            output=spent.output_tokens,
        )
        return Usage(
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            cache_read_tokens=tokens.cache_read,
            cache_write_tokens=tokens.cache_write,
            cost_micros=self._prices.cost_micros(tokens, batch=batch),
        )


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the vendor asks us to wait, never negative, or None where it names no time."""
    for name, divisor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / divisor
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    return max(0.0, email.utils.mktime_tz(date) - time.time()) if date else None


def _rule_for_response(error: anthropic.APIStatusError) -> ErrorRule:
    rule = _BY_ERROR_CODE.get(error.error_code or "")
    if rule is None and error.type == "billing_error":
        rule = _BUDGET_SPENT
    if rule is None and error.status_code == 429 and "retry-after" not in error.response.headers:
        rule = _BUDGET_SPENT  # a rate limit always has a retry-after header, a spent budget never has (documented)
    return rule or _rule_for_status(error.status_code, error.api_message)


def _rule_for_error(trouble: wire.VendorError) -> ErrorRule:
    return _BY_ERROR_CODE.get(trouble.code) or _rule_for_status(_STATUS_BY_TYPE.get(trouble.type, 500), trouble.message)


def _rule_for_status(status: int, message: str | None) -> ErrorRule:
    if status == 400 and _says_budget_spent(message):
        return _BUDGET_SPENT
    if 300 <= status < 400:
        return _REDIRECT
    return _BY_STATUS.get(status, _OTHER_5XX if status >= 500 else _OTHER_4XX)


def _says_budget_spent(message: str | None) -> bool:
    # A limit that the customer set and an empty credit balance come as a plain 400 without a code. If the vendor changes
    # the wording, we give up this one pass instead of pausing, as with any other 400.
    folded = (message or "").lower()
    return "credit balance" in folded or "usage limits" in folded


def _has_ended(raw: str) -> bool:
    try:
        return batch_of(raw).ended
    except ValueError:
        return False


def _known_result_type(kind: str) -> str:
    return kind if kind in _BY_RESULT else "unknown"


def _cache_keys(params: MessageCreateParamsNonStreaming) -> tuple[str, str]:
    """Return hashes of the two cached prefixes of a call: everything up to the end of the assignment, and of the essay.

    They serve as class key and essay key of the prompt cache gate.
    """
    rules, assignment, essay = (block["text"] for block in params["system"] if not isinstance(block, str))
    class_prefix = json.dumps([params["model"], params.get("thinking"), params.get("output_config"), rules, assignment])
    return _digest(class_prefix), _digest(class_prefix + json.dumps(essay))


@lru_cache(maxsize=128)
def _schema_size(criteria: tuple[Criterion, ...]) -> int:
    return len(json.dumps(wire_schema(criteria)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _system_blocks(prompt: Prompt) -> list[TextBlockParam]:
    # Two cache breakpoints: a whole class shares rules and assignment, and the passes of a submission also share the essay.
    return [
        {"type": "text", "text": prompt.rules},
        {"type": "text", "text": prompt.assignment, "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": prompt.essay, "cache_control": {"type": "ephemeral"}},
    ]


def _complaint(error: ValidationError) -> str:
    # Name only places and rules. Values, and names of fields that we did not ask for, are the model's own words.
    found = error.errors(include_url=False, include_input=False)[:5]
    parts = [
        ".".join(map(_known_step, item["loc"])) + ": " + _violated_rule(item["type"], item.get("ctx", {}))
        for item in found
    ]
    return "it did not have the required form (" + "; ".join(parts) + ")"


def _known_step(step: int | str) -> str:
    return str(step) if isinstance(step, int) or step in _FIELDS else "?"


def _violated_rule(kind: str, context: Mapping[str, Any]) -> str:
    return f"must be one of {context['expected']}" if kind == "literal_error" else kind


def _decode(body: bytes | bytearray) -> str:
    return body.decode("utf-8", errors="replace")
