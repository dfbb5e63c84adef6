"""The answer a model may give, built per rubric: only existing criteria, levels and comment types can be picked.

Two shapes of one truth. `wire_schema` goes to the vendor and is the same for every pass of a submission: the vendor
puts the schema in front of the prompt, so another schema per pass would throw the shared cached prefix away
(documented for `output_config.format`). `answer_model` is what an answer must satisfy here, with the comment types of
its own pass only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, Union

from anthropic import transform_schema
from pydantic import BaseModel, BeforeValidator, ConfigDict, create_model, model_validator

from models.jobs import PassName
from workers.passes.registry import SPECS
from workers.passes.request import CommentKind, Criterion, Resolution, Severity

# Part of every prompt version: raise it when the meaning of a field changes.
SCHEMA_VERSION = "2"

_M = TypeVar("_M", bound=BaseModel)


class _Closed(BaseModel):
    """Every field required and none besides: the vendor limits optional fields and forbids open objects."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PlaceAnswer(_Closed):
    """The words a comment is about, as the model quotes them."""

    quote: str
    prefix: str
    suffix: str


class CommentAnswer(_Closed):
    """One comment as the model writes it."""

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
    """One criterion's level as the model picks it."""

    criterion: str
    level: str
    rationale: str
    confidence: float


class VerdictAnswer(_Closed):
    """What became of one numbered comment on the last draft, as the model sees it."""

    comment: int
    fate: Resolution


class Answer(_Closed):
    """One pass's answer. The models built below narrow `type`, `criterion` and `level` to what exists."""

    comments: list[CommentAnswer]
    picks: list[PickAnswer]
    strengths: list[str]
    next_steps: list[str]
    not_checked: list[str]
    verdicts: list[VerdictAnswer]

    @model_validator(mode="before")
    @classmethod
    def _nothing_was_asked(cls, value: object) -> object:
        """An answer without verdicts says nothing of earlier comments, and is no worse for it."""
        return {"verdicts": [], **value} if isinstance(value, dict) else value


def answer_model(pass_name: PassName, *, criteria: tuple[Criterion, ...]) -> type[Answer]:
    """Return the model an answer to this pass, under this rubric, must satisfy."""
    return _model(SPECS[pass_name].types, criteria)


def wire_schema(criteria: tuple[Criterion, ...]) -> dict[str, object]:
    """Return the JSON schema for the vendor: equal for all passes of one rubric, within the vendor's limits."""
    return _wire_schema(criteria)


@lru_cache(maxsize=128)
def _wire_schema(criteria: tuple[Criterion, ...]) -> dict[str, object]:
    types = tuple(dict.fromkeys(name for spec in SPECS.values() for name in spec.types))
    model = _model(types, criteria)
    schema: dict[str, object] = _bare(transform_schema(model.model_json_schema()))
    return schema


@lru_cache(maxsize=512)
def _model(types: tuple[str, ...], criteria: tuple[Criterion, ...]) -> type[Answer]:
    names = tuple(criterion.name for criterion in criteria)
    comment = _narrowed(
        CommentAnswer,
        "Comment",
        type=_one_of(types),
        criterion=_one_of(("", *names)),
    )
    fields: dict[str, Any] = {"comments": list[comment]}  # type: ignore[valid-type]
    if criteria:
        # Criteria with the same levels share a shape: it is paid for in every call.
        alike: dict[tuple[str, ...], list[str]] = {}
        for criterion in criteria:
            alike.setdefault(tuple(level.name for level in criterion.levels), []).append(criterion.name)
        picks = tuple(
            _narrowed(PickAnswer, f"Pick{number}", criterion=_one_of(named), level=_one_of(levels))
            for number, (levels, named) in enumerate(alike.items(), start=1)
        )
        fields["picks"] = list[Union[picks]]  # type: ignore[valid-type]  # noqa: UP007  (a union of a computed tuple)
    else:
        # Without a rubric there is nothing to pick, so whatever stands there is dropped.
        nothing = _narrowed(PickAnswer, "Pick", criterion=_one_of(("",)), level=_one_of(("",)))
        fields["picks"] = Annotated[list[nothing], BeforeValidator(_no_picks)]  # type: ignore[valid-type]
    return _narrowed(Answer, "Answer", **fields)


def _narrowed(base: type[_M], name: str, **fields: Any) -> type[_M]:
    required: dict[str, Any] = {key: (kind, ...) for key, kind in fields.items()}
    return create_model(name, __base__=base, **required)


def _one_of(values: Iterable[str]) -> Any:
    """Return a type that accepts these words; case alone is mended, as the vendor does not promise it."""
    known = tuple(dict.fromkeys(values))
    return Annotated[Literal[known], BeforeValidator(_mending_case(known))]


def _mending_case(known: tuple[str, ...]) -> Callable[[object], object]:
    folded = {value.casefold(): value for value in reversed(known)}

    def mend(value: object) -> object:
        if not isinstance(value, str) or value in known:
            return value
        return folded.get(value.casefold(), value)

    return mend


def _no_picks(value: object) -> object:
    return [] if isinstance(value, list) else value


def _bare(node: Any) -> Any:
    """Return the schema without titles and descriptions: they cost tokens in every call and say nothing new."""
    if isinstance(node, dict):
        return {
            key: _bare(one)
            for key, one in node.items()
            if not (key in ("title", "description") and isinstance(one, str))
        }
    if isinstance(node, list):
        return [_bare(value) for value in node]
    return node
