"""Fetch a hand-in from an LTI platform, whose notice says where its documents are, and tell the platform when it cannot be taken."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from models import asset_activities, asset_arrivals, orgs, platforms
from models.arrivals import DueArrival
from models.db import session
from models.errors import FileRefused, NotFound
from models.leased_rows import HeldRow
from models.lms_assignments import LmsAssignment
from models.lms_people import LmsPerson
from models.lti_keys import signing_key
from outgoing.client import Client
from workers.deliveries.asset_report_text import error_code, failed_report
from workers.deliveries.fetching import Fetched, SourceOff
from workers.deliveries.hand_in_text import ESSAY_ENDINGS, MOST_FILES, Essay, NoEssay, read_essay
from workers.lms.assets import TELLING_SECONDS, TOTAL_SECONDS, AssetServices, NotCalled, OlderThanKnown
from workers.lms.errors import LmsError
from workers.lms.hand_in import Content, HandedInFile

Asset = dict[str, Any]


@dataclass(kw_only=True)
class _Documents:
    """The documents of a hand-in, each fetched once. `content` holds those that are here, by their id."""

    services: AssetServices
    scopes: list[str]
    content: dict[str, bytes] = field(default_factory=dict)

    def fetch(self, asset: Asset) -> bytes:
        """Return a document. Raises LmsError, NoEssay, FileRefused."""
        if asset["id"] not in self.content:
            try:
                self.content[asset["id"]] = self.services.fetch(
                    asset["url"], scopes=self.scopes, size=asset["size"], sha256=asset["sha256"]
                )
            except NotCalled:
                raise NoEssay("address_refused") from None
        return self.content[asset["id"]]

    def id_of(self, content: bytes) -> str:
        """Return the id of the document that this content came from."""
        return next(name for name, known in self.content.items() if known is content)


def fetch(held: HeldRow, arrival: DueArrival, client: Client) -> Fetched:
    """Return the version. Raises LmsError, NoEssay, FilesBusy, SourceOff."""
    place, services = arrival.place, services_of(held, client)
    essay, asset = _read(place["assets"], _Documents(services=services, scopes=place["asset_scopes"]))
    title = _title_of(held, place)
    with session(org=held.org):
        asset_arrivals.note_asset(held, asset)
    return Fetched(
        person=LmsPerson(**place["person"], name=None),
        draft=essay.to_draft(title=title, submitted_at=arrival.changed_at),
        assignment=LmsAssignment(
            external_id=place["assignment"], title=title, course=place["course"], course_name=place["course_name"]
        ),
        file=essay.file,
    )  # fmt: skip


def tell_refused(held: HeldRow, arrival: DueArrival, client: Client, reason: str) -> None:
    """Report to the platform that the hand-in is not taken, so that its teacher can act. Raises LmsError when that may work later.

    Every attempt about one notice has the same time, so the platform keeps one report for each document.
    """
    place = arrival.place
    url, scopes = report_place(held, place)
    if url is None:
        return
    with session(org=held.org):
        language: str = orgs.fetch_org(held.org)["default_language"]
    assets = _essay_like(place["assets"]) or place["assets"]
    try:
        services = services_of(held, client, seconds=TELLING_SECONDS)
        for asset in assets[: MOST_FILES + 1]:
            report = failed_report(asset["id"], code=error_code(reason), time=place["received_at"], language=language)
            services.report(url, report, scopes=scopes)
    except (NotCalled, OlderThanKnown, SourceOff, FileRefused):
        return
    except LmsError as error:
        if not error.is_final:
            raise


def services_of(held: HeldRow, client: Client, *, seconds: float = TOTAL_SECONDS) -> AssetServices:
    """Return what the platform of this row offers, for so many seconds from now. Raises SourceOff."""
    with session(org=held.org):
        try:
            return AssetServices(
                client=client, platform=platforms.fetch_active(held.lane, org=held.org), key=signing_key(held.lane),
                ends_at=time.monotonic() + seconds,
            )  # fmt: skip
        except NotFound:
            raise SourceOff from None


def report_place(held: HeldRow, place: dict[str, Any]) -> tuple[str | None, list[str]]:
    """Return where reports about this hand-in go, and with which scopes: as its notice says, else as a launch has said."""
    if place["report_url"] is not None:
        return place["report_url"], place["report_scopes"]
    known = _activity_of(held, place)
    return (known.report_url, known.report_scopes) if known else (None, [])


def _read(assets: list[Asset], documents: _Documents) -> tuple[Essay, str]:
    """Return the essay and the id of the document that it is. Raises LmsError, NoEssay, FilesBusy."""
    typed = next((one for one in assets if one["ending"] is None), None)
    text = _typed_text(typed, documents) if typed is not None else None
    files = [one for one in assets if one is not typed or text is None]
    handed_in = {f"{number}": one for number, one in enumerate(files)}
    content = Content(
        text=text or "",
        text_is_plain=typed is not None and typed["content_type"] == "text/plain",
        files=tuple(
            HandedInFile(name=f"essay{_ending_of(one)}", url=number, size=one["size"] or 0)
            for number, one in handed_in.items()
        ),
    )
    essay = read_essay(content, lambda file: documents.fetch(handed_in[file.url]))
    if essay.file is not None:
        return essay, documents.id_of(essay.file.content)
    assert typed is not None
    return essay, typed["id"]


def _typed_text(typed: Asset, documents: _Documents) -> str | None:
    """Return the text that was typed into the LMS; None when it is read as a file is, because it is not plain UTF-8."""
    try:
        text = documents.fetch(typed).decode()
    except FileRefused:
        raise NoEssay("essay_too_long") from None
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _essay_like(assets: list[Asset]) -> list[Asset]:
    return [one for one in assets if _ending_of(one) in ESSAY_ENDINGS]


def _ending_of(asset: Asset) -> str:
    if asset["ending"] is not None:
        return str(asset["ending"])
    return ".txt" if asset["content_type"] == "text/plain" else ".html"


def _title_of(held: HeldRow, place: dict[str, Any]) -> str:
    """Return the title of the assignment. Where neither the notice nor a launch says it, its id must do."""
    known = None if place["title"] else _activity_of(held, place)
    return place["title"] or (known.title if known else None) or f"Assignment {place['assignment'][:8]}"


def _activity_of(held: HeldRow, place: dict[str, Any]) -> asset_activities.Activity | None:
    with session(org=held.org):
        return asset_activities.find(
            place["assignment"], deployment=place["deployment"], org=held.org, platform=held.lane
        )
