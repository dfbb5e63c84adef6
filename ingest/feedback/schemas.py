"""Request and answer models of what people make of comments. A member that is not known is refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    model_validator,
)

from ingest.web.schemas import Cursor, Id, RequestBody, Share, Short, Span, absent

MOST_MESSAGE = 2000
MOST_NOTE = 1000
MOST_QUOTED = 2000
MOST_AROUND = 200

Pass = Annotated[Literal["grammar", "structure", "content"], Field(alias="pass")]
CommentKind = Literal["praise", "issue", "question"]
Severity = Literal["info", "minor", "major"]
Message = Annotated[StrictStr, StringConstraints(min_length=1, max_length=MOST_MESSAGE, pattern=r"\S")]
NextStep = Annotated[StrictStr, StringConstraints(max_length=1000)]
Suggestions = Annotated[
    list[Annotated[StrictStr, StringConstraints(min_length=1, max_length=500)]], Field(max_length=10)
]
Quote = Annotated[StrictStr, StringConstraints(min_length=1, max_length=MOST_QUOTED, pattern=r"\S")]
Around = Annotated[StrictStr, StringConstraints(max_length=MOST_AROUND)]
Offset = Annotated[StrictInt, Field(ge=0, le=100_000)]

DECISIONS: dict[str, Literal["accepted", "edited", "rejected"]] = {
    "accept": "accepted", "accepted": "accepted", "edit": "edited", "edited": "edited", "reject": "rejected", "rejected": "rejected",
}  # fmt: skip


class DecisionRequest(RequestBody):
    """What becomes of a comment. New words mean an edit; what an edit does not name stays as it reads now."""

    decision: Literal["accept", "edit", "reject", "accepted", "edited", "rejected"] = absent()
    message: Message = absent()
    next_step: NextStep = absent()
    suggestions: Suggestions = absent()

    @model_validator(mode="after")
    def _says_one_thing(self) -> DecisionRequest:
        if self.verdict == "edited" and not self.words:
            raise ValueError("an edit needs a message, a next_step or suggestions")
        if self.verdict != "edited" and self.words:
            raise ValueError("new words are an edit: they go with no other decision")
        return self

    @property
    def words(self) -> dict[str, object]:
        """Return the new words that were sent."""
        return {name: value for name, value in self.changes().items() if name != "decision"}

    @property
    def verdict(self) -> Literal["accepted", "edited", "rejected"]:
        """Return the decision by its one name."""
        return DECISIONS[self.decision] if "decision" in self.model_fields_set else "edited"


class NewReaction(RequestBody):
    """What a student says of a comment."""

    reaction: Literal["helpful", "not_helpful", "disagree"]
    note: Annotated[StrictStr, StringConstraints(min_length=1, max_length=MOST_NOTE, pattern=r"\S")] | None = None


class WantedSpan(RequestBody):
    """The words a comment is about, in code points: text[start:end]."""

    start: Offset
    end: Offset


class NewSavedComment(RequestBody):
    """A comment to keep for the next essay."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")

    pass_: Pass
    type: Annotated[Short, Field(description="one of the pass's types")]
    kind: CommentKind
    severity: Severity = "minor"
    message: Message
    next_step: NextStep = ""
    suggestions: Suggestions = Field(default_factory=list)


class NewComment(RequestBody):
    """An educator's own comment. Where it is about is told by `span`, or by a `quote` that stands once between prefix and suffix.

    With `saved_comment_id` the words come from there, as far as they are not sent; without it pass, type, kind and message are needed.
    """

    model_config = ConfigDict(populate_by_name=True, extra="forbid")

    pass_: Pass = absent()
    type: Annotated[Short, Field(description="one of the pass's types")] = absent()
    kind: CommentKind = absent()
    severity: Severity = absent()
    message: Message = absent()
    next_step: NextStep = absent()
    suggestions: Suggestions = absent()
    span: WantedSpan | None = None
    quote: Quote | None = None
    prefix: Annotated[Around, Field(description="the text right before the quote")] = ""
    suffix: Annotated[Around, Field(description="the text right after the quote")] = ""
    saved_comment_id: Id | None = None
    save: Annotated[StrictBool, Field(description="keep the comment in your bank, too")] = False

    @model_validator(mode="after")
    def _is_about_something(self) -> NewComment:
        if (self.span is None) == (self.quote is None):
            raise ValueError("either a span or a quote is needed, not both")
        if self.quote is None and (self.prefix or self.suffix):
            raise ValueError("prefix and suffix go with a quote")
        return self

    @property
    def words(self) -> dict[str, object]:
        """Return what was sent of the comment itself, by the names a saved comment has."""
        sent = {"pass" if name == "pass_" else name: value for name, value in self.changes().items()}
        return {name: sent[name] for name in sent if name in SAVED}


SAVED = ("pass", "type", "kind", "severity", "message", "next_step", "suggestions")


class SavedComment(BaseModel):
    """A comment of your bank."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    pass_: Pass
    type: str
    kind: CommentKind
    severity: Severity
    message: str
    next_step: str
    suggestions: list[str]
    created_at: datetime


class SavedComments(BaseModel):
    """A page of your bank, newest first."""

    items: list[SavedComment]
    next_cursor: Cursor


class Released(BaseModel):
    """The feedback of this version is for its student to see."""

    id: UUID
    released: Literal[True]
    released_at: datetime


class ReleasedMany(BaseModel):
    """How many versions were held and are no longer."""

    released: int


class Range(BaseModel):
    """Another place where the same comment holds."""

    start: int
    end: int


class CommentWords(BaseModel):
    """What a comment says."""

    message: str
    next_step: str
    suggestions: list[str]


class Review(BaseModel):
    """What an educator decided about a comment; of several decisions the newest."""

    decision: Literal["accepted", "edited", "rejected"]
    educator_id: UUID
    decided_at: datetime
    original: Annotated[
        CommentWords | None, Field(description="the words before the edit; null when it was not edited")
    ]


class Reaction(BaseModel):
    """What the student says of a comment."""

    reaction: Literal["helpful", "not_helpful", "disagree"]
    note: str | None
    created_at: datetime


class Comment(BaseModel):
    """One point about one place, with one next step. What an educator edited reads as edited."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    pass_: Annotated[str, Field(alias="pass")]
    type: str
    kind: Literal["praise", "issue", "question"]
    severity: Literal["info", "minor", "major"]
    priority: int
    span: Span
    also_at: list[Range]
    message: str
    next_step: str
    suggestions: list[str]
    criterion: str | None
    confidence: Share
    confidence_basis: Annotated[
        Literal["measured", "model", "agreement"],
        Field(
            description="what the confidence rests on: measured on corrected texts, the model's own word, or agreement. An educator's "
            "own comment has 1 by agreement: nobody measured it, but the person whose judgement counts stands by it."
        ),
    ]
    origin: Literal["rule", "model", "educator"]
    provider: Annotated[Literal["local", "anthropic"] | None, Field(description="null for an educator's own comment")]
    model: Annotated[str | None, Field(description="null for an educator's own comment")]
    resolution: Literal["open", "addressed", "persisting", "moot"]
    carried_from: UUID | None
    educator_id: Annotated[UUID | None, Field(description="who wrote it, when an educator did")] = None
    reaction: Annotated[Reaction | None, Field(description="the student's, once there is one")] = None
    review: Annotated[Review | None, Field(description="staff only; null while nobody has decided")] = None


class CriterionResult(BaseModel):
    """The level picked for one criterion of the teacher's rubric; the points come from the rubric."""

    criterion: str
    level: str
    points: int
    max_points: int
    rationale: str
    evidence: list[UUID]
    confidence: Share


class Summary(BaseModel):
    """The few things to take away, and what nobody checked."""

    strengths: list[str]
    next_steps: list[str]
    not_checked: list[str]


class Feedback(BaseModel):
    """What the passes that are done have to say."""

    submission_id: UUID
    version: int
    status: str
    summary: Summary
    criteria: list[CriterionResult]
    comments: Annotated[list[Comment], Field(description="students and API keys get none that an educator rejected")]
    notes: Annotated[list[str], Field(description="staff only: remarks for the educator, not for the student")] = []
    stale: Annotated[
        bool,
        Field(
            description="staff only: the rubric has changed since, so running the passes again may say something else"
        ),
    ] = False


Resolution = Literal["open", "addressed", "persisting", "moot"]


class CurrentPlace(BaseModel):
    """Where a comment that persists stands in the newest version."""

    comment_id: UUID
    span: Span


class EarlierComment(BaseModel):
    """A comment on an earlier version and what became of it."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    submission_id: UUID
    version: int
    pass_: Annotated[str, Field(alias="pass")]
    type: str
    kind: Literal["praise", "issue", "question"]
    severity: Literal["info", "minor", "major"]
    span: Annotated[Span, Field(description="in the text of its own version")]
    message: str
    next_step: str
    resolution: Annotated[
        Resolution,
        Field(
            description="addressed: its words were rewritten, or a reader finds it settled; persisting: it still stands; moot: what it "
            "was about is gone; open: not decided yet, or its words were never found in the text"
        ),
    ]
    now: Annotated[CurrentPlace | None, Field(description="only while it persists")]
    decided_in_version: int | None


class ResolutionCounts(BaseModel):
    """How many of the earlier comments came to which end."""

    addressed: int
    persisting: int
    moot: int
    open: int


class Progress(BaseModel):
    """Every comment on earlier versions of an essay, once, with its fate in the newest."""

    essay_id: UUID
    submission_id: Annotated[UUID, Field(description="the newest version")]
    version: int
    status: str
    counts: ResolutionCounts
    new_comments: Annotated[int, Field(description="comments on the newest version that no earlier one had")]
    comments: list[EarlierComment]
