"""Leave out pictures that are embedded in plain text: data URIs, alone or as pictures of Markdown."""

from __future__ import annotations

import re

# Base64 may be broken into lines; the last one is short. Of other encodings everything up to a space belongs to it.
_DATA_URI = (
    r"data:(?:image|audio|video|application|font|text)/[\w.+-]{1,80}(?:;[\w.+-]{1,80}=[\w.+-]{1,80}){0,5}"
    r"(?:;base64,\s?[A-Za-z0-9+/_%-]{16,}(?:\r?\n[A-Za-z0-9+/]{40,})*(?:\r?\n[A-Za-z0-9+/]{0,75}(?==))?={0,2}"
    r"|(?:;[\w-]{1,40})?,[^\s\"'<>()]{32,})"
)
_PICTURE = re.compile(
    rf"!\[[^\[\]]{{0,500}}\]\(\s*<?{_DATA_URI}[^()]*\)"  # ![a cat](data:…)
    rf"|^\[(?P<label>[^\[\]\n]{{1,100}})\]:[ \t]*<?{_DATA_URI}>?"  # [image1]: <data:…>
    rf"|<?{_DATA_URI}>?",
    re.IGNORECASE | re.MULTILINE,
)
_REST_OF_LINE = re.compile(r"[ \t]*(?:\r?\n\s*|\Z)")
_BY_LABEL = re.compile(r"!\[[^\[\]\n]{0,500}\]\[(?P<label>[^\[\]\n]{1,100})\]")


def leave_out_pictures(text: str) -> tuple[str, int]:
    """Return the text without embedded pictures, and how many there were. A line on which nothing else stands goes too."""
    if "data:" not in text.lower():
        return text, 0
    found = list(_PICTURE.finditer(text))
    labels = {one["label"] for one in found if one["label"]}
    text = _without(text, found)
    return _without(text, [one for one in _BY_LABEL.finditer(text) if one["label"] in labels]), len(found)


def _without(text: str, found: list[re.Match[str]]) -> str:
    kept, done = [], 0
    for one in found:
        before, done = text[done : one.start()].rstrip(" \t"), one.end()
        if not before or before.endswith("\n"):
            rest = _REST_OF_LINE.match(text, done)
            done = rest.end() if rest else done
        elif text[done : done + 1] not in " \t\r\n":
            before += " "
        kept.append(before)
    return "".join([*kept, text[done:]])
