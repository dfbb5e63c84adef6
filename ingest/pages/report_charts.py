"""Choose the charts of a report: what a teacher or an admin should see at one look."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from babel.dates import format_date

from ingest.pages.phrases import pass_name, type_name
from ingest.pages.wording import gettext, language
from ingest.reports import schemas
from ingest.reports.charts import Chart

MICROS = 1_000_000


def of_course(report: schemas.CourseReport) -> dict[str, Chart]:
    """Return the charts of a course by name: what it struggles with, follow-through, levels, submissions by week."""
    return {
        "struggles": Chart(
            key="struggles", title=gettext("What this class struggles with most"),
            says=gettext("Students with such a comment on their newest draft, by type."), series=(gettext("Students"),),
            rows=[(type_name(one.type), (one.students,)) for one in report.struggles],
        ),
        "follow_through": Chart(
            key="follow-through", title=gettext("What the next draft did about comments"),
            says=gettext("Comments that the next draft took up, and comments that are still open, by type."),
            series=(gettext("Done"), gettext("Still open")),
            rows=[(type_name(one.type), (one.addressed, one.persisting)) for one in report.follow_through],
        ),
        "criteria": Chart(
            key="criteria", title=gettext("Levels of the rubric"), says=gettext("Newest drafts on each level of each criterion."),
            series=(gettext("Essays"),), rows=[(f"{one.criterion}: {one.level}", (one.essays,)) for one in report.criteria],
        ),
        "weeks": Chart(
            key="weeks", title=gettext("Drafts handed in"), says=gettext("Drafts handed in, by week."), series=(gettext("Drafts"),),
            rows=[(format_date(one.week, "d MMM", locale=language()), (one.submissions,)) for one in report.weeks],
        ),
    }  # fmt: skip


def of_usage(report: schemas.UsageReport) -> dict[str, Chart]:
    """Return the charts of usage by name: cost by day, by model and by pass."""

    def by(key: str, title: str, costs: Iterable[tuple[str, int]]) -> Chart:
        sums: dict[str, int] = defaultdict(int)
        for name, micros in costs:
            sums[name] += micros
        says = gettext("In US dollars.")
        rows = [(name, (sums[name] / MICROS,)) for name in sums]
        return Chart(key=key, title=title, says=says, series=(gettext("Dollars"),), rows=rows)

    days = ((format_date(one.day, "d MMM", locale=language()), one.cost_micros) for one in report.days)
    return {
        "days": by("days", gettext("Cost by day"), days),
        "models": by("models", gettext("Cost by model"), ((one.model, one.cost_micros) for one in report.days)),
        "passes": by(
            "passes", gettext("Cost by pass"), ((pass_name(one.pass_), one.cost_micros) for one in report.days)
        ),
    }


def of_quality(report: schemas.QualityReport) -> dict[str, Chart]:
    """Return the charts of quality by name: what educators decided, and what students said."""
    return {
        "decisions": Chart(
            key="decisions", title=gettext("What teachers decided about comments"), says=gettext("Decisions by type of comment."),
            series=(gettext("Accepted"), gettext("Edited"), gettext("Rejected")),
            rows=[(type_name(one.type), (one.accepted, one.edited, one.rejected)) for one in report.decisions],
        ),
        "reactions": Chart(
            key="reactions", title=gettext("What students said of comments"), says=gettext("Reactions by type of comment."),
            series=(gettext("Helpful"), gettext("Not helpful"), gettext("I disagree")),
            rows=[(type_name(one.type), (one.helpful, one.not_helpful, one.disagreed)) for one in report.decisions],
        ),
    }  # fmt: skip
