"""The one score there is: an essay was handed in, and feedback was given (docs/adr/0178-scores-say-handed-in.md).

Nothing else makes the body of a request to a platform's `/scores`. A platform that gets one without `scoreGiven` may erase a mark.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
MEDIA_TYPE = "application/vnd.ims.lis.v1.score+json"
MAXIMUM = 1
# Canvas takes every score for a new attempt of the student, unless this says otherwise.
CANVAS = "https://canvas.instructure.com/lti/submission"


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a platform is told about a student: full marks for handing in. `at` is when they first did."""

    subject: str
    at: datetime

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("the time of a score has a zone")

    @property
    def timestamp(self) -> str:
        """Return the time as platforms read it, with milliseconds and zone."""
        return self.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def to_body(self) -> bytes:
        """Return the body of the request."""
        said = {
            "userId": self.subject,
            "scoreGiven": MAXIMUM,
            "scoreMaximum": MAXIMUM,
            "activityProgress": "Completed",
            "gradingProgress": "FullyGraded",
            "timestamp": self.timestamp,
            CANVAS: {"new_submission": False},
        }
        return json.dumps(said).encode()


def scores_url(line_item_url: str) -> str:
    """Return where the scores of a line item go. Moodle names the tool in the query of the address."""
    parts = urlsplit(line_item_url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/scores"))
