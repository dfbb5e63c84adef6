"""Prompt injection: detect it in essays, and filter what it could make a model answer.

Lives here:
    detector              notes for educators about text that seems to address the AI
    patterns              the wordings that the detector looks for, in many languages
    orders_by_language    the words of orders in twenty languages
    decoding              decoding of base64, hex, rot13, leet and other disguises
    leak_filter           removes words that leak from the prompt or are copied from the essay into an answer
    plaintext             removes markup and addresses from an answer; recognises grades
    addresses             finds links, sites, e-mail addresses, handles and telephone numbers, also disguised
    address_forms         the patterns that `addresses` looks for
    reading               a text without look-alike letters and signs, with the way back
May not: import anything of `workers` but `text`.
Start with: `detector.notes`, `leak_filter.LeakFilter`, `plaintext.plain`.
"""
