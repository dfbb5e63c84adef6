"""Get the comments to judge: from the local engine, or from feedback that was saved from the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.judging.essays import JudgedEssay, json_objects
from benchmarks.judging.tables import ReadError
from models.jobs import PassName
from workers.passes.answer import MAX_NEXT_STEPS
from workers.passes.feedback import Comment, PassAnswer
from workers.passes.request import PassRequest
from workers.providers.contract import ProviderError
from workers.providers.local.provider import LocalProvider

Progress = Callable[[int, int, str], None]
_TEXTS = ("pass", "type", "kind", "message")


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedComment:
    """One comment to judge. `places` are proven offsets in the essay, the first one first; empty when there is none."""

    pass_name: str
    type: str
    kind: str
    quote: str
    places: tuple[tuple[int, int], ...]
    message: str
    next_step: str
    suggestions: tuple[str, ...]
    confidence: float | None
    basis: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EssayReading:
    """An essay with the comments on it in reading order, and its next steps."""

    essay: JudgedEssay
    comments: tuple[JudgedComment, ...]
    next_steps: tuple[str, ...]


def read_with_local_engine(essays: Sequence[JudgedEssay], progress: Progress) -> list[EssayReading]:
    """Return what the local engine says about each essay, as a student would see it. Raises ReadError."""
    provider = LocalProvider()
    found: list[EssayReading] = []
    for number, essay in enumerate(essays, 1):
        progress(number, len(essays), essay.id)
        comments: list[JudgedComment] = []
        steps: list[str] = []
        for name in PassName:
            answer = _ask(provider, essay, name)
            comments += [_local_comment(name, one) for one in answer.comments]
            # As a pass is stored: without next steps of its own, those of its first comments.
            steps += (
                answer.next_steps
                or list(dict.fromkeys(one.next_step for one in answer.comments if one.next_step))[:MAX_NEXT_STEPS]
            )
        found.append(_reading(essay, comments, steps))
    return found


def _ask(provider: LocalProvider, essay: JudgedEssay, name: PassName) -> PassAnswer:
    request = PassRequest(
        pass_name=name, text=essay.text, title=essay.title, language=essay.language, category=essay.category,
        assignment_prompt=essay.assignment,
    )  # fmt: skip
    try:
        return provider.ask(request).answer
    except ProviderError as error:
        raise ReadError(f"essay {essay.id}: the local engine gave no {name} answer ({error})") from error


def _local_comment(name: PassName, one: Comment) -> JudgedComment:
    places = ((one.span.start, one.span.end), *one.also_at) if one.span.match != "none" else ()
    return JudgedComment(
        pass_name=str(name), type=one.type, kind=one.kind, quote=one.span.quote, message=one.message,
        # An empty place has no words to mark.
        places=tuple((start, end) for start, end in places if start < end),
        next_step=one.next_step, suggestions=one.suggestions, confidence=one.confidence, basis=one.confidence_basis,
    )  # fmt: skip


def read_saved(path: Path, essays: Sequence[JudgedEssay]) -> tuple[list[EssayReading], list[str]]:
    """Return saved answers of `GET /v1/submissions/{id}/feedback` beside their essays, and a sentence for each problem.

    An answer belongs to the essay whose id is its `submission_id`, its `essay` or `id`, or the name of its file.
    """
    by_id = {essay.id: essay for essay in essays}
    answers: dict[str, Mapping[str, Any]] = {}
    said: list[str] = []
    for file, place, row in _answers(path):
        names = [str(row.get(name) or "") for name in ("submission_id", "essay", "essay_id", "id")]
        own = [name for name in (*names, file.stem, file.name.split(".")[0]) if name in by_id]
        if not own and len(essays) == 1:
            own = list(by_id)
        where = f"{file}{'' if place is None else f', number {place}'}"
        if not own or own[0] in answers:
            said.append(
                f"{where}: {'the second feedback on its essay' if own else 'none of the essays is its essay'}: left out."
            )
        else:
            answers[own[0]] = row
    if not answers:
        raise ReadError(" ".join([f"{path} holds no feedback on these essays.", *said]))
    readings: list[EssayReading] = []
    for essay in essays:
        if essay.id in answers:
            reading, wrong = _saved(essay, answers[essay.id])
            readings.append(reading)
            said += wrong
        else:
            said.append(f"Essay “{essay.id}” has no saved feedback: left out.")
    return readings, said


def _answers(path: Path) -> Iterable[tuple[Path, int | None, dict[str, Any]]]:
    files = sorted(path.glob("*.json*")) if path.is_dir() else [path]
    for file in files:
        for place, row in json_objects(file):
            if "comments" in row:
                yield file, place, row


def _saved(essay: JudgedEssay, row: Mapping[str, Any]) -> tuple[EssayReading, list[str]]:
    comments: list[JudgedComment] = []
    said: list[str] = []
    for number, one in enumerate(row["comments"] if isinstance(row["comments"], list) else [], 1):
        where = f"Essay “{essay.id}”, comment {number}"
        if not isinstance(one, dict) or not all(isinstance(one.get(name), str) for name in _TEXTS):
            said.append(f"{where} is not a comment of the API: left out.")
        elif one.get("origin") == "educator":
            said.append(f"{where} was written by an educator: left out.")
        else:
            comment = _comment(essay, one)
            comments.append(comment)
            if not comment.places:
                said.append(f"{where} quotes words that are not there in the essay: no words are marked.")
    summary = row.get("summary")
    steps = summary.get("next_steps") if isinstance(summary, dict) else None
    return _reading(essay, comments, [str(one) for one in steps] if isinstance(steps, list) else []), said


def _comment(essay: JudgedEssay, one: Mapping[str, Any]) -> JudgedComment:
    span = one.get("span")
    first = _range(essay, span)
    quote = str(span.get("quote") or "") if isinstance(span, dict) else ""
    proven = first is not None and essay.text[first[0] : first[1]] == quote
    also_at, suggestions, confidence = one.get("also_at"), one.get("suggestions"), one.get("confidence")
    places = [first, *(_range(essay, place) for place in (also_at if isinstance(also_at, list) else []))]
    return JudgedComment(
        pass_name=one["pass"], type=one["type"], kind=one["kind"], quote=quote, message=one["message"],
        places=tuple(place for place in places if place) if proven else (),
        next_step=str(one.get("next_step") or ""),
        suggestions=tuple(map(str, suggestions)) if isinstance(suggestions, list) else (),
        confidence=confidence if isinstance(confidence, int | float) and 0 <= confidence <= 1 else None,
        basis=str(one.get("confidence_basis") or ""),
    )  # fmt: skip


def _range(essay: JudgedEssay, place: Any) -> tuple[int, int] | None:
    found = (place.get("start"), place.get("end")) if isinstance(place, dict) else (None, None)
    start, end = found
    return (
        (start, end)
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(essay.text)
        else None
    )


def _reading(essay: JudgedEssay, comments: Iterable[JudgedComment], steps: Iterable[str]) -> EssayReading:
    # In the order of the text, so that a judge reads the essay once. Comments without a place come last.
    ordered = sorted(comments, key=lambda one: (not one.places, one.places[:1], one.pass_name, one.type, one.message))
    return EssayReading(essay=essay, comments=tuple(ordered), next_steps=tuple(dict.fromkeys(steps)))
