"""Test that remote providers get no names of the people around an essay and that students read the real names."""

from __future__ import annotations

import json
import re
import string
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from models import courses, db, essays, feedback, users
from models.crypto import AssociatedData
from models.essays import Draft, Receipt
from models.jobs import PassName
from models.people_of_course import CoursePerson, fetch_around
from tests.conftest import Become
from tests.support.local_engine import shared_provider
from tests.support.schools import School, session_of
from tests.support.servers import Database
from tests.support.vendor import FakeVendor
from workers.job.leases import Leases
from workers.job.run_pass import PassRunner
from workers.passes.anchor import Anchor
from workers.passes.feedback import Comment, CommentVerdict, CriterionPick, PassAnswer, QuotedSpan
from workers.passes.registry import SPECS
from workers.passes.request import Criterion, EarlierComment, EarlierPick, Level, PassRequest, PreviousDraft
from workers.privacy.masking import Mask, MaskingProvider
from workers.privacy.roster import Roster
from workers.providers.choice import ProviderChooser
from workers.providers.claude import ClaudeProvider
from workers.providers.contract import GiveUp, Outcome, Repair, Reply
from workers.settings import ProviderSettings

CLASS = (
    CoursePerson(name="Alice Smith", email="alice@north.example", external_id="sis-447711"),
    CoursePerson(name="Shaun O'Neil", email="", external_id="20231"),
    CoursePerson(name="José García", email="", external_id=""),
    CoursePerson(name="Will Grace", email="", external_id=""),
    CoursePerson(name="Bo Li", email="", external_id=""),
    CoursePerson(name="Maria de la Cruz", email="", external_id=""),
    CoursePerson(name="Anne-Marie Müller", email="", external_id=""),
    CoursePerson(name="王小明", email="", external_id=""),
    CoursePerson(name="김민수", email="", external_id=""),
    CoursePerson(name="mark may", email="", external_id=""),
)


def request(text: str, **fields: object) -> PassRequest:
    return replace(PassRequest(pass_name=PassName.GRAMMAR, text=text), **fields)  # type: ignore[arg-type]


def masked(text: str, people: tuple[CoursePerson, ...] = CLASS) -> str:
    mask = Mask(request(text), roster=Roster(people))
    assert len(mask.request.text) == len(text)
    assert mask.shown(mask.request.text) == text
    return mask.request.text


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("My name is Alice Smith.", ("Alice", "Smith")),
        ("I am ALICE, and this is ALICE SMITH's essay.", ("ALICE", "SMITH")),
        ("Alice's dog, Alice’s cat and Alices book.", ("Alice",)),
        ("Smith, Alice", ("Smith", "Alice")),
        ("Shaun O'Neil, O’Neil and ONeil came.", ("Shaun", "Neil", "O'", "O’")),
        ("José met JOSÉ.", ("José", "JOSÉ")),
        (unicodedata.normalize("NFD", "José met JOSÉ García."), ("Jos", "JOS", "Garc")),
        ("Jose and Garcia without accents.", ("Jose", "Garcia")),
        ("Alice\u200bSmith with a gap that nobody sees, and #AliceSmith without one.", ("Alice", "Smith")),
        ("Al\u00adice and A\u200blice with what nobody sees.", ("Al\u00adice", "A\u200blice")),
        ("Bo and Li have short names.", ("Bo ", "Li ")),
        ("Maria de la Cruz, or Cruz.", ("Maria", "de la", "Cruz")),
        ("Anne-Marie Müller, Annemarie, Anne‑Marie and Mrs Muller.", ("Anne", "Marie", "Müller", "Muller")),
        ("我叫王小明，小明喜欢学校。", ("王小明", "小明")),
        ("김민수가 갔다. 민수는 왔다.", ("김민수", "민수")),
        ("Mark and May, whose names came in small letters.", ("Mark", "May")),
        ("Alice\nSmith over two lines", ("Alice", "Smith")),
        ("Alice\r\nSmith and Alice\u2028Smith over two lines", ("Alice", "Smith")),
        ("A word is split at the end of a line: Ali-\nce and Smi-\r\n th.", ("Ali", "ce ", "Smi", "th.")),
        ("The same with a soft hyphen: Ali\u00ad\nce and Ga\u00ad\r\nrcía.", ("Ali", "ce ", "Ga", "rcía")),
        ("\u0410lice, Al\u0456ce and Sm\u0456th in letters of another alphabet.", ("lice", "Al", "Sm")),
        ("Al\u2062ice and Smi\u180eth with what nobody sees.", ("Al", "ice ", "Smi")),
    ],
)
def test_names_of_the_class_are_masked(text: str, names: tuple[str, ...]) -> None:
    masked_text = masked(text)

    assert [name for name in names if name in masked_text] == []


@pytest.mark.parametrize(
    "text",
    [
        "I will go by the grace of a mark in may.",
        "Malice, Alicea and Smithson are other words.",
        "Li-ghtning, the la de da of an Anne",
        "In 1914-1918 and on 2024-05-12 or 12.05.2024, 1 000 000 people; 7,800,000,000 today, 1939, 1940 and 3.1415926535.",
        "1 2 3 4 5 6 7 8 9 are numbers.",
        "He is an Al to me in 2023.",
    ],
)
def test_ordinary_words_years_and_round_numbers_are_not_masked(text: str) -> None:
    assert masked(text, CLASS[:2] + CLASS[3:4]) == text


@pytest.mark.parametrize(
    "text",
    [
        "Write to alice@north.example.",
        "Write to ALICE@NORTH.EXAMPLE, or to someone.else+tag@other-school.co.uk!",
        "Mail josé.garcía@schule.example",
        unicodedata.normalize("NFD", "Mail josé@schule.example"),
        "My id is sis-447711, SIS-447711 or 20231.",
        "Call +49 (0)30 1234567 or 0171-2345678, 555 123 4567, (020) 7946-0958, 06 12 34 56 78.",
        "My card is 4111 1111 1111 1111.",
    ],
)
def test_addresses_ids_and_phone_numbers_keep_only_their_shape(text: str) -> None:
    masked_text = masked(text)

    secrets = re.findall(r"\S*@\S*[a-z]|(?i:sis-447711)|20231|\d{3,}", text)
    assert [secret for secret in secrets if secret in masked_text] == []
    shape = str.maketrans({**dict.fromkeys(string.digits, "0")})
    assert [char for char in masked_text.translate(shape) if char in "@.+-(0 "] == [
        char for char in text.translate(shape) if char in "@.+-(0 "
    ]


def test_name_has_one_stand_in_everywhere_and_two_names_differ() -> None:
    first = Mask(
        request("Alice met Shaun. ALICE left.", title="By Alice", assignment_prompt="Ask Alice."), roster=Roster(CLASS)
    )
    again = Mask(
        request("Alice met Shaun. ALICE left.", title="By Alice", assignment_prompt="Ask Alice."),
        roster=Roster(CLASS[::-1]),
    )

    alice = first.request.title.removeprefix("By ")
    assert first.request.text.split()[0] == alice != "Alice"
    assert first.request.text.split()[3] == alice.upper()
    assert first.request.assignment_prompt == f"Ask {alice}."
    assert first.request.text.split()[2] not in (alice, "Shaun.")
    assert first.request == again.request, "the three passes of a submission share the vendor's cache"


def test_masked_addresses_of_the_same_shape_are_identical() -> None:
    """Check that nobody can find out an address by trying others of the same shape."""
    assert masked("Write to alice@north.example.") == masked("Write to bobby@south.example.")
    assert masked("Call 0171-2345678.") == masked("Call 0999-8765432.")


def test_rubric_descriptions_are_masked_but_criterion_names_are_not() -> None:
    criterion = Criterion(
        name="Alice", description="as Alice did", levels=(Level(name="Bo", points=1, description="like Shaun"),)
    )
    mask = Mask(request("Text.", criteria=(criterion,)), roster=Roster(CLASS))

    sent = mask.request.criteria[0]
    assert (sent.name, sent.levels[0].name) == ("Alice", "Bo")
    assert "Alice" not in sent.description
    assert "Shaun" not in sent.levels[0].description


def test_stand_in_typed_by_the_author_is_told_apart_from_the_name() -> None:
    """Mask an essay that already holds the word that would replace its name."""
    stand_in = masked("Alice wrote it.").split()[0]
    text = f"Alice wrote it, not {stand_in}, {stand_in.upper()} or {stand_in}s."

    assert stand_in not in masked(text).split()[0]


NAMES = st.one_of(
    st.sampled_from([known.name for known in CLASS]),
    st.text(alphabet=st.characters(categories=["L", "M"], max_codepoint=0x24F), min_size=1, max_size=9).map(str.title),
    st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=6).map(str.capitalize), min_size=1, max_size=3).map(
        " ".join
    ),
    st.text(max_size=12),
)
PEOPLE = st.lists(
    st.builds(
        CoursePerson,
        name=NAMES,
        email=st.one_of(st.just(""), st.emails(), st.text(max_size=8)),
        external_id=st.one_of(st.just(""), st.text(max_size=8), st.integers(0, 10**8).map(str)),
    ),
    min_size=1, max_size=5,
)  # fmt: skip


@st.composite
def _text_about(draw: st.DrawFn) -> tuple[str, tuple[CoursePerson, ...]]:
    people = tuple(draw(PEOPLE))
    words = [
        part
        for known in people
        for part in (known.name, *re.split(r"[\s'’-]+", known.name), known.email, known.external_id)
    ]
    named = st.sampled_from(words).flatmap(
        lambda word: st.sampled_from(
            [word, word.upper(), word.lower(), word.title(), unicodedata.normalize("NFD", word), word + "s"]
        )
    )
    piece = st.one_of(
        named, st.text(max_size=6), st.sampled_from([" ", "'s ", "’", "-", ". ", "\n", "@", "1", "_", "\u0301"])
    )
    return "".join(draw(st.lists(piece, max_size=25))), people


def _whole_words(name: str) -> list[str]:
    """Return the recognisable parts of a name, spelled with a capital and in capitals."""
    found = []
    for part in re.split(r"[^\w]+|_|\d", name):
        if len(part) >= 3 and part.isalpha() and part[0].isupper():
            found += [part, part.upper()]
    return found


@pytest.mark.slow(reason="reads hundreds of generated texts")
@given(_text_about())
@example(("Alice Alice", (CoursePerson(name="Alice", email="", external_id=""),)))
@example(("0@0.Alice Smith", (CoursePerson(name="Alice Smith", email="", external_id=""),)))
@example(("AA\U00020000", (CoursePerson(name="Aa\U00020000", email="", external_id=""),)))
@example(("a\xadAAA", (CoursePerson(name="a\xadAAA", email="", external_id=""),)))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_masking_keeps_length_hides_every_name_and_is_reversible(case: tuple[str, tuple[CoursePerson, ...]]) -> None:
    text, people = case
    mask = Mask(request(text), roster=Roster(people))
    masked_text = mask.request.text

    assert len(masked_text) == len(text)
    # An accent belongs to the letter before it and does not end a word.
    read = "".join("x" if unicodedata.category(char)[0] == "M" else char for char in masked_text)
    for known in people:
        for word in _whole_words(known.name):
            assert not re.search(rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])", read), (word, masked_text)
    changed = [index for index, (was, now) in enumerate(zip(text, masked_text, strict=True)) if was != now]
    for word in re.finditer(r"\S+", masked_text):
        span = Anchor(masked_text).span(word[0])
        if span.match == "none":
            continue
        unmasked = mask.unmask(_reply(PassAnswer(comments=(_comment(span),)))).answer.comments[0].span
        assert text[unmasked.start : unmasked.end] == unmasked.quote
        assert unmasked.start <= span.start < span.end <= unmasked.end
        if not any(span.start <= index < span.end for index in changed):
            assert span.quote in unmasked.quote


def _comment(span: QuotedSpan, **fields: object) -> Comment:
    plain = Comment(
        type="agreement", kind="issue", severity="minor", span=span, message="m", next_step="n",
        confidence=0.5, confidence_basis="model", origin="model",
    )  # fmt: skip
    return replace(plain, **fields)  # type: ignore[arg-type]


def _reply(answer: PassAnswer, raw: str = "raw") -> Reply:
    return Reply(answer=answer, raw=raw, model="m", stop_reason="end_turn")


def test_unmasking_restores_names_and_leaves_the_raw_answer() -> None:
    text = "Last week Alice go home. José too."
    mask = Mask(request(text), roster=Roster(CLASS))
    masked_text = mask.request.text
    alice, jose = masked_text[10:15], masked_text[25:29]
    answer = PassAnswer(
        comments=(
            _comment(
                Anchor(masked_text).span(f"{alice} go"), message=f"{alice}'s verb, {jose}.", next_step=f"What does {alice} do?",
                suggestions=(f"{alice} goes",), also_at=((25, 29),),
            ),
            _comment(QuotedSpan(start=0, end=0, quote=f"{alice} ran", match="none")),
        ),
        picks=(CriterionPick(criterion="thesis", level="clear", rationale=f"{alice} shows it.", confidence=1),),
        strengths=(f"{jose} is vivid.",), next_steps=(f"Say more about {alice}.",), not_checked=(f"Whether {jose} is real.",),
    )  # fmt: skip

    unmasked = mask.unmask(_reply(answer, raw=f"{alice}…"))

    first, second = unmasked.answer.comments
    assert (first.span.start, first.span.end, first.span.quote) == (10, 18, "Alice go")
    assert first.span.suffix == text[18:]
    assert (first.message, first.next_step, first.suggestions) == (
        "Alice's verb, José.",
        "What does Alice do?",
        ("Alice goes",),
    )
    assert (first.also_at, second.span.quote) == (((25, 29),), "Alice ran")
    assert unmasked.answer.picks[0].rationale == "Alice shows it."
    assert unmasked.answer.strengths + unmasked.answer.next_steps + unmasked.answer.not_checked == (
        "José is vivid.", "Say more about Alice.", "Whether José is real.",
    )  # fmt: skip
    assert unmasked.raw == f"{alice}…"


def test_span_that_cuts_a_stand_in_grows_to_the_whole_name() -> None:
    text = unicodedata.normalize("NFD", "José went.")
    mask = Mask(request(text), roster=Roster(CLASS))

    unmasked = mask.unmask(
        _reply(PassAnswer(comments=(_comment(QuotedSpan(start=1, end=4, quote=mask.request.text[1:4])),)))
    )

    assert unmasked.answer.comments[0].span.quote == unicodedata.normalize("NFD", "José")


@pytest.mark.slow
def test_hostile_texts_of_full_length_are_masked() -> None:
    crowd = tuple(
        CoursePerson(
            name=f"Given{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)} Family",
            email=f"u{n}@s.example",
            external_id=f"id{n:06}",
        )
        for n in range(2000)
    )
    for text in ("a" * 100_000, "@" * 100_000, "a@b." * 25_000, "1 " * 50_000, "(1" * 50_000, "A\u0301" * 50_000,
                 "".join(f"{n * 7919 + 10_000_000} " for n in range(11_000)), "Alice O'" * 12_000):  # fmt: skip
        assert len(Mask(request(text), roster=Roster(crowd[:20])).request.text) == len(text)
    masked_text = Mask(request(" ".join(known.name for known in crowd)), roster=Roster(crowd)).request.text
    assert "Given" not in masked_text
    assert "Family" not in masked_text


class RefusingProvider:
    """A provider that records its requests and refuses them."""

    name, model, remote, in_batches = "anthropic", "m", True, False

    def __init__(self) -> None:
        self.asked: list[tuple[PassRequest, Repair | None]] = []

    def prompt_version(self, pass_name: PassName) -> str:
        return f"v-{pass_name}"

    def expected_cost_micros(self, request: PassRequest) -> int:
        return 1

    def submit(self, request: PassRequest) -> str:
        raise AssertionError(request.pass_name)

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        raise AssertionError(batch)

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
        self.asked.append((request, repair))
        raise GiveUp(Outcome.REFUSED, "no", raw="the raw refusal")


def test_masking_provider_masks_requests_and_delegates_the_rest() -> None:
    inner = RefusingProvider()
    provider = MaskingProvider(inner, roster=Roster(CLASS))
    repair = Repair(Outcome.NOT_JSON, "it was not valid JSON")

    with pytest.raises(GiveUp) as refusal:
        provider.ask(request("Alice wrote."), repair=repair)

    assert refusal.value.raw == "the raw refusal"
    assert (provider.name, provider.model, provider.remote) == ("anthropic", "m", True)
    assert provider.prompt_version(PassName.CONTENT) == "v-content"
    assert inner.asked[0][1] is repair
    assert "Alice" not in inner.asked[0][0].text


# Whole passes with the real database, the real client library and the fake vendor.

STORY = (
    "My name is Alice and I sit beside Bob. Bob and Alice likes Ed, our teacher.\n\n"
    "Ed’s lesson is never dull. Reach me at {email} or under alice-sis, or call 0171 2345678.\n\n"
    "ALICE thinks that phones should stay in the bag, because Bob's phone rang three times."
)


def test_earlier_comments_are_masked_and_keep_the_essays_stand_ins() -> None:
    comment = EarlierComment(type="article", quote="Alice Smith", message="Alice, look.", next_step="Ask Shaun O'Neil.")
    pick = EarlierPick(criterion="Style", level="Vivid", rationale="Alice shows it.")
    earlier = PreviousDraft(unchanged=((0, 12),), doubtful=(comment,), picks=(pick,))
    mask = Mask(request("Alice Smith.\n\nShe won.", earlier=earlier), roster=Roster(CLASS))
    reported = mask.request.earlier
    assert reported is not None and reported.unchanged == earlier.unchanged
    assert re.search("Alice|Smith|Shaun|Neil", str(reported)) is None
    assert reported.doubtful[0].quote == mask.request.text[:11]
    assert mask.shown(reported.picks[0].rationale) == pick.rationale
    assert mask.request.text == Mask(request("Alice Smith.\n\nShe won."), roster=Roster(CLASS)).request.text
    unmasked = mask.unmask(
        _reply(
            PassAnswer(notes=(reported.doubtful[0].message,), verdicts=(CommentVerdict(comment=0, resolution="moot"),))
        )
    ).answer
    assert (unmasked.notes, unmasked.verdicts) == (("Alice, look.",), (CommentVerdict(comment=0, resolution="moot"),))


def test_batch_request_is_masked_and_its_answer_unmasked() -> None:
    asked = request("Alice Smith won the prize. Everybody in the town had seen it coming.")
    with FakeVendor() as vendor, closing(ClaudeProvider("k", base_url=vendor.base_url)) as claude:
        vendor.set_batch_looks(1)
        around = MaskingProvider(claude, roster=Roster(CLASS))
        assert around.in_batches and around.expected_cost_micros(asked) == claude.expected_cost_micros(asked) > 0
        batch = around.submit(asked)
        assert around.collect(batch, asked) is None
        reply = MaskingProvider(claude, roster=Roster(CLASS)).collect(batch, asked)
        assert "Alice" not in str(vendor.requests) and "Smith" not in str(vendor.requests)
    assert reply is not None and reply.answer.comments[0].span.quote.startswith("Alice Smith")


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Give a running fake vendor."""
    with FakeVendor() as vendor:
        yield vendor


@pytest.fixture
def runner(vendor: FakeVendor) -> Iterator[PassRunner]:
    """Give a pass runner whose Claude provider calls the fake vendor."""
    settings = ProviderSettings(name="anthropic", api_key="sk-test-4711", base_url=vendor.base_url, model=None)
    choose = ProviderChooser(settings, timeout_seconds=10, local=shared_provider())
    yield PassRunner(choose_provider=choose, leases=Leases(lease_seconds=12, longest_seconds=60), lease_seconds=12)
    choose("anthropic").close()  # type: ignore[attr-defined]  # Claude's provider has connections to close


def hand_in(school: School, **fields: object) -> Receipt:
    draft = {
        "title": "Phones, by Alice",
        "text": STORY.format(email=school.email("alice")),
        "assignment": school.assignment,
    }
    with session_of(school, "alice"):
        return essays.receive(school.alice, Draft(source="app", **{**draft, **fields}), org=school.org)  # type: ignore[arg-type]


def run_all(runner: PassRunner, receipt: Receipt) -> None:
    for hint in receipt.hints:
        runner.run(hint)


def states(database: Database, receipt: Receipt) -> set[object]:
    return {state for (state,) in database.sql("select state from passes where submission_id = %s", receipt.submission)}


def test_vendor_gets_no_personal_data_and_student_reads_real_names(
    runner: PassRunner, vendor: FakeVendor, database: Database, become: Become, school: School
) -> None:
    text = STORY.format(email=school.email("alice"))
    receipt = hand_in(school)
    database.sql("update assignments set prompt = 'Ed asks: what would Bob do?' where id = %s", school.assignment)
    become("ec_worker")

    run_all(runner, receipt)

    assert states(database, receipt) == {"done"}
    sent = [json.dumps(one, ensure_ascii=False) for one in vendor.requests]
    assert len(sent) == 3
    for body in sent:
        for secret in ("Alice", "ALICE", "Bob", "Ed", school.email("alice"), school.slug, "alice-sis", "2345678"):
            assert not re.search(rf"\b{re.escape(secret)}\b", body), secret
        assert "phones should stay in the bag" in body
    become("ec_ingest")
    with session_of(school, "alice"):
        found = feedback.fetch(receipt.submission, org=school.org, released_only=True)
    quotes = [comment["span"]["quote"] for comment in found["comments"]]
    for comment in found["comments"]:
        span = comment["span"]
        assert text[span["start"] : span["end"]] == span["quote"] != ""
    assert any("Alice" in quote or "Bob" in quote for quote in quotes), quotes


class NamingProvider(RefusingProvider):
    """A provider that writes about the person whose name ends the title."""

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
        person = request.title.split()[-1]
        praise = f"{person} says this well."
        comment = _comment(
            Anchor(request.text).span("beside"), type=SPECS[request.pass_name].types[0], kind="praise", message=praise,
            next_step=f"Ask {person}'s friend.", suggestions=(person,),
        )  # fmt: skip
        answer = PassAnswer(comments=(comment,), strengths=(praise,), next_steps=(f"{person}, read it aloud.",))
        return _reply(answer, raw=praise)


def test_feedback_is_stored_with_real_names_and_raw_answer_masked(
    database: Database, become: Become, school: School
) -> None:
    receipt = hand_in(school)
    become("ec_worker")
    leases = Leases(lease_seconds=12, longest_seconds=60)

    run_all(PassRunner(choose_provider=lambda _: NamingProvider(), leases=leases, lease_seconds=12), receipt)

    with db.session(org=school.org):
        key = users.data_key(school.alice, org=school.org)
    stored = database.sql("select id, raw from ai_responses where submission_id = %s", receipt.submission)
    raw = {
        key.open(bytes(sealed), place=AssociatedData("ai_responses", "raw", school.org, UUID(str(call))))  # type: ignore[call-overload]
        for call, sealed in stored
    }
    assert len(raw) == 1
    assert "Alice" not in raw.pop()
    become("ec_ingest")
    with session_of(school, "alice"):
        found = feedback.fetch(receipt.submission, org=school.org, released_only=True)
    assert {comment["message"] for comment in found["comments"]} == {"Alice says this well."}
    assert {comment["next_step"] for comment in found["comments"]} == {"Ask Alice's friend."}
    assert {tuple(comment["suggestions"]) for comment in found["comments"]} == {("Alice",)}
    assert found["summary"]["strengths"] == ["Alice says this well."]
    assert found["summary"]["next_steps"] == ["Alice, read it aloud."]


@pytest.mark.parametrize(("policy", "state"), [("none", "cancelled"), ("local", "done")])
def test_org_that_forbids_remote_providers_sends_nothing(
    runner: PassRunner, vendor: FakeVendor, database: Database, become: Become, school: School, policy: str, state: str
) -> None:
    receipt = hand_in(school)
    database.sql("update orgs set ai_policy = %s where id = %s", policy, school.org)
    become("ec_worker")

    run_all(runner, receipt)

    assert states(database, receipt) == {state}
    assert vendor.counters()["calls"] == 0
    assert vendor.requests == []


def test_people_of_an_essay_are_author_teachers_and_classmates(
    become: Become, school: School, other_school: School
) -> None:
    with db.session(org=school.org, role="ec_admin"):
        courses.add_member(school.zoe, org=school.org, course=school.other_course, role="student")
    receipt, alone = hand_in(school), hand_in(school, assignment=None)
    become("ec_worker")

    with db.session(org=school.org):
        around = fetch_around(receipt.essay, org=school.org, most=10)
        few = fetch_around(receipt.essay, org=school.org, most=2)
        without_class = fetch_around(alone.essay, org=school.org, most=10)
    with db.session(org=other_school.org):
        foreign = fetch_around(receipt.essay, org=school.org, most=10)

    assert [known.name for known in around] == ["Alice", "Ed", "Bob"]
    assert around[0] == CoursePerson(name="Alice", email=school.email("alice"), external_id="alice-sis")
    assert [known.name for known in few] == ["Alice", "Ed"]
    assert [known.name for known in without_class] == ["Alice"]
    assert foreign == []


def test_damaged_or_erased_classmate_does_not_block_feedback(
    runner: PassRunner, vendor: FakeVendor, database: Database, become: Become, school: School
) -> None:
    receipt = hand_in(school)
    database.sql("update users set name = '\\x01' where id = %s", school.bob)
    database.sql("delete from user_keys where user_id = %s", school.ed)
    become("ec_worker")

    run_all(runner, receipt)

    assert states(database, receipt) == {"done"}
    assert not any("Alice" in json.dumps(one) for one in vendor.requests)


def test_classmate_with_missing_master_key_keeps_passes_queued(
    runner: PassRunner, vendor: FakeVendor, database: Database, become: Become, school: School
) -> None:
    receipt = hand_in(school)
    database.sql("update user_keys set master_key_id = 'k9' where user_id = %s", school.bob)
    become("ec_worker")

    run_all(runner, receipt)

    assert states(database, receipt) == {"queued"}
    assert vendor.counters()["calls"] == 0


def test_essay_is_cancelled_unread_after_an_erasure_request(
    runner: PassRunner, vendor: FakeVendor, database: Database, become: Become, school: School
) -> None:
    receipt = hand_in(school)
    with db.session(org=school.org, role="ec_admin"):
        assert db.row("select request_erasure(%s) as asked", (school.alice,)) == {"asked": True}
    become("ec_worker")

    run_all(runner, receipt)

    assert states(database, receipt) == {"cancelled"}
    assert vendor.counters()["calls"] == 0
    assert database.sql("select count(*) from ai_responses where submission_id = %s", receipt.submission) == [(0,)]
