"""Tests of the places for waiting requests: how many, whose, and that no change is missed between reading and parking."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest
from gunicorn.config import Config

from ingest.settings import ConnectionLimits
from ingest.web.connection import Connection, State
from ingest.web.long_poll import PLACES_OF_PERSON, Wait
from ingest.web.parking import REMEMBERED_CHANGES, RESUMED_AT_ONCE, Parking
from tests.support.races import together

LIMITS = ConnectionLimits(head_seconds=10, body_seconds=10, send_seconds=10, per_address=0)


@pytest.fixture
def handed_over() -> list[Connection]:
    return []


@pytest.fixture
def parking(handed_over: list[Connection]) -> Parking:
    return Parking(20, hand_over=handed_over.append)


@pytest.fixture
def connection() -> Iterator[Callable[[], Connection]]:
    """Give a function that opens a connection."""
    opened: list[socket.socket] = []

    def make() -> Connection:
        ours, theirs = socket.socketpair()
        opened.extend((ours, theirs))
        return Connection(ours, "", "", cfg=Config(), limits=LIMITS)

    yield make
    for one in opened:
        one.close()


def wait_for(submission: UUID, caller: UUID | None = None) -> Wait:
    until = time.monotonic() + 25
    return Wait(
        org=uuid4(), submission=submission, caller=caller or uuid4(), tag="x", until=until, look_at=until, read_tags=lambda *_: {}
    )  # fmt: skip


def test_a_person_gets_a_share_of_the_places(parking: Parking) -> None:
    person = uuid4()
    taken = together(30, lambda _: parking.reserve(person, is_person=True))
    assert taken.count(True) == PLACES_OF_PERSON
    assert not parking.has_place(person, is_person=True)
    assert parking.has_place(other := uuid4(), is_person=True)
    assert parking.reserve(other, is_person=True)


def test_a_key_gets_half_of_the_places_and_all_together_no_more_than_there_are(parking: Parking) -> None:
    key = uuid4()
    assert together(30, lambda _: parking.reserve(key, is_person=False)).count(True) == 10
    assert together(30, lambda _: parking.reserve(uuid4(), is_person=True)).count(True) == 10
    assert parking.count == 20


def test_released_place_is_free_once(parking: Parking, connection) -> None:
    client, wait = connection(), wait_for(uuid4())
    assert parking.reserve(wait.caller, is_person=True)
    parking.park(client, wait)
    parking.release(client)
    parking.release(client)
    assert (parking.count, parking.waits()) == (0, [])


def test_change_before_the_parking_is_not_missed(parking: Parking, connection) -> None:
    client, submission = connection(), uuid4()
    client.began = parking.sequence
    assert parking.note_changes([submission]) == []
    assert not parking.park(client, wait_for(submission))


def test_change_before_the_request_does_not_end_its_wait(parking: Parking, connection) -> None:
    client, submission = connection(), uuid4()
    parking.note_changes([submission])
    client.began = parking.sequence
    assert parking.park(client, wait_for(submission))
    assert parking.note_changes([uuid4()]) == []
    assert [one for one, _ in parking.note_changes([submission])] == [client]


def test_request_that_began_before_what_is_remembered_looks_again(parking: Parking, connection) -> None:
    client = connection()
    client.began = parking.sequence
    parking.note_changes([uuid4() for _ in range(REMEMBERED_CHANGES + 1)])
    assert not parking.park(client, wait_for(uuid4()))


def test_few_resumed_requests_have_a_thread_at_the_same_time(parking: Parking, handed_over, connection) -> None:
    clients = [connection() for _ in range(RESUMED_AT_ONCE + 3)]
    for one in clients:
        parking.park(one, wait_for(uuid4()))
    for one in clients:
        parking.resume(one)
    assert handed_over == clients[:RESUMED_AT_ONCE]
    assert {one.state for one in clients} == {State.RUNNING}
    parking.finished(handed_over[0])
    assert handed_over == clients[: RESUMED_AT_ONCE + 1]
