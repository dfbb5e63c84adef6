"""The data rights of a person: an export of everything that is stored about them, decrypted, and its erasure.

What is exported is listed in `exported_columns`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from models import deliveries, files
from models.crypto import AssociatedData, Key
from models.db import row, rows, run
from models.errors import LastAdmin, NotFound
from models.exported_columns import ABOUT_PERSON, ABOUT_VERSION, AUDIT, AUDIT_STEP, ESSAY, PROFILE, VERSION, Part
from models.holds import ORGS_ON_HOLD
from models.upkeep import fold_tallies
from models.users import data_key

README = """What EssayCoach holds about one person, in the clear. Times are UTC, ids are the system's own.

profile.json            who they are
sessions*.json          their sign-ins: when, until when, how ended
one_time_tokens*.json   invitations and password resets (not the tokens)
second_factors.json     since when they sign in with a code too, and wrong codes of late (not the secret)
passkeys.json           their passkeys: the names they gave, since when, and how often used (not the keys)
linked_accounts.json    since when they sign in with their school's account
lms_people*.json        the ids that LMSs have for them
weekly_summar*.json     whether they want the weekly summary, and those of the last weeks
enrollments*.json       their courses
essays/<n>-<id>/        one folder an essay: essay.json, and for each version
  versions/<v>.txt        the text as it was handed in
  versions/<v>.json       when, from where, how long, and what became of it
  versions/<v>-passes.json, -feedback.json, -criterion_results.json    the three readings and all they said
  versions/<v>-feedback_reviews.json, -feedback_reactions.json    what teachers decided about comments, and what the author thought of them
  versions/<v>-ai_responses.json    what each provider really answered, and what it cost (millionths of a dollar)
  versions/<v>-arrivals.json      when and from where in the LMS it was fetched
  versions/<v>-returns.json       what was written back to the LMS about it (ids and times)
  versions/<v>-deliveries.json    which systems of the school were told what about it (ids and times)
files*.json, files/     the files that they handed in, as they were, and which of them became which version
saved_comments*.json    comments they keep for the next essay
comments_made*.json, reviews_made*.json    which comments on others' essays they wrote or decided about (the words are the essay author's)
author_use.json         how often they handed in on their last day, and what reading them cost in their last month
approvals*.json         which exports and erasures of them were asked for, and what they asked for or approved as an admin
analytics*.json         what they did and when: handed in, revised, looked at feedback, judged a comment, released, reviewed, exported
reports*.json           which reports they asked for, and which were about them
inbound_events*.json    what an LMS sent about them, as it was sent, and why some of it was refused
seen_events*.json, idempotency_keys*.json    what was answered to whom handed in for them
audit_log*.json         what is on record as done by them or about them

A table with many rows goes on in files numbered -2, -3 and so on. Not included: password hashes, keys, and digests of secrets.
"""


def request_erasure(user: UUID, *, org: UUID) -> None:
    """Destroy the person's key and end their sign-ins at once; the clock deletes their rows later. Idempotent.

    Call it as ec_admin. Raises NotFound, OnHold, and LastAdmin when nobody could administer the org afterwards.
    """
    # The lock orders two admins who erase each other, so that the second one sees that it is the last.
    admins = rows(
        "select id from users where org_id = %s and role = 'admin' and disabled_at is null order by id for update",
        (org,),
    )
    if [record["id"] for record in admins] == [user]:
        raise LastAdmin("This is the last admin of the org who can sign in.")
    # Before their key and digests go: what was refused and names them becomes unreadable with the rest.
    deliveries.adopt(user, org=org, erasing=True)
    requested = row("select request_erasure(%s) as is_there", (user,))
    if requested is None or not requested["is_there"]:
        raise NotFound("There is no such person.")


def list_erasures(*, limit: int) -> list[tuple[UUID, UUID]]:
    """Return the people whose rows are to be deleted, each with their org, oldest request first. Call it as the clock.

    Of an org on hold nobody's rows are deleted.
    """
    found = rows(
        f"""
        select id, org_id from users where erase_requested_at is not null and org_id not in {ORGS_ON_HOLD}
        order by erase_requested_at limit %s
        """,  # noqa: S608 - a constant
        (limit,),
    )
    return [(record["id"], record["org_id"]) for record in found]


def erase(user: UUID, *, org: UUID) -> bool:
    """Delete every row of the person without lowering any total; return False when nobody requested it. Call it as the clock."""
    # A worker that finishes a pass locks its version first, so no pass finishes between the counting and the deletion.
    run(
        """
        select 1 from submissions as s where s.org_id = %(org)s and s.id in (
            select p.submission_id from passes as p where p.org_id = %(org)s and p.user_id = %(user)s)
        order by s.id for update
        """,
        {"org": org, "user": user},
    )
    fold_tallies()
    found = row("select erase_person(%s) as erased", (user,))
    return bool(found and found["erased"])


def gather(user: UUID, *, org: UUID) -> Iterator[tuple[str, str | bytes]]:
    """Yield everything that is stored about a person as files, each a name and what is in it.

    Call it as ec_admin. Raises NotFound before the first file.
    """
    key = data_key(user, org=org)
    deliveries.adopt(user, org=org)
    params = {"org": org, "user": user}
    [profile] = _page(PROFILE, params, key=key)
    yield "README.txt", README
    yield "profile.json", as_json(profile)
    for part in ABOUT_PERSON:
        yield from _part_files(part, params, key=key, name=part.name)
    for file, original in files.list_originals(user, org=org):
        yield f"files/{file}-{original.name}", original.content
    own_ids = [user]
    for number, essay in enumerate((record for page in _pages(ESSAY, params, key=key) for record in page), start=1):
        folder = f"essays/{number}-{essay['id']}"
        yield f"{folder}/essay.json", as_json(essay)
        own_ids.append(essay["id"])
        for [version] in _pages(VERSION, {**params, "essay": essay["id"]}, key=key):
            own_ids.append(version["id"])
            yield from _version_files(version, {**params, "essay": essay["id"]}, key=key, folder=folder)
    yield from _audit_files({**params, "theirs": own_ids}, key=key)


def _version_files(
    version: dict[str, Any], params: dict[str, Any], *, key: Key, folder: str
) -> Iterator[tuple[str, str]]:
    text: str = version.pop("text")
    name = f"{folder}/versions/{version['version']}"
    yield f"{name}.txt", text
    yield f"{name}.json", as_json(version)
    for part in ABOUT_VERSION:
        files = _part_files(
            part, {**params, "submission": version["id"]}, key=key, name=f"{name}-{part.name}", text=text
        )
        yield from files


def _audit_files(params: dict[str, Any], *, key: Key) -> Iterator[tuple[str, str]]:
    """Yield the audit entries by the person, about them, and about what they wrote."""
    after, number = None, 0
    while True:
        step = row(
            """
            select a.id from audit_log as a where a.org_id = %(org)s and (%(after)s::uuid is null or a.id > %(after)s)
            order by a.id limit 1 offset %(step)s
            """,
            {**params, "after": after, "step": AUDIT_STEP - 1},
        )
        last_id = step["id"] if step else None
        for page in _pages(AUDIT, {**params, "upto": last_id}, key=key, after=after):
            number += 1
            yield _file_name("audit_log", number), as_json(page)
        if last_id is None:
            return
        after = last_id


def _part_files(
    part: Part, params: dict[str, Any], *, key: Key, name: str, text: str = ""
) -> Iterator[tuple[str, str]]:
    for number, page in enumerate(_pages(part, params, key=key), start=1):
        for record in page:
            # The quote of a comment is not stored with it, so it is cut from the text.
            if part.table == "feedback" and record.get("span_end"):
                record["quote"] = text[record["span_start"] : record["span_end"]]
        yield _file_name(name, number), as_json(page)


def _file_name(name: str, number: int) -> str:
    return f"{name}.json" if number == 1 else f"{name}-{number}.json"


def _pages(part: Part, params: dict[str, Any], *, key: Key, after: Any = None) -> Iterator[list[dict[str, Any]]]:
    while page := _page(part, params, key=key, after=after):
        yield page
        after = page[-1][part.key]
        if len(page) < part.page:
            return


def _page(part: Part, params: dict[str, Any], *, key: Key, after: Any = None) -> list[dict[str, Any]]:
    """Return the next page of a part, after the row with the key `after`, with everything decrypted."""
    selected = ", ".join(
        [*(f"t.{column}" for column in (part.columns + " " + part.sealed).split()), *filter(None, [part.also])]
    )
    page_condition = f" and t.{part.key} > %(after)s" if after is not None else ""
    found = rows(
        f"select {selected} from {part.table} as t where t.org_id = %(org)s and {part.of}{page_condition}"  # noqa: S608 - constants of `exported_columns`
        f" order by t.{part.key} limit %(limit)s",
        {**params, "after": after, "limit": part.page},
    )
    return [_decrypt_row(record, part, key=key, org=params["org"]) for record in found]


def _decrypt_row(record: dict[str, Any], part: Part, *, key: Key, org: UUID) -> dict[str, Any]:
    structured = part.structured.split()
    for column in part.sealed.split():
        if record[column] is not None:
            plain = key.open(record[column], place=AssociatedData(part.table, column, org, record[part.key]))
            record[column] = json.loads(plain) if column in structured else plain
    return record


def as_json(value: Any) -> str:
    """Return a value of an export as JSON text."""
    return json.dumps(value, default=_to_json_value, ensure_ascii=False, indent=1)


def _to_json_value(value: Any) -> Any:
    for kind, convert in _JSON_CONVERTERS.items():
        if isinstance(value, kind):
            return convert(value)
    raise TypeError(f"{type(value).__name__} has no spelling in an export")


_JSON_CONVERTERS: dict[type, Callable[[Any], Any]] = {
    UUID: str,
    date: lambda value: value.isoformat(),
    Decimal: float,
    bytes: bytes.hex,
    memoryview: lambda value: value.tobytes().hex(),
}
