"""Load what one claimed pass needs: the essay, the request, the provider, and the reading of the draft before."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from models import circuit_breaker, essays, passes
from models.circuit_breaker import CLOSED, BreakerState
from models.courses import fetch_criteria
from models.crypto import Key
from models.errors import KeysMissing, MasterKeyMissing, NotFound, Undecipherable
from models.essays import Task
from models.feedback import Author
from models.jobs import PassName
from models.lineage import EarlierReading, fetch_earlier
from models.log import log_context, logger
from models.passes import AnswerInputs, Claim
from workers.job import approvals
from workers.job.approvals import LEFT_OUT_NOTE, REPLACED_NOTE, Readers, Result
from workers.passes.request import Criterion, Level, PassRequest
from workers.privacy.masking import MaskingProvider
from workers.privacy.roster import roster_around
from workers.providers.contract import BackgroundProvider, Provider
from workers.providers.ensemble import EnsembleProvider
from workers.revisions.carry_over import PreviousReading

log = logger(__name__)

# While one probe call finds out whether a paused provider answers again, other calls wait this long for its result.
PROBE_SECONDS = 15.0
# An org whose `ai_fallback` is `local` is read locally after this many failed attempts, or at once while Claude is paused.
FALLBACK_AFTER_ATTEMPTS = 3
# In a course with more people, only the teachers and the people who joined last have their names masked.
MAX_MASKED_PEOPLE = 2000

ChooseProvider = Callable[[str], Provider]


@dataclass(frozen=True, kw_only=True)
class PassContext:
    """A claimed pass with everything needed to run it. The texts are decrypted, so keep it only while the pass runs.

    `replaces` is the provider that would read if its version were approved, and `withheld` says in `not_checked` what is missing.
    """

    claim: Claim
    author: Author
    key: Key
    request: PassRequest
    criteria: dict[str, dict[str, Any]]
    provider: Provider
    made_with: AnswerInputs
    earlier: EarlierReading | None
    pause_seconds: float
    probe: bool
    falls_back: bool
    replaces: Provider | None = None
    withheld: tuple[str, ...] = ()
    previous: PreviousReading | None = None  # set once the two drafts have been compared


class ContextLoader:
    """Load the context of claimed passes, with one choice of providers."""

    def __init__(self, choose_provider: ChooseProvider, *, pause_seconds: float, use_ensemble: bool) -> None:
        self._choose_provider = choose_provider
        self._pause_seconds = pause_seconds
        self._use_ensemble = use_ensemble

    def load(self, claim: Claim) -> PassContext | None:
        """Return the context, or None when the pass cannot run now; then its row has been moved on already.

        Needs the session in which the pass was claimed.
        """
        with log_context(**claim.log_facts):
            log.info("pass claimed", attempt=claim.attempt)
            try:
                return self._build(claim, essays.fetch_task(claim.submission, org=claim.org))
            except NotFound:
                # The author's data was erased after the hand-in, so nobody may read this essay any more.
                log.info("essay erased", attempt=claim.attempt)
                passes.cancel(claim)
            except KeysMissing as error:
                # A restore that is not finished: the essay can be read as soon as its author's key is back.
                log.error("keys missing", reason=str(error))  # noqa: TRY400 - the reason is enough
                passes.fail(claim, error="keys_missing", retry_in_seconds=self._pause_seconds, counts=False)
            except MasterKeyMissing as error:
                # A fault of this installation. Other workers may have the key, so the attempt is not used up.
                log.error("master key missing", reason=str(error))  # noqa: TRY400 - the reason is enough
                passes.fail(claim, error="master_key_missing", retry_in_seconds=self._pause_seconds, counts=False)
            except Undecipherable as error:
                log.exception("essay does not decrypt", reason=str(error))
                passes.give_up(claim, error="undecipherable")
            return None

    def use_local(self, context: PassContext) -> PassContext:
        """Return the same context with the local engine as its provider."""
        local = self._choose_provider("local")
        prompt_version = local.prompt_version(context.claim.name)
        made_with = replace(context.made_with, prompt_version=prompt_version, basis=b"")
        return replace(context, provider=local, made_with=made_with)

    def _build(self, claim: Claim, task: Task) -> PassContext | None:
        if not task.newest:
            passes.cancel(claim)
            return None
        if task.ai_policy == "none":
            log.info("no machine reads", attempt=claim.attempt)
            passes.leave_unread(claim)
            return None
        wanted = self._choose_provider(task.ai_policy)
        readers = self._readers(task, claim, wanted)
        if readers.first is None:
            approvals.put_off(claim, wanted)
            return None
        if task.require_approval:
            claim = approvals.without_foreign_batch(claim, readers.first)
        falls_back = task.ai_fallback == "local" and readers.local is not None
        provider, breaker = _choose(claim, readers.first, readers.local if falls_back else None)
        if not breaker.allows_call:
            wait = breaker.wait_seconds + random.uniform(0, 1)  # noqa: S311 - jitter, not a secret
            passes.fail(claim, error=breaker.reason or "paused", retry_in_seconds=wait, counts=False)
            return None
        criteria = fetch_criteria(task.rubric, org=claim.org) if task.rubric else []
        request = replace(request_of(task, claim.name, criteria), org=claim.org)
        made_with = _made_with(provider, request, task)
        earlier = fetch_earlier(claim.submission, claim.name, org=claim.org, key=task.key) if task.version > 1 else None
        reader = self._wrap_provider(provider, claim, task, readers.local)
        withheld = self._count_unapproved(claim, wanted, readers)
        return PassContext(
            claim=claim,
            author=Author(user=task.user, audience=task.audience, essay=task.essay, characters=task.characters),
            key=task.key,
            request=request,
            criteria={one["name"]: one for one in criteria},
            provider=reader,
            made_with=made_with,
            earlier=earlier,
            pause_seconds=self._pause_seconds,
            probe=breaker.probe,
            falls_back=falls_back,
            replaces=wanted if readers.replaced else None,
            withheld=withheld,
        )

    def _readers(self, task: Task, claim: Claim, wanted: Provider) -> Readers:
        """Return who may read: whom the org's policy names, or only what the org approved where it asks for that."""
        local = self._choose_provider("local")
        if not task.require_approval:
            return Readers(first=wanted, local=local)
        return approvals.approved_readers(claim, wanted=wanted, local=local, falls_back=task.ai_fallback == "local")

    def _wrap_provider(self, provider: Provider, claim: Claim, task: Task, local: Provider | None) -> Provider:
        """Add name masking to a remote provider, and the local engine, if it may read, beside it for grammar."""
        if not provider.remote:
            return provider
        roster = roster_around(task.essay, org=claim.org, most=MAX_MASKED_PEOPLE)
        masking = MaskingProvider(provider, roster=roster)
        if isinstance(local, BackgroundProvider) and self._is_mixed(claim):
            return EnsembleProvider(masking, local)
        return masking

    def _is_mixed(self, claim: Claim) -> bool:
        return self._use_ensemble and claim.name is PassName.GRAMMAR

    def _count_unapproved(self, claim: Claim, wanted: Provider, readers: Readers) -> tuple[str, ...]:
        """Count what the org has not approved and therefore does not read, and return a sentence about each."""
        withheld: tuple[str, ...] = ()
        if readers.replaced:
            approvals.count(claim, wanted, Result.REPLACED)
            withheld += (REPLACED_NOTE,)
        if wanted.remote and readers.local is None and self._is_mixed(claim):
            approvals.count(claim, self._choose_provider("local"), Result.LEFT_OUT)
            withheld += (LEFT_OUT_NOTE,)
        return withheld


def _choose(claim: Claim, wanted: Provider, fallback: Provider | None) -> tuple[Provider, BreakerState]:
    """Return the provider that reads now, and whether it may be called."""
    if not wanted.remote:
        return wanted, CLOSED
    # A submitted batch is paid for, so wait for its answer also while the provider is paused.
    if claim.batch is not None:
        fallback = None
    if fallback is not None and claim.attempt > FALLBACK_AFTER_ATTEMPTS:
        return fallback, CLOSED
    breaker = circuit_breaker.breaker_state(wanted.name, probe_seconds=PROBE_SECONDS)
    return (fallback, CLOSED) if fallback is not None and not breaker.allows_call else (wanted, breaker)


def with_previous_reading(context: PassContext) -> PassContext:
    """Return the context with the two drafts compared. Call it outside a transaction: comparing takes a while."""
    if context.earlier is None:
        return context
    # Only a paid provider skips unchanged paragraphs; the local engine reads everything again.
    reuse = context.provider.remote and context.earlier.basis == context.made_with.basis
    previous = PreviousReading(context.earlier, context.request.text, pass_name=context.claim.name, reuse=reuse)
    return replace(context, previous=previous, request=replace(context.request, earlier=previous.asked))


def request_of(task: Task, pass_name: PassName, criteria: Iterable[Mapping[str, Any]]) -> PassRequest:
    """Return the request of one pass for this version. `criteria` are rows as `fetch_criteria` returns them."""
    return PassRequest(
        pass_name=pass_name,
        text=task.text,
        title=task.title,
        language=task.language,
        feedback_language=task.feedback_language,
        category=task.category,
        assignment_prompt=task.assignment_prompt,
        criteria=tuple(_criterion(one) for one in criteria),
    )


def _criterion(stored: Mapping[str, Any]) -> Criterion:
    levels = tuple(
        Level(name=one["name"], points=one["points"], description=one["description"]) for one in stored["levels"]
    )
    return Criterion(name=stored["name"], description=stored["description"], levels=levels)


def _made_with(provider: Provider, request: PassRequest, task: Task) -> AnswerInputs:
    """Return what an answer depends on besides the essay. Answers with equal bases can be compared."""
    prompt_version = provider.prompt_version(request.pass_name)
    asked = replace(request, text="", title="", earlier=None).content()
    made = [provider.name, provider.model, prompt_version, asked]
    basis = hashlib.sha256(json.dumps(made, default=vars, sort_keys=True, ensure_ascii=False).encode()).digest()
    return AnswerInputs(rubric=task.rubric, prompt_version=prompt_version, basis=basis)
