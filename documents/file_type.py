"""Find out what kind of file it is, by its content: a name or a declared type can be wrong."""

from __future__ import annotations

import zipfile

from documents.archive import open_archive, read_part
from documents.contents import FileFormat
from documents.refusal import encrypted, refuse

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
_ODT = b"application/vnd.oasis.opendocument.text"
_UNSUPPORTED = {
    b"\x89PNG\r\n": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"II*\0": "a picture",
    b"MM\0*": "a picture",
    b"{\\pwi": "a note of Pocket Word",
    b"\x1f\x8b": "a compressed file",
    b"7z\xbc\xaf": "a compressed file",
    b"Rar!": "a compressed file",
}
READ = "DOCX, PDF, ODT, RTF, HTML and plain text (TXT) are read"
# A PDF may begin with other bytes; readers look for its mark so far. An essay about files may name the mark too.
_PDF_MARK, _PDF_MARK_WITHIN = b"%PDF-", 1024
_PARTS_OF_PDF = (b" 0 obj", b"%%EOF")


def file_type(data: bytes) -> FileFormat | None:
    """Return the format of a file that is one of DOCX, PDF, ODT and RTF, or None for what can only be text. Raises FileRefused."""
    if data.startswith(b"PK\x03\x04"):
        return _kind_of_archive(open_archive(data))
    if data.startswith(_PDF_MARK) or (
        _PDF_MARK in data[:_PDF_MARK_WITHIN] and any(part in data for part in _PARTS_OF_PDF)
    ):
        return "pdf"
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:5] == b"{\\rtf":
        return "rtf"
    if data.startswith(_OLE):
        if _ENCRYPTED_OFFICE in data:
            raise encrypted()
        raise refuse("unsupported", f"This is a file of an old Office program (DOC). Save it as DOCX; {READ}.")
    for start, kind in _UNSUPPORTED.items():
        if data.startswith(start):
            raise refuse("unsupported", f"This is {kind}, and it has no text that can be read. {READ}.")
    return None


def _kind_of_archive(archive: zipfile.ZipFile) -> FileFormat:
    names = set(archive.namelist())
    if "[Content_Types].xml" in names and any(name.startswith("word/") for name in names):
        return "docx"
    if "content.xml" in names and read_part(archive, "mimetype").strip().startswith(_ODT):
        if b"encryption-data" in read_part(archive, "META-INF/manifest.xml"):
            raise encrypted()
        return "odt"
    raise refuse("unsupported", f"This is a zip archive that is neither DOCX nor ODT. {READ}.")
