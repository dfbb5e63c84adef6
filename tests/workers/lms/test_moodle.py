"""Ask a Moodle site: what its answers and its errors mean, and where its token goes."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from outgoing.client import Client
from tests.support.failing_server import Fault
from tests.support.moodle import ANA, TOKEN, MoodleSite
from workers.lms.errors import LmsError, Trouble
from workers.lms.moodle import MAX_ANSWER_BYTES, Moodle

INFO = "core_webservice_get_site_info"
SUBMISSIONS = "mod_assign_get_submissions"


def error(code: str) -> bytes:
    return json.dumps({"exception": "moodle_exception", "errorcode": code, "message": "x"}).encode()


def trouble_of_call(moodle: Moodle, function: str = INFO) -> LmsError:
    with pytest.raises(LmsError) as caught:
        moodle.call(function)
    return caught.value


@pytest.mark.parametrize(
    ("code", "trouble", "is_final"),
    [
        ("invalidtoken", Trouble.TOKEN_REFUSED, False),
        ("accessexception", Trouble.FUNCTION_MISSING, False),
        ("requireloginerror", Trouble.RIGHTS_MISSING, False),
        ("sitemaintenance", Trouble.BUSY, False),
        ("dmlreadexception", Trouble.FAILED, False),
        ("a code of next year", Trouble.FAILED, False),
        ("invalidcommentitemid", Trouble.GONE, True),
        ("invalidparameter", Trouble.REQUEST_REFUSED, True),
    ],
)
def test_exception_in_an_answer_of_200_is_an_error(
    site: MoodleSite, moodle: Moodle, code: str, trouble: Trouble, is_final: bool
) -> None:
    site.fail(INFO, Fault(body=error(code)))
    caught = trouble_of_call(moodle)
    assert (caught.trouble, caught.is_final) == (trouble, is_final)


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (Fault(status=503), Trouble.BUSY),
        (Fault(status=429), Trouble.BUSY),
        (Fault(status=500), Trouble.FAILED),
        (Fault(status=403), Trouble.SERVICE_OFF),
        (Fault(status=404), Trouble.UNREADABLE),
        (Fault(status=302, headers={"Location": "https://elsewhere.example/"}), Trouble.UNREADABLE),
        (Fault(body=b"<html>down for maintenance</html>"), Trouble.UNREADABLE),
        (Fault(body=b"[" * 100_000), Trouble.UNREADABLE),
        (Fault(breaks_off=True), Trouble.UNREACHABLE),
    ],
)
def test_broken_site_is_named(site: MoodleSite, moodle: Moodle, fault: Fault, trouble: Trouble) -> None:
    site.fail(INFO, fault)
    assert trouble_of_call(moodle).trouble == trouble


def test_site_says_when_to_come_back(site: MoodleSite, moodle: Moodle) -> None:
    site.fail(
        INFO, Fault(status=429, headers={"Retry-After": "90"}), Fault(status=503, headers={"Retry-After": "soon"})
    )
    assert trouble_of_call(moodle).wait_seconds == 90
    assert trouble_of_call(moodle).wait_seconds == 0


def test_calls_of_one_row_end_together(site: MoodleSite, moodle: Moodle) -> None:
    late = replace(moodle, ends_at=time.monotonic())
    assert trouble_of_call(late).trouble == Trouble.UNREACHABLE
    assert site.sent == []


def test_too_large_answer_is_not_read(site: MoodleSite, moodle: Moodle) -> None:
    site.fail(INFO, Fault(body=b" " * (MAX_ANSWER_BYTES + 1)))
    assert trouble_of_call(moodle).trouble == Trouble.TOO_LARGE


def test_function_that_the_service_lacks_is_named(site: MoodleSite, moodle: Moodle) -> None:
    site.missing_functions.add(SUBMISSIONS)
    caught = trouble_of_call(moodle, SUBMISSIONS)
    assert (caught.trouble, caught.about) == (Trouble.FUNCTION_MISSING, SUBMISSIONS)


def test_token_is_in_no_address_and_no_error(site: MoodleSite, moodle: Moodle) -> None:
    site.hand_in(ANA, "", at=100, files={"essay.txt": b"My essay."})
    site.fail(
        INFO, Fault(status=302, headers={"Location": site.url}), Fault(body=error("invalidtoken")), Fault(status=503)
    )
    said = [repr(moodle), *(str(trouble_of_call(moodle)) for _ in range(3))]
    moodle.fetch_file(next(iter(site.files)).join([site.url, ""]), size=9)
    assert len(site.sent) == 4
    assert not [one.path for one in site.sent if TOKEN in one.path]
    assert not [one for one in said if TOKEN in one]


def test_file_is_fetched_whole(site: MoodleSite, moodle: Moodle) -> None:
    site.hand_in(ANA, "", at=100, files={"essay.txt": b"My essay."})
    (path,) = site.files
    assert moodle.fetch_file(site.url + path, size=9) == b"My essay."
    assert site.sent[-1].path == path


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (Fault(body=b"My es"), Trouble.FILE_INCOMPLETE),
        (Fault(body=json.dumps({"error": "x", "errorcode": "invalidtoken"}).encode()), Trouble.TOKEN_REFUSED),
        (Fault(body=json.dumps({"error": "x", "errorcode": "filenotfound"}).encode()), Trouble.GONE),
        (Fault(body=b"[" * 60_000), Trouble.FILE_INCOMPLETE),
        (Fault(breaks_off=True), Trouble.UNREACHABLE),
    ],
)
def test_half_a_file_and_an_error_are_no_file(site: MoodleSite, moodle: Moodle, fault: Fault, trouble: Trouble) -> None:
    site.hand_in(ANA, "", at=100, files={"essay.txt": b"My essay."})
    site.fail("file", fault)
    (path,) = site.files
    with pytest.raises(LmsError) as caught:
        moodle.fetch_file(site.url + path, size=9)
    assert caught.value.trouble == trouble


@pytest.mark.parametrize(
    "url",
    [
        "http://elsewhere.example/webservice/pluginfile.php/1/essay.txt",
        "{site}.elsewhere.example/webservice/pluginfile.php/1/essay.txt",
        "http://x@{host}/webservice/pluginfile.php/1/essay.txt",
        "{site}/local/collect.php?/webservice/pluginfile.php/1",
        "{site}/webservice/pluginfile.php/../../local/collect.php",
    ],
)
def test_token_goes_to_files_of_its_own_site_only(site: MoodleSite, moodle: Moodle, url: str) -> None:
    with pytest.raises(LmsError) as caught:
        moodle.fetch_file(url.format(site=site.url, host=site.url.removeprefix("http://")), size=9)
    assert caught.value.trouble == Trouble.ADDRESS_REFUSED
    assert site.sent == []


def test_closed_address_is_never_called(site: MoodleSite) -> None:
    refused = Moodle(client=Client(), site=site.url, token=TOKEN)
    assert trouble_of_call(refused).trouble == Trouble.ADDRESS_REFUSED
    assert site.sent == []
