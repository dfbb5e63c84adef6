"""Ask for reports and read them, for the tests of this folder."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.ingest.conftest import ApiUnderTest

PASSES = ("grammar", "structure", "content")


def finish(api: ApiUnderTest, receipt: dict[str, Any]) -> None:
    for name in PASSES:
        api.worker.finish(receipt["id"], name)


def ask(api: ApiUnderTest, path: str, who: str = "ed", **headers: str) -> Any:
    return api.client.get(f"/v1/reports/{path}", headers={**api.signed_in(who), **headers})


def read(api: ApiUnderTest, path: str, who: str = "ed") -> dict[str, Any]:
    answer = ask(api, path, who)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    assert datetime.fromisoformat(found["data_as_of"]) <= datetime.fromisoformat(found["generated_at"])
    return found


def course_path(api: ApiUnderTest) -> str:
    return f"courses/{api.school.course}"
