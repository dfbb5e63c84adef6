"""Write the message and the next step that explain a mistake to the student."""

from __future__ import annotations

from workers.providers.local.merge import Finding

_MESSAGES_BY_RULE = {
    "I_LOWERCASE": "The word \u201cI\u201d is always written with a capital letter.",
    "CapitalizePersonalPronouns": "The word \u201cI\u201d is always written with a capital letter.",
    "UPPERCASE_SENTENCE_START": "A sentence starts with a capital letter.",
    "SentenceCapitalization": "A sentence starts with a capital letter.",
    "ENGLISH_WORD_REPEAT_RULE": "The same word stands here twice in a row.",
    "RepeatedWords": "The same word stands here twice in a row.",
    "EN_A_VS_AN": "\u201cAn\u201d goes before a vowel sound, \u201ca\u201d before a consonant sound.",
    "EN_CONTRACTION_SPELLING": "This short form needs an apostrophe.",
    "DOUBLE_PUNCTUATION": "There are two punctuation marks where one is enough.",
}
_MESSAGES_BY_TYPE = {
    "spelling": "This does not look like the usual spelling.",
    "agreement": "These words do not seem to agree in number.",
    "verb_form": "The verb seems to need another form here.",
    "article": "Check the small word (a, an, the) here.",
    "word_choice": "This may not be the word you meant.",
    "capitalisation": "Check capital and small letters here.",
    "punctuation": "Check the punctuation here.",
    "spacing": "Check the space here.",
    "contraction": "Check the apostrophe here.",
    "repetition": "These words say the same thing twice.",
    "grammar": "The grammar seems to slip here.",
}
_STEPS_BY_TYPE = {
    "agreement": "Read the sentence with only its subject and verb: do they fit?",
    "verb_form": "Say the sentence aloud with another form of the verb: which one sounds right?",
    "article": "Read the noun with and without the small word before it, and keep what fits.",
    "word_choice": "Look the word up and decide whether it says what you mean.",
    "capitalisation": "Check the capital letters in this sentence.",
    "punctuation": "Read the sentence aloud and listen for where it stops or pauses.",
    "spacing": "Check the spaces around this mark.",
    "contraction": "Say the long form of the word, then put the apostrophe where letters are missing.",
    "repetition": "Take one of them away and read the sentence again.",
    "spelling": "Look the word up in a dictionary.",
    "grammar": "Read the sentence aloud and put it in your own simpler words.",
}
_MAX_QUOTE_CHARACTERS = 40


def grammar_message(finding: Finding, quote: str, count: int) -> str:
    """Return the message about one place, with the number of places when there are several."""
    flag = finding.flag
    if flag.variant_of is not None:
        message = f"\u201c{_shorten(quote)}\u201d is spelled another way in the English this essay is set in."
    elif flag.rule in _MESSAGES_BY_RULE:
        message = _MESSAGES_BY_RULE[flag.rule]
    elif flag.type == "spelling":
        message = f"\u201c{_shorten(quote)}\u201d does not look like the usual spelling."
        if quote[:1].isupper() and finding.signs.capitalised:
            message = (
                f"\u201c{_shorten(quote)}\u201d is not a word I know. Check the spelling, or the name if it is one."
            )
    else:
        message = _with_full_stop(flag.message) or _MESSAGES_BY_TYPE[flag.type]
    return f"{message} It happens in {count} places." if count > 1 else message


def grammar_step(finding: Finding, quote: str, count: int) -> str:
    """Return the next step: try the correction, choose between several, or look again."""
    offered = [f"\u201c{_shorten(suggestion)}\u201d" for suggestion in finding.suggestions if suggestion.strip()]
    other_places = " Then check the other places too." if count > 1 else ""
    if finding.suggestions and not finding.suggestions[0].strip():
        return f"Try the sentence without \u201c{_shorten(quote)}\u201d.{other_places}"
    if len(offered) == 1:
        return f"Try {offered[0]}.{other_places}"
    if offered:
        return f"Which did you mean: {', '.join(offered[:-1])} or {offered[-1]}?{other_places}"
    return f"{_STEPS_BY_TYPE[finding.flag.type]}{other_places}"


def strength(shown: int, word_count: int) -> str:
    """Return praise when at most one word in 100 of a text of 150 words or more is flagged, otherwise an empty string.

    `shown` is the number of findings shown.
    """
    if word_count >= 150 and shown * 100 <= word_count:
        return "Your sentences are mostly free of the slips this check can find."
    return ""


def _shorten(words: str) -> str:
    flat = " ".join(words.split())
    return flat if len(flat) <= _MAX_QUOTE_CHARACTERS else f"{flat[: _MAX_QUOTE_CHARACTERS - 1]}\u2026"


def _with_full_stop(message: str) -> str:
    flat = " ".join(message.split())
    return flat if not flat or flat[-1] in ".?!" else f"{flat}."
