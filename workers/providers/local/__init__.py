"""Local provider: feedback on grammar, structure and content without a key, a network or a model.

Lives here:
    provider                    LocalProvider: one request in, one reply out
    grammar, structure, content one module for each pass
    engines                     the two grammar engines, each behind a thread of its own
    engine_pool, engine_process the processes beside the worker that hold them
    lingo, harper_engine        one module for each engine
    flags, rules                the type that both engines report in, the rules switched off, the comment type of each rule
    own                         mistakes found by patterns of our own
    merge, suggest, confidence  one list from both engines, the order of suggestions, the table of measured precision
    guards, language, tongues   text that is safe for the engines, essays that cannot be checked, detection of the language
    kinds                       on which parts of a text each rule may speak
    text, spans, wording        the prose of an essay, the place and criterion of a comment, the words of a comment
May not: know the database, the queue or a vendor.
Start with: `provider.LocalProvider`.
"""
