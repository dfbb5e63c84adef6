"""Test that the watcher finds unannounced changes of many waiting requests, a few states at a time."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from uuid import UUID, uuid4

from gunicorn.config import Config

from ingest.settings import ConnectionLimits
from ingest.web.connection import Connection
from ingest.web.long_poll import Wait
from ingest.web.parking import Parking
from ingest.web.watcher import PIECE, Waiting, Watcher
from models.announcements import Listener

LIMITS = ConnectionLimits(head_seconds=10, body_seconds=10, send_seconds=10, per_address=0)
OF_EACH = 2 * PIECE + 5


def test_states_are_read_in_pieces_of_one_org_and_every_change_is_found() -> None:
    read: list[tuple[UUID, int]] = []
    woken: Waiting = []

    def read_tags(org: UUID, submissions: Sequence[UUID]) -> dict[UUID, str]:
        read.append((org, len(submissions)))
        return dict.fromkeys(submissions, "new")

    parking = Parking(1000, hand_over=lambda _: None)
    orgs = [uuid4(), uuid4()]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for org in orgs:
            for _ in range(OF_EACH):
                until = time.monotonic() + 25
                wait = Wait(
                    org=org, submission=uuid4(), caller=uuid4(), tag="old", until=until, look_at=until, read_tags=read_tags
                )  # fmt: skip
                parking.park(Connection(ours, "", "", cfg=Config(), limits=LIMITS), wait)
        watcher = Watcher(parking, Listener("redis://127.0.0.1:1"), wake=woken.extend)
        for _ in range(2 * 3):
            watcher._sweep_on()
    assert sorted(read) == sorted((org, size) for org in orgs for size in (PIECE, PIECE, 5))
    assert len({wait.submission for _, wait in woken}) == 2 * OF_EACH
