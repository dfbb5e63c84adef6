"""Tests of where the lines of security events go: a file that is shared and rotated, and syslog servers that may be dead."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from models import security_events, security_sinks, security_syslog
from models.errors import SettingsError
from models.security_events import Facts
from tests.support.ports import free_port
from tests.support.races import eventually
from tests.support.servers import ROOT
from tests.support.tls import HOST, make_certificates

MESSAGE = re.compile(rb"<(\d+)>1 (\S+Z) (\S+) essaycoach (\d+) (\w+) - (\{.*\})")
WAIT_SECONDS = 60
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _standard_error_only_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    monkeypatch.undo()
    security_events.set_up("test")


def written(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def receive(server: socket.socket) -> bytes:
    server.settimeout(WAIT_SECONDS)
    return server.recv(65536)


def test_file_gets_each_line_and_standard_error_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "security.jsonl"
    monkeypatch.setenv(security_sinks.FILE, str(path))
    security_events.set_up("test")
    security_events.emit("access_refused", Facts(reason="forbidden"))
    [line] = written(path)
    assert line["event"] == "access_refused"
    assert json.loads(capsys.readouterr().err.splitlines()[-1]) == line
    assert path.stat().st_mode & 0o007 == 0


def test_rotated_or_removed_file_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "security.jsonl"
    sink = security_sinks.LogFile(path)
    for number, rotate in ((1, path.rename), (2, lambda _: path.unlink()), (3, lambda _: None)):
        sink.write(json.dumps({"n": number}), at="", event="", failed=False)
        assert written(path) == [{"n": number}]
        rotate(tmp_path / "old")
    sink.close()
    assert written(tmp_path / "old") == [{"n": 1}]


def test_lines_of_several_processes_in_one_file_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "security.jsonl"
    program = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from models.security_sinks import LogFile
sink = LogFile(Path(sys.argv[1]))
for number in range(500):
    sink.write('{"by": "%s", "filler": "%s"}' % (sys.argv[2], "x" * 3000), at="", event="", failed=False)
"""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path), str(name)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        for name in range(3)
    ]
    assert [one.wait(timeout=60) for one in running] == [0, 0, 0]
    lines = written(path)
    assert len(lines) == 1500
    assert all(len(str(line["filler"])) == 3000 for line in lines)


def test_line_that_the_disk_does_not_take_is_counted_and_told_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    path = folder / "security.jsonl"
    monkeypatch.setenv(security_sinks.FILE, str(path))
    monkeypatch.setattr(security_events, "REPORT_SECONDS", 0.0)
    security_events.set_up("test")
    folder.rename(tmp_path / "away")
    security_events.emit("access_refused", Facts())
    security_events.emit("access_refused", Facts())
    (tmp_path / "away").rename(folder)
    security_events.emit("access_refused", Facts(reason="third"))
    security_events.close()
    reported = written(path)
    assert [line.get("reason") for line in reported if line["event"] == "access_refused"] == ["third"]
    assert [(line["reason"], line["count"]) for line in reported if line["event"] == "left_out"] == [("file", 2)]


@pytest.mark.parametrize("scheme", ["udp", "unix"])
def test_datagram_to_syslog_has_the_form_of_rfc_5424(scheme: str, tmp_path: Path) -> None:
    family = socket.AF_UNIX if scheme == "unix" else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "log") if scheme == "unix" else ("127.0.0.1", 0))
        url = f"unix:{tmp_path}/log" if scheme == "unix" else f"udp://127.0.0.1:{server.getsockname()[1]}"
        sink = security_syslog.Syslog(url)
        line = json.dumps({"event": "access_refused"})
        sink.write(line, at="2026-01-02T03:04:05.678901Z", event="access_refused", failed=True)
        found = MESSAGE.fullmatch(receive(server))
        sink.close()
    assert found is not None
    priority, at, _, process, name, body = found.groups()
    assert (int(priority), at, int(process)) == (10 * 8 + 4, b"2026-01-02T03:04:05.678901Z", os.getpid())
    assert (name, body.decode()) == (b"access_refused", line)


def test_line_too_long_for_a_datagram_is_counted_and_holds_up_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        sink = security_syslog.Syslog(f"udp://127.0.0.1:{server.getsockname()[1]}")
        for length in (2, 70_000, 3):
            sink.write("x" * length, at="2026-01-02T03:04:05Z", event="data_read", failed=False)
        assert [receive(server).count(b"x") for _ in range(2)] == [2, 3]
        assert sink.take_lost() == 1
        sink.close()


def test_stream_to_syslog_says_the_length_of_each_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security_syslog, "CLOSE_SECONDS", WAIT_SECONDS)  # what is not sent then is thrown away
    with socket.create_server(("127.0.0.1", 0)) as server:
        sink = security_syslog.Syslog(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        for number in range(3):
            sink.write(json.dumps({"n": number}), at="2026-01-02T03:04:05Z", event="data_read", failed=False)
        server.settimeout(WAIT_SECONDS)
        connection, _ = server.accept()
        sink.close()
        connection.settimeout(WAIT_SECONDS)
        with connection, connection.makefile("rb") as stream:
            rest = stream.read()
    seen = []
    while rest:
        length, _, rest = rest.partition(b" ")
        found = MESSAGE.fullmatch(rest[: int(length)])
        assert found is not None
        seen.append(json.loads(found[6])["n"])
        rest = rest[int(length) :]
    assert seen == [0, 1, 2]


def test_syslog_with_tls_checks_the_name_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = make_certificates(tmp_path / "tls")
    monkeypatch.setenv("SSL_CERT_FILE", str(files.authority))
    monkeypatch.setattr(security_syslog, "RETRY_SECONDS", 60.0)  # `close` ends the wait
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with socket.create_server((HOST, 0)) as server:
        server.settimeout(WAIT_SECONDS)
        wrong = security_syslog.Syslog(f"tls://127.0.0.1:{server.getsockname()[1]}")
        wrong.write("{}", at="2026-01-02T03:04:05Z", event="data_read", failed=False)
        raw, _ = server.accept()
        with raw, pytest.raises(OSError):
            context.wrap_socket(raw, server_side=True)
        wrong.close()
    with socket.create_server((HOST, 0)) as server:
        server.settimeout(WAIT_SECONDS)
        right = security_syslog.Syslog(f"tls://{HOST}:{server.getsockname()[1]}")
        right.write("{}", at="2026-01-02T03:04:05Z", event="data_read", failed=False)
        raw, _ = server.accept()
        with raw, context.wrap_socket(raw, server_side=True) as connection:
            assert MESSAGE.search(connection.recv(1000))
            right.close()


def test_dead_syslog_server_holds_a_bounded_number_of_lines_and_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security_syslog, "LONGEST_QUEUE", 20)
    monkeypatch.setattr(security_syslog, "CLOSE_SECONDS", 0.1)
    sink = security_syslog.Syslog(f"tcp://127.0.0.1:{free_port()}")
    for _ in range(1000):
        sink.write("{}", at="", event="data_read", failed=False)
    assert not sink.may_tell_lost()
    # One line may be with the thread.
    assert 979 <= sink._lost <= 980
    sink.close()
    sink._thread.join(WAIT_SECONDS)
    assert not sink._thread.is_alive()


def test_syslog_server_that_comes_back_is_told_how_much_it_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security_syslog, "CLOSE_SECONDS", WAIT_SECONDS)
    monkeypatch.setattr(security_syslog, "LONGEST_QUEUE", 2)
    monkeypatch.setattr(security_syslog, "RETRY_SECONDS", 0.05)
    port = free_port()
    sink = security_syslog.Syslog(f"tcp://127.0.0.1:{port}")
    stream = security_events.Stream("test", sinks=(sink,))
    for _ in range(9):
        stream.write("data_read", Facts(), line_id=uuid4(), at=NOW)
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(WAIT_SECONDS)
        connection, _ = server.accept()
        connection.settimeout(WAIT_SECONDS)
        with connection, connection.makefile("rb") as received:
            first = received.read(1)
            eventually(sink.may_tell_lost)
            stream.close()
            rest = first + received.read()
    counts = [int(count) for count in re.findall(rb'"reason": "syslog", "count": (\d+)', rest)]
    assert sum(counts) + rest.count(b'"event": "data_read"') == 9


@pytest.mark.parametrize(
    "url",
    ["http://x", "udp://", "udp://host:99999", "unix:log", "unix:", "tcp://host/path", "tls://me@host", "syslog.school.example"],
)  # fmt: skip
def test_bad_syslog_address_is_refused_with_a_sentence(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(security_syslog.SYSLOG, url)
    with pytest.raises(SettingsError, match=security_syslog.SYSLOG):
        security_sinks.open_sinks()


def test_file_that_cannot_be_written_is_refused_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(security_sinks.FILE, str(tmp_path / "nowhere" / "x"))
    with pytest.raises(SettingsError, match=security_sinks.FILE):
        security_sinks.open_sinks()


@pytest.mark.parametrize("url", ["udp://syslog.school.example", "tcp://192.0.2.1:601"])
def test_production_refuses_syslog_over_a_network_without_tls(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESSAYCOACH_PRODUCTION", "on")
    monkeypatch.setenv(security_syslog.SYSLOG, url)
    with pytest.raises(SettingsError, match="tls://"):
        security_syslog.read_syslog_url()
    for safe in ("tls://syslog.school.example", "udp://127.0.0.1:514", "tcp://[::1]:601", "unix:/dev/log"):
        monkeypatch.setenv(security_syslog.SYSLOG, safe)
        assert security_syslog.read_syslog_url() == safe
