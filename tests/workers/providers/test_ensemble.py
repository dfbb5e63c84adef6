"""Test the ensemble of a remote provider and the local engine: shared findings become one comment."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace

import pytest

from models.jobs import PassName
from tests.support.local_engine import begun, shared_provider
from tests.support.vendor import FakeVendor
from workers.passes.feedback import Comment, PassAnswer, QuotedSpan
from workers.passes.request import PassRequest, PreviousDraft, Severity  # fmt: skip
from workers.providers.claude import ClaudeProvider
from workers.providers.contract import Outcome, Pause, Provider, ProviderError, Repair, Reply
from workers.providers.ensemble import LOCAL_LATE, LOCAL_SILENT, EnsembleProvider

# Where a test is not about waiting, the local answer has all the time it needs.
PATIENT = 60.0
TEXT = "We recieve mail and we recieve parcels. He go home every day becuase he are tired."


class FixedProvider:
    """A provider that always gives the same answer and records its requests."""

    in_batches = True

    def __init__(self, name: str, answer: PassAnswer | ProviderError) -> None:
        self.name, self.model, self.remote = name, f"{name}-1", name == "remote"
        self._answer = answer
        self.asked: list[PassRequest] = []

    def prompt_version(self, pass_name: PassName) -> str:
        return f"{self.name} {pass_name}"

    def expected_cost_micros(self, request: PassRequest) -> int:
        return len(request.text)

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
        self.asked.append(request)
        if isinstance(self._answer, ProviderError):
            raise self._answer
        return Reply(answer=self._answer, raw=f"raw {self.name}", model=self.model, stop_reason="end")

    def begin(self, request: PassRequest) -> Future[Reply]:
        return begun(self.ask, request)

    def submit(self, request: PassRequest) -> str:
        return f"batch {len(request.text)}"

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        return self.ask(request) if batch == "ready" else None


def comment(
    quote: str, *, type_: str = "spelling", offers: tuple[str, ...] = (), confidence: float = 0.8,
    severity: Severity = "minor", also: tuple[tuple[int, int], ...] = (), local: bool = False, message: str = "See.", text: str = TEXT,
) -> Comment:  # fmt: skip
    start = text.index(quote)
    return Comment(
        type=type_, kind="issue", severity=severity, span=QuotedSpan(start=start, end=start + len(quote), quote=quote),
        message=message, next_step="Look.", suggestions=offers, confidence=confidence, also_at=also,
        confidence_basis="measured" if local else "model", origin="rule" if local else "model",
    )  # fmt: skip


def ensemble_reply(
    remote: PassAnswer, local: PassAnswer | ProviderError, name: PassName = PassName.GRAMMAR, text: str = TEXT
) -> Reply:
    ensemble: Provider = EnsembleProvider(
        FixedProvider("remote", remote), FixedProvider("local", local), wait_seconds=PATIENT
    )
    return ensemble.ask(PassRequest(pass_name=name, text=text))


def test_finding_of_both_providers_is_one_comment_in_remote_words() -> None:
    other = TEXT.rindex("recieve")
    reply = ensemble_reply(
        PassAnswer(comments=(comment("recieve", offers=("receive", "get"), message="Mine."),)),
        PassAnswer(
            comments=(comment("recieve", offers=("receive", "relieve"), also=((other, other + 7),), local=True),)
        ),
    )
    (one,) = reply.answer.comments
    assert (one.message, one.origin, one.confidence_basis, one.provider) == ("Mine.", "model", "agreement", "")
    assert one.suggestions == ("receive", "get", "relieve")
    assert one.confidence == pytest.approx(0.96)
    assert one.also_at == ((other, other + 7),)
    assert reply.raw == "raw remote"


def test_ungrouped_remote_comments_agree_at_each_place() -> None:
    other = TEXT.rindex("recieve")
    first = comment("recieve")
    second = replace(first, span=QuotedSpan(start=other, end=other + 7, quote="recieve"), message="Again.")
    local = comment("recieve", also=((other, other + 7),), local=True)
    comments = ensemble_reply(PassAnswer(comments=(first, second)), PassAnswer(comments=(local,))).answer.comments
    assert [(one.confidence_basis, one.also_at) for one in comments] == [("agreement", ())] * 2


def test_agreement_on_a_grouped_place_counts_and_confidence_is_capped() -> None:
    first, other = TEXT.index("recieve"), TEXT.rindex("recieve")
    remote = replace(
        comment("recieve", confidence=0.95),
        span=QuotedSpan(start=other, end=other + 7, quote="recieve"),
        also_at=((first, first + 7),),
    )
    (one,) = ensemble_reply(
        PassAnswer(comments=(remote,)), PassAnswer(comments=(comment("recieve", confidence=0.95, local=True),))
    ).answer.comments
    assert one.confidence == 0.99
    assert one.also_at == ((first, first + 7),)


@pytest.mark.parametrize(("local_comment", "joined"), [
    (comment("He go home", type_="agreement", local=True), True),
    (comment("go", type_="verb_form", local=True), True),
    (comment("go", type_="word_choice", offers=("goes",), local=True), True),
    (comment("go", type_="punctuation", local=True), False),
    (comment("becuase", type_="agreement", local=True), False),
])  # fmt: skip
def test_comments_are_joined_only_for_the_same_mistake(local_comment: Comment, *, joined: bool) -> None:
    remote_comment = comment("go", type_="agreement", offers=("goes",))
    comments = ensemble_reply(
        PassAnswer(comments=(remote_comment,)), PassAnswer(comments=(local_comment,))
    ).answer.comments
    assert len(comments) == (1 if joined else 2)
    assert (comments[0].confidence_basis == "agreement") is joined


def test_local_comments_come_last_and_major_comments_first() -> None:
    remote = PassAnswer(
        comments=(comment("go", type_="verb_form"), comment("are", type_="agreement", severity="major"))
    )
    local = PassAnswer(comments=(comment("becuase", local=True), comment("recieve", local=True)))
    comments = ensemble_reply(remote, local).answer.comments
    assert [one.span.quote for one in comments] == ["are", "go", "becuase", "recieve"]
    assert [(one.origin, one.provider, one.model) for one in comments[2:]] == [("rule", "local", "local-1")] * 2


def test_comments_are_capped_at_25_and_duplicates_dropped() -> None:
    one = comment("We", type_="style")
    many = tuple(
        replace(one, span=QuotedSpan(start=at, end=at + 2, quote=TEXT[at : at + 2]), message=str(at))
        for at in range(24)
    )
    answer = ensemble_reply(
        PassAnswer(comments=(*many, many[0])),
        PassAnswer(comments=tuple(comment(word, local=True) for word in ("becuase", "parcels", "tired"))),
    ).answer
    assert len(answer.comments) == 25
    assert len(set(answer.comments)) == 25


def test_paused_local_engine_leaves_the_remote_answer_with_a_note() -> None:
    answer = PassAnswer(comments=(comment("recieve"),), not_checked=("facts",))
    silent = ensemble_reply(answer, Pause(Outcome.OVERLOADED, "busy")).answer
    assert silent.comments == answer.comments
    assert silent.not_checked == ("facts", LOCAL_SILENT)


def test_local_answer_without_comments_adds_nothing() -> None:
    answer = PassAnswer(comments=(comment("recieve"),), not_checked=("facts",))
    assert ensemble_reply(answer, PassAnswer(not_checked=("This essay looks like German.",))).answer == answer


def test_other_passes_and_provider_attributes_are_the_remotes() -> None:
    answer, earlier = PassAnswer(comments=(comment("recieve"),)), PreviousDraft()
    remote, local = FixedProvider("remote", answer), FixedProvider("local", answer)
    ensemble = EnsembleProvider(remote, local, wait_seconds=PATIENT)
    request = PassRequest(pass_name=PassName.CONTENT, text=TEXT, earlier=earlier)
    assert ensemble.ask(request).answer == answer
    assert not local.asked
    ensemble.ask(replace(request, pass_name=PassName.GRAMMAR))
    assert (remote.asked[-1].earlier, local.asked[-1].earlier) == (earlier, None)
    assert (ensemble.name, ensemble.model, ensemble.remote, ensemble.in_batches) == ("remote", "remote-1", True, True)
    assert ensemble.prompt_version(PassName.GRAMMAR) == "remote grammar"
    assert ensemble.expected_cost_micros(request) == len(TEXT)
    assert ensemble.submit(request) == f"batch {len(TEXT)}"
    assert ensemble.collect("waiting", request) is None
    collected = ensemble.collect("ready", replace(request, pass_name=PassName.GRAMMAR))
    assert collected is not None
    assert collected.answer.comments[0].confidence_basis == "agreement"


def test_real_local_engine_agrees_with_a_remote_answer() -> None:
    remote = PassAnswer(comments=(comment("recieve", offers=("receive",)),))
    answer = (
        EnsembleProvider(FixedProvider("remote", remote), shared_provider(), wait_seconds=PATIENT)
        .ask(PassRequest(pass_name=PassName.GRAMMAR, text=TEXT))
        .answer
    )
    assert answer.comments[0].confidence_basis == "agreement"
    assert "becuase" in {one.span.quote for one in answer.comments[1:]}
    places = [(one.span.start, one.span.end) for one in answer.comments] + [
        at for one in answer.comments for at in one.also_at
    ]
    assert len(places) == len(set(places))


def test_local_answer_that_is_late_is_left_out_and_said() -> None:
    """The local answer comes only once the remote one was returned without it."""
    returned = threading.Event()

    class Waiting(FixedProvider):
        def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
            returned.wait()
            return super().ask(request, repair=repair)

    remote = PassAnswer(comments=(comment("recieve"),), not_checked=("facts",))
    local = Waiting("local", PassAnswer(comments=(comment("becuase", local=True),)))
    ensemble = EnsembleProvider(FixedProvider("remote", remote), local, wait_seconds=0.01)
    answer = ensemble.ask(PassRequest(pass_name=PassName.GRAMMAR, text=TEXT)).answer
    returned.set()
    assert answer == replace(remote, not_checked=("facts", LOCAL_LATE))
    # A batch's answer does not wait any longer.
    returned.clear()
    collected = ensemble.collect("ready", PassRequest(pass_name=PassName.GRAMMAR, text=TEXT))
    returned.set()
    assert collected is not None
    assert collected.answer == answer


def test_both_read_at_the_same_time() -> None:
    """The remote provider answers only after the local one has been asked."""
    begun = threading.Event()

    class Local(FixedProvider):
        def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
            begun.set()
            return super().ask(request, repair=repair)

    class Remote(FixedProvider):
        def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
            assert begun.wait(PATIENT)
            return super().ask(request, repair=repair)

    ensemble = EnsembleProvider(
        Remote("remote", PassAnswer()),
        Local("local", PassAnswer(comments=(comment("becuase", local=True),))),
        wait_seconds=PATIENT,
    )
    assert len(ensemble.ask(PassRequest(pass_name=PassName.GRAMMAR, text=TEXT)).answer.comments) == 1


@pytest.mark.slow(reason="the real engines read a long essay")
def test_essay_that_the_real_engines_read_for_seconds_keeps_claudes_comments() -> None:
    text = "My freind recieve many leters and he go home becuase they was tired of the long jorney. " * 1_100
    with FakeVendor() as vendor:
        claude = ClaudeProvider("sk-test", base_url=vendor.base_url, timeout_seconds=60)
        request = PassRequest(pass_name=PassName.GRAMMAR, text=text, language="en-US")
        alone = claude.ask(request).answer
        mixed = EnsembleProvider(claude, shared_provider()).ask(request).answer
        claude.close()
    assert LOCAL_LATE in mixed.not_checked
    assert alone.comments
    assert set(mixed.comments) == set(alone.comments)


def test_remote_comments_on_the_same_point_are_one() -> None:
    once = comment("He go home", type_="agreement", message="Check the verb.")
    twice = comment("go", type_="verb_form", message="Use another form.")
    other = comment("go", type_="punctuation", message="A comma?")
    comments = ensemble_reply(PassAnswer(comments=(once, twice, other)), PassAnswer()).answer.comments
    assert comments == (once, other)


def test_two_corrections_inside_one_long_place_stay_two() -> None:
    first = comment("He go home every day", type_="agreement", offers=("He goes home every day",))
    second = comment("he are", type_="agreement", offers=("he is",))
    inside = comment("go", type_="verb_form", offers=("went",))
    comments = ensemble_reply(PassAnswer(comments=(first, second, inside)), PassAnswer()).answer.comments
    assert comments == (first, second, inside)


def test_words_with_a_mistake_are_not_praised_as_well() -> None:
    praise = replace(comment("recieve", type_="word_choice"), kind="praise")
    wider = replace(comment("We recieve mail and we recieve parcels.", type_="grammar"), kind="praise")
    comments = ensemble_reply(
        PassAnswer(comments=(praise, wider)), PassAnswer(comments=(comment("recieve", local=True),))
    ).answer.comments
    assert [(one.kind, one.span.quote) for one in comments] == [("praise", wider.span.quote), ("issue", "recieve")]


@pytest.mark.parametrize(("text", "quote", "kept"), [
    ("Then Mr. Kowalczik spoke.", "Kowalczik", False),
    ("Then Professor Jae Hwan spoke.", "Hwan", False),
    ("Then the techer spoke.", "techer", True),
    ("She said \u201cla vida es bella y larga\u201d and left.", "vida", False),
    ("Er sagte: \u201eDas Leben ist sch\u00f6n und nicht lang.\u201c So she left.", "Leben", False),
    ("She said \u201cthe lief is beautiful and long\u201d and left.", "lief", True),
    ("She said \u00a8la vida es bella y larga\u00a8 and left.", "bella", False),
])  # fmt: skip
def test_names_and_foreign_quotations_are_left_alone(text: str, quote: str, *, kept: bool) -> None:
    remote = PassAnswer(comments=(comment(quote, text=text),))
    local = PassAnswer(comments=(comment(quote, text=text, local=True),))
    for answers in ((remote, PassAnswer()), (PassAnswer(), local), (remote, local)):
        assert len(ensemble_reply(*answers, text=text).answer.comments) == int(kept)
