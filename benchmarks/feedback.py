"""Measure the comments of the local engine on a corpus, show them, or let a teacher judge them.

`python -m benchmarks.feedback FILE.jsonl` measures, `--essay FILE` shows, `--judge ESSAYS` writes a sheet to fill in.

A corpus is JSON lines of `text`, `refs` and `edits[k] = [[start, end, replacement, type], …]`, one list for each reference.
With `text_tok` and `refs_tok` the GLEU is the published one of JFLEG (mean over 500 draws of one reference per sentence).
"""

from __future__ import annotations

import argparse
import difflib
import json
import math
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import own_figures
from benchmarks.judging import command as judging
from models.jobs import PassName
from workers.passes.request import PassRequest
from workers.providers.local import grammar
from workers.providers.local.confidence import SHOWN_FROM, edit_distance
from workers.providers.local.engines import Engines
from workers.providers.local.merge import Finding
from workers.providers.local.provider import LocalProvider

ORDER = 4
DRAWS = 500
BINS = 10
EDGES = (0.0, 0.35, 0.6, 0.75, 0.85, 0.92, 1.01)
_TOKEN = re.compile(r"n't\b|'(?:s|m|d|re|ve|ll)\b|\w+?(?=n't\b)|\w+(?:[-.]\w+)*|\.\.\.|\S", re.IGNORECASE)

Edit = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One corrected text of a corpus."""

    text: str
    refs: tuple[str, ...]
    edits: tuple[tuple[Edit, ...], ...]
    source_tokens: tuple[str, ...]
    ref_tokens: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One finding with the verdict of the corpus.

    `real` says whether a reference changed the same place, `right` whether the first suggestion comes closer to a reference.
    `right` is None when the finding has no suggestion.
    """

    finding: Finding
    real: bool
    right: bool | None


def read_corpus(path: Path, limit: int | None = None) -> list[Line]:
    """Return the lines of a corpus file, at most `limit`. Raises ValueError when a line is not in the format."""
    found: list[Line] = []
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, raw in enumerate(lines, 1):
            if limit is not None and len(found) >= limit:
                break
            if not raw.strip():
                continue
            try:
                found.append(_line(json.loads(raw)))
            except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
                wrong = f"line {number} is not a text with its references ({type(error).__name__}: {error})"
                raise ValueError(wrong) from error
    return found


def _line(row: dict[str, Any]) -> Line:
    text: str = row["text"]
    edits: list[list[list[Any]]] = row.get("edits") or []
    refs: list[str] = row.get("refs") or [_edited(text, own) for own in edits]
    places = [[(edit[0], edit[1]) for edit in own] for own in edits] or [changed_places(text, ref) for ref in refs]
    tokenised = row.get("refs_tok") or []
    return Line(
        text=text,
        refs=tuple(refs),
        edits=tuple(map(tuple, places)),
        source_tokens=tuple(row["text_tok"].split()) if row.get("text_tok") else tokens(text),
        ref_tokens=tuple(tuple(one.split()) for one in tokenised)
        if len(tokenised) == len(refs)
        else tuple(tokens(one) for one in refs),
    )


def _edited(text: str, edits: Sequence[Sequence[Any]]) -> str:
    for start, end, replacement, *_ in sorted(edits, key=lambda edit: (edit[0], edit[1]), reverse=True):
        text = text[:start] + (replacement or "") + text[end:]
    return text


def changed_places(text: str, ref: str) -> list[Edit]:
    """Return the places of a text that a reference changed, by comparing tokens. For corpora without `edits`."""
    found = list(_TOKEN.finditer(text))
    pairs = difflib.SequenceMatcher(None, [match.group() for match in found], tokens(ref), autojunk=False).get_opcodes()
    places: list[Edit] = []
    for kind, first, last, _, _ in pairs:
        if kind == "insert":
            at = found[first].start() if first < len(found) else len(text)
            places.append((at, at))
        elif kind != "equal":
            places.append((found[first].start(), found[last - 1].end()))
    return places


def tokens(text: str) -> tuple[str, ...]:
    """Return the tokens of a text, split almost as in the Penn Treebank. Both sides of a comparison must use it."""
    return tuple(_TOKEN.findall(text))


def touches(text: str, start: int, end: int, edit: Edit) -> bool:
    """Return whether a flag and an edit share a character. An insertion counts as its position and the white space around it."""
    first, last = edit
    if first < last:
        return start < last and first < end
    while first > 0 and text[first - 1].isspace():
        first -= 1
    while last < len(text) and text[last].isspace():
        last += 1
    return start <= last and first <= end


def corrected(line: Line, findings: Sequence[Finding]) -> str:
    """Return the text with the first suggestion of every finding applied and white space collapsed."""
    text = line.text
    for finding in sorted(findings, key=lambda one: one.start, reverse=True):
        if finding.suggestions:
            text = text[: finding.start] + finding.suggestions[0] + text[finding.end :]
    return " ".join(text.split())


def corrected_tokens(line: Line, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the source tokens with the first suggestions applied. All other tokens stay as the corpus has them."""
    places: list[tuple[int, int]] = []
    at = 0
    for token in line.source_tokens:
        found = line.text.find(token, at)
        if found < 0:
            return tokens(corrected(line, findings))
        places.append((found, found + len(token)))
        at = found + len(token)
    result: list[str] = []
    done = 0
    for finding in findings:
        if not finding.suggestions:
            continue
        first = next((k for k in range(done, len(places)) if places[k][1] > finding.start), len(places))
        after = next((k for k in range(first, len(places)) if places[k][0] >= finding.end), len(places))
        result += line.source_tokens[done:first]
        start = min(places[first][0], finding.start) if first < after else finding.start
        end = max(places[after - 1][1], finding.end) if first < after else finding.end
        result += tokens(line.text[start : finding.start] + finding.suggestions[0] + line.text[finding.end : end])
        done = after
    return (*result, *line.source_tokens[done:])


def judge(line: Line, findings: Iterable[Finding]) -> list[Judged]:
    """Return each finding with the verdict of the references on its place and its first suggestion."""
    distances = [_word_distance(line.text, ref) for ref in line.refs]
    judged: list[Judged] = []
    for finding in findings:
        real = any(touches(line.text, finding.start, finding.end, edit) for edits in line.edits for edit in edits)
        right = None
        if finding.suggestions:
            after = corrected(line, [finding])
            right = any(_word_distance(after, ref) < old for ref, old in zip(line.refs, distances, strict=True))
        judged.append(Judged(finding=finding, real=real, right=right))
    return judged


def _word_distance(one: str, other: str) -> int:
    ids: dict[str, str] = {}
    coded = ["".join(ids.setdefault(token, chr(len(ids))) for token in tokens(text)) for text in (one, other)]
    return edit_distance(coded[0], coded[1])


def gleu(
    sources: Sequence[Sequence[str]], hypotheses: Sequence[Sequence[str]], refs: Sequence[Sequence[Sequence[str]]]
) -> float:
    """Return the corpus GLEU of Napoles et al. (2015, without tuning, 2016), 0 to 100."""
    table = [
        [_gleu_counts(source, hypothesis, ref) for ref in options]
        for source, hypothesis, options in zip(sources, hypotheses, refs, strict=True)
    ]
    most = max((len(options) for options in table), default=0)
    scores: list[float] = []
    for draw in range(DRAWS):
        # The published scorer seeds each draw with its number times 101.
        random_source = random.Random(draw * 101)
        totals = [0] * (2 + 2 * ORDER)
        for options in table:
            counts = options[random_source.randint(0, most - 1) % len(options)]
            totals = [total + count for total, count in zip(totals, counts, strict=True)]
        scores.append(_gleu_score(totals))
    return 100 * sum(scores) / DRAWS


def _gleu_counts(source: Sequence[str], hypothesis: Sequence[str], ref: Sequence[str]) -> list[int]:
    counts = [len(hypothesis), len(ref)]
    for order in range(1, ORDER + 1):
        of_hypothesis, of_ref, of_source = (_ngrams(words, order) for words in (hypothesis, ref, source))
        wrong = Counter({ngram: count for ngram, count in of_source.items() if ngram not in of_ref})
        counts += [
            max((of_hypothesis & of_ref).total() - (of_hypothesis & wrong).total(), 0),
            max(len(hypothesis) + 1 - order, 0),
        ]
    return counts


def _gleu_score(totals: Sequence[int]) -> float:
    if not all(totals):
        return 0.0
    precision = sum(math.log(hit / of) for hit, of in zip(totals[2::2], totals[3::2], strict=True)) / ORDER
    return math.exp(min(0.0, 1 - totals[1] / totals[0]) + precision)


def _ngrams(found: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(found[k : k + order]) for k in range(len(found) - order + 1))


def calibration_error(pairs: Sequence[tuple[float, bool]]) -> float:
    """Return the expected calibration error over ten equal bins of confidence."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for confidence, real in pairs:
        bins[min(int(confidence * BINS), BINS - 1)].append((confidence, real))
    gaps = (abs(sum(c for c, _ in one) - sum(real for _, real in one)) for one in bins)
    return sum(gaps) / len(pairs) if pairs else 0.0


def reliability(pairs: Sequence[tuple[float, bool]]) -> list[tuple[float, float, int, float, float]]:
    """Return the bins that are not empty: from, to, number of findings, mean confidence, share that is real."""
    found: list[tuple[float, float, int, float, float]] = []
    for low, high in pairwise(EDGES):
        own = [(confidence, real) for confidence, real in pairs if low <= confidence < high]
        if own:
            mean, share = sum(c for c, _ in own) / len(own), sum(real for _, real in own) / len(own)
            found.append((low, high, len(own), round(mean, 3), round(share, 3)))
    return found


def confidences(lines: Sequence[Line]) -> list[tuple[float, bool]]:
    """Return the confidence of the findings that a student would see on the lines, with the verdict of the references."""
    engines = Engines()
    read = (
        (line, grammar.find_mistakes(PassRequest(pass_name=PassName.GRAMMAR, text=line.text), engines))
        for line in lines
    )
    return [(one.finding.problem, one.real) for line, found in read for one in judge(line, found.shown)]


def measure(lines: Sequence[Line]) -> dict[str, float | int]:
    """Return the figures of the shown findings over a corpus. Each line is read as one text."""
    engines = Engines()
    grammar.find_mistakes(PassRequest(pass_name=PassName.GRAMMAR, text="Warm up."), engines)
    started = time.perf_counter()
    found = [
        grammar.find_mistakes(PassRequest(pass_name=PassName.GRAMMAR, text=line.text), engines).shown for line in lines
    ]
    seconds = time.perf_counter() - started
    judged = [verdict for line, shown in zip(lines, found, strict=True) for verdict in judge(line, shown)]
    offered = [verdict for verdict in judged if verdict.right is not None]
    recalls = [_recall(lines, found, reference) for reference in range(min(len(line.edits) for line in lines))]
    return {
        "flags": len(judged),
        "p_any": _share(sum(verdict.real for verdict in judged), len(judged)),
        "p_first_suggestion": _share(sum(bool(verdict.right) for verdict in offered), len(offered)),
        "recall": round(sum(hit / max(of, 1) for hit, of in recalls) / max(len(recalls), 1), 4),
        "gleu": round(
            gleu(
                [line.source_tokens for line in lines],
                [corrected_tokens(line, shown) for line, shown in zip(lines, found, strict=True)],
                [line.ref_tokens for line in lines],
            ),
            2,
        ),
        "ece": round(calibration_error([(verdict.finding.problem, verdict.real) for verdict in judged]), 4),
        "words_per_second": round(sum(len(line.text.split()) for line in lines) / seconds),
    }


def _recall(lines: Sequence[Line], found: Sequence[Sequence[Finding]], reference: int) -> tuple[int, int]:
    hit = of = 0
    for line, shown in zip(lines, found, strict=True):
        own = line.edits[reference]
        of += len(own)
        hit += sum(any(touches(line.text, one.start, one.end, edit) for one in shown) for edit in own)
    return hit, of


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def show(essay: str, prompt: str) -> dict[str, Any]:
    """Return the comments on one essay as an object for JSON: all comments, the joined lists of the passes, each pass's answer."""
    provider = LocalProvider()
    passes = {
        str(name): asdict(provider.ask(PassRequest(pass_name=name, text=essay, assignment_prompt=prompt)).answer)
        for name in PassName
    }
    return {
        "comments": [{"pass": name, **one} for name, answer in passes.items() for one in answer["comments"]],
        **{
            title: list(dict.fromkeys(one for answer in passes.values() for one in answer[title]))
            for title in ("not_checked", "strengths", "next_steps")
        },
        "passes": passes,
    }


def _readable(answers: dict[str, Any]) -> Iterable[str]:
    for name, answer in answers["passes"].items():
        yield f"== {name}"
        for comment in answer["comments"]:
            place = f"{comment['span']['start']}-{comment['span']['end']}"
            more = f" (+{len(comment['also_at'])})" if comment["also_at"] else ""
            yield f"{comment['confidence']:.2f} {comment['kind']} {comment['type']} {place}{more}: {comment['span']['quote']!r}"
            yield f"     {comment['message']}"
            yield f"     -> {comment['next_step']}"
        for title in ("strengths", "next_steps", "not_checked"):
            for sentence in answer[title]:
                yield f"{title}: {sentence}"


def _show(essay: str, prompt: str, *, as_json: bool) -> int:
    answers = show(essay, prompt)
    print(json.dumps(answers, ensure_ascii=False, indent=1) if as_json else "\n".join(_readable(answers)))
    return 0


def _show_calibration(lines: Sequence[Line], *, as_json: bool) -> int:
    names = ("from", "to", "n", "predicted", "actual")
    bins = reliability(confidences(lines))
    if as_json:
        print(json.dumps([dict(zip(names, row, strict=True)) for row in bins]))
    else:
        print("\n".join("  ".join(f"{value:>9}" for value in row) for row in (names, *bins)))
    return 0


def _read_text(path: Path) -> str:
    # Not `read_text`, which translates line ends and so shifts every offset after them.
    return path.read_bytes().decode("utf-8")


def _read_error(path: Path, error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, OSError):
        return f"{path} cannot be read: {error.strerror}"
    return f"{path} is not UTF-8 text (at byte {error.start})"


def main(arguments: Sequence[str] | None = None) -> int:  # noqa: C901 - one branch for each thing to show
    """Print the figures of a corpus or the comments on one essay. Exits with 2 and one sentence when a file cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.feedback", description=__doc__)
    parser.add_argument("corpus", nargs="?", type=Path)
    parser.add_argument("--limit", type=int, help="read only the first N texts")
    parser.add_argument("--essay", type=Path, help="show the comments on this essay instead")
    parser.add_argument("--prompt", type=Path, help="the assignment the essay answers")
    parser.add_argument(
        "--calibration", action="store_true", help="print how reliable each range of confidence is instead"
    )
    parser.add_argument("--own", action="store_true", help="measure the essays of our own instead")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    judging.add_options(parser)
    chosen = parser.parse_args(arguments)
    if chosen.own:
        return own_figures.show(as_json=chosen.json)
    if judging.is_chosen(chosen):
        return judging.run(parser, chosen)
    if (chosen.essay is None) == (chosen.corpus is None):
        parser.error("name one of a corpus, --essay, --own, --judge and --judged")
    path: Path = chosen.essay or chosen.corpus
    try:
        if chosen.essay is not None:
            essay = _read_text(path)
            path = chosen.prompt or path
            return _show(essay, _read_text(path) if chosen.prompt else "", as_json=chosen.json)
        read = read_corpus(path, chosen.limit)
    except (OSError, UnicodeDecodeError) as error:
        parser.exit(2, f"{_read_error(path, error)}\n")
    except ValueError as error:
        parser.exit(2, f"{path}: {error}\n")
    # A text without a reference says nothing about a finding.
    lines = [line for line in read if line.refs]
    if not lines:
        parser.exit(2, f"{path}: {'no text has a reference' if read else 'holds no text'}\n")
    if chosen.calibration:
        return _show_calibration(lines, as_json=chosen.json)
    figures = measure(lines)
    if chosen.json:
        print(json.dumps(figures))
    else:
        print(f"shown from confidence {SHOWN_FROM:.2f}")
        for name, value in figures.items():
            print(f"{name:20} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
