"""Build the schema of a model's answer for a rubric, so that only existing criteria, levels and comment types can be picked.

There are two forms. `wire_schema` goes to the vendor and is the same for every pass of a submission: the vendor puts the
schema in front of the prompt, so a schema for each pass would make the shared cached prefix useless (documented for
`output_config.format`). `answer_model` is what an answer must satisfy here, with the comment types of its own pass only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, Union

from pydantic import BaseModel, BeforeValidator, ConfigDict, create_model, model_validator

from models.jobs import PassName
from workers.passes.registry import SPECS
from workers.passes.request import CommentKind, Criterion, Resolution, Severity

# Part of every prompt version. Raise it when the meaning of a field changes.
SCHEMA_VERSION = "2"

_M = TypeVar("_M", bound=BaseModel)


class _Closed(BaseModel):
    """A model whose fields are all required, with no others allowed: the vendor limits optional fields and forbids open objects."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PlaceAnswer(_Closed):
    """The words that a comment is about, as the model quotes them."""

    quote: str
    prefix: str
    suffix: str


class CommentAnswer(_Closed):
    """One comment, as the model writes it."""

    type: str
    kind: CommentKind
    severity: Severity
    place: PlaceAnswer
    also: list[PlaceAnswer]
    message: str
    next_step: str
    suggestions: list[str]
    criterion: str
    confidence: float


class PickAnswer(_Closed):
    """The level of one criterion, as the model picks it."""

    criterion: str
    level: str
    rationale: str
    confidence: float


class VerdictAnswer(_Closed):
    """What became of one numbered comment on the last draft, as the model judges it."""

    comment: int
    fate: Resolution


class Answer(_Closed):
    """The answer of one pass. The models built below narrow `type`, `criterion` and `level` to existing values."""

    comments: list[CommentAnswer]
    picks: list[PickAnswer]
    strengths: list[str]
    next_steps: list[str]
    not_checked: list[str]
    verdicts: list[VerdictAnswer]

    @model_validator(mode="before")
    @classmethod
    def _add_missing_verdicts(cls, value: object) -> object:
        """Add an empty `verdicts` where the answer has none: an answer without verdicts is valid."""
        return {"verdicts": [], **value} if isinstance(value, dict) else value


def answer_model(pass_name: PassName, *, criteria: tuple[Criterion, ...]) -> type[Answer]:
    """Return the pydantic model that an answer to this pass, under this rubric, must satisfy."""
    return _model(SPECS[pass_name].types, criteria)


def wire_schema(criteria: tuple[Criterion, ...]) -> dict[str, object]:
    """Return the JSON schema for the vendor. It is equal for all passes of one rubric and within the vendor's limits."""
    return _wire_schema(criteria)


@lru_cache(maxsize=128)
def _wire_schema(criteria: tuple[Criterion, ...]) -> dict[str, object]:
    # Only a process that calls Claude loads the SDK: 30 MiB.
    from anthropic import transform_schema  # noqa: PLC0415

    types = tuple(dict.fromkeys(name for spec in SPECS.values() for name in spec.types))
    model = _model(types, criteria)
    schema: dict[str, object] = _without_titles(transform_schema(model.model_json_schema()))
    return schema


@lru_cache(maxsize=512)
def _model(types: tuple[str, ...], criteria: tuple[Criterion, ...]) -> type[Answer]:
    names = tuple(criterion.name for criterion in criteria)
    comment = _narrow(
        CommentAnswer,
        "Comment",
        type=_one_of(types),
        criterion=_one_of(("", *names)),
    )
    fields: dict[str, Any] = {"comments": list[comment]}  # type: ignore[valid-type]
    if criteria:
        # Criteria with the same levels share one model, because every call pays for the schema's size.
        names_by_levels: dict[tuple[str, ...], list[str]] = {}
        for criterion in criteria:
            names_by_levels.setdefault(tuple(level.name for level in criterion.levels), []).append(criterion.name)
        picks = tuple(
            _narrow(PickAnswer, f"Pick{number}", criterion=_one_of(sharing), level=_one_of(levels))
            for number, (levels, sharing) in enumerate(names_by_levels.items(), start=1)
        )
        fields["picks"] = list[Union[picks]]  # type: ignore[valid-type]  # noqa: UP007  (a union of a computed tuple)
    else:
        # Without a rubric there is nothing to pick, so drop whatever the model picks.
        empty_pick = _narrow(PickAnswer, "Pick", criterion=_one_of(("",)), level=_one_of(("",)))
        fields["picks"] = Annotated[list[empty_pick], BeforeValidator(_no_picks)]  # type: ignore[valid-type]
    return _narrow(Answer, "Answer", **fields)


def _narrow(base: type[_M], name: str, **fields: Any) -> type[_M]:
    required: dict[str, Any] = {key: (kind, ...) for key, kind in fields.items()}
    return create_model(name, __base__=base, **required)


def _one_of(values: Iterable[str]) -> Any:
    """Return a type that accepts only these values. It corrects their case, which the vendor does not guarantee."""
    known = tuple(dict.fromkeys(values))
    return Annotated[Literal[known], BeforeValidator(_correct_case(known))]


def _correct_case(known: tuple[str, ...]) -> Callable[[object], object]:
    folded = {value.casefold(): value for value in reversed(known)}

    def correct(value: object) -> object:
        if not isinstance(value, str) or value in known:
            return value
        return folded.get(value.casefold(), value)

    return correct


def _no_picks(value: object) -> object:
    return [] if isinstance(value, list) else value


def _without_titles(node: Any) -> Any:
    """Return the schema without titles and descriptions, which cost tokens in every call and add no information."""
    if isinstance(node, dict):
        return {
            key: _without_titles(one)
            for key, one in node.items()
            if not (key in ("title", "description") and isinstance(one, str))
        }
    if isinstance(node, list):
        return [_without_titles(value) for value in node]
    return node
