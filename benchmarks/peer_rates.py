"""Measure EssayCoach beside a peer of Django, Django REST framework and Celery: hand-ins, polls, essays read."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

from benchmarks.ingest_rate import TEXT
from benchmarks.load import Measured, Request, closed_loop
from benchmarks.machine import CLAUDE_ALONE, machine_in_mode, sign_in_class, start_worker, wait_for_rows
from benchmarks.peer_server import Peer, start_peer, start_peer_worker
from benchmarks.report import Benchmark, Figure, progress
from standalone.client import ask
from standalone.machine import Machine

CLIENTS, STUDENTS, SECONDS, ROUNDS = 8, 24, 4.0, 3
ESSAYS = 200  # read by each in turn
HAND_IN_BAR, POLL_BAR, READ_BAR = 2.5, 1.5, 1.0
BODY = {"title": "Benchmark", "text": TEXT}

_COMPLETED = "select completed_at from {table} where completed_at is not null"

Pair = tuple[Measured, Measured]


def run() -> list[Figure]:
    """Measure both services in turn on the same machine; the workers of one are stopped while the other's are measured."""
    with machine_in_mode(CLAUDE_ALONE) as (running, known):
        running.supervisor.stop_one("worker")
        peer = start_peer(running)
        students = sign_in_class(running, known, size=STUDENTS)
        own_url = f"{known['ingest']}/v1/submissions"
        own_status = f"/v1/submissions/{_hand_in(own_url, students[0])}"
        peer_status = f"/essays/{_hand_in(f'{peer.url}/essays', peer.headers)}"

        def poll(quiet: str) -> Pair:
            progress(f"polls, {quiet}")
            return _in_turn(
                lambda: ("GET", own_status, b"", students[0]),
                lambda: ("GET", peer_status, b"", peer.headers),
                urls=(known["ingest"], peer.url),
                expected=(200, 200),
            )

        quiet = poll("nothing waits")
        read = _read_in_turn(running, peer, students, own_url)
        running.supervisor.stop_one("clock")
        progress("hand-ins")
        authors, body = itertools.cycle(students), json.dumps(BODY).encode()
        handed_in = _in_turn(
            lambda: ("POST", "/v1/submissions", body, next(authors)),
            lambda: ("POST", "/essays", body, peer.headers),
            urls=(known["ingest"], peer.url),
            expected=(202, 201),
        )
        own_status = f"/v1/submissions/{_hand_in(own_url, students[0])}"
        peer_status = f"/essays/{_hand_in(f'{peer.url}/essays', peer.headers)}"
        behind = poll("behind what was handed in")
    wrong = sum(one.wrong for pair in (quiet, handed_in, behind) for one in pair)
    return [
        *_rates("handing in", handed_in, "requests/s", HAND_IN_BAR),
        *_rates("polling, nothing waits", quiet, "requests/s", POLL_BAR),
        *_rates("polling behind what was handed in", behind, "requests/s", POLL_BAR),
        *_ratio("essays completed, fake provider that answers at once", *read, "essays/s", READ_BAR),
        Figure("answers with another status than expected", str(wrong), "0", wrong == 0),
    ]


def _in_turn(
    own: Callable[[], Request],
    other: Callable[[], Request],
    *,
    urls: tuple[str, str],
    expected: tuple[int, int],
) -> Pair:
    """Load both services in alternating rounds, and return the round of each with the median rate."""
    rounds: list[Pair] = []
    for _ in range(ROUNDS):
        own_round, other_round = (
            closed_loop(url, make, clients=CLIENTS, seconds=SECONDS, expected=status)
            for url, make, status in zip(urls, (own, other), expected, strict=True)
        )
        rounds.append((own_round, other_round))
    own_median, other_median = (
        sorted(one, key=lambda each: each.per_second)[ROUNDS // 2] for one in zip(*rounds, strict=True)
    )
    return own_median, other_median


def _read_in_turn(running: Machine, peer: Peer, students: list[dict[str, str]], own_url: str) -> tuple[float, float]:
    """Let the workers of each service read so many waiting essays; return how many they completed per second."""
    progress(f"{ESSAYS} essays read by EssayCoach")
    for author in itertools.islice(itertools.cycle(students), ESSAYS):
        _hand_in(own_url, author)
    start_worker(running)
    own = _completed_per_second(running.database_url, "submissions")
    running.supervisor.stop_one("worker")
    progress(f"{ESSAYS} essays read by the peer")
    for _ in range(ESSAYS):
        _hand_in(f"{peer.url}/essays", peer.headers)
    start_peer_worker(running, peer)
    other = _completed_per_second(peer.database_url, "peer_essay")
    running.supervisor.stop_one("peer-worker")
    return own, other


def _completed_per_second(database_url: str, table: str) -> float:
    """Return the rate from the first completed essay, when the workers have started, to the last one."""
    ended = [moment for (moment,) in wait_for_rows(database_url, _COMPLETED.format(table=table), count=ESSAYS)]
    return (len(ended) - 1) / (max(ended) - min(ended)).total_seconds()


def _hand_in(url: str, headers: dict[str, str]) -> str:
    answer = ask("POST", url, body=BODY, headers=headers)
    assert answer.status in (201, 202), answer.body
    return str(answer.body["id"])


def _rates(name: str, pair: Pair, unit: str, bar: float) -> list[Figure]:
    return _ratio(name, pair[0].per_second, pair[1].per_second, unit, bar)


def _ratio(name: str, own: float, other: float, unit: str, bar: float) -> list[Figure]:
    ratio = own / other
    return [
        Figure(f"{name}: EssayCoach, peer", f"{own:,.0f}, {other:,.0f} {unit}"),
        Figure(f"{name}: the first ÷ the second", f"{ratio:.2f}", f"≥ {bar:.1f}", ratio >= bar),
    ]


PEER = Benchmark(
    name="peer",
    title="A peer of Django and Celery",
    description=(
        f"EssayCoach beside `benchmarks/peer/`, a service of Django, Django REST framework and Celery that stores the same rows and "
        f"makes the same three calls, without row security, encryption, audit trail, fair turns, leases and masking: {CLIENTS} "
        f"clients, the median of {ROUNDS} alternating rounds of {SECONDS:.0f} s each, and {ESSAYS} waiting essays read by the "
        f"workers of each in turn."
    ),
    run=run,
)
