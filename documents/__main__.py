"""Read the file on standard input, and write its contents or the refusal on standard output as JSON. `convert` starts this program."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Callable

from documents import sandbox
from documents.contents import MOST_CHARACTERS, Contents, FileFormat, is_blank
from documents.file_type import file_type
from documents.refusal import refuse
from models.errors import FileRefused

# A file may name any encoding. All are imported first, because nothing can be imported after `lock_down`.
_ENCODINGS = (
    "charmap utf-8-sig utf-16 utf-16-le utf-16-be utf-32 latin-1 ascii mac_roman mac_greek mac_cyrillic mac_latin2 mac_turkish mac_iceland"
    " cp437 cp720 cp850 cp852 cp860 cp862 cp863 cp864 cp865 cp866 cp874 cp932 cp936 cp949 cp950 cp1250 cp1251 cp1252 cp1253"
    " cp1254 cp1255 cp1256 cp1257 cp1258 cp1361 gb2312 gbk gb18030 big5 big5hkscs shift_jis euc_jp euc_kr iso2022_jp koi8-r koi8-u"
    " iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-9 iso8859-10 iso8859-11 iso8859-13"
    " iso8859-14 iso8859-15 iso8859-16 tis-620"
)
_TOO_MUCH = "Reading the file took more memory than is allowed. Save it without its pictures, or send the text itself."


def main() -> None:
    """Answer with the contents of one file."""
    sandbox.limit_time_and_memory()
    data = sys.stdin.buffer.read()
    try:
        found = read_file(data)
        answer = {
            "format": found.format, "text": found.text[:MOST_CHARACTERS], "pictures": found.pictures,
            "hidden": found.hidden_characters, "excerpt": found.hidden_excerpt,
        }  # fmt: skip
    except FileRefused as error:
        answer = {"refused": error.reason, "detail": str(error)}
    except MemoryError:
        answer = {"refused": "unreadable", "detail": _TOO_MUCH}
    # Other alphabets than ours are several times as long when they are escaped.
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode())


def read_file(data: bytes, *, close: Callable[[], None] = sandbox.lock_down) -> Contents:
    """Return the contents of a file, and open nothing more once it is known what kind of file it is. Raises FileRefused."""
    read = _reader(file_type(data))
    for name in _ENCODINGS.split():
        codecs.lookup(name)
    close()
    found = read(data)
    if is_blank(found.text):
        raise refuse("no-text", _nothing_in(found))
    return found


def _reader(kind: FileFormat | None) -> Callable[[bytes], Contents]:
    match kind:
        # Each library takes some 50 ms to import, and a file needs one of them.
        case "docx":
            from documents.docx import read_docx as read  # noqa: PLC0415 - the others are not needed
        case "odt":
            from documents.odt import read_odt as read  # noqa: PLC0415 - the others are not needed
        case "pdf":
            from documents.pdf import read_pdf as read  # noqa: PLC0415 - the others are not needed
        case "rtf":
            from documents.rtf import read_rtf as read  # noqa: PLC0415 - the others are not needed
        case _:
            from documents.plain import read_text_file as read  # noqa: PLC0415 - the others are not needed
    return read


def _nothing_in(found: Contents) -> str:
    if found.format == "pdf":
        return "The file has no text; scans cannot be read. Send the document from which it was made, or type the text."
    if found.pictures:
        return "The file holds pictures and no text; pictures of pages cannot be read. Type the text, or send its document."
    return "The file is empty: it has no text."


if __name__ == "__main__":
    main()
