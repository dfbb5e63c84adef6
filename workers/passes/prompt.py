"""Build the prompt of one call: a prefix shared by all passes of a submission, and a short tail for one pass.

The vendor's prompt cache works on prefixes, so the shared part comes first and is identical byte for byte: the rules (with
the instructions for all three readings), then the rubric and the assignment (equal for a whole class), then the essay and
the languages (equal for its three passes). The tail names the reading, and holds what the same reading said about the last
draft.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import lru_cache

from models.jobs import PassName
from models.languages import canonical_language
from workers.passes.excerpt import paragraphs, unchanged
from workers.passes.marker import marker_of
from workers.passes.registry import SPECS
from workers.passes.request import Criterion, PassRequest, PreviousDraft
from workers.passes.schema import SCHEMA_VERSION
from workers.passes.spec import PROMPTS, PassSpec
from workers.text.invisible_characters import to_marks
from workers.text.kept_briefly import kept_briefly

_ASSIGNMENT = "# The assignment\n\n{json}\n"
_ESSAY = "# The essay\n\n<essay-{marker}>\n{json}\n</essay-{marker}>\n"
_READING = "{prompt}Types: {types}. At most {cap} comments.\n"
_TAIL = "Your reading: {name}.\n"
_EARLIER = "Last draft:\n<earlier-{marker}>\n{json}\n</earlier-{marker}>\n"
_SHORT_MARKER_LENGTH = (
    12  # hex digits of the marker in the tail, which is never cached; still more than an author can guess
)
_REPAIR = "\nYour last answer could not be used: {complaint}\nAnswer again, whole, in the required form.\n"


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """The parts of one call, in order. `rules`, `assignment` and `essay` do not depend on the pass."""

    rules: str
    assignment: str
    essay: str
    tail: str
    marker: str


def build(request: PassRequest, *, complaint: str = "") -> Prompt:
    """Return the prompt for this request. A complaint about the last answer is added to the tail."""
    marker = _marker(request)
    assignment, essay = _shared_parts(replace(request, pass_name=PassName.CONTENT, earlier=_unsent(request)), marker)
    parts = [tail(request.pass_name)]
    if request.earlier is not None and (request.earlier.doubtful or request.earlier.picks):
        parts.append(
            _EARLIER.format(marker=marker[:_SHORT_MARKER_LENGTH], json=_compact_json(_earlier_fields(request.earlier)))
        )
    if complaint:
        parts.append(_REPAIR.format(complaint=complaint))
    return Prompt(
        rules=rules(),
        assignment=assignment,
        essay=essay,
        tail="".join(parts),
        marker=marker,
    )


def _unsent(request: PassRequest) -> PreviousDraft | None:
    places = unchanged(request)
    return PreviousDraft(unchanged=places) if places else None


@kept_briefly()
def _shared_parts(request: PassRequest, marker: str) -> tuple[str, str]:
    """Return the assignment and the essay, which are the same for all passes."""
    assignment = _ASSIGNMENT.format(json=_compact_json(_assignment_fields(request)))
    return assignment, _ESSAY.format(marker=marker, json=_compact_json(_essay_fields(request)))


@lru_cache(maxsize=1)
def rules() -> str:
    """Return the rules that all passes share, with the instructions for each of the three readings."""
    shared = (PROMPTS / "shared.md").read_text(encoding="utf-8")
    return shared + "".join(map(_reading, SPECS.values()))


@lru_cache(maxsize=16)
def tail(pass_name: PassName) -> str:
    """Return the text that says which reading the model is to do."""
    return _TAIL.format(name=pass_name)


def _reading(spec: PassSpec) -> str:
    types = ", ".join(f"`{name}`" for name in spec.types)
    return _READING.format(prompt=spec.prompt(), types=types, cap=spec.max_comments)


@lru_cache(maxsize=16)
def prompt_version(pass_name: PassName) -> str:
    """Return the content hash of all our text behind an answer to this pass: rules, templates and schema version."""
    parts = (rules(), _ASSIGNMENT, _ESSAY, tail(pass_name), _EARLIER, _REPAIR, SCHEMA_VERSION)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _marker(request: PassRequest) -> str:
    # A plain hash would not do: an author can compute the hash of the next draft, and write it into this one, whose words the
    # next prompt holds between the markers of the earlier comments.
    return marker_of(_compact_json([request.title, request.text]))


def _assignment_fields(request: PassRequest) -> dict[str, object]:
    return {
        "category": to_marks(request.category),
        "assignment": to_marks(request.assignment_prompt),
        "criteria": [_criterion_fields(criterion) for criterion in request.criteria],
    }


def _essay_fields(request: PassRequest) -> dict[str, object]:
    head = {
        # Read again here: a row of an earlier version may hold any words in the form of a tag.
        "essay_language": canonical_language(request.language) or "und",
        "feedback_language": canonical_language(request.feedback_language) or "und",
        "title": to_marks(request.title),
    }
    if unchanged(request):
        return {**head, "paragraphs": paragraphs(request)}
    return {**head, "text": to_marks(request.text)}


def _earlier_fields(earlier: PreviousDraft) -> dict[str, object]:
    fields: dict[str, list[dict[str, object]]] = {
        "comments": [
            {
                "comment": number,
                "type": to_marks(one.type),
                "quote": to_marks(one.quote),
                "message": to_marks(one.message),
                "next_step": to_marks(one.next_step),
            }
            for number, one in enumerate(earlier.doubtful)
        ],
    }
    levels = {to_marks(one.criterion): [to_marks(one.level), to_marks(one.rationale)] for one in earlier.picks}
    return {name: items for name, items in {**fields, "levels": levels}.items() if items}


def _criterion_fields(criterion: Criterion) -> dict[str, object]:
    # Leave out the points: a model that never sees them cannot add them up.
    levels = {level.name: to_marks(level.description) for level in criterion.levels}
    return {"name": criterion.name, "description": to_marks(criterion.description), "levels": levels}


def _compact_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
