"""Count at the end, as a superuser and from the rows alone: what was lost, what was doubled, how long everything took."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2

FINAL = ("completed", "partial", "failed", "superseded", "cancelled")

_VERSIONS = """
select s.id::text, s.queue, s.status, s.version, extract(epoch from s.created_at)::float8,
    extract(epoch from s.completed_at)::float8,
    extract(epoch from (select min(p.first_claimed_at) from passes as p where p.submission_id = s.id))::float8,
    coalesce((select max(p.attempt) from passes as p where p.submission_id = s.id and p.lost > 0), 0) > 0
from submissions as s
"""
_EQUAL_TEXTS = """
select count(*) from (select 1 from submissions group by org_id, text_sha256 having count(*) > 1) as d
"""
# A pass that is done has as many comments as its row says, any other pass none.
_EXTRA_RESULTS = """
select count(*) from (
    select p.id from passes as p left join feedback as f on f.submission_id = p.submission_id and f.pass = p.name
    group by p.id having coalesce(p.comments, 0) <> count(f.id)
) as d
"""
_COST = """
select coalesce(sum(calls), 0)::bigint, coalesce(sum(input_tokens + cache_read_tokens + cache_write_tokens), 0)::bigint,
    coalesce(sum(output_tokens), 0)::bigint, coalesce(sum(cost_micros), 0)::bigint
from ledger where provider = 'anthropic'
"""


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of an essay: its lane, and its moments in Unix seconds. `killed`: its worker died while it was read."""

    id: str
    queue: str
    status: str
    number: int
    received: float
    completed: float | None
    claimed: float | None
    killed: bool


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the ledger says about the calls to the provider."""

    calls: int
    input_tokens: int
    output_tokens: int
    micro_dollars: int


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What the database holds at the end.

    `missing` and `still_open` are of acknowledged essays; together they are lost. `crashes`: passes that were being read when
    their worker died.
    """

    versions: list[Version]
    missing: int
    still_open: int
    two_ids_for_one_key: int
    equal_texts: int
    extra_results: int
    crashes: int
    cost: Cost

    @property
    def lost(self) -> int:
        """Return the acknowledged essays that are not there, or not final."""
        return self.missing + self.still_open

    @property
    def doubled(self) -> int:
        """Return the essays stored twice and the passes with more than one result."""
        return self.two_ids_for_one_key + self.equal_texts + self.extra_results


def count(database_url: str, acknowledged: Mapping[str, set[str]]) -> Counted:
    """Read what became of everything that was acknowledged."""
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:

        def read(statement: str) -> list[tuple[Any, ...]]:
            cursor.execute(statement)
            return list(cursor.fetchall())

        versions = [
            Version(
                id=row[0],
                queue=row[1],
                status=row[2],
                number=row[3],
                received=row[4],
                completed=row[5],
                claimed=row[6],
                killed=row[7],
            )
            for row in read(_VERSIONS)
        ]
        found = {one.id: one for one in versions}
        named = {submission for submissions in acknowledged.values() for submission in submissions}
        ((equal_texts,),) = read(_EQUAL_TEXTS)
        ((extra_results,),) = read(_EXTRA_RESULTS)
        ((crashes,),) = read("select coalesce(sum(lost), 0)::bigint from passes")
        ((calls, input_tokens, output_tokens, micro_dollars),) = read(_COST)
    return Counted(
        versions=versions,
        missing=len(named - set(found)),
        still_open=sum(found[one].status not in FINAL for one in named & set(found)),
        two_ids_for_one_key=sum(len(submissions) > 1 for submissions in acknowledged.values()),
        equal_texts=equal_texts,
        extra_results=extra_results,
        crashes=crashes,
        cost=Cost(calls=calls, input_tokens=input_tokens, output_tokens=output_tokens, micro_dollars=micro_dollars),
    )


def count_open(database_url: str) -> tuple[int, int]:
    """Return how many versions are final and how many are open. Raises psycopg2.OperationalError while the server is away."""
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(*) filter (where completed_at is not null), count(*) filter (where completed_at is null) from submissions"
        )
        ((done, still_open),) = cursor.fetchall()
        return done, still_open
