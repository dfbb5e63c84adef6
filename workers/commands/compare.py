"""Compare another model or prompt with what made the reviewed comments: `python -m workers compare`.

The frozen set is every comment that an educator decided about up to a moment. The candidate reads those versions again, and
nothing is stored. It is right about a comment if it comments on the same words where the comment was kept, or makes no comment
on them where the comment was rejected. The exit code is 0 when the candidate is no worse, 1 when it is worse, in all or in one
pass, and 2 when that cannot be decided.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from models import crypto, db, essays, log, orgs, review_counts, settings
from models.courses import fetch_criteria
from models.db import session
from models.errors import NotFound, SettingsError, Undecipherable
from models.jobs import PassName
from models.review_counts import Decided
from workers.job.context import MAX_MASKED_PEOPLE, request_of
from workers.passes.feedback import PassAnswer
from workers.passes.request import PassRequest
from workers.privacy.masking import MaskingProvider
from workers.privacy.roster import roster_around
from workers.providers.choice import ProviderChooser
from workers.providers.contract import GiveUp, Provider, ProviderError, Repair, TryAgain
from workers.settings import ProviderSettings, read_limits, read_provider

FEWEST_COMMENTS = 20
# The bootstrap draws essays. With very few of them, all draws agree even when they are wrong.
FEWEST_ESSAYS = 5
DRAWS = 2000
SEED = 20
NOISE = 0.05
TRIES = 4
WORSE, UNDECIDED = 1, 2
ANSWER_SECONDS = 15.0


class CannotSayError(Exception):
    """The comparison cannot be decided. The message says why."""


@dataclass(frozen=True, kw_only=True)
class VersionScore:
    """The decided comments of a version or of one of its passes.

    How many, and for how many the baseline (`before`) and the candidate (`now`) were right.
    """

    comments: int
    before: int
    now: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The result of a comparison.

    `difference` is the candidate's share of right comments minus the baseline's. `sure` is the share of bootstrap draws in
    which the candidate is worse. `worse_passes` names the passes with enough decided comments in which it is worse alone.
    `left_out` counts comments on essays that nobody can read any more, and `unanswered` the readings without an answer.
    """

    frozen: str
    until: str
    provider: str
    model: str
    comments: int
    essays: int
    left_out: int
    unanswered: int
    baseline: float
    candidate: float
    difference: float
    sure: float
    worse: bool
    worse_passes: tuple[str, ...]
    cost_micros: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `compare` to the parser."""
    parser.add_argument("--org", metavar="SLUG", required=True, help="whose reviewed comments")
    parser.add_argument(
        "--until", type=_parse_time, metavar="TIME", help="decisions up to this moment, ISO 8601 (default: now)"
    )
    parser.add_argument(
        "--provider", choices=("local", "anthropic"), help="who reads (default: as the workers are set)"
    )
    parser.add_argument("--model", help="which model of it (default: as the workers are set)")
    parser.add_argument("--bless", action="store_true", help="put on record that it is no worse, if so")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(chosen: argparse.Namespace) -> int:
    """Compare, print the verdict and return the exit code. With `--bless`, record a model approval if it is no worse.

    Raises SettingsError and DatabaseAway.
    """
    log.set_up("worker", level="WARNING")
    db.connect(settings.read_store("ec-worker", pool_size=2, answer_seconds=ANSWER_SECONDS))
    crypto.load(settings.read_crypto())
    until = chosen.until or datetime.now(UTC)
    try:
        org = _find_org(chosen.org)
        provider = _candidate(org, provider=chosen.provider, model=chosen.model)
        verdict, names = compare(org=org, until=until, provider=provider)
    except CannotSayError as error:
        sys.stderr.write(f"workers: {error}\n")
        return UNDECIDED
    sys.stdout.write((json.dumps(asdict(verdict), indent=1) if chosen.json else _as_text(verdict)) + "\n")
    if chosen.bless and not verdict.worse:
        _approve(org, provider, names, verdict)
        if not chosen.json:
            sys.stdout.write(_approved_as_text(names, verdict.worse_passes) + "\n")
    return WORSE if verdict.worse or verdict.worse_passes else 0


def compare(
    *, org: UUID, until: datetime, provider: Provider, sleep: Callable[[float], None] = time.sleep
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the provider's verdict on the org's frozen set, and the passes in which it is no worse. Raises CannotSayError."""
    with session(org=org):
        decided = review_counts.list_decided(org=org, until=until)
    by_version: dict[UUID, list[Decided]] = defaultdict(list)
    for one in decided:
        by_version[one.submission].append(one)
    _require_enough(len(decided), len(by_version))
    reader = _Reader(org=org, provider=provider, sleep=sleep)
    by_pass = [found for version, comments in sorted(by_version.items()) if (found := reader.judge(version, comments))]
    judged = [_add_up(one.values()) for one in by_pass]
    comments = sum(one.comments for one in judged)
    _require_enough(comments, len(judged))
    before, now = (sum(getattr(one, name) for one in judged) / comments for name in ("before", "now"))
    sure = how_sure(judged)
    names = sorted({name for one in by_pass for name in one})
    worse_passes = tuple(name for name in names if _is_worse_alone([one[name] for one in by_pass if name in one]))
    verdict = Verdict(
        frozen=digest(decided), until=until.isoformat(), provider=provider.name, model=provider.model, comments=comments,
        essays=len(judged), left_out=len(decided) - comments, unanswered=reader.unanswered, baseline=round(before, 4),
        candidate=round(now, 4), difference=round(now - before, 4), sure=round(sure, 4), worse=sure > 1 - NOISE, worse_passes=worse_passes,
        cost_micros=reader.cost_micros,
    )  # fmt: skip
    return verdict, tuple(name for name in names if name not in worse_passes)


def _approve(org: UUID, provider: Provider, names: Iterable[str], verdict: Verdict) -> None:
    with session(org=org):
        for name in names:
            review_counts.approve_model(
                org=org, pass_name=name, provider=verdict.provider, model=verdict.model,
                prompt_version=provider.prompt_version(PassName(name)), report=asdict(verdict),
            )  # fmt: skip


def digest(decided: Iterable[Decided]) -> str:
    """Return the digest that identifies a frozen set: SHA-256 over its comment ids and decisions."""
    lines = sorted(f"{one.id}:{one.decision}\n" for one in decided)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def how_sure(judged: Sequence[VersionScore]) -> float:
    """Return the share of bootstrap draws in which the candidate is worse.

    Each draw takes versions with replacement. The seed is fixed, so the result can be repeated.
    """
    draw = random.Random(SEED)  # noqa: S311 - repeatable, not a secret
    worse = 0
    for _ in range(DRAWS):
        worse += sum(one.now - one.before for one in draw.choices(judged, k=len(judged))) < 0
    return worse / DRAWS


def is_matched(comment: Decided, answer: PassAnswer) -> bool:
    """Return whether the answer has a comment whose place overlaps a place of this comment."""
    commented_places = [
        place
        for one in answer.comments
        if one.span.match != "none"
        for place in ((one.span.start, one.span.end), *one.also_at)
    ]
    return any(start < last and first < end for first, last in comment.places for start, end in commented_places)


class _Reader:
    """Lets the candidate read versions as a worker would, and stores nothing."""

    def __init__(self, *, org: UUID, provider: Provider, sleep: Callable[[float], None]) -> None:
        self._org, self._provider, self._sleep = org, provider, sleep
        self.cost_micros = 0
        self.unanswered = 0

    def judge(self, version: UUID, comments: Sequence[Decided]) -> dict[str, VersionScore] | None:
        """Return the candidate's score on a version for each pass, or None when nobody can read the version any more."""
        try:
            with session(org=self._org):
                task = essays.fetch_task(version, org=self._org)
                criteria = fetch_criteria(task.rubric, org=self._org) if task.rubric else []
                remote = self._provider.remote
                roster = roster_around(task.essay, org=self._org, most=MAX_MASKED_PEOPLE) if remote else None
        except (NotFound, Undecipherable):
            return None
        # Mask names, as a worker does.
        provider = self._provider if roster is None else MaskingProvider(self._provider, roster=roster)
        scores = {}
        for name in sorted({one.pass_name for one in comments}):
            answer = self._ask(provider, request_of(task, PassName(name), criteria))
            mine = [one for one in comments if one.pass_name == name]
            scores[name] = VersionScore(
                comments=len(mine),
                before=sum(one.right for one in mine),
                now=sum(is_matched(one, answer) == one.right for one in mine),
            )
        return scores

    def _ask(self, provider: Provider, request: PassRequest) -> PassAnswer:
        """Return the answer, or an empty one where a worker would give up. Raises CannotSayError when the provider is unavailable."""
        complaint: Repair | None = None
        for attempt in range(TRIES):
            try:
                reply = provider.ask(request, repair=complaint)
            except Repair as unreadable:
                self.cost_micros += unreadable.usage.cost_micros
                if complaint is not None:
                    break
                complaint = unreadable
            except TryAgain as error:
                self._sleep(error.retry_after_seconds or 2.0**attempt)
            except GiveUp as gave_up:
                self.cost_micros += gave_up.usage.cost_micros
                break
            except ProviderError as error:
                raise CannotSayError(f"{provider.name} cannot be had: {error.detail}") from None
            else:
                self.cost_micros += reply.usage.cost_micros
                return reply.answer
        else:
            raise CannotSayError(f"{provider.name} did not answer in {TRIES} tries")
        self.unanswered += 1
        return PassAnswer()


def _add_up(scores: Iterable[VersionScore]) -> VersionScore:
    listed = list(scores)
    comments, before, now = (sum(getattr(one, name) for one in listed) for name in ("comments", "before", "now"))
    return VersionScore(comments=comments, before=before, now=now)


def _is_worse_alone(scores: Sequence[VersionScore]) -> bool:
    """Return whether the candidate is worse in one pass. With too few decisions about that pass, only all passes count."""
    return _are_enough(sum(one.comments for one in scores), len(scores)) and how_sure(scores) > 1 - NOISE


def _are_enough(comments: int, versions: int) -> bool:
    return comments >= FEWEST_COMMENTS and versions >= FEWEST_ESSAYS


def _require_enough(comments: int, versions: int) -> None:
    if not _are_enough(comments, versions):
        raise CannotSayError(
            f"{comments} decided comments on {versions} essays are too few to say; "
            f"{FEWEST_COMMENTS} comments on {FEWEST_ESSAYS} essays are needed"
        )


def _find_org(slug: str) -> UUID:
    with session(role="ec_keys"):
        known = review_counts.list_orgs_with_people()
    for org in known:
        # A worker's role sees an org only while it acts for that org.
        with session(org=org):
            if orgs.find_org(slug) == org:
                return org
    raise SettingsError(f"there is no org {slug!r} with people in it")


def _candidate(org: UUID, *, provider: str | None, model: str | None) -> Provider:
    """Return the candidate provider. Raises SettingsError, and CannotSayError where the org's policy keeps essays inside."""
    known = read_provider()
    name = provider or known.name
    with session(org=org):
        policy = orgs.fetch_org(org)["ai_policy"]
    if policy == "none":
        raise CannotSayError("the org's ai_policy is 'none': no machine may read its essays")
    if name == "local":
        if model is not None:
            raise SettingsError("--model goes with --provider anthropic: the local engine has one model.")
        wanted = ProviderSettings(name="local", api_key=None, base_url=None, model=None)
        return ProviderChooser(wanted, timeout_seconds=read_limits().provider)("local")
    if not known.api_key:
        raise SettingsError("--provider anthropic needs ANTHROPIC_API_KEY.")
    if policy != "anthropic":
        raise CannotSayError(f"the org's ai_policy is {policy!r}: none of its essays may leave")
    wanted = replace(known, name="anthropic", model=model or known.model)
    return ProviderChooser(wanted, timeout_seconds=read_limits().provider)("anthropic")


def _as_text(verdict: Verdict) -> str:
    left_out = f" ({verdict.left_out} left out: nobody can read their essays any more)" if verdict.left_out else ""
    unanswered = f"; {verdict.unanswered} readings gave no answer" if verdict.unanswered else ""
    judgement = (
        f"worse by {-verdict.difference:.1%}, {verdict.sure:.1%} sure: not to be used"
        if verdict.worse
        else f"no worse beyond noise: difference {verdict.difference:+.1%}, worse in {verdict.sure:.1%} of {DRAWS:,} draws"
    )
    if verdict.worse_passes and not verdict.worse:
        judgement += f"; worse alone in {', '.join(verdict.worse_passes)}"
    return "\n".join(
        (
            f"frozen set   {verdict.frozen}",
            f"             {verdict.comments} decided comments on {verdict.essays} essays, until {verdict.until}{left_out}",
            f"candidate    {verdict.provider} {verdict.model}, {verdict.cost_micros / 1e6:.4f} dollars{unanswered}",
            f"right        {verdict.candidate:.1%}, what made the comments {verdict.baseline:.1%}",
            f"verdict      {judgement}",
        )
    )


def _approved_as_text(names: Sequence[str], worse: Sequence[str]) -> str:
    missing = [str(name) for name in PassName if name not in (*names, *worse)]
    worse_alone = f"; not {', '.join(worse)}: worse alone" if worse else ""
    left_out = f"; not {', '.join(missing)}: no comment of it has a decision" if missing else ""
    return f"approved     {', '.join(names) or 'nothing'}{worse_alone}{left_out}"


def _parse_time(given: str) -> datetime:
    moment = datetime.fromisoformat(given)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
