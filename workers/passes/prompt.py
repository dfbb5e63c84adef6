"""The prompt of one call: a prefix shared by all passes of a submission, and the short tail of one pass.

What is shared comes first and byte for byte the same, because the vendor's cache works on prefixes: rules, then
rubric and assignment (equal for a whole class), then the essay (equal for its three passes).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache

from models.jobs import PassName
from workers.passes.marks import show
from workers.passes.pass_spec import PROMPTS
from workers.passes.schema import SCHEMA_VERSION
from workers.passes.spec import SPECS
from workers.providers.base import Criterion, PassRequest

_ASSIGNMENT = "# The assignment\n\n{json}\n"
_ESSAY = "# The essay\n\n<essay-{marker}>\n{json}\n</essay-{marker}>\n"
_TAIL = "{prompt}\nTypes you may use: {types}.\nAt most {cap} comments.\n"
_REPAIR = "\nYour last answer could not be used: {complaint}\nAnswer again, whole, in the required form.\n"


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """The parts of one call in order; `rules`, `assignment` and `essay` do not depend on the pass."""

    rules: str
    assignment: str
    essay: str
    tail: str
    marker: str


def build(request: PassRequest, *, complaint: str = "") -> Prompt:
    """Return the prompt for this request; a complaint about the last answer is added to the tail."""
    marker = _marker(request)
    essay = {"title": show(request.title), "text": show(request.text)}
    return Prompt(
        rules=rules(),
        assignment=_ASSIGNMENT.format(json=_json(_assignment(request))),
        essay=_ESSAY.format(marker=marker, json=_json(essay)),
        tail=tail(request.pass_name) + (_REPAIR.format(complaint=complaint) if complaint else ""),
        marker=marker,
    )


@lru_cache(maxsize=1)
def rules() -> str:
    """Return the rules every pass shares."""
    return (PROMPTS / "shared.md").read_text(encoding="utf-8")


@lru_cache(maxsize=16)
def tail(pass_name: PassName) -> str:
    """Return what only this pass is told."""
    spec = SPECS[pass_name]
    types = ", ".join(f"`{name}`" for name in spec.types)
    return _TAIL.format(prompt=spec.prompt(), types=types, cap=spec.max_comments)


@lru_cache(maxsize=16)
def prompt_version(pass_name: PassName) -> str:
    """Return the content hash that names every word of ours behind an answer to this pass."""
    parts = (rules(), _ASSIGNMENT, _ESSAY, tail(pass_name), _REPAIR, SCHEMA_VERSION)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _marker(request: PassRequest) -> str:
    # The fence must be unguessable to the essay's author, yet equal for the three passes, or the cached prefix would
    # differ. A hash of the essay is both: to write it inside the essay, an author would need a text that contains its
    # own SHA-256.
    return hashlib.sha256(_json([request.title, request.text]).encode(errors="surrogatepass")).hexdigest()


def _assignment(request: PassRequest) -> dict[str, object]:
    return {
        "feedback_language": request.language,
        "category": show(request.category),
        "assignment": show(request.assignment_prompt),
        "criteria": [_criterion(criterion) for criterion in request.criteria],
    }


def _criterion(criterion: Criterion) -> dict[str, object]:
    # No points: a model that never sees them cannot add them up.
    levels = [{"name": level.name, "description": show(level.description)} for level in criterion.levels]
    return {"name": criterion.name, "description": show(criterion.description), "levels": levels}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
