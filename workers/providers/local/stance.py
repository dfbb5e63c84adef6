"""Recognise a sentence in which the writer takes a position, and a paragraph that already gives something to hold on to."""

from __future__ import annotations

import re

_ADVERB = r"(?:(?:strongly|firmly|fully|also|do|really|truly|personally|would|don't|do not|still|completely) ){0,2}"
_OWN = re.compile(
    rf"(?<!when )(?<!why )\b(?:i|we) {_ADVERB}"
    r"(?:find (?:myself|ourselves)|want to (?:say|show|argue|prove|defend|convince)|"
    r"believe|think(?! (?:of|about)\b)|argue|agree|disagree|feel that|support|oppose|claim|am (?:for|against|convinced|sure))\b|"
    r"\b(?:in my (?:own )?(?:opinion|view)|my (?:opinion|view|position|claim) is|this essay (?:will )?(?:argues?|shows?|claims?))\b",
    re.IGNORECASE,
)
_DEMAND = re.compile(r"\b(?:should(?:n['\u2019]t)?|must(?:n['\u2019]t)?|ought to)\b", re.IGNORECASE)
# A weaker sign of a position: it may also describe.
_JUDGEMENT = re.compile(
    r"\b(?:i feel|needs? to|(?:is|are) (?:better|worse|more|less|the best|the worst)|"
    r"(?:has|have|had) (?:more|changed|improved|helped|harmed|made)|would be (?:better|wrong|a mistake)|"
    r"(?:is|are) (?:not )?(?:necessary|essential|important|harmful|beneficial|wrong|unfair|worth))\b",
    re.IGNORECASE,
)
# What a paragraph may claim besides: that something is good or bad, or has an effect.
_EFFECT = re.compile(
    r"\b(?:(?:is|are|can be|will be) (?:very |so |really |too )?(?:good|bad|great|useful|useless|dangerous|healthy|unhealthy|helpful|fair)|"
    r"(?:helps?|causes?|makes?|improves?|harms?|leads? to|benefits?|affects?)|can (?:help|cause|make|improve|harm|affect))\b",
    re.IGNORECASE,
)
# The position of somebody else, or a topic on which no side is taken yet.
_REPORTED = re.compile(
    r"\b(?:some|many|most|other|few|several|certain|people|persons|students|pupils|parents|teachers|adults|teenagers|scientists|"
    r"experts|critics|citizens|others|everyone|everybody|someone|he|she|they) (?:\w+ ){0,3}?"
    r"(?:believes?|thinks?|says?|said|argues?|claims?|feels?|agrees?|disagrees?|told|tells?|wants?|complains?)\b|"
    r"\b(?:believed|thought|said|argued|claimed|told|asked|wondered|used to)\b",
    re.IGNORECASE,
)
_UNDECIDED = re.compile(
    r"\b(?:whether|different opinions?|both sides|two sides|for and against|debates?|debated|controvers\w+|i (?:wonder|ask|asked|"
    r"do not know|don['\u2019]t know)|this essay (?:will )?(?:discuss|look|talk)\w*|i (?:will|am going to) (?:discuss|talk|write|tell)|"
    r"the question is|depends on)\b",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(?:because|since|as it|due to|so that|for (?:these|this|the following|many|several|three|two) reasons?|"
    r"by (?:\w+ing)|in order to|which (?:makes|helps|gives|leads|means|lets)|although|even though|despite|while)\b",
    re.IGNORECASE,
)
_SUPPORT = re.compile(
    r"\d|[\"\u201c\u201d\u201e\u00ab\u00bb\u00a8]|%|\b(?:for (?:example|instance)|examples?|instances?|such as|e\.g|according to|"
    r"stud(?:y|ies)|research\w*|survey\w*|scientists?|experts?|statistics?|data|report\w*|percent|per cent|"
    r"articles?|authors?|books?|news\w*|"
    r"professor|dr|experienc\w+|evidence|proof|proves?d?|shows that|sources?|"
    r"two|three|four|five|six|seven|eight|nine|ten|dozens?|hundreds?|thousands?|millions?|billions?|half|"
    r"because|since|so (?:that|a|an|the|i|we|you|he|she|it|they|people)|reasons?|therefore|"
    r"due to|thanks to|that is why|otherwise|if|unless|imagine|like (?:a|an|the|when|in|my)|"
    r"just like|once|one (?:time|day)|last (?:year|week|month|summer|night)|yesterday|ago|when (?:i|we|you|he|she|they|my|a|the)|"
    r"my|i (?:remember|saw|knew|know|have seen|have heard|had|was|did|went|met)|we (?:had|were|went|did|saw|met)|"
    r"(?:he|she) (?:was|had|did|went|said|told))\b",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"\b(?:should|agree|disagree|opinions?|argu\w+|persua\w+|convinc\w+|for or against|to what extent|position|debate|discuss|"
    r"advantages? (?:and|or) disadvantages?|do you (?:think|believe|support|prefer))\b"
    r"|^\W*(?:do|does|did|is|are|can|could|will|would|has|have|must)\b[^.!?\n]*\?",
    re.IGNORECASE | re.MULTILINE,
)
# A capital letter inside a sentence: a name of a person, a place or a day.
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]{2}")


def asks_for_position(prompt: str) -> bool:
    """Return whether an assignment asks the writer to take a position, so that the essay needs a main claim."""
    return _ASKED.search(prompt) is not None


def states_position(sentence: str, *, closes_opening: bool) -> bool:
    """Return whether the writer takes a position here. A mere judgement counts only as the last sentence of the opening.

    A question, a quotation, the view of other people and a topic without a side do not count.
    """
    bare = sentence.strip("\"'\u201c\u201d\u2018\u2019\u00ab\u00bb)( ")
    if bare.endswith("?") or sentence[:1] in '"\u201c\u201e\u00ab':
        return False
    if _OWN.search(sentence):
        return True
    position = _DEMAND.search(sentence) or (_JUDGEMENT.search(sentence) if closes_opening else None)
    if position is None:
        return False
    # What others think, or a topic, comes before the demand: "Some people say that schools should …".
    before = sentence[: position.start()]
    return not (_REPORTED.search(before) or _UNDECIDED.search(before))


def stance_score(sentence: str) -> float:
    """Return how strongly the words of a sentence speak for a position: 0, 1, or 1.3 for a stance verb."""
    if _OWN.search(sentence) or _DEMAND.search(sentence):
        return 1.3
    return 1.0 if _JUDGEMENT.search(sentence) else 0.0


def gives_reason(sentence: str) -> bool:
    """Return whether a sentence holds a word that begins a reason or a contrast."""
    return _REASON.search(sentence) is not None


def makes_claim(paragraph: str) -> bool:
    """Return whether a paragraph demands or judges something, so that a reader may want to know why."""
    return any(sign.search(paragraph) for sign in (_OWN, _DEMAND, _JUDGEMENT, _EFFECT))


def is_supported(paragraph: str) -> bool:
    """Return whether a paragraph holds an example, a number, a name, a quotation, a reason or a part of a story."""
    return bool(_SUPPORT.search(paragraph) or _NAME.search(paragraph))
