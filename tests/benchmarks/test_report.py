"""The page of benchmark figures: sections keep their order, and a run replaces only what it measured."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

from benchmarks.report import Figure, Section, write

ORDER = ("ingest", "overhead", "memory")


def section(name: str, measured: str = "1 ms") -> Section:
    return Section(
        name=name,
        title=name.title(),
        description="What is measured.",
        command=f"python -m benchmarks {name}",
        figures=[Figure("time", measured, "≤ 2 ms", reached=True)],
        commit="abc1234",
        date="2026-11-28",
        machine="a machine",
    )


def test_sections_stand_in_the_same_order_whatever_ran_first(tmp_path: Path) -> None:
    pages = set()
    for number, names in enumerate(permutations(ORDER)):
        page = tmp_path / f"{number}.md"
        for name in names:
            write(section(name), order=ORDER, page=page)
        pages.add(page.read_text(encoding="utf-8"))
    (text,) = pages
    assert [text.index(f"<!-- {name} -->") for name in ORDER] == sorted(
        text.index(f"<!-- {name} -->") for name in ORDER
    )


def test_new_run_replaces_its_own_section_only(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for name in ORDER:
        write(section(name), order=ORDER, page=page)
    before = page.read_text(encoding="utf-8")

    write(section("overhead", "1.5 ms"), order=ORDER, page=page)

    changed = set(page.read_text(encoding="utf-8").splitlines()) ^ set(before.splitlines())
    assert any("1.5 ms" in line for line in changed)
    assert all("ms" in line for line in changed)
