"""Test importing a roster from the browser: the dry run, wrong rows, what is no roster, sizes, and the import."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from tests.ingest.conftest import ApiUnderTest
from tests.ingest.pages.conftest import SignedIn
from tests.support.pages import Page, PageReader

USERS = "sourcedId,role,givenName,familyName,email\ng1,student,Grace,Hopper,grace@n.example\nt1,teacher,Tim,Teach,\n"
CLASSES = "sourcedId,title\nc1,English <b>1</b>\n"
ENROLLMENTS = "classSourcedId,userSourcedId,role\nc1,g1,student\nc1,t1,teacher\n"


@pytest.fixture
def ada(signed_in: SignedIn) -> PageReader:
    reader = signed_in("ada")
    reader.get("/admin/roster")
    return reader


def upload(reader: PageReader, *files: tuple[str, str | bytes], **fields: str) -> Page:
    """Choose these files in the form, and send it."""
    chosen = [(io.BytesIO(raw.encode() if isinstance(raw, str) else raw), name) for name, raw in files]
    return reader.post("/admin/roster", files=chosen, **fields)


def send(reader: PageReader, raw: bytes, *, csrf: str, name: str = "users.csv") -> TestResponse:
    """Send one large file without a file on the disk of the test."""
    boundary, body = encode_multipart({"csrf": csrf, "files": FileStorage(io.BytesIO(raw), name)})
    return reader.client.post("/admin/roster", data=body, content_type=f'multipart/form-data; boundary="{boundary}"')


def zipped(**files: str | bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in files.items():
            archive.writestr(f"{name}.csv", raw)
    return packed.getvalue()


def count(api: ApiUnderTest) -> tuple[int, int, int]:
    found = api.database.sql(
        "select (select count(*) from users), (select count(*) from courses), (select count(*) from enrollments)"
    )
    return tuple(found[0])  # type: ignore[return-value]


@pytest.mark.parametrize("as_zip", [False, True])
def test_roster_is_tried_out_and_then_imported(shared_api: ApiUnderTest, ada: PageReader, as_zip: bool) -> None:
    before = count(shared_api)
    files = {"users": USERS.replace("1,", f"1{as_zip},"), "classes": CLASSES.replace("c1", f"c1{as_zip}")}
    files["enrollments"] = ENROLLMENTS.replace("1,", f"1{as_zip},")
    files["users"] = files["users"].replace("grace@", f"grace{as_zip}@")
    sent = [("roster.zip", zipped(**files))] if as_zip else [(f"{name}.csv", raw) for name, raw in files.items()]
    page = upload(ada, *sent)  # type: ignore[arg-type]
    assert page.status == 200, page.text
    assert "Nothing is stored yet." in page.text
    assert [page.words(f"section[aria-labelledby={kind}] dl > div")[0] for kind in ("users", "courses", "enrollments")] == [
        "added 2", "added 1", "added 2"
    ]  # fmt: skip
    assert count(shared_api) == before
    page = ada.post("/admin/roster/import", roster=page.hidden("roster"))
    assert "The roster is imported" in page.text
    after = count(shared_api)
    assert tuple(new - old for new, old in zip(after, before, strict=True)) == (2, 1, 2)


def test_wrong_rows_are_named_and_nothing_is_imported(shared_api: ApiUnderTest, ada: PageReader) -> None:
    before = count(shared_api)
    wrong = "sourcedId,role,givenName,familyName\nx1,<script>alert(1)</script>,A,B\nx2,pilot,C,D\n,student,E,F\n"
    page = upload(ada, ("users.csv", wrong))
    assert page.status == 422
    assert [row.split(",")[0] for row in page.words(".rows li")] == [
        "users.csv row 2",
        "users.csv row 3",
        "users.csv row 4",
    ]
    assert "nothing was imported" in page.text
    assert len(page.all("script[src]")) == len(page.all("script")) == 1
    assert count(shared_api) == before


def test_administrators_need_a_word_of_their_own(shared_api: ApiUnderTest, ada: PageReader) -> None:
    roster = ("users.csv", "sourcedId,role,givenName,familyName,email\na9,administrator,Ann,Admin,ann@n.example\n")
    page = upload(ada, roster)
    assert page.status == 422
    page = upload(ada, roster, allow_admins="1")
    assert page.hidden("allow_admins") == "1"
    assert ada.post("/admin/roster/import", roster=page.hidden("roster")).status == 422
    page = upload(ada, roster, allow_admins="1")
    assert ada.post("/admin/roster/import", roster=page.hidden("roster"), allow_admins="1").status == 200


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("notes.txt", b"hello", "has a file called notes.txt"),
        ("roster.zip", b"no zip", "cannot be read as a folder or zip of CSV files (BadZipFile)"),
        ("roster.zip", zipped(others="x"), "holds none of users.csv, classes.csv and enrollments.csv"),
        ("roster.zip", zipped(users=b"a" * (5 << 20)), "holds more than 2 MiB of CSV"),
        ("users.csv", b"\x89PNG\r\n\x1a\n\0\0", "the file is no text"),
        ("../../users.csv", b"sourcedId\n", "this column is missing"),
    ],
)
def test_what_is_no_roster_is_refused_in_words(ada: PageReader, name: str, raw: bytes, said: str) -> None:
    page = upload(ada, (name, raw))
    assert page.status == 422
    assert said in page.text


def test_large_roster_is_refused_before_it_is_read(shared_api: ApiUnderTest, ada: PageReader) -> None:
    before = count(shared_api)
    csrf = ada.page.hidden("csrf") if ada.page else ""
    page = Page(send(ada, b"x" * (1 << 20), csrf=csrf))
    assert page.status == 413
    assert "larger than 1 MiB" in page.text
    assert page.all("form[enctype]")
    assert count(shared_api) == before


def test_uploaded_file_needs_no_place_on_a_disk(
    ada: PageReader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no such folder"))
    csrf = ada.page.hidden("csrf") if ada.page else ""
    rows = "".join(f"d{number},{'Class' * 40}\n" for number in range(3000))
    page = Page(send(ada, f"sourcedId,title\n{rows}".encode(), name="classes.csv", csrf=csrf))
    assert "added 3000" in page.text


def test_upload_without_our_secret_or_without_files_is_refused(shared_api: ApiUnderTest, ada: PageReader) -> None:
    before = count(shared_api)
    for csrf in ("", "wrong"):
        assert upload(ada, ("users.csv", USERS), csrf=csrf).status == 403
    ada.get("/admin/roster")
    csrf = ada.page.hidden("csrf") if ada.page else ""
    assert ada.post("/admin/roster", csrf=csrf).status == 415
    assert upload(ada, ("", b"")).status == 422
    assert upload(ada, ("users.csv", USERS), ("users.csv", USERS)).status == 422
    assert ada.post("/admin/roster/import", roster="not-a-zip!").status == 422
    assert ada.post("/admin/roster/import").status == 422
    assert count(shared_api) == before
