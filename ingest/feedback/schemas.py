"""Request and response models of feedback, reviews and saved comments. Request bodies with unknown members are refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    StringConstraints,
    model_validator,
)

from ingest.web.schemas import Cursor, Id, RequestBody, Share, Short, Span, Whole, optional_not_null

MAX_MESSAGE = 2000
MAX_NOTE = 1000
MAX_QUOTE = 2000
MAX_CONTEXT = 200

Pass = Annotated[Literal["grammar", "structure", "content"], Field(alias="pass")]
CommentKind = Literal["praise", "issue", "question"]
Severity = Literal["info", "minor", "major"]
Message = Annotated[StrictStr, StringConstraints(min_length=1, max_length=MAX_MESSAGE, pattern=r"\S")]
NextStep = Annotated[StrictStr, StringConstraints(max_length=1000)]
Suggestions = Annotated[
    list[Annotated[StrictStr, StringConstraints(min_length=1, max_length=500)]], Field(max_length=10)
]
Quote = Annotated[StrictStr, StringConstraints(min_length=1, max_length=MAX_QUOTE, pattern=r"\S")]
Context = Annotated[StrictStr, StringConstraints(max_length=MAX_CONTEXT)]
Offset = Annotated[int, Whole(ge=0, le=100_000)]

DECISIONS: dict[str, Literal["accepted", "edited", "rejected"]] = {
    "accept": "accepted", "accepted": "accepted", "edit": "edited", "edited": "edited", "reject": "rejected", "rejected": "rejected",
}  # fmt: skip


class DecisionRequest(RequestBody):
    """A decision about a comment. New words mean an edit; an edit keeps the words that it does not name."""

    decision: Literal["accept", "edit", "reject", "accepted", "edited", "rejected"] = optional_not_null()
    message: Message = optional_not_null()
    next_step: NextStep = optional_not_null()
    suggestions: Suggestions = optional_not_null()

    @model_validator(mode="after")
    def _check_words_match_decision(self) -> DecisionRequest:
        if self.verdict == "edited" and not self.words:
            raise ValueError("an edit needs a message, a next_step or suggestions")
        if self.verdict != "edited" and self.words:
            raise ValueError("new words are an edit: they go with no other decision")
        return self

    @property
    def words(self) -> dict[str, object]:
        """Return the new words that the client sent."""
        return {name: value for name, value in self.changes().items() if name != "decision"}

    @property
    def verdict(self) -> Literal["accepted", "edited", "rejected"]:
        """Return the decision under its stored name; `edited` when words were sent without a decision."""
        return DECISIONS[self.decision] if "decision" in self.model_fields_set else "edited"


class NewReaction(RequestBody):
    """A student's reaction to a comment."""

    reaction: Literal["helpful", "not_helpful", "disagree"]
    note: Annotated[StrictStr, StringConstraints(min_length=1, max_length=MAX_NOTE, pattern=r"\S")] | None = None


class WantedSpan(RequestBody):
    """The passage that a comment is about: text[start:end], counted in Unicode code points."""

    start: Offset
    end: Offset


class NewSavedComment(RequestBody):
    """A comment to save for use with other essays."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")

    pass_: Pass
    type: Annotated[Short, Field(description="one of the comment types of the pass")]
    kind: CommentKind
    severity: Severity = "minor"
    message: Message
    next_step: NextStep = ""
    suggestions: Suggestions = Field(default_factory=list)


class NewComment(RequestBody):
    """An educator's own comment. Its passage is given by `span`, or by a `quote` that occurs once between prefix and suffix.

    With `saved_comment_id` members that are not sent are taken from the saved comment; without it `pass`, `type`, `kind` and
    `message` are required.
    """

    model_config = ConfigDict(populate_by_name=True, extra="forbid")

    pass_: Pass = optional_not_null()
    type: Annotated[Short, Field(description="one of the comment types of the pass")] = optional_not_null()
    kind: CommentKind = optional_not_null()
    severity: Severity = optional_not_null()
    message: Message = optional_not_null()
    next_step: NextStep = optional_not_null()
    suggestions: Suggestions = optional_not_null()
    span: WantedSpan | None = None
    quote: Quote | None = None
    prefix: Annotated[Context, Field(description="the text right before the quote")] = ""
    suffix: Annotated[Context, Field(description="the text right after the quote")] = ""
    saved_comment_id: Annotated[Id | None, Field(description="one of your saved comments")] = None
    save: Annotated[StrictBool, Field(description="also add the comment to your saved comments")] = False

    @model_validator(mode="after")
    def _check_one_passage(self) -> NewComment:
        if (self.span is None) == (self.quote is None):
            raise ValueError("either a span or a quote is needed, not both")
        if self.quote is None and (self.prefix or self.suffix):
            raise ValueError("prefix and suffix go with a quote")
        return self

    @property
    def words(self) -> dict[str, object]:
        """Return the members that the client sent of the comment itself, under the names that a saved comment has."""
        sent = {"pass" if name == "pass_" else name: value for name, value in self.changes().items()}
        return {name: sent[name] for name in sent if name in SAVED_MEMBERS}


SAVED_MEMBERS = ("pass", "type", "kind", "severity", "message", "next_step", "suggestions")


class SavedComment(BaseModel):
    """One of your saved comments."""

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
    """A page of your saved comments, newest first."""

    items: list[SavedComment]
    next_cursor: Cursor


class Released(BaseModel):
    """The feedback of this version is released to its student."""

    id: UUID
    released: Literal[True]
    released_at: datetime


class ReleasedMany(BaseModel):
    """The number of versions that were held and are now released."""

    released: int


class Range(BaseModel):
    """Another passage to which the same comment applies, in code points."""

    start: int
    end: int


class CommentWords(BaseModel):
    """The texts of a comment."""

    message: str
    next_step: str
    suggestions: list[str]


class Review(BaseModel):
    """The newest decision of an educator about a comment."""

    decision: Literal["accepted", "edited", "rejected"]
    educator_id: UUID
    decided_at: datetime
    original: Annotated[
        CommentWords | None, Field(description="the texts that the edit replaced; null when the comment was not edited")
    ]


class Reaction(BaseModel):
    """The student's reaction to a comment."""

    reaction: Literal["helpful", "not_helpful", "disagree"]
    note: str | None
    created_at: datetime


class Comment(BaseModel):
    """One remark about one passage of the essay, with one next step. An edited comment has the texts of the edit."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    pass_: Annotated[str, Field(alias="pass")]
    type: str
    kind: Literal["praise", "issue", "question"]
    severity: Literal["info", "minor", "major"]
    priority: Annotated[int, Field(description="rank within its pass; 1 comes first")]
    order: Annotated[int, Field(description="place in the reading order of all comments; 1 comes first")]
    shown_first: Annotated[
        bool,
        Field(
            description="whether to show it at once: at most twelve; put the others behind a button, as more of the same"
        ),
    ]
    span: Span
    also_at: Annotated[list[Range], Field(description="other passages to which it applies")]
    message: str
    next_step: str
    suggestions: list[str]
    criterion: Annotated[str | None, Field(description="the rubric criterion that it is about")]
    confidence: Share
    confidence_basis: Annotated[
        Literal["measured", "model", "agreement", "default"],
        Field(
            description="the basis of `confidence`. measured: measured on corrected texts or on reviews; model: stated by the model; "
            "agreement: several engines or models agree; default: a fixed figure, nobody has judged such comments. "
            "An educator's own comment has confidence 1 with basis agreement."
        ),
    ]
    origin: Annotated[Literal["rule", "model", "educator"], Field(description="who or what made the comment")]
    provider: Annotated[Literal["local", "anthropic"] | None, Field(description="null for an educator's own comment")]
    model: Annotated[str | None, Field(description="null for an educator's own comment")]
    resolution: Literal["open", "addressed", "persisting", "moot"]
    carried_from: Annotated[UUID | None, Field(description="the comment on an earlier version that it continues")]
    educator_id: Annotated[UUID | None, Field(description="the author of an educator's own comment")] = None
    reaction: Annotated[Reaction | None, Field(description="the student's reaction; null when there is none")] = None
    review: Annotated[Review | None, Field(description="staff only; null when no educator has decided")] = None


class CriterionResult(BaseModel):
    """The level chosen for one criterion of the rubric. The points come from the rubric, not from the model."""

    criterion: str
    level: str
    points: int
    max_points: int
    rationale: str
    evidence: Annotated[list[UUID], Field(description="ids of comments that support the level")]
    confidence: Share


class Summary(BaseModel):
    """The main points of the feedback, and what was not checked."""

    strengths: list[str]
    next_steps: Annotated[
        list[str],
        Field(
            description="at most three, one of each pass: structure, content, and one pattern of language", max_length=3
        ),
    ]
    not_checked: Annotated[list[str], Field(description="what the passes did not check")]


class Feedback(BaseModel):
    """The feedback of the passes that are done."""

    submission_id: UUID
    version: int
    status: Annotated[str, Field(description="the status of the submission")]
    summary: Summary
    criteria: list[CriterionResult]
    points: Annotated[
        int | None,
        Field(
            description="the sum over the rubric's criteria, each counted once (chosen by several passes: the level of the highest "
            "confidence); null unless every criterion has a level"
        ),
    ]
    max_points: Annotated[int | None, Field(description="the most that the rubric allows; null where `points` is null")]
    comments: Annotated[
        list[Comment],
        Field(
            description="by pass and priority; `order` is the reading order: an educator's own first, then the first of each type "
            "of each pass, sense before spelling. No point twice; students and API keys get no rejected comments"
        ),
    ]
    notes: Annotated[list[str], Field(description="staff only: remarks of the passes for the educator")] = []
    stale: Annotated[
        bool,
        Field(description="staff only: the assignment has another rubric now, so a rerun may give other feedback"),
    ] = False


Resolution = Literal["open", "addressed", "persisting", "moot"]


class CurrentPlace(BaseModel):
    """The place of a persisting comment in the newest version."""

    comment_id: UUID
    span: Span


class EarlierComment(BaseModel):
    """A comment on an earlier version and its resolution in the newest version."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    submission_id: UUID
    version: int
    pass_: Annotated[str, Field(alias="pass")]
    type: str
    kind: Literal["praise", "issue", "question"]
    severity: Literal["info", "minor", "major"]
    span: Annotated[Span, Field(description="the passage in the text of its own version")]
    message: str
    next_step: str
    resolution: Annotated[
        Resolution,
        Field(
            description="addressed: the passage was rewritten, or the newer reading finds it settled; persisting: the comment still "
            "applies; moot: the passage was removed; open: not decided yet, or the passage was never found in the text"
        ),
    ]
    now: Annotated[CurrentPlace | None, Field(description="null unless the resolution is persisting")]
    decided_in_version: Annotated[int | None, Field(description="null while the resolution is open")]


class ResolutionCounts(BaseModel):
    """The number of earlier comments by resolution."""

    addressed: int
    persisting: int
    moot: int
    open: int


class Progress(BaseModel):
    """Every comment on earlier versions of an essay, each once, with its resolution in the newest version."""

    essay_id: UUID
    submission_id: Annotated[UUID, Field(description="the newest version")]
    version: int
    status: str
    counts: ResolutionCounts
    new_comments: Annotated[
        int, Field(description="the number of comments on the newest version that continue no earlier comment")
    ]
    comments: list[EarlierComment]
