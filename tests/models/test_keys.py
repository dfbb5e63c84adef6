"""Test how ec_keys re-encrypts what the master keys encrypt: only in its own place, only once, and no other role may."""

from __future__ import annotations

import base64
from uuid import UUID, uuid4

import peewee
import psycopg2
import pytest

from models import crypto, db, essays, events, keys, users
from models.crypto import AssociatedData, keyring
from models.db import Role
from models.errors import DatabaseAway, Undecipherable
from models.essays import Draft
from models.events import Delivery
from models.keys import COLUMNS, FIRST, Column, Step, StoredKey
from models.settings import CryptoSettings
from tests.conftest import Become
from tests.support.schools import INDEX_KEY, MASTER_KEY, School, session_of
from tests.support.servers import Database

NEW_MASTER = b"n" * 32


@pytest.fixture
def worker(school: School, become: Become) -> School:
    """A school with one delivery of an unknown student and one of Bob. The process is a worker with master keys k2 and k1."""
    with db.session(org=school.org, role="ec_lms"):
        events.store_delivery(delivery(school), outcome="refused", reason="no_student", problem={"detail": "Who?"})
        events.store_delivery(
            delivery(school),
            outcome="ignored",
            reason="known",
            user=school.bob,
            key=users.data_key(school.bob, org=school.org),
        )
    become("ec_worker")
    masters = {"k2": NEW_MASTER, "k1": base64.b64decode(MASTER_KEY)}
    crypto.load(CryptoSettings(master_keys=masters, index_key=base64.b64decode(INDEX_KEY)))
    return school


def delivery(school: School) -> Delivery:
    return Delivery(org=school.org, source=school.source, event_id=str(uuid4()), body=b"{}")


def steps(column: Column, *, limit: int = 100, wait: bool = False) -> list[Step]:
    """Re-encrypt a whole column in batches and return the batches."""
    found, after = [], FIRST
    while True:
        with db.session(role="ec_keys"):
            step = keys.reencrypt_batch(column, after=after, limit=limit, wait=wait)
        if step is None:
            return found
        found.append(step)
        after = step.last


def everything(database: Database) -> list[list[tuple[object, ...]]]:
    """Return all ciphertexts that master keys encrypt."""
    return [
        database.sql("select user_id, wrapped, master_key_id from user_keys order by user_id"),
        database.sql("select id, secret, previous_secret from sources order by id"),
        database.sql("select id, body, problem from inbound_events order by id"),
    ]


def test_reencryption_goes_in_key_order_and_second_round_finds_nothing(worker: School, database: Database) -> None:
    people = [
        user for (user,) in database.sql("select user_id from user_keys where master_key_id = 'k1' order by user_id")
    ]

    done_steps = steps("user_keys.wrapped", limit=2)

    assert [step.done for step in done_steps] == [2] * (len(people) // 2) + [1] * (len(people) % 2)
    assert [step.last for step in done_steps] == people[1::2] + people[-1:] * (len(people) % 2)
    assert all(steps(column) for column in ("sources.secret", "inbound_events.body", "inbound_events.problem"))
    assert [steps(column) for column in COLUMNS] == [[]] * len(COLUMNS)
    with db.session(role="ec_keys"):
        counts = keys.count_by_master_key()
    assert (
        counts["user_keys.wrapped"].keys()
        == counts["sources.secret"].keys()
        == counts["inbound_events.body"].keys()
        == counts["inbound_events.problem"].keys()
        == {"k2"}
    )


def test_delivery_under_a_persons_key_is_not_reencrypted(worker: School, database: Database) -> None:
    before = database.sql("select body from inbound_events where user_id = %s", worker.bob)

    steps("inbound_events.body")

    assert database.sql("select body from inbound_events where user_id = %s", worker.bob) == before


SWAPS: dict[str, tuple[Column, str, str]] = {
    "a delivery's body as its problem": (
        "inbound_events.problem",
        (
            "insert into inbound_events (id, org_id, source_id, event_id, outcome, reason, body, body_sha256, problem)"
            " select %(far)s, org_id, source_id, 'far', outcome, reason, body, body_sha256, body from inbound_events"
            " where source_id = %(source)s and user_id is null"
        ),
        "far",
    ),
    "another person's key": (
        "user_keys.wrapped",
        "update user_keys set wrapped = (select wrapped from user_keys where user_id = %(bob)s) where user_id = %(alice)s",
        "alice",
    ),
    "another source's secret": (
        "sources.secret",
        "insert into sources (id, org_id, name, secret) select %(far)s, org_id, 'Far', secret from sources where id = %(source)s",
        "far",
    ),
    "a secret in another column": (
        "sources.previous_secret",
        "update sources set previous_secret = secret, previous_secret_until = 'infinity' where id = %(source)s",
        "source",
    ),
    "a secret of another org": (
        "sources.secret",
        (
            "insert into orgs (id, slug, name) values (%(org)s, substr(%(org)s::text, 1, 20), 'Far');"
            "insert into sources (id, org_id, name, secret) select %(far)s, %(org)s, 'Far', secret from sources where id = %(source)s"
        ),
        "far",
    ),
    "another delivery's body": (
        "inbound_events.body",
        (
            "insert into inbound_events (id, org_id, source_id, event_id, outcome, reason, body, body_sha256)"
            " select %(far)s, org_id, source_id, 'far', outcome, reason, body, body_sha256 from inbound_events"
            " where source_id = %(source)s and user_id is null"
        ),
        "far",
    ),
    "a secret as a delivery": (
        "inbound_events.body",
        (
            "insert into inbound_events (id, org_id, source_id, event_id, outcome, reason, body, body_sha256)"
            " select %(far)s, org_id, id, 'far', 'refused', 'x', secret, '' from sources where id = %(source)s"
        ),
        "far",
    ),
}


@pytest.mark.parametrize("swap", SWAPS)
def test_moved_ciphertext_is_reported_as_damaged_and_left_unchanged(
    worker: School, database: Database, swap: str
) -> None:
    """A ciphertext that somebody copied to another place with SQL is not re-encrypted there."""
    column, statement, where = SWAPS[swap]
    table, _, name = column.partition(".")
    key_column = "user_id" if table == "user_keys" else "id"
    [(far,)] = database.sql("select uuidv7()")
    rows = {"alice": worker.alice, "bob": worker.bob, "source": worker.source, "org": str(uuid4()), "far": str(far)}
    with psycopg2.connect(database.admin_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement, {key: str(value) for key, value in rows.items()})
    connection.close()
    row = UUID(str(rows[where]))
    before = database.sql(f"select {name} from {table} where {key_column} = %s", row)

    done_steps = steps(column)

    assert row in {one for step in done_steps for one in step.damaged}
    assert database.sql(f"select {name} from {table} where {key_column} = %s", row) == before


@pytest.mark.slow(reason="waits for a time limit")
def test_locked_rows_are_skipped_unless_wait_is_set(worker: School, database: Database) -> None:
    holder = psycopg2.connect(database.admin_url)
    with holder.cursor() as cursor:
        cursor.execute("select from user_keys where user_id = %s for update", (str(worker.alice),))

        steps("user_keys.wrapped")

        old = "select user_id from user_keys where master_key_id = 'k1' and org_id = %s"
        assert database.sql(old, worker.org) == [(worker.alice,)]
        with pytest.raises(DatabaseAway):
            steps("user_keys.wrapped", wait=True)
    holder.rollback()
    holder.close()
    assert sum(step.done for step in steps("user_keys.wrapped", wait=True)) == 1


def test_restore_gives_no_key_to_a_person_erased_meanwhile(worker: School, database: Database, become: Become) -> None:
    """Keys of all people were listed before Alice's erasure. When they are restored, Bob gets his back and Alice does not."""
    with db.session(role="ec_keys"):
        listed = [one for one in keys.list_stored(after=FIRST, limit=1000) if one.org == worker.org]
    become("ec_ingest")
    with session_of(worker, "ada"):
        assert db.row("select request_erasure(%s) as asked", (worker.alice,)) == {"asked": True}
    database.sql("delete from user_keys where user_id = %s", worker.bob)
    become("ec_worker")

    with db.session(role="ec_keys"):
        keys.verify_key(listed)
        restored = keys.restore(listed)

    assert restored == 1
    assert database.sql("select count(*) from user_keys where user_id = %s", worker.alice) == [(0,)]
    assert database.sql("select count(*) from user_keys where user_id = %s", worker.bob) == [(1,)]


def test_forged_key_is_refused_and_key_of_unknown_user_is_not_restored(other_school: School, worker: School) -> None:
    with db.session(role="ec_keys"):
        mine = next(one for one in keys.list_stored(after=FIRST, limit=1000) if one.user == worker.bob)
    for forged in (
        StoredKey(org=mine.org, user=worker.alice, wrapped=mine.wrapped, master_key_id="k1"),
        StoredKey(org=other_school.org, user=mine.user, wrapped=mine.wrapped, master_key_id="k1"),
        StoredKey(org=mine.org, user=mine.user, wrapped=mine.wrapped[:-1], master_key_id="k1"),
        StoredKey(org=mine.org, user=mine.user, wrapped=mine.wrapped, master_key_id="k9"),
    ):
        with pytest.raises(Undecipherable):
            keys.verify_key([forged])
    gone = uuid4()
    wrapped, _ = keyring().new_data_key(org=worker.org, user=gone)
    with db.session(role="ec_keys"):
        assert keys.restore([StoredKey(org=worker.org, user=gone, wrapped=wrapped.wrapped, master_key_id="k2")]) == 0


@pytest.mark.parametrize("role", ["ec_student", "ec_educator", "ec_admin", "ec_lms", "ec_auth"])
def test_ingest_roles_cannot_rewrap_keys(worker: School, database: Database, become: Become, role: Role) -> None:
    before = everything(database)
    become("ec_ingest")

    for column in ("user_keys.wrapped", "inbound_events.body"):
        with pytest.raises(peewee.ProgrammingError), db.session(org=worker.org, user=worker.alice, role=role):
            keys.reencrypt_batch(column, after=FIRST, limit=10, wait=False)
    with pytest.raises(peewee.ProgrammingError), db.session(org=worker.org, role="ec_keys"):
        keys.count_by_master_key()

    assert everything(database) == before


@pytest.mark.parametrize(
    "statement",
    [
        "select name from users", "select email from users", "select text from submissions", "select title from essays",
        "select digest from api_keys", "delete from user_keys", "update user_keys set user_id = user_id", "select password_hash from users",
        "update sources set disabled_at = now()", "insert into inbound_events (org_id) values (null)", "select raw from ai_responses",
    ],
)  # fmt: skip
def test_keys_role_cannot_read_what_the_keys_encrypt(worker: School, statement: str) -> None:
    with pytest.raises(peewee.ProgrammingError, match="permission denied"), db.session(role="ec_keys"):
        db.run(statement)


def test_after_rotation_the_new_master_key_alone_decrypts_everything(
    worker: School, database: Database, become: Become
) -> None:
    become("ec_ingest")
    with session_of(worker, "alice"):
        receipt = essays.receive(worker.alice, Draft(title="T", text="My summer.", source="app"), org=worker.org)
    become("ec_worker")
    for column in COLUMNS:
        steps(column)
    crypto.load(CryptoSettings(master_keys={"k2": NEW_MASTER}, index_key=base64.b64decode(INDEX_KEY)))

    with db.session(org=worker.org):
        assert essays.fetch_task(receipt.submission, org=worker.org).text == "My summer."
    [(sealed,)] = database.sql("select secret from sources where id = %s", worker.source)
    assert (
        keyring().open(bytes(sealed), place=AssociatedData("sources", "secret", worker.org, worker.source))
        == worker.source_secret
    )  # type: ignore[call-overload]
