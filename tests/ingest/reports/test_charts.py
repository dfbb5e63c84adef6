"""Test that charts are safe to put into a page with a strict policy, and that they say what the table says."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from ingest.reports.charts import Chart, bars, line, number, table
from ingest.reports.course import percentile

CHART = Chart(
    key="types",
    title="What <b>most</b> struggle with",
    says="Students by type & pass",
    series=("addressed", "persisting"),
    rows=(("Spelling", (3, 1)), ("<script>alert(1)</script>", (0, 2.5)), ("Evidence", (7, 0))),
)
EMPTY = Chart(key="none", title="Nothing", says="No figures", series=("a",), rows=())
DRAWN = [bars(CHART), line(CHART), bars(EMPTY), line(EMPTY)]


@pytest.mark.parametrize("drawn", DRAWN, ids=["bars", "line", "no bars", "no line"])
def test_a_chart_needs_nothing_that_a_strict_policy_forbids(drawn: str) -> None:
    root = ET.fromstring(drawn)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "rect", "text", "polyline", "circle"}
    names = {name for element in root.iter() for name in element.attrib}
    assert not names & {"style", "href", "onload"}
    assert not [name for name in names if name.startswith("on")]
    assert root.attrib["role"] == "img"
    by_id = {element.attrib["id"]: element.text for element in root.iter() if "id" in element.attrib}
    assert [by_id[one] for one in root.attrib["aria-labelledby"].split()] in (
        [CHART.title, CHART.says],
        [EMPTY.title, EMPTY.says],
    )


def test_bars_are_as_long_as_their_values() -> None:
    rects = [element for element in ET.fromstring(bars(CHART)).iter() if element.tag.endswith("rect")]
    widths = [float(one.attrib["width"]) for one in rects if one.attrib["height"] != "12"]
    values = [value for _, row in CHART.rows for value in row]
    assert widths == pytest.approx([value / 7 * max(widths) for value in values], abs=0.1)


def test_table_has_every_figure_and_no_markup_of_others() -> None:
    said = table(CHART)
    assert re.findall(r"<td>([^<]+)</td>", said) == ["3", "1", "0", "2.50", "7", "0"]
    assert "<script" not in said + "".join(DRAWN)
    assert "&lt;script&gt;" in said


def test_numbers_are_written_alike() -> None:
    assert [number(value) for value in (0, 1200, 0.5, 3.0)] == ["0", "1,200", "0.50", "3"]


@pytest.mark.parametrize(
    ("within", "part", "expected"),
    [([0, 5, 9, 10], 0.5, 2.0), ([0, 5, 9, 10], 0.9, 3.0), ([0, 0, 0, 4], 0.5, None), ([10, 10, 10, 10], 0.9, 1.0)],
)
def test_percentile_is_the_first_bound_that_holds_enough(
    within: list[int], part: float, expected: float | None
) -> None:
    assert percentile(within, [1.0, 2.0, 3.0, 4.0], total=10, part=part) == expected
    assert percentile([0] * 4, [1.0, 2.0, 3.0, 4.0], total=0, part=part) is None
