"""Test the child process: what it may not do, and that it is ended when a file asks too much of it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from documents import convert as conversion
from documents.convert import MAX_FILE_BYTES, MOST_AT_ONCE, MOST_IN_LINE, convert
from documents.sandbox import MEMORY_BYTES
from models.errors import FileRefused, FilesBusy
from tests.documents import hostile_files
from tests.documents.hostile_files import SAMPLES
from tests.support.races import eventually
from tests.support.servers import ROOT


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.[dopr][odt][cdtf]*")), ids=lambda path: path.name)
def test_child_reads_every_sample_although_it_may_open_nothing(path: Path) -> None:
    found = convert(path.read_bytes())
    assert f".{found.format}" == path.suffix
    assert "at night" in found.text


PROBE = """
import os, socket
from documents import sandbox
sandbox.limit_time_and_memory()
sandbox.lock_down()
{attempt}
"""


@pytest.mark.parametrize(("attempt", "says"), [
    ("socket.socket()", "Too many open files"),
    ("open('/etc/passwd')", "Too many open files"),
    ("os.listdir('/')", "Too many open files"),
    (f"bytearray({MEMORY_BYTES})", "MemoryError"),
    ("os.write(1, bytes(5 * 1024 * 1024)) > 4 * 1024 * 1024 or print(len(os.environ))", "File too large"),
])  # fmt: skip
def test_process_with_the_door_closed_can_reach_nothing(attempt: str, says: str, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROBE.format(attempt=f"n = 0\nwhile True: n += 1; {attempt}")],
            env={"PYTHONPATH": str(ROOT)}, stdout=out, stderr=subprocess.PIPE, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert says in done.stderr


def test_child_is_ended_before_the_service_when_memory_runs_out() -> None:
    script = (
        "from documents import sandbox; sandbox.limit_time_and_memory(); print(open('/proc/self/oom_score_adj').read())"
    )
    said = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert int(said) == 1000


@pytest.mark.slow(reason="each takes seconds of computing")
@pytest.mark.parametrize("make", [
    hostile_files.docx_bomb, hostile_files.flate_pdf_bomb, hostile_files.pdf_of_operators, hostile_files.docx_of_entities,
    hostile_files.nested_divs, hostile_files.cdata_html, hostile_files.many_entries,
])  # fmt: skip
def test_bomb_is_refused_and_the_next_file_is_read(make: Callable[[], bytes]) -> None:
    with pytest.raises(FileRefused) as refused:
        convert(make())
    assert refused.value.reason in ("too-large", "unreadable")
    assert convert(b"Hello.").text == "Hello."


@pytest.mark.slow(reason="the child reads for seconds")
def test_deeply_nested_rtf_does_no_harm() -> None:
    assert convert(hostile_files.nested_rtf()).text == "deep"


@pytest.mark.slow(reason="waits until the child has used its ten seconds")
def test_child_that_computes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "from documents import sandbox; sandbox.limit_time_and_memory()\nwhile True: pass"
    monkeypatch.setattr(conversion, "_COMMAND", (sys.executable, "-P", "-c", code))
    with pytest.raises(FileRefused, match="more time or memory"):
        convert(b"Hello.")


def test_child_that_fails_by_itself_is_not_said_to_need_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "_COMMAND", (sys.executable, "-S", "-c", "raise SystemError"))
    with pytest.raises(FileRefused, match="damaged") as refused:
        convert(b"Hello.")
    assert refused.value.reason == "unreadable"


def test_child_that_may_open_nothing_reads_html_with_an_encoding_that_it_has_not() -> None:
    assert convert("<meta charset=mac_arabic><p>Caf\u00e9</p>".encode("cp1252")).text == "Caf\u00e9"


def test_size_is_checked_before_a_child_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "_COMMAND", ("/nowhere",))
    for data, reason in ((bytes(MAX_FILE_BYTES + 1), "too-large"), (b"", "no-text"), (b" \n", "no-text")):
        with pytest.raises(FileRefused) as refused:
            convert(data)
        assert refused.value.reason == reason


def test_file_of_the_largest_size_is_read_by_its_content() -> None:
    with pytest.raises(FileRefused) as refused:
        convert(b"\x89PNG\r\n" + bytes(MAX_FILE_BYTES - 6))
    assert refused.value.reason == "unsupported"


def test_further_file_is_sent_away_while_too_many_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    most, end = MOST_AT_ONCE + MOST_IN_LINE, tmp_path / "end"
    code = "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.02)\nsys.exit(1)"
    monkeypatch.setattr(conversion, "_COMMAND", (sys.executable, "-c", code, str(end)))
    monkeypatch.setattr(conversion, "CLOCK_SECONDS", 600)
    barrier, ended = threading.Barrier(most + 1, timeout=60), []

    def attempt() -> None:
        barrier.wait()
        try:
            convert(b"Hello.")
        except (FileRefused, FilesBusy) as error:
            ended.append(type(error))

    threads = [threading.Thread(target=attempt) for _ in range(most + 1)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: ended, what="the file that is sent away")
        assert ended == [FilesBusy]
    finally:
        end.touch()
        for thread in threads:
            thread.join()
    assert ended == [FilesBusy, *[FileRefused] * most]
