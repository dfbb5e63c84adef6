"""Test files of every format through the door of the running system, and that it stays well when one is hostile."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from tests.documents import hostile_files
from tests.documents.hostile_files import SAMPLES
from tests.support.one_machine import Answer, Standalone, ask

pytestmark = pytest.mark.slow(reason="starts every program")

STUDENT = '{"external_id": "sis-files"}'


def send(machine: Standalone, data: bytes) -> Answer:
    headers = {
        **machine.lms,
        "Idempotency-Key": uuid4().hex,
        "Student": STUDENT,
        "Content-Type": "application/octet-stream",
    }
    return ask("POST", f"{machine.api}/v1/files", raw=data, headers=headers)


@pytest.mark.parametrize("path", [*sorted(SAMPLES.glob("pandoc.*")), SAMPLES / "libreoffice.pdf", SAMPLES / "essay.md"],
                         ids=lambda path: path.name)  # fmt: skip
def test_file_of_each_format_becomes_an_essay_that_is_read(machine: Standalone, path: Path) -> None:
    file = send(machine, path.read_bytes())
    assert file.status == 201, file
    body = {"title": path.name, "file_id": file.body["id"], "student": {"external_id": "sis-files"}}
    receipt = ask(
        "POST", f"{machine.api}/v1/submissions", body=body, headers={**machine.lms, "Idempotency-Key": uuid4().hex}
    )
    assert receipt.status == 202, receipt
    [status] = machine.final(receipt.headers["Location"])
    assert status["status"] == "completed"
    text = ask("GET", f"{machine.api}{receipt.body['links']['text']}", headers=machine.lms)
    assert "They are the part of the city that works at night." in text.body["text"]


def test_bombs_are_refused_and_the_web_server_stays_well(machine: Standalone) -> None:
    before = machine.pids["web"]
    for make in (hostile_files.docx_bomb, hostile_files.flate_pdf_bomb, hostile_files.pdf_of_operators):
        assert send(machine, make()).status in (413, 422)
    assert send(machine, bytes(20 * 1024 * 1024 + 1)).status == 413
    assert ask("GET", f"{machine.api}/readyz").status == 200
    assert machine.pids["web"] == before
    assert send(machine, (SAMPLES / "pandoc.docx").read_bytes()).status == 201


def test_file_of_20_mebibytes_is_kept_and_given_back(machine: Standalone) -> None:
    """The words are few; the rest of the file is behind the end of the document, as pictures are."""
    rtf = rb"{\rtf1 Dogs bark." + rb"{\pict " + b"0" * (20 * 1024 * 1024 - 100) + b"}}"
    file = send(machine, rtf)
    assert file.status == 201, file
