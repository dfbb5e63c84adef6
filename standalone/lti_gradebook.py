"""The gradebook of the small LMS: it takes scores as Moodle does, and notes what would have harmed a mark."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
ENDPOINT = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
_PATH = re.compile(r"/lineitems/([^/?]+)/lineitem/scores\?type_id=1")
_NEEDED = ("userId", "timestamp", "activityProgress", "gradingProgress")


@dataclass
class Gradebook:
    """The scores of one course, by line item and person, as they came. `statuses` are answered instead of the next ones."""

    scores: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    taken: int = 0
    harmed: list[str] = field(default_factory=list)

    def line_item_url(self, lms: str, link: str) -> str:
        """Return the address of the line item of a link."""
        return f"{lms}/lineitems/{link}/lineitem?type_id=1"

    def take(self, path: str, body: bytes, *, members: set[str]) -> int:
        """Take a score and return the status of the answer."""
        if self.statuses:
            return self.statuses.pop(0)
        found = _PATH.fullmatch(path)
        if found is None:
            return 404
        score = json.loads(body)
        if any(name not in score for name in _NEEDED) or score["userId"] not in members:
            return 400
        known, key = self.scores.get((found[1], score["userId"])), (found[1], score["userId"])
        if known is not None and _time(known) >= _time(score):
            return 409
        if "scoreGiven" not in score or score["gradingProgress"] != "FullyGraded":
            # In this case Moodle erases the mark, and the comment beside it.
            self.scores.pop(key, None)
            self.harmed.append(key[1])
            return 200
        self.scores[key] = score
        self.taken += 1
        return 200


def _time(score: dict[str, Any]) -> int:
    # Moodle compares whole seconds.
    return int(datetime.fromisoformat(score["timestamp"]).timestamp())
