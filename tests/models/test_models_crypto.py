"""What is encrypted opens in its own place with its own key, and nowhere else."""

from __future__ import annotations

import base64
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from conftest import INDEX_KEY, MASTER_KEY, Become, Database, School, session_of

from models import crypto, db, essays, users
from models.crypto import Ciphertext, EncryptedField, Key, Keyring, Place
from models.errors import NotFound, Undecipherable
from models.essays import Draft
from models.settings import CryptoSettings
from models.tables import Users

ORG, ROW = UUID(int=1), UUID(int=2)
HERE = Place("essays", "title", ORG, ROW)
OLD_MASTER, NEW_MASTER, INDEX = b"o" * 32, b"n" * 32, b"i" * 32


def ring(index_key: bytes = INDEX, **masters: bytes) -> Keyring:
    return Keyring(CryptoSettings(master_keys=masters, index_key=index_key))


@pytest.fixture
def key() -> Key:
    return Key(b"k" * 32)


@pytest.mark.parametrize("text", ["", "Ça m'est égal 🙂", "x" * 100_000], ids=["empty", "beyond ASCII", "long"])
def test_what_is_sealed_opens_in_its_own_place(key: Key, text: str) -> None:
    sealed = key.seal(text, place=HERE)

    assert key.open(sealed, place=HERE) == text
    assert len(text) < 3 or text.encode() not in sealed


def test_the_same_words_never_look_the_same_twice(key: Key) -> None:
    assert len({bytes(key.seal("Yes.", place=HERE)) for _ in range(50)}) == 50


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(HERE, table="submissions"),
        replace(HERE, column="text"),
        replace(HERE, org=UUID(int=9)),
        replace(HERE, row=UUID(int=9)),
    ],
    ids=["another table", "another column", "another org", "another row"],
)
def test_a_ciphertext_moved_elsewhere_does_not_open(key: Key, elsewhere: Place) -> None:
    sealed = key.seal("My summer", place=HERE)

    with pytest.raises(Undecipherable, match=f"{elsewhere.table}.{elsewhere.column}"):
        key.open(sealed, place=elsewhere)


def test_another_key_does_not_open_it(key: Key) -> None:
    with pytest.raises(Undecipherable):
        Key(b"x" * 32).open(key.seal("My summer", place=HERE), place=HERE)


def test_any_changed_byte_is_noticed(key: Key) -> None:
    sealed = bytes(key.seal("My summer", place=HERE))

    for position in range(len(sealed)):
        changed = sealed[:position] + bytes([sealed[position] ^ 1]) + sealed[position + 1 :]
        with pytest.raises(Undecipherable):
            key.open(changed, place=HERE)


def test_a_ciphertext_cut_short_anywhere_is_undecipherable(key: Key) -> None:
    sealed = bytes(key.seal("My summer", place=HERE))

    for length in range(len(sealed)):
        with pytest.raises(Undecipherable):
            key.open(sealed[:length], place=HERE)


def test_a_version_from_the_future_is_named_in_the_refusal(key: Key) -> None:
    with pytest.raises(Undecipherable, match="unknown ciphertext version"):
        key.open(b"\x02" + bytes(key.seal("My summer", place=HERE))[1:], place=HERE)


def test_no_message_of_a_refusal_holds_what_was_sealed(key: Key) -> None:
    with pytest.raises(Undecipherable) as refusal:
        key.open(key.seal("My summer", place=HERE), place=replace(HERE, row=uuid4()))

    assert "summer" not in str(refusal.value)
    assert refusal.value.__suppress_context__


def test_an_encrypted_column_accepts_only_ciphertext(key: Key) -> None:
    for plain in ("Alice", b"Alice", bytearray(b"Alice")):
        with pytest.raises(TypeError, match="name is encrypted: pass a Ciphertext"):
            Users.name.db_value(plain)
    sealed = key.seal("Alice", place=HERE)

    assert bytes(Users.name.db_value(sealed).adapted) == sealed
    assert Users.name.db_value(None) is None
    assert isinstance(EncryptedField().python_value(memoryview(sealed)), Ciphertext)
    assert EncryptedField().python_value(None) is None


def test_a_data_key_opens_only_for_its_own_person() -> None:
    keys = ring(k1=OLD_MASTER)
    wrapped, key = keys.new_data_key(org=ORG, user=ROW)
    sealed = key.seal("My summer", place=HERE)

    assert keys.data_key(wrapped, org=ORG, user=ROW).open(sealed, place=HERE) == "My summer"
    for org, user in ((ORG, UUID(int=9)), (UUID(int=9), ROW)):
        with pytest.raises(Undecipherable):
            keys.data_key(wrapped, org=org, user=user)


def test_the_wrong_master_key_and_a_missing_one_are_told_apart() -> None:
    wrapped, _ = ring(k1=OLD_MASTER).new_data_key(org=ORG, user=ROW)

    with pytest.raises(Undecipherable, match="does not open"):
        ring(k1=NEW_MASTER).data_key(wrapped, org=ORG, user=ROW)
    with pytest.raises(Undecipherable, match="no master key named 'k1'"):
        ring(k2=OLD_MASTER).data_key(wrapped, org=ORG, user=ROW)


def test_after_a_rotation_old_keys_and_secrets_open_and_new_ones_use_the_new_master() -> None:
    """Given a data key and a secret under k1, when k2 is put in front of k1, both still open and new ones need k2."""
    before, after = ring(k1=OLD_MASTER), ring(k2=NEW_MASTER, k1=OLD_MASTER)
    wrapped, key = before.new_data_key(org=ORG, user=ROW)
    words, secret = key.seal("My summer", place=HERE), before.seal("whsec_1", place=HERE)

    assert after.data_key(wrapped, org=ORG, user=ROW).open(words, place=HERE) == "My summer"
    assert after.open(secret, place=HERE) == "whsec_1"

    new_wrapped, _ = after.new_data_key(org=ORG, user=ROW)
    assert (wrapped.master_key_id, new_wrapped.master_key_id) == ("k1", "k2")
    with pytest.raises(Undecipherable, match="'k2'"):
        before.open(after.seal("whsec_2", place=HERE), place=HERE)


@pytest.mark.parametrize("blob", [b"", b"\x02", b"\x02k1", b"\xffk1", b"\x01\xff"], ids=repr)
def test_a_damaged_secret_of_the_installation_is_undecipherable(blob: bytes) -> None:
    with pytest.raises(Undecipherable):
        ring(k1=OLD_MASTER).open(blob, place=HERE)


def test_a_blind_index_is_the_same_for_spellings_of_one_address() -> None:
    keys = ring(k1=OLD_MASTER)
    digest = keys.email_index("alice@school.example", org=ORG)

    assert len(digest) == 32
    for spelling in (" Alice@School.example\n", "ALICE@SCHOOL.EXAMPLE", "\uff41lice@school.example"):
        assert keys.email_index(spelling, org=ORG) == digest
    assert keys.email_index("alicia@school.example", org=ORG) != digest


def test_an_external_id_is_found_to_the_letter_and_never_by_an_equal_address() -> None:
    keys = ring(k1=OLD_MASTER)
    digest = keys.external_id_index("Stu-1a", org=ORG)

    assert keys.external_id_index("Stu-1a", org=ORG) == digest
    assert keys.external_id_index("Stu-1a", org=UUID(int=9)) != digest
    for other in ("stu-1A", "Stu-1a ", "Stu-\u2460a"):
        assert keys.external_id_index(other, org=ORG) != digest
    assert keys.email_index("stu-1a", org=ORG) != keys.external_id_index("stu-1a", org=ORG)


def test_a_blind_index_is_bound_to_its_org_and_to_the_key() -> None:
    digest = ring(k1=OLD_MASTER).email_index("alice@school.example", org=ORG)

    assert ring(k1=OLD_MASTER).email_index("alice@school.example", org=UUID(int=9)) != digest
    assert ring(b"j" * 32, k1=OLD_MASTER).email_index("alice@school.example", org=ORG) != digest
    assert ring(k9=NEW_MASTER).email_index("alice@school.example", org=ORG) == digest, "a new master key must not hide people"


def test_without_keys_the_keyring_says_which_door_forgot_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crypto, "_loaded", [])

    with pytest.raises(Undecipherable, match=r"call models\.crypto\.load first"):
        crypto.keyring()


def test_a_program_with_a_new_master_key_in_front_reads_what_is_stored(school: School) -> None:
    masters = {"k2": b"2" * 32, "k1": base64.b64decode(MASTER_KEY)}
    crypto.load(CryptoSettings(master_keys=masters, index_key=base64.b64decode(INDEX_KEY)))

    with session_of(school, "alice"):
        assert users.fetch_person(school.alice, org=school.org).name == "Alice"


def test_once_the_key_is_erased_nothing_of_the_person_can_be_read(school: School, database: Database) -> None:
    """Given an essay, when its author's key row is deleted, no reader gets it and the worker learns why."""
    with session_of(school, "alice"):
        receipt = essays.receive(school.alice, Draft(title="T", text="My summer.", source="app"), org=school.org)
    database.sql("delete from user_keys where user_id = %s", school.alice)

    with session_of(school, "ada"):
        with pytest.raises(NotFound):
            users.data_key(school.alice, org=school.org)
        with pytest.raises(NotFound):
            users.fetch_person(school.alice, org=school.org)
        with pytest.raises(NotFound):
            essays.fetch_text(receipt.submission, org=school.org)


def test_a_worker_is_told_that_the_key_is_gone_so_that_the_pass_can_be_given_up(
    school: School, database: Database, become: Become
) -> None:
    with session_of(school, "alice"):
        receipt = essays.receive(school.alice, Draft(title="T", text="My summer.", source="app"), org=school.org)
    database.sql("delete from user_keys where user_id = %s", school.alice)
    become("ec_worker")

    with db.session(org=school.org):
        with pytest.raises(Undecipherable):
            essays.fetch_task(receipt.submission, org=school.org)
        with pytest.raises(NotFound):
            essays.fetch_task(uuid4(), org=school.org)
