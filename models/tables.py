"""Peewee classes: one for each table. SQL owns the schema (migrations/schema.sql); a test compares every class with it.

The code writes simple rows through some of them. All of them say which columns are encrypted, and tests compare that.
"""

from __future__ import annotations

from typing import Any

from peewee import (
    SQL,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    DateField,
    DecimalField,
    DoubleField,
    IntegerField,
    Model,
    Node,
    SmallIntegerField,
    TextField,
    UUIDField,
)
from playhouse.postgres_ext import ArrayField, BinaryJSONField, DateTimeTZField, JSONField

from models.crypto import EncryptedField
from models.db import database

NOW: list[Node] = [SQL("default now()")]
NEW_ID: list[Node] = [SQL("default uuidv7()")]
NO_HASH: list[Node] = [SQL("default decode(repeat('00'::text, 32), 'hex'::text)")]
OF_SESSION: list[Node] = [SQL("default (NULLIF(current_setting('app.trace'::text, true), ''::text))::uuid")]
SCOPES: list[Node] = [SQL("default '{submit,read}'::text[]")]
EVERY_ROLE: list[Node] = [SQL("default '{student,educator,admin}'::text[]")]
NO_BYTES: list[Node] = [SQL("default '{}'::bytea[]")]
EVERYWHERE: list[Node] = [SQL("default '{}'::text[]")]
NO_IDS: list[Node] = [SQL("default '{}'::bigint[]")]
FROM_ID: list[Node] = [SQL("generated always as (uuid_extract_timestamp(id)) stored")]
FROM_COMMENT: list[Node] = [SQL("generated always as (uuid_extract_timestamp(feedback_id)) stored")]
UNDECIDED: list[Node] = [SQL("generated always as (review_id is null) stored")]
READERS: list[Node] = [SQL("generated always as (coalesce(course_id, user_id)) stored")]


class Table(Model):
    """Base of every table class. It sets the pool, and keeps each table name as SQL has it."""

    class Meta:
        database = database
        legacy_table_names = False


def _id() -> Any:
    """Return the field of a primary key that the server fills with a UUIDv7."""
    return UUIDField(primary_key=True, constraints=NEW_ID)


def _created_at() -> Any:
    """Return the field of the time of creation, which the server fills in."""
    return DateTimeTZField(constraints=NOW)


class Orgs(Table):
    """A school or department: the tenant."""

    id = _id()
    slug = TextField()
    name = TextField()
    default_language = TextField(default="en")
    release_policy = TextField(default="auto")
    ai_policy = TextField(default="anthropic")
    ai_fallback = TextField(default="wait")
    require_approval = BooleanField(default=False)
    require_assignment = BooleanField(default=False)
    monthly_budget_micros = BigIntegerField(null=True)
    author_open_limit = IntegerField(default=50, null=True)
    author_daily_limit = IntegerField(default=500, null=True)
    author_budget_percent = IntegerField(default=20, null=True)
    admin_networks = ArrayField(TextField, index=False, constraints=EVERYWHERE)
    embed_origins = ArrayField(TextField, index=False, constraints=EVERYWHERE)
    password_roles = ArrayField(TextField, index=False, constraints=EVERY_ROLE)
    second_factor_required = BooleanField(default=False)
    step_up = BooleanField(default=False)
    # Days; None: for ever.
    retention_texts = IntegerField(null=True)
    retention_raw_answers = IntegerField(null=True)
    retention_deliveries = IntegerField(null=True)
    retention_accounts = IntegerField(null=True)
    retention_logs = IntegerField(null=True)
    legal_hold = TextField(null=True)
    dual_approval = BooleanField(default=False)
    created_at = _created_at()
    closed_at = DateTimeTZField(null=True)
    exported_at = DateTimeTZField(null=True)
    removed_at = DateTimeTZField(null=True)


class Users(Table):
    """A person. The name, e-mail address and external id are encrypted; digests of the last two find the person."""

    id = _id()
    org_id = UUIDField()
    role = TextField()
    email = EncryptedField(null=True)
    email_digest = BlobField(null=True)
    name = EncryptedField(null=True)
    external_id = EncryptedField(null=True)
    external_id_digest = BlobField(null=True)
    password_hash = TextField(null=True)
    language = TextField(null=True)
    token_version = IntegerField(default=0)
    disabled_at = DateTimeTZField(null=True)
    created_at = _created_at()
    erase_requested_at = DateTimeTZField(null=True)
    # None while only an LMS has named the address.
    address_confirmed_at = DateTimeTZField(
        null=True,
        constraints=[
            SQL("default CASE CURRENT_USER WHEN 'ec_lms'::name THEN NULL::timestamp with time zone ELSE now() END")
        ],
    )
    active_at = DateTimeTZField(constraints=NOW)
    legal_hold = TextField(null=True)


class UserKeys(Table):
    """One wrapped data key per person."""

    user_id = UUIDField(primary_key=True)
    org_id = UUIDField()
    wrapped = EncryptedField()
    master_key_id = TextField()
    created_at = _created_at()


class Sessions(Table):
    """A refresh-token family."""

    id = _id()
    org_id = UUIDField()
    user_id = UUIDField()
    generation = IntegerField(default=1)
    rotated_at = DateTimeTZField(constraints=NOW)
    expires_at = DateTimeTZField()
    revoked_at = DateTimeTZField(null=True)
    revoked_reason = TextField(null=True)
    created_at = _created_at()
    # After the sign-in itself.
    proved_at = DateTimeTZField(null=True)


class OneTimeTokens(Table):
    """The token of an invitation or a password reset, found by its digest."""

    id = _id()
    org_id = UUIDField()
    user_id = UUIDField()
    purpose = TextField()
    digest = BlobField()
    expires_at = DateTimeTZField()
    used_at = DateTimeTZField(null=True)
    created_at = _created_at()


class SecondFactors(Table):
    """The secret of a person's authenticator app, and digests of their recovery codes. None confirmed it yet: it does not count."""

    user_id = UUIDField(primary_key=True)
    org_id = UUIDField()
    secret = EncryptedField()
    confirmed_at = DateTimeTZField(null=True)
    last_step = BigIntegerField(default=0)
    failures = IntegerField(default=0)
    failed_at = DateTimeTZField(null=True)
    recovery_codes = ArrayField(BlobField, index=False, constraints=NO_BYTES)
    created_at = _created_at()


class Passkeys(Table):
    """A passkey of a person, found by the digest of its id."""

    id = UUIDField(primary_key=True)
    org_id = UUIDField()
    user_id = UUIDField()
    name = EncryptedField()
    credential_digest = BlobField()
    credential_id = EncryptedField()
    public_key = EncryptedField()
    sign_count = BigIntegerField()
    created_at = _created_at()
    last_used_at = DateTimeTZField(null=True)


class SignInProviders(Table):
    """Where the people of an org sign in with their school's account."""

    id = _id()
    org_id = UUIDField()
    name = TextField()
    issuer = TextField()
    client_id = TextField()
    client_secret = EncryptedField()
    find_by = TextField(default="subject")
    roles = ArrayField(TextField, index=False, constraints=EVERY_ROLE)
    created_at = _created_at()


class LinkedAccounts(Table):
    """Which account of the provider belongs to a person, found by the digest of its id."""

    user_id = UUIDField(primary_key=True)
    org_id = UUIDField()
    subject_digest = BlobField()
    created_at = _created_at()


class ApiKeys(Table):
    """An API key of an LMS, found by its digest."""

    id = _id()
    org_id = UUIDField()
    name = TextField()
    prefix = TextField()
    digest = BlobField()
    expires_at = DateTimeTZField(null=True)
    revoked_at = DateTimeTZField(null=True)
    created_at = _created_at()
    scopes = ArrayField(TextField, index=False, constraints=SCOPES)
    last_used_on = DateField(null=True)
    creates_courses = BooleanField(default=False)
    networks = ArrayField(TextField, index=False, constraints=EVERYWHERE)


class Sources(Table):
    """An LMS: one that sends signed webhooks, one that is asked, or a platform."""

    id = _id()
    org_id = UUIDField()
    name = TextField()
    secret = EncryptedField()
    previous_secret = EncryptedField(null=True)
    previous_secret_until = DateTimeTZField(null=True)
    disabled_at = DateTimeTZField(null=True)
    created_at = _created_at()
    creates_courses = BooleanField(default=False)
    networks = ArrayField(TextField, index=False, constraints=EVERYWHERE)
    kind = TextField(default="signed")
    mapping = BinaryJSONField(null=True, index=False)


class Platforms(Table):
    """An LMS that opens our pages by LTI 1.3, and how we reach it. It is the source with the same id."""

    id = UUIDField(primary_key=True)
    org_id = UUIDField()
    state = TextField(default="invited")
    registration_digest = BlobField(null=True)
    registration_ends_at = DateTimeTZField(null=True)
    issuer = TextField(null=True)
    client_id = TextField(null=True)
    authorization_url = TextField(null=True)
    token_url = TextField(null=True)
    token_audience = TextField(null=True)
    jwks_url = TextField(null=True)
    deployments = ArrayField(TextField, index=False, constraints=EVERYWHERE)
    frame_origins = ArrayField(TextField, index=False, constraints=EVERYWHERE)
    scores = TextField(default="none")
    created_at = _created_at()
    launched_at = DateTimeTZField(null=True)
    refused_at = DateTimeTZField(null=True)
    refused_reason = TextField(null=True)


class LmsPeople(Table):
    """Whom a platform means by its own id of a person, found by the digest of that id."""

    id = _id()
    org_id = UUIDField()
    source_id = UUIDField()
    user_id = UUIDField()
    subject = EncryptedField()
    subject_digest = BlobField()
    created_at = _created_at()


class PlatformCourses(Table):
    """Where a platform lists the people of a course."""

    org_id = UUIDField()
    source_id = UUIDField()
    course_id = UUIDField()
    memberships_url = TextField()
    listed_at = DateTimeTZField(null=True)

    class Meta:
        primary_key = CompositeKey("org_id", "source_id", "course_id")


class PlatformAssignments(Table):
    """Where a platform takes the scores of an assignment."""

    org_id = UUIDField()
    source_id = UUIDField()
    assignment_id = UUIDField()
    line_item_url = TextField()

    class Meta:
        primary_key = CompositeKey("org_id", "source_id", "assignment_id")


class AssetActivities(Table):
    """An assignment of a platform's own to which EssayCoach is attached, and where reports about its documents go."""

    org_id = UUIDField()
    source_id = UUIDField()
    deployment = TextField()
    activity = TextField()
    title = TextField(null=True)
    report_url = TextField(null=True)
    report_scopes = ArrayField(TextField, index=False, constraints=EVERYWHERE)

    class Meta:
        primary_key = CompositeKey("org_id", "source_id", "deployment", "activity")


class NoticeHandlers(Table):
    """Where a deployment of a platform sends its notices, as it has confirmed."""

    org_id = UUIDField()
    source_id = UUIDField()
    deployment = TextField()
    notice_type = TextField()
    service_url = TextField()
    handler = TextField()
    registered_at = DateTimeTZField(constraints=NOW)

    class Meta:
        primary_key = CompositeKey("org_id", "source_id", "deployment", "notice_type")


class SpentLaunches(Table):
    """A launch that was used, by the digest of its state."""

    org_id = UUIDField()
    source_id = UUIDField()
    state_digest = BlobField()
    spent_at = DateTimeTZField(constraints=NOW)

    class Meta:
        primary_key = CompositeKey("org_id", "source_id", "state_digest")


class LtiKeys(Table):
    """A key pair of ours, with which one platform checks what we send."""

    id = UUIDField(primary_key=True)
    platform_id = UUIDField()
    private_key = EncryptedField()
    public_key = BinaryJSONField()
    created_at = _created_at()


class Endpoints(Table):
    """Where an org wants to hear of its events."""

    id = _id()
    org_id = UUIDField()
    name = TextField()
    url = TextField()
    events = ArrayField(TextField, index=False)
    secret = EncryptedField()
    previous_secret = EncryptedField(null=True)
    previous_secret_until = DateTimeTZField(null=True)
    failing_since = DateTimeTZField(null=True)
    disabled_at = DateTimeTZField(null=True)
    disabled_reason = TextField(null=True)
    created_at = _created_at()


class Categories(Table):
    """A kind of writing that an org uses."""

    id = _id()
    org_id = UUIDField()
    slug = TextField()
    name = TextField()
    created_at = _created_at()


class Rubrics(Table):
    """A version of a rubric, identified by its content hash."""

    id = _id()
    org_id = UUIDField()
    name = TextField()
    content_hash = BlobField()
    created_at = _created_at()


class RubricCriteria(Table):
    """One criterion of a rubric, with its levels and their points."""

    id = _id()
    org_id = UUIDField()
    rubric_id = UUIDField()
    position = IntegerField()
    name = TextField()
    description = TextField(default="")
    levels = BinaryJSONField(index=False)


class Courses(Table):
    """A course: the people who are taught together."""

    id = _id()
    org_id = UUIDField()
    name = TextField()
    external_id = TextField(null=True)
    archived_at = DateTimeTZField(null=True)
    created_at = _created_at()
    source_id = UUIDField(null=True)


class Enrollments(Table):
    """A person in a course, with their role there."""

    org_id = UUIDField()
    course_id = UUIDField()
    user_id = UUIDField()
    role = TextField()
    created_at = _created_at()

    class Meta:
        primary_key = CompositeKey("org_id", "course_id", "user_id")


class Assignments(Table):
    """A task for a course: prompt, due date, release policy, rubric."""

    id = _id()
    org_id = UUIDField()
    course_id = UUIDField()
    title = TextField()
    prompt = TextField(default="")
    due_at = DateTimeTZField(null=True)
    release_policy = TextField(null=True)
    category_id = UUIDField(null=True)
    rubric_id = UUIDField(null=True)
    external_id = TextField(null=True)
    created_at = _created_at()
    source_id = UUIDField(null=True)


class FeedbackTypes(Table):
    """A type of comment, such as spelling, and the pass that it belongs to."""

    slug = TextField(primary_key=True)
    pass_ = TextField(column_name="pass")
    name = TextField()


class Essays(Table):
    """A piece of writing; its versions are submissions."""

    id = _id()
    org_id = UUIDField()
    user_id = UUIDField()
    course_id = UUIDField(null=True)
    audience_id = UUIDField(constraints=READERS)
    assignment_id = UUIDField(null=True)
    category_id = UUIDField(null=True)
    external_id = TextField(null=True)
    title = EncryptedField()
    versions = IntegerField()
    newest_submission_id = UUIDField()
    newest_submitted_at = DateTimeTZField()
    created_at = _created_at()
    updated_at = DateTimeTZField(constraints=NOW)
    trial_rubric_id = UUIDField(null=True)
    trial_prompt = TextField(null=True)
    trial_until = DateTimeTZField(null=True)
    newest_is_update = BooleanField(default=False)


class Partitioned(Table):
    """Base of a partitioned table. Its UUIDv7 key is also the partition key and holds the time of creation."""

    id = _id()
    created_at = DateTimeTZField(constraints=FROM_ID)


class Leased(Table):
    """Base of a table of leased rows (models/leased_rows.py)."""

    state = TextField(default="queued")
    attempt = IntegerField(default=0)
    fence = IntegerField(default=0)
    next_at = DateTimeTZField(constraints=NOW)
    hinted_at = DateTimeTZField(null=True)
    lease_until = DateTimeTZField(null=True)
    started_at = DateTimeTZField(null=True)
    finished_at = DateTimeTZField(null=True)
    error = TextField(null=True)


class Submissions(Partitioned):
    """An immutable version of an essay."""

    org_id = UUIDField()
    essay_id = UUIDField()
    user_id = UUIDField()
    audience_id = UUIDField()
    version = IntegerField()
    status = TextField()
    queue = TextField()
    source = TextField()
    external_id = TextField(null=True)
    language = TextField()
    text = EncryptedField()
    text_sha256 = BlobField()
    characters = IntegerField()
    words = IntegerField()
    submitted_at = DateTimeTZField()
    released_at = DateTimeTZField(null=True)
    completed_at = DateTimeTZField(null=True)
    from_html = BooleanField(default=False)
    pictures_left_out = IntegerField(default=0)
    feedback_seconds = DoubleField(null=True)
    tallied = BooleanField(default=False)
    trace_id = UUIDField(null=True, constraints=OF_SESSION)


class Passes(Table):
    """The job record of one pass over one version."""

    id = _id()
    org_id = UUIDField()
    submission_id = UUIDField()
    essay_id = UUIDField()
    user_id = UUIDField()
    audience_id = UUIDField()
    name = TextField()
    state = TextField()
    queue = TextField()
    attempt = IntegerField(default=0)
    fence = IntegerField(default=0)
    lost = IntegerField(default=0)
    queued_at = DateTimeTZField(constraints=NOW)
    next_at = DateTimeTZField(constraints=NOW)
    hinted_at = DateTimeTZField(constraints=NOW)
    lease_until = DateTimeTZField(null=True)
    first_claimed_at = DateTimeTZField(null=True)
    started_at = DateTimeTZField(null=True)
    finished_at = DateTimeTZField(null=True)
    error = TextField(null=True)
    provider = TextField(null=True)
    model = TextField(null=True)
    comments = IntegerField(null=True)
    summary = EncryptedField(null=True)
    tallied = BooleanField(default=False)
    discarded_at = DateTimeTZField(null=True)
    rubric_id = UUIDField(null=True)
    prompt_version = TextField(null=True)
    basis = BlobField(null=True)
    batch = TextField(null=True)
    batch_call = UUIDField(null=True)
    turn = SmallIntegerField(default=0)


class AuthorUse(Table):
    """What an author handed in on their last day and cost in their last month (UTC)."""

    org_id = UUIDField()
    user_id = UUIDField()
    day = DateField(null=True)
    handed_in = IntegerField(default=0)
    month = DateField(null=True)
    cost_micros = BigIntegerField(default=0)

    class Meta:
        primary_key = CompositeKey("org_id", "user_id")


class Approvals(Table):
    """What one admin asked for and another approves."""

    id = _id()
    org_id = UUIDField()
    action = TextField()
    user_id = UUIDField(null=True)
    requested_by = UUIDField()
    requested_at = DateTimeTZField(constraints=NOW)
    approved_by = UUIDField(null=True)
    approved_at = DateTimeTZField(null=True)
    used_at = DateTimeTZField(null=True)


class RetentionRuns(Table):
    """How far the deletion of what an org keeps no longer is, for each class that has a limit."""

    org_id = UUIDField()
    class_name = TextField(column_name="class")
    begins_at = DateTimeTZField()
    next_at = DateTimeTZField()
    deleted = BigIntegerField(default=0)
    last_deleted = BigIntegerField(null=True)
    last_run_at = DateTimeTZField(null=True)

    class Meta:
        primary_key = CompositeKey("org_id", "class_name")


class IdempotencyKeys(Table):
    """A request with an idempotency key, and the response that was given to it."""

    org_id = UUIDField()
    caller_id = UUIDField()
    key = TextField()
    request_sha256 = BlobField()
    response = JSONField(null=True)
    created_at = _created_at()
    canonical_sha256 = BlobField(null=True)

    class Meta:
        primary_key = CompositeKey("org_id", "caller_id", "key")


class SeenEvents(Table):
    """An event that a source has sent, and the answer that it got. Rows are never purged."""

    source_id = UUIDField()
    event_id = TextField()
    org_id = UUIDField()
    body_sha256 = BlobField()
    submission_id = UUIDField(null=True)
    answer = JSONField(null=True)
    seen_at = DateTimeTZField(constraints=NOW)
    canonical_sha256 = BlobField(null=True)

    class Meta:
        primary_key = CompositeKey("org_id", "source_id", "event_id")


class InboundEvents(Partitioned):
    """A webhook delivery with its raw body, encrypted."""

    org_id = UUIDField()
    source_id = UUIDField()
    event_id = TextField()
    user_id = UUIDField(null=True)
    submission_id = UUIDField(null=True)
    outcome = TextField()
    reason = TextField(null=True)
    body = EncryptedField()
    body_sha256 = BlobField()
    problem = EncryptedField(null=True)
    replayed_at = DateTimeTZField(null=True)


class Deliveries(Partitioned, Leased):
    """An event for an endpoint: a leased row."""

    org_id = UUIDField()
    endpoint_id = UUIDField()
    event = TextField()
    submission_id = UUIDField(null=True)
    data = BinaryJSONField()
    http_status = IntegerField(null=True)


class Files(Table):
    """A file that a student hands in. Its text stands here until it is handed in, and then in the version."""

    id = _id()
    org_id = UUIDField()
    user_id = UUIDField()
    audience_id = UUIDField()
    submission_id = UUIDField(null=True)
    format = TextField()
    name = EncryptedField()
    content = EncryptedField()
    text = EncryptedField(null=True)
    hidden = EncryptedField(null=True)
    hidden_characters = IntegerField(default=0)
    size_bytes = IntegerField()
    characters = IntegerField()
    words = IntegerField()
    pictures = IntegerField(default=0)
    created_at = _created_at()


class MoodleSites(Leased):
    """A Moodle site that is asked what was handed in: the source with the same id, and a leased row."""

    id = UUIDField(primary_key=True)
    org_id = UUIDField()
    site = TextField()
    token = EncryptedField()
    interval_seconds = IntegerField(default=300)
    courses = ArrayField(BigIntegerField, index=False, constraints=NO_IDS)
    returns = TextField(default="link")
    pages_url = TextField(null=True)
    begins_at = DateTimeTZField(constraints=NOW)
    seen_until = DateTimeTZField(null=True)
    looked_into = ArrayField(BigIntegerField, index=False, constraints=NO_IDS)
    closed = ArrayField(BigIntegerField, index=False, constraints=NO_IDS)
    succeeded_at = DateTimeTZField(null=True)
    error_about = TextField(null=True)
    created_at = _created_at()


class CanvasSites(Table):
    """A Canvas site that tells by events what was handed in: the source with the same id."""

    id = UUIDField(primary_key=True)
    org_id = UUIDField()
    site = TextField()
    token = EncryptedField()
    root_account_uuid = TextField(null=True)
    jwks_url = TextField()
    returns = TextField(default="link")
    pages_url = TextField(null=True)
    created_at = _created_at()
    heard_at = DateTimeTZField(null=True)
    looked_back_at = DateTimeTZField(null=True)


class Arrivals(Leased):
    """A version of a hand-in that an LMS says is there: a leased row, kept for ever so that none is taken twice."""

    id = _id()
    org_id = UUIDField()
    source_id = UUIDField()
    version_key = TextField()
    place = BinaryJSONField()
    changed_at = DateTimeTZField()
    submission_id = UUIDField(null=True)
    created_at = _created_at()


class Returns(Leased):
    """What goes back to an LMS about a version: a leased row."""

    id = _id()
    org_id = UUIDField()
    source_id = UUIDField()
    submission_id = UUIDField()
    channel = TextField()
    external_id = TextField(null=True)
    created_at = _created_at()


class Feedback(Partitioned):
    """One comment; its quote is cut from the version's text."""

    org_id = UUIDField()
    submission_id = UUIDField()
    text_characters = IntegerField()
    essay_id = UUIDField()
    user_id = UUIDField()
    audience_id = UUIDField()
    pass_ = TextField(column_name="pass")
    type = TextField()
    kind = TextField()
    severity = TextField()
    priority = IntegerField()
    match = TextField()
    span_start = IntegerField(null=True)
    span_end = IntegerField(null=True)
    also_at = ArrayField(IntegerField, index=False, default=list)
    criterion = TextField(null=True)
    confidence = DecimalField(max_digits=4, decimal_places=3)
    confidence_basis = TextField()
    origin = TextField()
    provider = TextField(null=True)
    model = TextField(null=True)
    resolution = TextField(default="open")
    carried_from = UUIDField(null=True)
    body = EncryptedField()
    superseded_at = DateTimeTZField(null=True)
    educator_id = UUIDField(null=True)


class CriterionResults(Table):
    """The level that a pass picked for one criterion, and the points that the code looked up for it."""

    id = _id()
    org_id = UUIDField()
    submission_id = UUIDField()
    user_id = UUIDField()
    audience_id = UUIDField()
    criterion_id = UUIDField()
    pass_ = TextField(column_name="pass")
    level = TextField()
    points = IntegerField()
    max_points = IntegerField()
    confidence = DecimalField(max_digits=4, decimal_places=3)
    evidence = ArrayField(UUIDField, index=False, default=list)
    rationale = EncryptedField()
    created_at = _created_at()
    superseded_at = DateTimeTZField(null=True)


class FeedbackReviews(Table):
    """A decision of an educator about a comment; the newest decision counts."""

    id = _id()
    org_id = UUIDField()
    feedback_id = UUIDField()
    submission_id = UUIDField()
    user_id = UUIDField()
    audience_id = UUIDField()
    educator_id = UUIDField()
    decision = TextField()
    body = EncryptedField(null=True)
    created_at = _created_at()


class FeedbackReactions(Table):
    """The reaction of a student to a comment."""

    org_id = UUIDField()
    feedback_id = UUIDField()
    user_id = UUIDField()
    submission_id = UUIDField()
    audience_id = UUIDField()
    reaction = TextField()
    note = EncryptedField(null=True)
    created_at = _created_at()

    class Meta:
        primary_key = CompositeKey("org_id", "feedback_id", "user_id")


class ReviewItems(Table):
    """A comment that waits for a decision or has one (`review_id`), for the lists of educators. Triggers keep the rows."""

    feedback_id = UUIDField(primary_key=True)
    org_id = UUIDField()
    essay_id = UUIDField()
    submission_id = UUIDField()
    user_id = UUIDField()
    audience_id = UUIDField()
    assignment_id = UUIDField(null=True)
    confidence_permille = IntegerField()
    review_id = UUIDField(null=True)
    is_open = BooleanField(constraints=UNDECIDED)
    created_at = DateTimeTZField(constraints=FROM_COMMENT)


class SavedComments(Table):
    """A comment that an educator keeps for later essays."""

    id = _id()
    org_id = UUIDField()
    user_id = UUIDField()
    pass_ = TextField(column_name="pass")
    type = TextField()
    kind = TextField()
    body = EncryptedField()
    created_at = _created_at()


class Ledger(Table):
    """The sums of the calls to a paid provider for each org, day (UTC), provider, model and pass."""

    org_id = UUIDField()
    day = DateField()
    provider = TextField()
    model = TextField()
    pass_ = TextField(column_name="pass")
    calls = BigIntegerField(default=0)
    failed = BigIntegerField(default=0)
    input_tokens = BigIntegerField(default=0)
    output_tokens = BigIntegerField(default=0)
    cache_read_tokens = BigIntegerField(default=0)
    cache_write_tokens = BigIntegerField(default=0)
    cost_micros = BigIntegerField(default=0)

    class Meta:
        primary_key = CompositeKey("org_id", "day", "provider", "model", "pass_")


class ModelApprovals(Table):
    """A prompt version and model that a comparison on reviewed essays found to be no worse."""

    id = _id()
    org_id = UUIDField()
    pass_ = TextField(column_name="pass")
    provider = TextField()
    model = TextField()
    prompt_version = TextField()
    report = BinaryJSONField(index=False)
    created_at = _created_at()

    class Meta:
        table_name = "blessings"


class AiResponses(Partitioned):
    """One call to a provider. The row is inserted before the call and completed after it."""

    org_id = UUIDField()
    submission_id = UUIDField()
    user_id = UUIDField()
    pass_ = TextField(column_name="pass")
    attempt = IntegerField()
    provider = TextField()
    model = TextField()
    prompt_version = TextField()
    request_sha256 = BlobField()
    outcome = TextField(default="open")
    stop_reason = TextField(null=True)
    raw = EncryptedField(null=True)
    input_tokens = IntegerField(default=0)
    output_tokens = IntegerField(default=0)
    cache_read_tokens = IntegerField(default=0)
    cache_write_tokens = IntegerField(default=0)
    cost_micros = BigIntegerField(default=0)
    latency_ms = IntegerField(null=True)
    completed_at = DateTimeTZField(null=True)
    tallied = BooleanField(default=False)
    reserved_micros = BigIntegerField(default=0)
    batch = BooleanField(default=False)


class Analytics(Partitioned):
    """Something that a person did: handed in, revised or viewed feedback."""

    org_id = UUIDField()
    user_id = UUIDField()
    event = TextField()
    essay_id = UUIDField(null=True)
    submission_id = UUIDField(null=True)


class SystemLogs(Partitioned):
    """A warning or an error that is kept for operators."""

    org_id = UUIDField(null=True)
    program = TextField()
    level = TextField()
    event = TextField()
    request_id = TextField(null=True)
    context = BinaryJSONField(index=False, default=dict)


class AuditLog(Partitioned):
    """An action and who did it, kept permanently; `sequence` and `hash` are its place in the org's chain."""

    org_id = UUIDField()
    actor_id = UUIDField(null=True)
    actor_role = TextField()
    request_id = TextField(null=True)
    action = TextField()
    entity = TextField()
    entity_id = UUIDField()
    detail = BinaryJSONField(index=False, default=dict)
    sequence = BigIntegerField(null=True)
    hash = BlobField(null=True)


class AuditHeads(Table):
    """The end of an org's chain of audit entries."""

    org_id = UUIDField(primary_key=True)
    sequence = BigIntegerField(default=0)
    hash = BlobField(constraints=NO_HASH)


class ProviderPauses(Table):
    """A provider that no worker should call before `until`."""

    provider = TextField(primary_key=True)
    reason = TextField()
    since = DateTimeTZField(constraints=NOW)
    until = DateTimeTZField()
    probe_until = DateTimeTZField(null=True)
    trips = IntegerField(default=1)


class Tallies(Table):
    """A total that stays when the rows that it was counted from are deleted."""

    name = TextField()
    labels = ArrayField(TextField, index=False)
    count = BigIntegerField(default=0)
    total = DoubleField(default=0)
    buckets = ArrayField(BigIntegerField, index=False, default=list)

    class Meta:
        primary_key = CompositeKey("name", "labels")


class TallyEntries(Table):
    """An amount that the clock has not added to its total yet."""

    id = UUIDField(primary_key=True, constraints=NEW_ID)
    name = TextField()
    labels = ArrayField(TextField, index=False)
    count = BigIntegerField()


class LedgerEntries(Table):
    """A call that ended and that the clock has not added to the ledger yet."""

    id = UUIDField(primary_key=True, constraints=NEW_ID)
    org_id = UUIDField()
    user_id = UUIDField()
    day = DateField()
    provider = TextField()
    model = TextField()
    pass_ = TextField(column_name="pass")
    failed = BooleanField()
    input_tokens = IntegerField()
    output_tokens = IntegerField()
    cache_read_tokens = IntegerField()
    cache_write_tokens = IntegerField()
    cost_micros = BigIntegerField()


class DutyLeases(Table):
    """Which clock carries out a duty that must not run twice at a time."""

    name = TextField(primary_key=True)
    holder = UUIDField(index=False)
    lease_until = DateTimeTZField()


class QueueSnapshot(Table):
    """What waits in a lane and how fast it is read, as the clock last counted; `sweep_`: the count that is under way."""

    queue = TextField(primary_key=True)
    fair = ArrayField(BigIntegerField, index=False)
    counted_at = DateTimeTZField()
    running = IntegerField(default=0)
    pass_seconds = DoubleField(default=1)
    taken_at = DateTimeTZField()
    durations_count = BigIntegerField(default=0)
    durations_total = DoubleField(default=0)
    durations_at = DateTimeTZField()
    sweep_began_at = DateTimeTZField(null=True)
    sweep_org = UUIDField(null=True)
    sweep_turn = SmallIntegerField(null=True)
    sweep_next_at = DateTimeTZField(null=True)
    sweep_passes = BigIntegerField(default=0)
    sweep_fair = ArrayField(BigIntegerField, index=False)


class QueueMarks(Table):
    """Every 300th waiting pass of a school in the order of their turns, and how many are ahead of it."""

    org_id = UUIDField()
    queue = TextField()
    turn = SmallIntegerField()
    next_at = DateTimeTZField()
    ahead = BigIntegerField()
    counted_at = DateTimeTZField()

    class Meta:
        primary_key = CompositeKey("org_id", "queue", "turn", "next_at")


class DutyRuns(Table):
    """The last run of a duty: `found` counts what it changed or found, `detail` holds further counts by name."""

    name = TextField(primary_key=True)
    started_at = DateTimeTZField()
    ended_at = DateTimeTZField()
    succeeded_at = DateTimeTZField(null=True)
    outcome = TextField()
    found = BigIntegerField(default=0)
    detail = BinaryJSONField(index=False, default=dict)


class Reports(Table):
    """A report that somebody asked for: about what (ids and dates), and how old its figures were."""

    id = _id()
    org_id = UUIDField()
    user_id = UUIDField()
    kind = TextField()
    student_id = UUIDField(null=True)
    parameters = BinaryJSONField(index=False)
    data_as_of = DateTimeTZField()
    created_at = _created_at()


class WeeklySummaryReaders(Table):
    """Who wants the weekly summary by mail."""

    org_id = UUIDField()
    user_id = UUIDField()
    since = DateTimeTZField(constraints=NOW)

    class Meta:
        primary_key = CompositeKey("org_id", "user_id")


class WeeklySummaries(Leased):
    """A week of an educator's courses, to be sent by mail: a leased row."""

    id = _id()
    org_id = UUIDField()
    user_id = UUIDField()
    week = DateField()
    courses = BinaryJSONField()


class ReportRefreshes(Table):
    """When a materialized view of the reports was refreshed, and how long that took."""

    name = TextField(primary_key=True)
    refreshed_at = DateTimeTZField()
    took_ms = IntegerField()


class Heartbeats(Table):
    """A process of web, worker or clock: when it was last seen, and when one of its threads last ended a piece of work."""

    id = UUIDField(primary_key=True)
    program = TextField()
    host = TextField()
    pid = IntegerField()
    version = TextField()
    started_at = DateTimeTZField()
    seen_at = DateTimeTZField()
    progress_at = DateTimeTZField()
    threads_alive = IntegerField()
    threads_busy = IntegerField()
    has_work = BooleanField()
