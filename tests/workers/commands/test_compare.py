"""Test the comparison of a candidate provider with educator decisions, with the local engine and the fake vendor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from models import essays
from models.essays import Draft
from models.jobs import PassName
from tests.conftest import Become
from tests.support.local_engine import shared_provider
from tests.support.schools import School, session_of
from tests.support.servers import Database
from tests.support.vendor import FakeVendor
from workers import __main__ as workers_main
from workers.commands import compare
from workers.commands.compare import CannotSayError, Verdict, VersionScore, how_sure
from workers.passes.feedback import PassAnswer
from workers.passes.request import PassRequest
from workers.providers.claude import ClaudeProvider
from workers.providers.contract import Outcome, Pause, Provider, Repair, Reply, TryAgain
from workers.providers.local.provider import LocalProvider

TEXT = "Alice knows it. They was late. The dogs was loud. My friend have a bike. He go home. She do not know."

# The engines take seconds to load, so one provider serves the whole file.
ENGINE = shared_provider()


class Mute(LocalProvider):
    """A provider that gives no comments, after raising the given errors."""

    def __init__(self, *trouble: Exception) -> None:
        super().__init__()
        self.trouble = list(trouble)

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
        if self.trouble:
            raise self.trouble.pop(0)
        return Reply(answer=PassAnswer(), raw="", model=self.model, stop_reason="end")


@pytest.fixture
def reviewed(database: Database, school: School, become: Become) -> School:
    """Give a school with six essays whose grammar comments by the local engine are all accepted."""
    answer = ENGINE.ask(PassRequest(pass_name=PassName.GRAMMAR, text=TEXT)).answer
    assert len(answer.comments) >= 4
    for _ in range(6):
        with session_of(school, "alice"):
            receipt = essays.receive(school.alice, Draft(title="T", text=TEXT, source="app"), org=school.org)
        for number, one in enumerate(answer.comments, start=1):
            add_comment(database, school, receipt.submission, number, (one.span.start, one.span.end), "accepted")
    become("ec_worker")
    return school


def add_comment(
    database: Database,
    school: School,
    submission: UUID,
    number: int,
    span: tuple[int, int],
    decision: str,
    name: str = "grammar",
) -> None:
    [(comment,)] = database.sql(
        "insert into feedback (org_id, submission_id, text_characters, essay_id, user_id, audience_id, pass, type, kind, severity,"
        " priority, match, span_start, span_end, confidence, confidence_basis, origin, provider, model, body)"
        " select s.org_id, s.id, s.characters, s.essay_id, s.user_id, s.audience_id, %s, %s, 'issue', 'minor', %s,"
        " 'exact', %s, %s, 0.9, 'measured', 'rule', 'local', 'rules', '\\x00' from submissions as s where s.id = %s returning id",
        name, "agreement" if name == "grammar" else "thesis", number, *span, submission,
    )  # fmt: skip
    database.sql(
        "insert into feedback_reviews (org_id, feedback_id, submission_id, user_id, audience_id, educator_id, decision)"
        " select org_id, id, submission_id, user_id, audience_id, %s, %s from feedback where id = %s", school.ed, decision, comment,
    )  # fmt: skip


def ask(school: School, provider: Provider, until: datetime | None = None) -> Verdict:
    when = until or datetime.now(UTC) + timedelta(minutes=1)
    return compare.compare(org=school.org, until=when, provider=provider, sleep=lambda _: None)[0]


def test_same_provider_is_not_worse_and_silent_provider_is(database: Database, reviewed: School) -> None:
    before = database.sql("select count(*) from feedback"), database.sql("select count(*) from ai_responses")
    same, mute = ask(reviewed, ENGINE), ask(reviewed, Mute())
    assert (same.worse, same.candidate, same.baseline, same.essays) == (False, 1.0, 1.0, 6)
    assert (mute.worse, mute.candidate, mute.difference) == (True, 0.0, -1.0)
    assert mute.sure > 0.95
    assert same.frozen == mute.frozen
    assert (database.sql("select count(*) from feedback"), database.sql("select count(*) from ai_responses")) == before


def test_newest_decision_before_the_moment_counts(database: Database, reviewed: School) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=5)
    first = ask(reviewed, Mute(), moment)
    database.sql(
        "insert into feedback_reviews (org_id, feedback_id, submission_id, user_id, audience_id, educator_id, decision, created_at)"
        " select org_id, feedback_id, submission_id, user_id, audience_id, educator_id, 'rejected', now() + interval '1 hour'"
        " from feedback_reviews"
    )
    assert ask(reviewed, Mute(), moment) == first
    later = ask(reviewed, Mute(), moment + timedelta(hours=2))
    assert later.frozen != first.frozen
    # A provider without comments is right about every rejected comment.
    assert (later.candidate, later.baseline, later.worse) == (1.0, 0.0, False)


@pytest.mark.parametrize(("decided", "refused"), [(4, True), (1, False)], ids=["enough", "too few"])
def test_pass_in_which_the_candidate_is_worse_alone_is_not_approved(
    database: Database,
    reviewed: School,
    program_env: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    decided: int,
    refused: bool,
) -> None:
    """The engine finds nothing where the structure comments were accepted; rejected grammar comments outweigh that."""
    for (submission,) in database.sql("select id from submissions order by id"):
        for number in range(1, decided + 1):
            add_comment(database, reviewed, submission, number, (number, number + 1), "accepted", "structure")  # type: ignore[arg-type]
    database.sql(
        "update feedback_reviews as r set decision = 'rejected' from feedback as f where f.id = r.feedback_id and f.pass = 'grammar'"
    )
    program_env("ec_worker")
    monkeypatch.setattr(compare, "_candidate", lambda *_, **__: Mute())
    verdict = ask(reviewed, Mute())
    assert (verdict.worse, verdict.worse_passes) == (False, ("structure",) if refused else ())
    assert workers_main.main(["compare", "--org", reviewed.slug, "--bless"]) == int(refused)
    assert ("not structure: worse alone" in capsys.readouterr().out) is refused
    approved = [name for (name,) in database.sql("select pass from blessings order by 1")]
    assert approved == (["grammar"] if refused else ["grammar", "structure"])


def test_too_few_reviews_give_no_verdict(database: Database, reviewed: School) -> None:
    database.sql("delete from feedback_reviews where id not in (select id from feedback_reviews order by id limit 19)")
    with pytest.raises(CannotSayError, match="19 decided comments"):
        ask(reviewed, ENGINE)


def test_provider_errors_are_retried_and_absent_provider_gets_no_verdict(reviewed: School) -> None:
    passing = [TryAgain(Outcome.OVERLOADED, "busy"), TryAgain(Outcome.TIMEOUT, "late")]
    assert ask(reviewed, Mute(*passing)).unanswered == 0
    unreadable = [Repair(Outcome.NOT_JSON, "no JSON"), Repair(Outcome.NOT_JSON, "no JSON")]
    assert ask(reviewed, Mute(*unreadable)).unanswered == 1
    with pytest.raises(CannotSayError, match="key refused"):
        ask(reviewed, Mute(Pause(Outcome.UNAUTHORISED, "key refused")))


def test_noise_gives_no_verdict_and_draws_are_reproducible() -> None:
    even = [VersionScore(comments=4, before=3, now=3 + change) for change in (1, -1, 1, -1, 0, -1)]
    assert 0.2 < how_sure(even) < 0.95
    assert how_sure(even) == how_sure(even)
    assert how_sure([replace(one, now=one.before - 1) for one in even]) == 1.0


def test_command_approves_only_a_model_that_is_not_worse(
    database: Database,
    reviewed: School,
    program_env: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program_env("ec_worker")
    monkeypatch.setattr(compare, "_candidate", lambda *_, **__: ENGINE)
    command = ["compare", "--org", reviewed.slug, "--provider", "local", "--bless", "--json"]
    assert workers_main.main(command) == 0
    assert '"worse": false' in capsys.readouterr().out
    blessed = database.sql("select pass, provider, model, report ->> 'frozen' from blessings")
    assert [one[:3] for one in blessed] == [("grammar", "local", LocalProvider().model)]
    [(actor, detail)] = database.sql("select actor_role, detail from audit_log where entity = 'model_approval'")
    version = ENGINE.prompt_version(PassName.GRAMMAR)
    assert (actor, detail) == (
        "worker",
        {"pass": "grammar", "provider": "local", "model": LocalProvider().model, "prompt_version": version},
    )
    assert workers_main.main(command[:-1]) == 0
    assert "approved     grammar; not structure, content: no comment of it has a decision" in capsys.readouterr().out
    monkeypatch.setattr(compare, "_candidate", lambda *_, **__: Mute())
    assert workers_main.main(command) == 1
    assert len(database.sql("select 1 from blessings")) == 2
    assert workers_main.main(["compare", "--org", "nowhere", "--provider", "local"]) == 1
    assert "no org 'nowhere'" in capsys.readouterr().err


@pytest.mark.parametrize("provider", ["local", "anthropic"])
def test_essays_that_no_machine_may_read_are_not_compared(
    database: Database,
    reviewed: School,
    program_env: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    provider: str,
) -> None:
    program_env("ec_worker")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    database.sql("update orgs set ai_policy = 'none'")
    assert workers_main.main(["compare", "--org", reviewed.slug, "--provider", provider]) == 2
    assert "no machine may read its essays" in capsys.readouterr().err


def test_essays_of_a_local_org_are_not_sent_out(
    database: Database,
    reviewed: School,
    program_env: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program_env("ec_worker")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    database.sql("update orgs set ai_policy = 'local'")
    assert workers_main.main(["compare", "--org", reviewed.slug, "--provider", "anthropic"]) == 2
    assert "ai_policy is 'local'" in capsys.readouterr().err


def test_compare_masks_names_and_prints_the_cost(database: Database, reviewed: School) -> None:
    with FakeVendor() as vendor:
        claude = ClaudeProvider("k", base_url=vendor.base_url, timeout_seconds=10)
        try:
            verdict = ask(reviewed, claude)
        finally:
            claude.close()
        assert vendor.counters()["calls"] == 6
        assert "Alice" in TEXT
        assert "Alice" not in str(vendor.requests)
    assert (verdict.provider, verdict.essays, verdict.unanswered) == ("anthropic", 6, 0)
    assert verdict.cost_micros > 0
