"""Build the report about calls to AI providers and what they cost."""

from __future__ import annotations

from datetime import UTC, date, datetime

from ingest.reports import schemas
from models import ledger, orgs, report_figures, reports
from models.report_figures import Reader


def build(first: date, last: date, *, reader: Reader) -> schemas.UsageReport:
    """Return the report about these days. Needs an open session of an admin. Raises FiguresMissing."""
    data_as_of = reports.age_of("report_costs")
    days = report_figures.costs(first, last, reader=reader)
    budget, spent = orgs.fetch_org(reader.org)["monthly_budget_micros"], ledger.spent_this_month()
    return schemas.UsageReport.model_validate(
        {
            "data_as_of": data_as_of, "generated_at": datetime.now(UTC), "first": first, "last": last,
            "cost_micros": sum(one["cost_micros"] for one in days), "calls": sum(one["calls"] for one in days), "days": days,
            "budget": {
                "monthly_budget_micros": budget, "spent_this_month_micros": spent,
                "share": round(spent / budget, 3) if budget else None,
            },
        }
    )  # fmt: skip
