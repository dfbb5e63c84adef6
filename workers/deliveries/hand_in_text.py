"""Choose the text of a hand-in: what was typed into the LMS, or the file that is the essay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from documents.convert import MAX_FILE_BYTES, convert
from documents.rich_text.read import read as read_rich_text
from documents.rich_text.recognise import MAX_TAGS
from models.errors import FileRefused
from models.essays import MAX_CHARACTERS
from models.files import NewFile
from workers.lms.moodle_reading import HandedInFile, HandIn

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


def read_essay(hand_in: HandIn, fetch: FetchFile) -> Essay:
    """Return the text with the most words: the typed one, or that of a file. Raises NoEssay, FilesBusy and what `fetch` raises."""
    typed = _read_typed(hand_in)
    found, refused = [typed], []
    for file in [one for one in hand_in.files if PurePath(one.name.lower()).suffix in ESSAY_ENDINGS][:MOST_FILES]:
        try:
            found.append(_read_file(file, fetch))
        except FileRefused as refusal:
            refused.append("file_" + refusal.reason.replace("-", "_"))
    if refused and len(found) == 1 and typed.words < SHORT_WORDS:
        raise NoEssay(refused[0])
    longest = max(found, key=lambda one: one.words)
    if not longest.words:
        raise NoEssay("file_unsupported" if hand_in.files else "no_text")
    if len(longest.text) > MAX_CHARACTERS:
        raise NoEssay("essay_too_long")
    return longest


def _read_typed(hand_in: HandIn) -> Essay:
    has_many_tags = len(hand_in.text) > MAX_CHARACTERS and hand_in.text.count("<") > MAX_TAGS
    if has_many_tags or len(hand_in.text) > MAX_TYPED_CHARACTERS:
        raise NoEssay("essay_too_long")
    if hand_in.text_is_plain:
        return Essay(text=hand_in.text)
    found = read_rich_text(hand_in.text)
    return Essay(text=found.text, from_html=found.from_html, pictures=found.pictures)


def _read_file(file: HandedInFile, fetch: FetchFile) -> Essay:
    if file.size > MAX_FILE_BYTES:
        raise FileRefused("too-large", "The file is too large.")
    content = fetch(file)
    read = convert(content)
    kept = NewFile(
        name=file.name,
        content=content,
        format=read.format,
        text=read.text,
        pictures=read.pictures,
        hidden_characters=read.hidden_characters,
        hidden_excerpt=read.hidden_excerpt,
    )
    return Essay(text=read.text, from_html=read.format == "html", pictures=read.pictures, file=kept)
