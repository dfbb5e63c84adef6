"""Answer passes without a model. The same request always gives the same bytes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from models.jobs import PassName
from workers.passes.feedback import PassAnswer
from workers.passes.request import PassRequest
from workers.providers.contract import Repair, Reply
from workers.providers.local import content, grammar, structure
from workers.providers.local.confidence import SHOWN_FROM
from workers.providers.local.engines import Engines
from workers.providers.local.guards import MAX_CHARACTERS, UncheckedReason, reason_not_checked
from workers.providers.local.spans import span
from workers.text.reading import Reading, read

MODEL = "local-1"
# The packages that find mistakes beside our own rules. Another version of one of them is another set of rules.
_ENGINE_PACKAGES = ("harper-py", "lingotweaker", "lingotweaker-data-en")
_DIRECTORY = Path(__file__).parent
_READING = ("folding", "inline", "invisible_characters", "layout", "line_kinds", "lines", "naming", "reading", "segmentation",
            "verse", "wrapping")  # fmt: skip
_SHARED_FILES = (
    *(f"../../text/{name}.py" for name in _READING), "guards.py", "kinds.py", "language.py", "spans.py", "stance.py",
    "text.py", "tongues.py",
)  # fmt: skip
_OWN = ("__init__", "article_phrases", "articles", "definite_articles", "noun_subjects", "nouns", "number", "openings", "phrases",
        "plural_subjects", "reading", "runons", "singular_subjects", "spelled", "subjects", "tokens", "verbs")  # fmt: skip
_FILES_BY_PASS = {
    PassName.GRAMMAR: ("confidence.json", "confidence.py", "engines.py", "flags.py", "grammar.py", "harper_engine.py",
                       "held_rules.py", "lexicon.py", "lingo.py", "merge.py", *(f"own/{name}.py" for name in _OWN), "pattern.py",
                       "rules.py", "slips.py", "spelling.py", "suggest.py", "wording.py"),
    PassName.STRUCTURE: ("structure.py",),
    PassName.CONTENT: ("citations.py", "content.py", "structure.py"),
}  # fmt: skip


class LocalProvider:
    """The provider that answers all three passes in this process. It loads its engines at the first grammar pass."""

    name = "local"
    remote = False
    in_batches = False

    def __init__(self, engines: Engines | None = None) -> None:
        self.model = MODEL
        self._engines = engines or Engines()

    def prompt_version(self, pass_name: PassName) -> str:
        """Return the hash of the source files, tables and engine versions behind this pass."""
        return _content_hash(pass_name)

    def expected_cost_micros(self, request: PassRequest) -> int:  # noqa: ARG002 - free for every request
        """Return 0: the local engine costs nothing."""
        return 0

    def submit(self, request: PassRequest) -> str:
        """Raise NotImplementedError: the local engine has no batches (`in_batches` is False)."""
        raise NotImplementedError

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        """Raise NotImplementedError: the local engine has no batches (`in_batches` is False)."""
        raise NotImplementedError

    def warm_up(self) -> None:
        """Load the engines, which takes two seconds."""
        self._engines.read_flags("Warm up.", "")

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:  # noqa: ARG002
        """Return the answer to one pass. `repair` is ignored, because the same request gives the same answer.

        Raises Pause when the engines stay busy with other essays.
        """
        capped, was_truncated = _truncate(request)
        reading = read(capped.text)
        capped = replace(capped, text=reading.clean)
        case = reason_not_checked(
            capped.text,
            prompt=capped.assignment_prompt,
            language=capped.language,
            whole=capped.pass_name is not PassName.GRAMMAR,
            feedback_language=capped.feedback_language,
        )
        versions: tuple[tuple[str, str], ...] = ()
        recorded: list[dict[str, Any]] = []
        if case is not None:
            answer = PassAnswer(not_checked=(case.sentence,))
        elif capped.pass_name is PassName.GRAMMAR:
            result = grammar.find_mistakes(capped, self._engines, reading=reading)
            answer, versions, recorded = (
                grammar.answer(capped, result),
                result.engine_flags.versions,
                grammar.record(result, reading),
            )
            if result.engine_flags.until is not None:
                until, _ = reading.original_span(result.engine_flags.until, result.engine_flags.until + 1)
                answer = _with_note(answer, f"the language after character {until:,}: there is much to mend before it")
        else:
            answer = (structure if capped.pass_name is PassName.STRUCTURE else content).answer(capped, reading)
        answer = _in_stored_text(answer, reading)
        if was_truncated:
            answer = _with_note(answer, f"everything after character {MAX_CHARACTERS:,} of the essay")
        return Reply(
            answer=answer,
            raw=_raw_json(self.prompt_version(request.pass_name), case, versions, recorded, answer),
            model=_model_name(versions),
            stop_reason="end",
        )


def _truncate(request: PassRequest) -> tuple[PassRequest, bool]:
    if len(request.text) <= MAX_CHARACTERS:
        return request, False
    return replace(request, text=request.text[:MAX_CHARACTERS]), True


def _in_stored_text(answer: PassAnswer, reading: Reading) -> PassAnswer:
    """Return the answer with its places, which are offsets in the clean text, as offsets in the stored text."""
    return replace(
        answer,
        comments=tuple(
            replace(
                comment,
                span=span(reading.original, *reading.original_span(comment.span.start, comment.span.end)),
                also_at=tuple(reading.original_span(start, end) for start, end in comment.also_at),
            )
            for comment in answer.comments
        ),
    )


def _with_note(answer: PassAnswer, note: str) -> PassAnswer:
    return replace(answer, not_checked=(*answer.not_checked, note))


def _model_name(versions: tuple[tuple[str, str], ...]) -> str:
    return " ".join([MODEL, *(f"{name}/{version}" for name, version in versions)])


def _raw_json(
    version: str,
    case: UncheckedReason | None,
    versions: tuple[tuple[str, str], ...],
    recorded: list[dict[str, Any]],
    answer: PassAnswer,
) -> str:
    payload = {
        "answer": asdict(answer),
        "case": case.name if case else None,
        "engines": dict(versions),
        "findings": recorded,
        "rules": version,
        "shown_from": SHOWN_FROM,
    }
    return json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@cache
def _content_hash(pass_name: PassName) -> str:
    digest = hashlib.sha256()
    for name in sorted((*_SHARED_FILES, *_FILES_BY_PASS[pass_name])):
        digest.update(name.encode() + b"\0" + (_DIRECTORY / name).read_bytes() + b"\0")
    if pass_name is PassName.GRAMMAR:
        digest.update("\0".join(f"{name} {_installed(name)}" for name in _ENGINE_PACKAGES).encode())
    return digest.hexdigest()[:16]


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
