"""Test that a ciphertext opens only in its own place with its own key, and that keys can be rotated."""

from __future__ import annotations

import base64
import shlex
import sys
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from models import crypto, db, essays, secret_settings, settings, users
from models.crypto import AssociatedData, Ciphertext, EncryptedField, Key, Keyring
from models.errors import NotFound, SettingsError, Undecipherable
from models.essays import Draft
from models.settings import CryptoSettings, read_crypto
from models.tables import Users
from tests.conftest import Become
from tests.support.schools import INDEX_KEY, MASTER_KEY, School, session_of
from tests.support.servers import Database

ORG, ROW = UUID(int=1), UUID(int=2)
HERE = AssociatedData("essays", "title", ORG, ROW)
OLD_MASTER, NEW_MASTER, INDEX = b"o" * 32, b"n" * 32, b"i" * 32


def ring(index_key: bytes = INDEX, **masters: bytes) -> Keyring:
    """Return a keyring with these master keys, the current one first."""
    return Keyring(CryptoSettings(master_keys=masters, index_key=index_key))


@pytest.fixture
def key() -> Key:
    """A data key."""
    return Key(b"k" * 32)


@pytest.mark.parametrize("text", ["", "Ça m'est égal 🙂", "x" * 100_000], ids=["empty", "beyond ASCII", "long"])
def test_sealed_text_opens_in_its_own_place(key: Key, text: str) -> None:
    sealed = key.seal(text, place=HERE)

    assert key.open(sealed, place=HERE) == text
    assert len(text) < 3 or text.encode() not in sealed


def test_same_text_is_sealed_differently_each_time(key: Key) -> None:
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
def test_ciphertext_moved_to_another_place_does_not_open(key: Key, elsewhere: AssociatedData) -> None:
    sealed = key.seal("My summer", place=HERE)

    with pytest.raises(Undecipherable, match=f"{elsewhere.table}.{elsewhere.column}"):
        key.open(sealed, place=elsewhere)


def test_ciphertext_does_not_open_with_another_key(key: Key) -> None:
    with pytest.raises(Undecipherable):
        Key(b"x" * 32).open(key.seal("My summer", place=HERE), place=HERE)


def test_ciphertext_with_any_changed_byte_is_refused(key: Key) -> None:
    sealed = bytes(key.seal("My summer", place=HERE))

    for position in range(len(sealed)):
        changed = sealed[:position] + bytes([sealed[position] ^ 1]) + sealed[position + 1 :]
        with pytest.raises(Undecipherable):
            key.open(changed, place=HERE)


def test_truncated_ciphertext_is_refused(key: Key) -> None:
    sealed = bytes(key.seal("My summer", place=HERE))

    for length in range(len(sealed)):
        with pytest.raises(Undecipherable):
            key.open(sealed[:length], place=HERE)


def test_unknown_ciphertext_version_is_named_in_the_error(key: Key) -> None:
    with pytest.raises(Undecipherable, match="unknown ciphertext version"):
        key.open(b"\x02" + bytes(key.seal("My summer", place=HERE))[1:], place=HERE)


def test_decryption_error_does_not_contain_the_plain_text(key: Key) -> None:
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


def test_wrong_and_missing_master_key_give_different_errors() -> None:
    wrapped, _ = ring(k1=OLD_MASTER).new_data_key(org=ORG, user=ROW)

    with pytest.raises(Undecipherable, match="does not open"):
        ring(k1=NEW_MASTER).data_key(wrapped, org=ORG, user=ROW)
    with pytest.raises(Undecipherable, match="no master key named 'k1'"):
        ring(k2=OLD_MASTER).data_key(wrapped, org=ORG, user=ROW)


def test_after_rotation_old_keys_open_and_new_ones_use_the_new_master() -> None:
    """With k2 in front of k1, a data key and a secret under k1 still open, and new ones need k2."""
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
def test_damaged_installation_secret_is_undecipherable(blob: bytes) -> None:
    with pytest.raises(Undecipherable):
        ring(k1=OLD_MASTER).open(blob, place=HERE)


def test_blind_index_is_equal_for_spellings_of_one_email() -> None:
    keys = ring(k1=OLD_MASTER)
    digest = keys.email_index("alice@school.example", org=ORG)

    assert len(digest) == 32
    for spelling in (" Alice@School.example\n", "ALICE@SCHOOL.EXAMPLE", "\uff41lice@school.example"):
        assert keys.email_index(spelling, org=ORG) == digest
    assert keys.email_index("alicia@school.example", org=ORG) != digest


def test_external_id_index_is_equal_for_spellings_of_one_id_and_differs_from_the_email_index() -> None:
    keys = ring(k1=OLD_MASTER)
    digest = keys.external_id_index("Stu-1a", org=ORG)

    for spelling in ("Stu-1a", "Stu-1a ", "\ufeffStu-1a\r", "'Stu-1a", '="Stu-1a"'):
        assert keys.external_id_index(spelling, org=ORG) == digest
    assert keys.external_id_index("Jose\u0301", org=ORG) == keys.external_id_index("Jos\u00e9", org=ORG)
    assert len(keys.external_id_index("9.021E+16", org=ORG)) == 32
    assert keys.external_id_index("Stu-1a", org=UUID(int=9)) != digest
    for other in ("stu-1A", "Stu-1", "Stu-\u2460a"):
        assert keys.external_id_index(other, org=ORG) != digest
    assert keys.email_index("stu-1a", org=ORG) != keys.external_id_index("stu-1a", org=ORG)


def test_blind_index_depends_on_the_org_and_the_index_key() -> None:
    digest = ring(k1=OLD_MASTER).email_index("alice@school.example", org=ORG)

    assert ring(k1=OLD_MASTER).email_index("alice@school.example", org=UUID(int=9)) != digest
    assert ring(b"j" * 32, k1=OLD_MASTER).email_index("alice@school.example", org=ORG) != digest
    assert ring(k9=NEW_MASTER).email_index("alice@school.example", org=ORG) == digest, (
        "people must still be found with a new master key"
    )


def test_keyring_before_load_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crypto, "_loaded", [])

    with pytest.raises(Undecipherable, match=r"call models\.crypto\.load first"):
        crypto.keyring()


def test_stored_data_is_readable_with_a_new_master_key_in_front(school: School) -> None:
    masters = {"k2": b"2" * 32, "k1": base64.b64decode(MASTER_KEY)}
    crypto.load(CryptoSettings(master_keys=masters, index_key=base64.b64decode(INDEX_KEY)))

    with session_of(school, "alice"):
        assert users.fetch_person(school.alice, org=school.org).name == "Alice"


def test_nothing_of_a_person_can_be_read_after_key_erasure(school: School, database: Database) -> None:
    """When the author's key row is deleted, even the admin finds neither the person nor the essay."""
    with session_of(school, "alice"):
        receipt = essays.receive(school.alice, Draft(title="T", text="My summer.", source="app"), org=school.org)
    database.sql("update users set erase_requested_at = now() where id = %s", school.alice)
    database.sql("delete from user_keys where user_id = %s", school.alice)

    with session_of(school, "ada"):
        with pytest.raises(NotFound):
            users.data_key(school.alice, org=school.org)
        with pytest.raises(NotFound):
            users.fetch_person(school.alice, org=school.org)
        with pytest.raises(NotFound):
            essays.fetch_text(receipt.submission, org=school.org)


def test_worker_gets_not_found_for_an_essay_without_data_key(
    school: School, database: Database, become: Become
) -> None:
    with session_of(school, "alice"):
        receipt = essays.receive(school.alice, Draft(title="T", text="My summer.", source="app"), org=school.org)
    database.sql("update users set erase_requested_at = now() where id = %s", school.alice)
    database.sql("delete from user_keys where user_id = %s", school.alice)
    become("ec_worker")

    with db.session(org=school.org):
        with pytest.raises(NotFound):
            essays.fetch_task(receipt.submission, org=school.org)
        with pytest.raises(NotFound):
            essays.fetch_task(uuid4(), org=school.org)


def test_rewrapped_key_and_secret_open_with_the_new_master_alone() -> None:
    """When a data key and a secret are re-encrypted under k2, their content is the same and k1 can be removed."""
    before, after, alone = ring(k1=OLD_MASTER), ring(k2=NEW_MASTER, k1=OLD_MASTER), ring(k2=NEW_MASTER)
    wrapped, key = before.new_data_key(org=ORG, user=ROW)
    words, secret = key.seal("My summer", place=HERE), before.seal("whsec_1", place=HERE)

    rewrapped = after.rewrap(wrapped, org=ORG, user=ROW)

    assert rewrapped.master_key_id == "k2"
    assert alone.data_key(rewrapped, org=ORG, user=ROW).open(words, place=HERE) == "My summer"
    assert alone.open(after.reencrypt(secret, place=HERE), place=HERE) == "whsec_1"
    assert after.seal("x", place=HERE).startswith(after.current_prefix)
    assert (after.lacks("k1"), alone.lacks("k1")) == (False, True)


def test_moved_key_or_secret_is_not_rewrapped() -> None:
    """A data key and a secret that were moved to another place cannot be re-encrypted there."""
    both = ring(k2=NEW_MASTER, k1=OLD_MASTER)
    wrapped, _ = ring(k1=OLD_MASTER).new_data_key(org=ORG, user=ROW)
    secret = ring(k1=OLD_MASTER).seal("whsec_1", place=HERE)

    with pytest.raises(Undecipherable):
        both.rewrap(wrapped, org=ORG, user=UUID(int=9))
    with pytest.raises(Undecipherable):
        both.reencrypt(secret, place=replace(HERE, row=UUID(int=9)))


@pytest.mark.parametrize("how", ["printed", "printed with blanks"])
def test_keys_can_come_from_a_command(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    blank = "  " if how == "printed with blanks" else ""
    script = f"print('{blank}k2:{MASTER_KEY},k1:{INDEX_KEY}{blank}')"
    monkeypatch.setenv("ESSAYCOACH_MASTER_KEYS_COMMAND", shlex.join([sys.executable, "-c", script]))
    monkeypatch.setenv("ESSAYCOACH_INDEX_KEY_COMMAND", f"echo {INDEX_KEY}")
    for name in ("ESSAYCOACH_MASTER_KEYS", "ESSAYCOACH_INDEX_KEY"):
        monkeypatch.delenv(name, raising=False)

    loaded = read_crypto()

    assert list(loaded.master_keys) == ["k2", "k1"]
    assert loaded.index_key == base64.b64decode(INDEX_KEY)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("import sys; print('hunter2'); print('hunter2', file=sys.stderr); sys.exit(3)", "failed with exit code 3"),
        ("import sys; sys.stdout.buffer.write(bytes([255]) + b'hunter2')", "must print text"),
        ("pass", "EC_X is not set"),
        ("import os; print('hunter2', flush=True); os.kill(os.getpid(), 9)", "failed with exit code -9"),
        ("import time; print('hunter2', flush=True); time.sleep(600)", "did not end within 1 s"),
    ],
)
def test_failing_key_command_is_refused_without_showing_its_output(
    monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    monkeypatch.setattr(secret_settings, "COMMAND_SECONDS", 1 if "sleep" in script else 120)
    monkeypatch.setenv("EC_X_COMMAND", shlex.join([sys.executable, "-c", script]))

    with pytest.raises(SettingsError, match=why) as refusal:
        settings.secret("EC_X")

    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


@pytest.mark.parametrize(
    ("command", "why"),
    [("no-such-client-of-a-key-service", "cannot be run: No such file"), ("echo 'unclosed", "not a command line")],
)
def test_invalid_key_command_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, command: str, why: str
) -> None:
    monkeypatch.setenv("EC_X_COMMAND", command)

    with pytest.raises(SettingsError, match=f"EC_X_COMMAND .*{why}") as refusal:
        settings.secret("EC_X")
    assert command not in str(refusal.value)


def test_key_command_runs_without_shell_and_two_origins_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EC_X_COMMAND", "echo $(id) ; echo `id` && id > /dev/null")
    assert settings.secret("EC_X") == "$(id) ; echo `id` && id > /dev/null"

    monkeypatch.setenv("EC_X", "hunter2")
    with pytest.raises(SettingsError, match="Set EC_X or EC_X_COMMAND, not both") as refusal:
        settings.secret("EC_X")
    assert "hunter2" not in str(refusal.value)
