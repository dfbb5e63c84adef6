"""List the engine rules that are switched off, and map each other rule to the type of its comment."""

from __future__ import annotations

# Measured as harmful or useless on student writing. EN_DATE_WEEKDAY_CURRENTYEAR also depends on today's date.
LINGO_OFF = frozenset(
    """CONSECUTIVE_SPACES WHITESPACE_RULE EN_ELLIPSIS HYPHEN_TO_EN DASH_RULE EXTREME_ADJECTIVES ALL_OF_THE OUTSIDE_OF
    AFTERWARDS_US FIRST_OF_ALL ENGLISH_WORD_REPEAT_BEGINNING_RULE MONTH_OF_XXXX APOS_SPACE_CONTRACTION
    EN_DIACRITICS_REPLACE_ORTHOGRAPHY EN_DATE_WEEKDAY_CURRENTYEAR EACH_EVERY_NNS COMMA_COMPOUND_SENTENCE
    COMMA_COMPOUND_SENTENCE_2 COMMA_COMPOUND_SENTENCE_3 EN_UNPAIRED_QUOTES
    EN_UNPAIRED_BRACKETS COMMA_PARENTHESIS_WHITESPACE NORTH_POLE BACK_COMPOUNDS ADVERB_VERB_ADVERB_REPETITION PRP_COMMA
    QUOTATION_MARKS_COMMA NNP_AGREEMENT EN_COMPOUNDS_WELL_CHOSEN EN_COMPOUNDS_SAND_PIT ANY_MORE POSSESSIVE_APOSTROPHE
    EX_ALWAYS_HYPHENATED THE_SUPERLATIVE THERE_MISSING_VERB""".split()
)
LINGO_OFF_CATEGORIES = frozenset(
    {"REDUNDANCY", "STYLE", "REPETITIONS_STYLE", "AMERICAN_ENGLISH_STYLE", "BRITISH_ENGLISH"}
)

# LongSentences hides all other lints in its sentence. LookingForwardTo prints the essay to stdout.
HARPER_OFF = frozenset(
    """LongSentences LookingForwardTo OxfordComma NumericRangeEnDash Dashes UseEllipsisCharacter CondenseAllThe
    MissingPreposition SplitWords PronounKnew Excellent CompoundNouns NoFrenchSpaces Spaces
    FindOut DisjointPrefixes OrthographicConsistency Everyone Everybody UpdatePlaceNames ToTwoToo
    Starving NominalWants SingleBe WouldNeverHave ExpandMemoryShorthands RedundantThat WhomSubjectOfVerb
    ItsPossessive AnA TheLastDays UnclosedQuotes AvoidCurses""".split()
)

# Rules that want a comma after an opening. Some openings are a matter of taste.
OPENING_COMMA = frozenset(
    {"SENT_START_CONJUNCTIVE_LINKING_ADVERB_COMMA", "MISSING_COMMA_AFTER_INTRODUCTORY_PHRASE", "DiscourseMarkers"}
)
# Whether a sentence should be split or joined is for the writer to say, so these rules only ask.
ASKED = frozenset({"COMMA_SPLICE", "FRAGMENT", "RUN_ON"})
# Rules that are right about a word only where the other engine flags it too.
NEVER_ALONE = frozenset({"SentenceCapitalization"})

# Words that may stand twice in right English: "he had had enough", "what it is is a fossil".
REPEATED = frozenset({"ENGLISH_WORD_REPEAT_RULE", "RepeatedWords"})
MAY_REPEAT = frozenset({"had had", "that that", "is is", "was was", "do do", "her her", "in in", "on on"})
# "If it be true" and "she insisted that he go" are right, though rare.
SUBJUNCTIVE = frozenset({"IT_VBZ", "HE_VERB_AGR", "PronounVerbAgreement", "NON3PRS_VERB"})
# Past forms that American rules take for present ones.
BRITISH_PAST = frozenset("learnt dreamt spelt burnt leapt leant smelt spilt spoilt knelt dwelt".split())
# Of the nouns that Harper says cannot be counted, these never can in a school essay: "a passion" and "ecologies" are right.
MASS_NOUNS = frozenset(
    """advice homework information furniture luggage baggage equipment knowledge traffic weather evidence progress housework
    software hardware pollution confidence rubbish garbage electricity happiness health luck fun stuff patience courage
    machinery clothing jewellery jewelry bread rice music mathematic vocabulary transport accommodation poverty violence
    research slang trash news""".split()
)
# These rules name their alternatives in an order that differs between processes, also in the message.
HARPER_UNORDERED = frozenset({"RegularIrregulars"})

_LINGO_CATEGORY_GROUPS = {
    "CASING": "capitalisation",
    "CONFUSED_WORDS": "confused-words",
    "COMPOUNDING": "article/compound/misc",
    "MISC": "article/compound/misc",
    "PUNCTUATION": "punctuation",
    "TYPOGRAPHY": "spacing/typography",
    "GRAMMAR": "grammar",
    "COLLOCATIONS": "grammar",
    "TYPOS": "typo-phrase",
    "NONSTANDARD_PHRASES": "typo-phrase",
    "MULTITOKEN_SPELLING": "typo-phrase",
    "PROPER_NOUNS": "typo-phrase",
}
_LINGO_GROUP_TYPES = {
    "spelling": "spelling",
    "contraction": "contraction",
    "capitalisation": "capitalisation",
    "confused-words": "word_choice",
    "comma-compound": "punctuation",
    "unpaired": "punctuation",
    "punctuation": "punctuation",
    "spacing/typography": "spacing",
    "typo-phrase": "word_choice",
}
_HARPER_KIND_TYPES = {
    "Spelling": "spelling",
    "Capitalization": "capitalisation",
    "Agreement": "agreement",
    "Punctuation": "punctuation",
    "Repetition": "repetition",
    "Redundancy": "repetition",
    "WordChoice": "word_choice",
    "Eggcorn": "word_choice",
    "Regionalism": "word_choice",
    "Enhancement": "word_choice",
    "Usage": "word_choice",
    "Style": "word_choice",
    "Typo": "spelling",
    "BoundaryError": "spelling",
    "Formatting": "punctuation",
}
_RULE_TYPES = {
    "EN_A_VS_AN": "article",
    "A_NNS": "article",
    "A_UNCOUNTABLE": "article",
    "DT_PRP": "article",
    "A_MY": "article",
    "TheMy": "article",
    "ENGLISH_WORD_REPEAT_RULE": "repetition",
    "I_LOWERCASE": "capitalisation",
    "CapitalizePersonalPronouns": "capitalisation",
    "MissingTo": "verb_form",
    "MD_BASEFORM": "verb_form",
    "BASE_FORM": "verb_form",
    "BEEN_PART_AGREEMENT": "verb_form",
    "HAVE_PART_AGREEMENT": "verb_form",
    "ADMIT_ENJOY_VB": "verb_form",
    "TO_NON_BASE": "verb_form",
    "PRP_PAST_PART": "verb_form",
    "PRP_VBG": "verb_form",
    "PRP_HAVE_VB": "verb_form",
    "MISSING_TO_BEFORE_A_VERB": "verb_form",
    "MD_BE_NON_VBP": "verb_form",
    "DID_BASEFORM": "verb_form",
    "WillNonLemma": "verb_form",
    "SimplePastToPastParticiple": "verb_form",
    "InflectedVerbAfterTo": "verb_form",
    "RegularIrregulars": "verb_form",
    "HE_VERB_AGR": "agreement",
    "THIS_NNS": "agreement",
    "MANY_NN": "agreement",
    "IT_VBZ": "agreement",
    "NON3PRS_VERB": "agreement",
    "PEOPLE_VBZ": "agreement",
    "CD_NN": "agreement",
    "A_LOT_OF_NN": "agreement",
    "MassNouns": "agreement",
    "ItsContraction": "contraction",
    "IT_IS": "contraction",
    "Cant": "contraction",
    "WrongApostrophe": "contraction",
    "LetsConfusion": "contraction",
}


def lingo_group(rule: str, category: str) -> str:
    """Return the group of a rule. The confidence of a rarely seen rule relies on the measured precision of its group."""
    if rule.startswith("MORFOLOGIK"):
        return "spelling"
    if rule.startswith("EN_UNPAIRED"):
        return "unpaired"
    if rule.startswith("COMMA_COMPOUND_SENTENCE"):
        return "comma-compound"
    if "CONTRACTION" in rule or rule == "WRONG_APOSTROPHE":
        return "contraction"
    return _LINGO_CATEGORY_GROUPS.get(category, "other")


def lingo_type(rule: str, group: str) -> str:
    """Return the comment type that a student sees for a lingotweaker rule."""
    if rule in _RULE_TYPES:
        return _RULE_TYPES[rule]
    if "AGREEMENT" in rule:
        return "agreement"
    if group == "article/compound/misc" and ("HYPHEN" in rule or "COMPOUND" in rule or "SPLIT" in rule):
        return "spelling"
    return _LINGO_GROUP_TYPES.get(group, "grammar")


def harper_type(rule: str, kind: str) -> str:
    """Return the comment type that a student sees for a Harper rule."""
    return _RULE_TYPES.get(rule) or _HARPER_KIND_TYPES.get(kind, "grammar")
