"""Test the sentences of reports about documents that were not taken."""

from __future__ import annotations

import pytest

from workers.deliveries.asset_report_text import (
    NOT_FETCHED,
    NOT_TAKEN,
    TOO_LARGE,
    TOO_SMALL,
    UNSUPPORTED,
    error_code,
    failed_report,
)

CODES = (UNSUPPORTED, TOO_LARGE, TOO_SMALL, NOT_FETCHED, NOT_TAKEN)


def comment(code: str, language: str) -> str:
    return str(failed_report("a", code=code, time="2026-11-29T12:00:00.000Z", language=language)["comment"])


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_sentence_in_every_language(code: str) -> None:
    said = {comment(code, language) for language in ("en", "de", "es", "ar")}
    assert len(said) == 4
    assert comment(code, "fr") == comment(code, "en-GB")
    assert comment(code, "de-AT") == comment(code, "de")


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("file_encrypted", UNSUPPORTED), ("file_no_text", TOO_SMALL), ("essay_too_long", TOO_LARGE), ("lms_gone", NOT_FETCHED),
        ("assignment_unknown", NOT_TAKEN), ("not_taken", NOT_TAKEN),
    ],
)  # fmt: skip
def test_reason_becomes_a_code_that_lmss_know(reason: str, code: str) -> None:
    assert error_code(reason) == code
