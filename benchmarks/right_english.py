"""Read right English of our own, and tell which of it the local engine flags: `python -m benchmarks.right_english`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.essays import DATA
from models.jobs import PassName
from workers.passes.request import PassRequest
from workers.providers.local.provider import LocalProvider

SENTENCES = DATA / "right_sentences.txt"
TEXTS = DATA / "right_texts"
# At most one sentence in this many may be flagged by an engine. Our own rules may flag none.
SENTENCES_PER_FLAG = 400
_GROUP = re.compile(r"# (?P<name>.+?)(?: \[(?P<language>[\w-]+)\])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class RightText:
    """A text without a mistake: one sentence, or a whole text with its layout. `language` is empty when any English will do."""

    name: str
    text: str
    language: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FalseFlag:
    """A comment of the local engine on right English. `rule` starts with the letter of the engine, "O" for our own."""

    text: RightText
    rule: str
    start: int
    end: int

    @property
    def own(self) -> bool:
        """Return whether a rule of our own made the comment."""
        return self.rule.startswith("O:")

    def __str__(self) -> str:
        """Return the rule, the flagged words and what stands around them."""
        before, after = self.text.text[max(self.start - 40, 0) : self.start], self.text.text[self.end : self.end + 40]
        return f"{self.text.name}: {self.rule}: {before}[{self.text.text[self.start : self.end]}]{after}"


def read_sentences(path: Path = SENTENCES) -> list[RightText]:
    """Return the sentences of a file, one a line. A line `# Name [en-GB]` opens a group and may name its English."""
    found: list[RightText] = []
    name = language = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        group = _GROUP.fullmatch(line)
        if group:
            name, language = group["name"], group["language"] or ""
        elif line:
            found.append(RightText(name=name, text=line, language=language))
    return found


def read_texts(folder: Path = TEXTS) -> list[RightText]:
    """Return the whole texts, in order of file name."""
    return [RightText(name=path.stem, text=path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.txt"))]


def false_flags(texts: Iterable[RightText], provider: LocalProvider) -> Iterator[FalseFlag]:
    """Yield every place that the grammar pass comments on, with the rule that did it ("?" when the record does not name it)."""
    for text in texts:
        request = PassRequest(pass_name=PassName.GRAMMAR, text=text.text, language=text.language)
        reply = provider.ask(request)
        rules = {tuple(one["span"]): one["rule"] for one in json.loads(reply.raw)["findings"]}
        for comment in reply.answer.comments:
            for start, end in ((comment.span.start, comment.span.end), *comment.also_at):
                yield FalseFlag(text=text, rule=rules.get((start, end), "?"), start=start, end=end)


def main() -> int:
    """Print every comment on right English. Returns 0 when no rule of ours and few enough rules of the engines made one."""
    sentences, texts = read_sentences(), read_texts()
    found = list(false_flags([*sentences, *texts], LocalProvider()))
    print("\n".join(map(str, found)))
    own = sum(flag.own for flag in found)
    print(
        f"{len(sentences)} sentences, {len(texts)} texts: {own} flags of our rules, {len(found) - own} of the engines"
    )
    return int(own > 0 or (len(found) - own) * SENTENCES_PER_FLAG > len(sentences))


if __name__ == "__main__":
    sys.exit(main())
