"""Build the report about how far feedback and data can be trusted."""

from __future__ import annotations

from datetime import UTC, datetime

from ingest.reports import schemas
from ingest.reports.course import share
from models import report_figures, reports
from models.report_figures import Reader

VIEWS = ("report_comments", "report_passes", "report_decisions")
_RESULTS = {True: "clean", False: "faults", None: None}


def build(*, reader: Reader) -> schemas.QualityReport:
    """Return the report about the whole school. Needs an open session of an admin. Raises FiguresMissing."""
    data_as_of = reports.age_of(*VIEWS)
    comments, passes = report_figures.anchoring(reader=reader), report_figures.ended_passes(reader=reader)
    audit = report_figures.data_audit()
    return schemas.QualityReport.model_validate(
        {
            "data_as_of": data_as_of, "generated_at": datetime.now(UTC),
            "anchoring": [{**one, "share": share(one["comments"] - one["unanchored"], one["comments"])} for one in comments],
            "passes": [{**one, "share": share(one["gave_up"], one["done"] + one["gave_up"])} for one in passes],
            "decisions": report_figures.decisions(reader=reader),
            "audit": {"checked_at": audit["checked_at"], "result": _RESULTS[audit["is_clean"]]},
        }
    )  # fmt: skip
