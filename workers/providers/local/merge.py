"""Merge the flags of both engines and of our own patterns into one list of findings with suggestions and confidence."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, replace

from workers.providers.local.confidence import Evidence, confidence, edit_distance
from workers.providers.local.flags import Flag, FlaggedRanges
from workers.providers.local.guards import masked
from workers.providers.local.held_rules import why_held
from workers.providers.local.language import indecent, same_but_for_dialect
from workers.providers.local.lexicon import tags
from workers.providers.local.spelling import Spelling, Unknown, foreign_runs, names_in, starts_sentence
from workers.providers.local.suggest import (
    LOOKED_AT,
    MAX_SUGGESTIONS,
    Ranking,
    choices,
    corrections,
    ranked,
    same_correction,
)

REPEATS_UNTIL_KNOWN = 3
_SPELLING_GROUPS = frozenset({"L:spelling", "H:Spelling"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One place in the text with its flags, its suggestions, and the confidence that they are right.

    `flag` is the flag that is shown. `second` is an overlapping flag of the other engine, if there is one. `agreed`: the first
    suggestions of both lead to the same text. `held`: why it is not shown, whatever its confidence; empty when it may be shown.
    """

    flag: Flag
    second: Flag | None
    agreed: bool
    suggestions: tuple[str, ...]
    signs: Evidence
    problem: float
    correction: float
    held: str = ""

    @property
    def start(self) -> int:
        """Return where the flagged words begin, in code points."""
        return self.flag.start

    @property
    def end(self) -> int:
        """Return where the flagged words end, in code points."""
        return self.flag.end


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeContext:
    """What the merge knows besides the flags.

    `text` is as written, `safe` as the engines saw it. `known`: words of the task. `lingo` and `harper`: the engine read the
    text. `common`: frequent words.
    """

    text: str
    safe: str
    dialect: str
    known: frozenset[str]
    lingo: bool
    harper: bool
    common: frozenset[str] = frozenset()


def findings(first: list[Flag], second: list[Flag], setting: MergeContext) -> list[Finding]:
    """Return findings that do not overlap, in order of place. lingotweaker takes precedence over Harper, our patterns come last."""
    usable = [_without_bad_suggestions(flag, setting.text) for flag in (*first, *second) if _usable(flag, setting)]
    lingo = [flag for flag in usable if flag.engine == "L"]
    harper = [flag for flag in usable if flag.engine == "H"]
    spelling = _spelling(lingo, harper, setting)
    lingo_ranges, harper_ranges = FlaggedRanges(lingo), FlaggedRanges(harper)
    merged: list[Finding] = []
    for flag in lingo:
        overlapping = harper_ranges.overlapping(flag)
        if not _allowed_by_dialect(flag, overlapping, setting) and not _counts_as_known(flag, setting):
            merged.append(_make_finding(flag, overlapping, setting, spelling))
    for flag in harper:
        if any(not (other.dialect_only and _is_dialect_variant(flag)) for other in lingo_ranges.overlapping(flag)):
            continue
        if _is_dialect_variant(flag) and not setting.dialect:
            continue
        if not _counts_as_known(flag, setting):
            merged.append(_make_finding(flag, [], setting, spelling))
    own = [
        flag
        for flag in usable
        if flag.engine == "O" and not (lingo_ranges.overlapping(flag) or harper_ranges.overlapping(flag))
    ]
    merged += [_make_finding(flag, [], setting, spelling) for flag in own]
    return _without_overlaps(merged)


def _usable(flag: Flag, setting: MergeContext) -> bool:
    if flag.end <= flag.start or masked(setting.text, setting.safe, flag.start, flag.end):
        return False
    # English rules do not apply to words in another script.
    return not any(character.isalpha() and character > "\u024f" for character in setting.text[flag.start : flag.end])


def _without_bad_suggestions(flag: Flag, text: str) -> Flag:
    """Return the flag without suggestions that are indecent, change nothing or repeat, and without an indecent message."""
    quote = text[flag.start : flag.end]
    kept = [
        suggestion
        for suggestion in dict.fromkeys(flag.suggestions)
        if suggestion != quote and (not indecent(suggestion) or indecent(quote))
    ]
    return replace(flag, message="" if indecent(flag.message) else flag.message, suggestions=tuple(kept))


def _is_dialect_variant(flag: Flag) -> bool:
    """Return whether Harper only asks for the spelling of another country."""
    return flag.variant_of is not None


def _allowed_by_dialect(flag: Flag, overlapping: list[Flag], setting: MergeContext) -> bool:
    """Return whether lingotweaker, which knows American spelling only, flags a word that the writer's own dialect allows."""
    if flag.group != "L:spelling" or setting.dialect == "US":
        return False
    if flag.dialect_only:
        return True
    word = _flagged_word(flag, setting)
    if (setting.dialect or tags(word.lower())) and any(
        same_but_for_dialect(word, one) for one in flag.suggestions[:LOOKED_AT]
    ):
        return True
    if not setting.dialect or not setting.harper:
        return False
    return not overlapping


def _flagged_word(flag: Flag, setting: MergeContext) -> str:
    return unicodedata.normalize("NFC", setting.safe[flag.start : flag.end])


def _spelling(lingo: list[Flag], harper: list[Flag], setting: MergeContext) -> Spelling:
    """Return what the text as a whole says about the words that the main engine does not know."""
    unknown = [flag for flag in lingo or harper if flag.group in _SPELLING_GROUPS]
    counts = Counter(_flagged_word(flag, setting) for flag in unknown)
    return Spelling(
        safe=setting.safe,
        common=setting.common,
        repeated=frozenset(word for word, count in counts.items() if count >= REPEATS_UNTIL_KNOWN),
        runs=foreign_runs([(flag.start, flag.end) for flag in unknown], setting.safe),
        names=names_in(setting.safe) if unknown else frozenset(),
    )


def _counts_as_known(flag: Flag, setting: MergeContext) -> bool:
    """Return whether an unknown word counts as known because the task uses it."""
    if flag.group not in _SPELLING_GROUPS:
        return False
    word = _flagged_word(flag, setting).lower()
    return word.removesuffix("'s") in setting.known or word in setting.known


def _make_finding(flag: Flag, overlapping: list[Flag], setting: MergeContext, unknowns: Spelling) -> Finding:
    agreeing = next((other for other in overlapping if same_correction(flag, other, setting.safe)), None)
    other = agreeing or (overlapping[0] if overlapping else None)
    if agreeing is not None and flag.variant_of is None:
        flag = replace(flag, variant_of=agreeing.variant_of)
    word = setting.text[flag.start : flag.end]
    spelling = flag.group in _SPELLING_GROUPS and flag.variant_of is None
    ranking = _ranking(flag, other, setting) if spelling else Ranking(words=(), clear=False)
    offered = choices(ranking) if spelling else corrections(flag, other, agreed=agreeing is not None)
    if any(one.rule == "SentenceCapitalization" for one in overlapping):
        offered = [one[:1].upper() + one[1:] for one in offered]
    suggestions = tuple(one for one in dict.fromkeys(offered) if one != word)[:MAX_SUGGESTIONS]
    # Harper as the only engine has another precision than Harper beside lingotweaker, so it is counted under a name of its own.
    engine = "S" if flag.engine == "H" and not setting.lingo else flag.engine
    signs = Evidence(
        rule=f"{engine}:{flag.rule}",
        group=f"{engine}{flag.group[1:]}",
        second=bool(overlapping),
        agreed=agreeing is not None,
        capitalised=spelling and word[:1].isupper() and not starts_sentence(setting.safe, flag.start),
        near=spelling and bool(flag.suggestions) and edit_distance(word.lower(), flag.suggestions[0].lower()) <= 2,
        variant=flag.variant_of is not None,
    )
    held = why_held(flag, setting.safe, alone=setting.lingo and not overlapping)
    if spelling:
        # A word that is too far away to be offered still tells how likely a mistake is.
        likeliest = next(iter(ranking.words or flag.suggestions), "")
        held = unknowns.hidden(
            Unknown(start=flag.start, end=flag.end, both=bool(overlapping), agreed=signs.agreed, likeliest=likeliest,
                    clear=ranking.clear)
        )  # fmt: skip
    problem, correction = confidence(signs)
    return Finding(
        flag=flag, second=other, agreed=signs.agreed, suggestions=suggestions, signs=signs,
        problem=problem, correction=correction if suggestions else 0.0, held=held,
    )  # fmt: skip


def _ranking(flag: Flag, other: Flag | None, setting: MergeContext) -> Ranking:
    """Rank the words that both engines offer for one unknown word."""
    same_place = other is not None and (other.start, other.end) == (flag.start, flag.end)
    return ranked(
        setting.text[flag.start : flag.end],
        flag.suggestions,
        other.suggestions if other is not None and same_place else (),
        setting.common,
        before=setting.safe[max(0, flag.start - 16) : flag.start],
    )


def _without_overlaps(candidates: list[Finding]) -> list[Finding]:
    """Return the findings in order of place, keeping only the best supported one of those that overlap.

    The confidence does not decide: the table of confidences is fitted on what this function returns, so the choice must not
    depend on the table.
    """
    kept: list[Finding] = []
    kept_ranges = FlaggedRanges()
    for finding in sorted(
        candidates,
        key=lambda finding: (
            finding.second is None,
            not finding.agreed,
            finding.flag.engine != "L",
            finding.start,
            finding.end,
            finding.flag.rule,
        ),
    ):
        if not kept_ranges.overlapping(finding.flag):
            kept.append(finding)
            kept_ranges.add(finding.flag)
    return sorted(kept, key=lambda finding: (finding.start, finding.end))
