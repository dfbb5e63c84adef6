"""Choose the text of a hand-in: what was typed into the LMS, or the file that is the essay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from documents.contents import is_blank
from documents.convert import MAX_FILE_BYTES, convert
from documents.rich_text.read import read as read_rich_text
from documents.rich_text.recognise import MAX_TAGS
from models.errors import FileRefused
from models.essays import MAX_CHARACTERS, Draft
from models.files import NewFile
from workers.lms.hand_in import Content, HandedInFile

# Endings of files that may be an essay. Pictures, tables and programs beside it are not read.
ESSAY_ENDINGS = frozenset({".docx", ".docm", ".dotx", ".pdf", ".odt", ".rtf", ".html", ".htm", ".txt", ".md"})
MOST_FILES = 3
# A shorter text beside a file that cannot be read only says "see my file".
SHORT_WORDS = 50
# Characters of a typed text with its tags. A longer one would hold up the other essays of this worker.
MAX_TYPED_CHARACTERS = 1024 * 1024

FetchFile = Callable[[HandedInFile], bytes]


class NoEssay(Exception):
    """The hand-in holds nothing that can be read. `reason` is stored with the arrival."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Essay:
    """The text of a hand-in in plain words, and the file that it came from, if it came from one."""

    text: str
    from_html: bool = False
    pictures: int = 0
    file: NewFile | None = None

    @property
    def words(self) -> int:
        """Return how many words it has."""
        return len(self.text.split())

    def to_draft(self, *, title: str, submitted_at: datetime) -> Draft:
        """Return what is stored of it."""
        return Draft(
            title=title, text=self.text, source="webhook", from_html=self.from_html, pictures_left_out=self.pictures,
            submitted_at=submitted_at,
        )  # fmt: skip


def read_essay(content: Content, fetch: FetchFile) -> Essay:
    """Return the text with the most words: the typed one, or that of a file. Raises NoEssay, FilesBusy and what `fetch` raises."""
    typed = _read_typed(content)
    found, refused = [typed], []
    for file in [one for one in content.files if PurePath(one.name.lower()).suffix in ESSAY_ENDINGS][:MOST_FILES]:
        try:
            found.append(_read_file(file, fetch))
        except FileRefused as refusal:
            refused.append("file_" + refusal.reason.replace("-", "_"))
    if refused and len(found) == 1 and typed.words < SHORT_WORDS:
        raise NoEssay(refused[0])
    longest = max(found, key=lambda one: one.words)
    if is_blank(longest.text):
        raise NoEssay("file_unsupported" if content.files else "no_text")
    if len(longest.text) > MAX_CHARACTERS:
        raise NoEssay("essay_too_long")
    return longest


def _read_typed(content: Content) -> Essay:
    has_many_tags = len(content.text) > MAX_CHARACTERS and content.text.count("<") > MAX_TAGS
    if has_many_tags or len(content.text) > MAX_TYPED_CHARACTERS:
        raise NoEssay("essay_too_long")
    if content.text_is_plain:
        return Essay(text=content.text)
    found = read_rich_text(content.text)
    return Essay(text=found.text, from_html=found.from_html, pictures=found.pictures)


def _read_file(file: HandedInFile, fetch: FetchFile) -> Essay:
    if file.size > MAX_FILE_BYTES:
        raise FileRefused("too-large", "The file is too large.")
    fetched = fetch(file)
    read = convert(fetched)
    kept = NewFile(
        name=file.name,
        content=fetched,
        format=read.format,
        text=read.text,
        pictures=read.pictures,
        hidden_characters=read.hidden_characters,
        hidden_excerpt=read.hidden_excerpt,
    )
    return Essay(text=read.text, from_html=read.format == "html", pictures=read.pictures, file=kept)
