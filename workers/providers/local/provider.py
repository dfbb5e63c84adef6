"""Feedback without a model: one request in, one reply out, the same bytes every time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from models.jobs import PassName
from workers.passes.feedback import PassAnswer
from workers.passes.request import PassRequest
from workers.providers.contract import Repair, Reply
from workers.providers.local import content, grammar, structure
from workers.providers.local.confidence import SHOWN_FROM
from workers.providers.local.engines import Engines
from workers.providers.local.guards import MAX_CHARACTERS, Case, special_case

MODEL = "local-1"
_HERE = Path(__file__).parent
_SHARED = ("guards.py", "language.py", "spans.py", "text.py", "tongues.py")
_RULES = {
    PassName.GRAMMAR: ("confidence.json", "confidence.py", "engines.py", "flags.py", "grammar.py", "harper_engine.py",
                       "lingo.py", "merge.py", "own.py", "rules.py", "suggest.py", "wording.py"),
    PassName.STRUCTURE: ("structure.py",),
    PassName.CONTENT: ("content.py",),
}  # fmt: skip


class LocalProvider:
    """Answers all three passes on this machine; costs nothing to make, loads its engines at the first grammar ask."""

    name = "local"
    remote = False
    in_batches = False

    def __init__(self, engines: Engines | None = None) -> None:
        self.model = MODEL
        self._engines = engines or Engines()

    def prompt_version(self, pass_name: PassName) -> str:
        """Return the content hash of the rules, tables and wording behind this pass."""
        return _content_hash(pass_name)

    def expected_cost_micros(self, request: PassRequest) -> int:  # noqa: ARG002 - whatever is asked
        """Return nothing: no money is spent here."""
        return 0

    def submit(self, request: PassRequest) -> str:
        """Raises: there are no batches here, and `in_batches` says so."""
        raise NotImplementedError

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        """Raises: there are no batches here, and `in_batches` says so."""
        raise NotImplementedError

    def warm_up(self) -> None:
        """The engines are loaded, which takes two seconds."""
        self._engines.hear("Warm up.", "")

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:  # noqa: ARG002
        """Return the answer to one pass. There is nothing to repair: the same question gives the same answer."""
        checked, cut = _within_cap(request)
        case = special_case(
            checked.text,
            prompt=checked.assignment_prompt,
            language=checked.language,
            whole=checked.pass_name is not PassName.GRAMMAR,
            feedback_language=checked.feedback_language,
        )
        versions: tuple[tuple[str, str], ...] = ()
        decided: list[dict[str, Any]] = []
        if case is not None:
            answer = PassAnswer(not_checked=(case.sentence,))
        elif checked.pass_name is PassName.GRAMMAR:
            seen = grammar.look(checked, self._engines)
            answer, versions, decided = grammar.answer(checked, seen), seen.heard.versions, grammar.record(seen)
            if seen.heard.until is not None:
                answer = _with_note(
                    answer, f"the language after character {seen.heard.until:,}: there is much to mend before it"
                )
        else:
            answer = (structure if checked.pass_name is PassName.STRUCTURE else content).answer(checked)
        if cut:
            answer = _with_note(answer, f"everything after character {MAX_CHARACTERS:,} of the essay")
        return Reply(
            answer=answer,
            raw=_raw(self.prompt_version(request.pass_name), case, versions, decided, answer),
            model=_model_name(versions),
            stop_reason="end",
        )


def _within_cap(request: PassRequest) -> tuple[PassRequest, bool]:
    if len(request.text) <= MAX_CHARACTERS:
        return request, False
    return replace(request, text=request.text[:MAX_CHARACTERS]), True


def _with_note(answer: PassAnswer, note: str) -> PassAnswer:
    return replace(answer, not_checked=(*answer.not_checked, note))


def _model_name(versions: tuple[tuple[str, str], ...]) -> str:
    return " ".join([MODEL, *(f"{name}/{version}" for name, version in versions)])


def _raw(
    rules: str,
    case: Case | None,
    versions: tuple[tuple[str, str], ...],
    decided: list[dict[str, Any]],
    answer: PassAnswer,
) -> str:
    said = {
        "answer": asdict(answer),
        "case": case.name if case else None,
        "engines": dict(versions),
        "findings": decided,
        "rules": rules,
        "shown_from": SHOWN_FROM,
    }
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@cache
def _content_hash(pass_name: PassName) -> str:
    digest = hashlib.sha256()
    for name in sorted((*_SHARED, *_RULES[pass_name])):
        digest.update(name.encode() + b"\0" + (_HERE / name).read_bytes() + b"\0")
    return digest.hexdigest()[:16]
