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
from pydantic import BaseModel, BeforeValidator, ConfigDict, create_model

from models.jobs import PassName
from workers.passes.spec import SPECS
from workers.providers.base import Criterion, Kind, Severity

# Part of every prompt version: raise it when the meaning of a field changes.
SCHEMA_VERSION = "1"

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
    kind: Kind
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


class Answer(_Closed):
    """One pass's answer. The models built below narrow `type`, `criterion` and `level` to what exists."""

    comments: list[CommentAnswer]
    picks: list[PickAnswer]
    strengths: list[str]
    next_steps: list[str]
    not_checked: list[str]


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
        picks = tuple(
            _narrowed(
                PickAnswer,
                f"Pick{number}",
                criterion=_one_of((criterion.name,)),
                level=_one_of(level.name for level in criterion.levels),
            )
            for number, criterion in enumerate(criteria, start=1)
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
    """Return the schema without its titles: they cost tokens in every call and say nothing new."""
    if isinstance(node, dict):
        return {key: _bare(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if isinstance(node, list):
        return [_bare(value) for value in node]
    return node
