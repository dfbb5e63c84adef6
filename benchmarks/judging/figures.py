"""Add up a judged sheet: by kind of comment, by range of confidence, by what the confidence rests on, by essay."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.judging.filled import JudgedRow, Verdict
from benchmarks.judging.sheet import COMMENT, NEXT_STEPS
from models.jobs import PASS_ORDER

EDGES = (0.0, 0.76, 0.93, 0.96, 0.975, math.inf)
# A range whose mean confidence is further than this from the share that is real is named.
MOST_OFF = 0.1
_Z = 1.959964
# Fewer comments prove nothing, whatever a formula says.
_FEW = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A part of a whole number of cases, such as 9 of 12."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """Return the share, or None of nothing."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of Wilson, from 0 to 1 of nothing."""
        n = self.whole
        if not n:
            return 0.0, 1.0
        share, square = self.part / n, _Z * _Z
        middle = (share + square / (2 * n)) / (1 + square / n)
        half = _Z * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
        return max(middle - half, 0.0), min(middle + half, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupFigures:
    """The figures of one group of judged comments. `confidence` is the mean of those that can be read."""

    name: str
    real: Share
    partly: Share
    noise: Share
    suggestion_right: Share
    confidence: float | None

    @property
    def gap(self) -> float | None:
        """Return how much the mean confidence is above the share that is real."""
        real = self.real.value
        return None if real is None or self.confidence is None else self.confidence - real

    @property
    def is_off(self) -> bool:
        """Return whether the confidence does not tell the truth."""
        return self.gap is not None and abs(self.gap) > MOST_OFF

    @property
    def may_be_chance(self) -> bool:
        """Return whether the gap may be chance, because the comments are so few."""
        low, high = self.real.interval
        return self.real.whole < _FEW or (self.confidence is not None and low <= self.confidence <= high)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """All figures of a judged sheet. Groups without a judged comment are left out."""

    kinds: tuple[GroupFigures, ...]
    bands: tuple[tuple[str, tuple[GroupFigures, ...]], ...]
    bases: tuple[GroupFigures, ...]
    next_steps: GroupFigures
    comments: int
    judged: int
    essays: int
    essays_judged: int
    essays_without_noise: int
    noise: int

    def calibration_error(self, passes: str) -> float | None:
        """Return the expected calibration error over the ranges of confidence, weighted by their number of comments."""
        bands = dict(self.bands).get(passes, ())
        weighed = [(band.real.whole, abs(band.gap)) for band in bands if band.gap is not None]
        whole = sum(n for n, _ in weighed)
        return sum(n * gap for n, gap in weighed) / whole if whole else None


def add_up(rows: Sequence[JudgedRow]) -> Figures:
    """Return the figures of a sheet."""
    comments = [row for row in rows if row.what == COMMENT]
    judged = [row for row in comments if row.verdict is not None]
    grammar = [row for row in judged if row.pass_name == "grammar"]
    other = [row for row in judged if row.pass_name != "grammar"]
    in_essay: defaultdict[str, list[JudgedRow]] = defaultdict(list)
    for row in rows:
        # Not by the name of the essay: a spreadsheet program makes one number of 1e2 and 100.
        in_essay[row.item.partition("-")[0]].extend([row] if row.what == COMMENT else [])
    whole = [own for own in in_essay.values() if all(row.verdict is not None for row in own)]
    noise = [sum(row.verdict is Verdict.NO for row in own) for own in whole]
    return Figures(
        kinds=_kinds(judged),
        bands=tuple(
            (name, _bands(own)) for name, own in (("grammar", grammar), ("structure and content", other)) if own
        ),
        bases=_by(judged, lambda row: row.basis or "not said", by_name=True),
        next_steps=_group("next steps", [row for row in rows if row.what == NEXT_STEPS and row.verdict is not None]),
        comments=len(comments),
        judged=len(judged),
        essays=len(in_essay),
        essays_judged=len(whole),
        essays_without_noise=noise.count(0),
        noise=sum(noise),
    )


def _kinds(judged: Sequence[JudgedRow]) -> tuple[GroupFigures, ...]:
    found: list[GroupFigures] = []
    if judged:
        found.append(_group("all comments", judged))
    passes = sorted({row.pass_name for row in judged}, key=lambda name: (*_rank(name), name))
    for name in passes:
        own = [row for row in judged if row.pass_name == name]
        found += [_group(f"{name}, all", own), *_by(own, kind_of)]
    return tuple(found)


def _rank(pass_name: str) -> tuple[int]:
    return (PASS_ORDER.index(pass_name) if pass_name in PASS_ORDER else len(PASS_ORDER),)


def kind_of(row: JudgedRow) -> str:
    """Return the name of the kind of a comment: its type, and what else tells good ones from bad ones."""
    name = row.type.replace("_", " ") or "no type"
    if row.pass_name != "grammar":
        return f"{name} {row.kind}".strip()
    if row.type == "spelling" and row.basis in {"agreement", "measured", "default"}:
        return f"spelling, {'engines agree' if row.basis == 'agreement' else 'not agreed'}"
    return f"{name} {row.kind}" if row.kind in {"praise", "question"} else name


def _by(
    rows: Iterable[JudgedRow], key: Callable[[JudgedRow], str], *, by_name: bool = False
) -> tuple[GroupFigures, ...]:
    groups: defaultdict[str, list[JudgedRow]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    order = sorted(groups, key=lambda name: (0 if by_name else -len(groups[name]), name))
    return tuple(_group(name, groups[name]) for name in order)


def _bands(rows: Sequence[JudgedRow]) -> tuple[GroupFigures, ...]:
    found: list[GroupFigures] = []
    for low, high in pairwise(EDGES):
        own = [row for row in rows if row.confidence is not None and low <= row.confidence < high]
        if own:
            found.append(_group(_band_name(low, high), own))
    return tuple(found)


def _band_name(low: float, high: float) -> str:
    if not low:
        return f"below {_short(high)}"
    return f"{_short(low)} and more" if math.isinf(high) else f"{_short(low)} to {_short(high)}"


def _short(edge: float) -> str:
    return f"{edge:g}".removeprefix("0")


def _group(name: str, rows: Sequence[JudgedRow]) -> GroupFigures:
    n = len(rows)
    answered = [row.suggestion_right for row in rows if row.suggestion_right is not None]
    confident = [row.confidence for row in rows if row.confidence is not None]
    counts = [sum(row.verdict is verdict for row in rows) for verdict in (Verdict.YES, Verdict.PARTLY, Verdict.NO)]
    real, partly, noise = (Share(part=count, whole=n) for count in counts)
    return GroupFigures(
        name=name, real=real, partly=partly, noise=noise,
        suggestion_right=Share(part=sum(answered), whole=len(answered)),
        confidence=math.fsum(confident) / len(confident) if confident else None,
    )  # fmt: skip
