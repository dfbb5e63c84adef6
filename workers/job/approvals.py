"""Decide who may read a pass where the org asks for approval: only what `python -m workers compare --bless` approved for it.

An approval is for one pass, provider, model and prompt version (for the local engine the version of its rules). What is not
approved is left out. The newest approved reader that this process can still run reads instead; without one the pass waits.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from models import ai_responses, passes, review_counts
from models.log import logger
from models.passes import Claim
from models.review_counts import Approved
from workers.providers.contract import ManyModels, Provider

log = logger(__name__)

NOT_APPROVED = "not_approved"
# How often a pass looks whether a reader has been approved.
APPROVAL_LOOK_SECONDS = 90.0
REPLACED_NOTE = "what the newest version of Claude would find (your school has not approved it yet)"
LEFT_OUT_NOTE = "what the local rules would find beside the model (your school has not approved them yet)"


class Result(StrEnum):
    """What became of a reader that is not approved. The metric of `monitoring/ai.py` has the same list."""

    REPLACED = "replaced"  # an approved one reads instead
    LEFT_OUT = "left_out"  # the local rules, beside Claude
    WAITS = "waits"  # nobody reads yet


@dataclass(frozen=True, kw_only=True)
class Readers:
    """The providers that may read one pass.

    `first` reads, or is None where the pass must wait. `local` is the local engine as a fallback and beside Claude, or None
    where it may not read. `replaced` says that `first` stands in for what is not approved.
    """

    first: Provider | None
    local: Provider | None
    replaced: bool = False


def approved_readers(claim: Claim, *, wanted: Provider, local: Provider, falls_back: bool) -> Readers:
    """Return who may read this pass, where `wanted` would read it without approvals.

    Of the approved ones the wanted reader comes first, then the newest approved model of the same provider with the prompt
    of today, then the local engine where the org falls back to it (`falls_back`).
    """
    versions = sorted({one.prompt_version(claim.name) for one in (wanted, local)})
    approved = review_counts.list_approved(org=claim.org, pass_name=claim.name, prompt_versions=versions)
    own = local if _reader_of(local, claim) in approved else None
    if _reader_of(wanted, claim) in approved:
        return Readers(first=wanted, local=own)
    instead = _earlier_model(wanted, claim, approved)
    if instead is None and wanted.remote and falls_back:
        instead = own
    return Readers(first=instead, local=own, replaced=instead is not None)


def without_foreign_batch(claim: Claim, reader: Provider) -> Claim:
    """Return the claim without its batch where another model or prompt than this reader's works on that batch.

    Its answer is not fetched, so its cost is not recorded.
    """
    if claim.batch_call is None or ai_responses.fetch_reader(claim.batch_call, org=claim.org) == _reader_of(
        reader, claim
    ):
        return claim
    passes.leave_batch(claim)
    return replace(claim, batch=None, batch_call=None)


def put_off(claim: Claim, wanted: Provider) -> None:
    """Let the pass wait for an approval. The attempt is not used up. Raises FenceLost."""
    wait = APPROVAL_LOOK_SECONDS * random.uniform(1, 1.5)  # noqa: S311 - jitter, not a secret
    passes.fail(claim, error=NOT_APPROVED, retry_in_seconds=wait, counts=False)
    count(claim, wanted, Result.WAITS)


def count(claim: Claim, unapproved: Provider, result: Result) -> None:
    """Count a reader that did not read, for the alert. Call it last: all workers count in the same few rows."""
    passes.add_to_tally("unapproved_readers", 1, labels=(claim.name, unapproved.name, result))
    log.warning(
        "reader not approved", org=str(claim.org), provider=unapproved.name, model=unapproved.model,
        prompt_version=unapproved.prompt_version(claim.name), result=result,
    )  # fmt: skip


def _reader_of(provider: Provider, claim: Claim) -> Approved:
    return Approved(provider=provider.name, model=provider.model, prompt_version=provider.prompt_version(claim.name))


def _earlier_model(wanted: Provider, claim: Claim, approved: Sequence[Approved]) -> Provider | None:
    if not isinstance(wanted, ManyModels):
        return None
    for one in approved:
        other = wanted.with_model(one.model) if one.provider == wanted.name else None
        if other is not None and _reader_of(other, claim) == one:
            return other
    return None
