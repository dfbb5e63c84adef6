"""Examples of the API documentation: requests of a test, and what the API answered to them.

`tests/ingest/web/test_operation_examples.py` sends them again, and fails when an answer has changed.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "operation_examples.json"
Named = dict[str, dict[str, Any]]


@cache
def _recorded() -> dict[str, Named]:
    """Return what the file holds: for `POST /v1/…`, by the name of the example, `body`, `status` and `answer`."""
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


def body_examples(method: str, path: str) -> Named:
    """Return the examples of the body of an operation, as OpenAPI has them."""
    found = _recorded().get(f"{method} {path}", {})
    return {name: {"value": example["body"]} for name, example in found.items() if "body" in example}


def answer_examples(method: str, path: str, status: int) -> Named:
    """Return the examples of what an operation answers with this status, as OpenAPI has them."""
    found = _recorded().get(f"{method} {path}", {})
    return {
        name: {"value": example["answer"]}
        for name, example in found.items()
        if example["status"] == status and "answer" in example
    }
