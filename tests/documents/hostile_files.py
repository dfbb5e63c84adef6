"""Files that are made to harm whoever reads them, each made anew: none is kept on a disk."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

from pypdf import PdfReader, PdfWriter

SAMPLES = Path(__file__).parent / "samples"
DOCX, PDF = SAMPLES / "pandoc.docx", SAMPLES / "libreoffice.pdf"
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def docx(body: bytes) -> bytes:
    """Return a DOCX with this document.xml in the place of a real one's."""
    target = io.BytesIO()
    with zipfile.ZipFile(DOCX) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, body if name == "word/document.xml" else old.read(name))
    return target.getvalue()


def docx_bomb() -> bytes:
    """Return a DOCX of some hundred KiB that unpacks to some hundred MiB."""
    return docx(
        f"<w:document {W}><w:body>".encode()
        + b"<w:p><w:r><w:t>boom</w:t></w:r></w:p>" * 9_000_000
        + b"</w:body></w:document>"
    )


def docx_of_nested_tables() -> bytes:
    """Return a DOCX whose tables are nested 5,000 deep."""
    start, end = b"<w:tbl><w:tr><w:tc>", b"</w:tc></w:tr></w:tbl>"
    return docx(f"<w:document {W}><w:body>".encode() + start * 5_000 + end * 5_000 + b"</w:body></w:document>")


def docx_of_entities() -> bytes:
    """Return a DOCX whose text is an entity that stands for a billion letters."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    head = f'<!DOCTYPE w [<!ENTITY e0 "lol">{entities}]>'
    return docx(f"{head}<w:document {W}><w:body><w:p><w:r><w:t>&e9;</w:t></w:r></w:p></w:body></w:document>".encode())


def docx_that_reads_a_file() -> bytes:
    """Return a DOCX whose text is a file of the machine that reads it."""
    head = '<!DOCTYPE w [<!ENTITY file SYSTEM "file:///etc/passwd">]>'
    return docx(f"{head}<w:document {W}><w:body><w:p><w:r><w:t>&file;</w:t></w:r></w:p></w:body></w:document>".encode())


def docx_without_document() -> bytes:
    """Return a DOCX that says that it is one, and has no text."""
    target = io.BytesIO()
    with zipfile.ZipFile(DOCX) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if name != "word/document.xml":
                new.writestr(name, old.read(name))
    return target.getvalue()


def many_entries() -> bytes:
    """Return a DOCX with more parts than are read."""
    target = io.BytesIO(DOCX.read_bytes())
    with zipfile.ZipFile(target, "a") as added:
        for number in range(2_000):
            added.writestr(f"word/media/{number}.txt", "")
    return target.getvalue()


def pdf(stream: bytes, *, pages: int = 1, filtered: bool = False) -> bytes:
    """Return a PDF, all of whose pages paint this stream; `filtered`: it is compressed already."""
    packed = stream if filtered else zlib.compress(stream, 9)
    kids = " ".join(["3 0 R"] * pages)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {pages}>>".encode(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d/Filter/FlateDecode>>stream\n%b\nendstream" % (len(packed), packed),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj%b endobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(
        b"%010d 00000 n \n" % one for one in offsets
    )
    return bytes(out + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))


def flate_pdf_bomb() -> bytes:
    """Return a PDF of 1 MB whose page unpacks to a gigabyte."""
    packer = zlib.compressobj(9)
    blanks = b" " * 2**20
    return pdf(b"".join([*(packer.compress(blanks) for _ in range(1024)), packer.flush()]), filtered=True)


def pdf_of_operators() -> bytes:
    """Return a PDF with three million operators."""
    return pdf(b"BT /F1 12 Tf 1 0 0 1 9 9 Tm (a) Tj ET\n" * 750_000)


def pdf_of_pages() -> bytes:
    """Return a PDF of more pages than are read."""
    return pdf(b"BT /F1 12 Tf 9 700 Td (A page.) Tj ET", pages=301)


def locked_pdf() -> bytes:
    """Return a PDF that opens with a password only."""
    return _encrypted(password="secret")


def restricted_pdf() -> bytes:
    """Return a PDF that everybody can read and nobody may print."""
    return _encrypted(password="")


def _encrypted(*, password: str) -> bytes:
    writer, target = PdfWriter(clone_from=PdfReader(PDF)), io.BytesIO()
    writer.encrypt(password, "owner", algorithm="AES-256")
    writer.write(target)
    return target.getvalue()


def locked_docx() -> bytes:
    """Return the beginning of an OLE file as Word saves a DOCX with a password."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le") + bytes(512)


def old_doc() -> bytes:
    """Return the beginning of a file of Word 97."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "WordDocument".encode("utf-16-le") + bytes(512)


def locked_odt() -> bytes:
    """Return an ODT that was saved with a password."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as new:
        new.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        new.writestr("content.xml", b"\x8f\x01\x02")
        new.writestr("META-INF/manifest.xml", "<manifest:manifest><manifest:encryption-data/></manifest:manifest>")
    return target.getvalue()


def nested_divs() -> bytes:
    """Return HTML of half a million divs in each other."""
    return b"<html><body>" + b"<div>" * 500_000 + b"deep" + b"</div>" * 500_000


def cdata_html() -> bytes:
    """Return HTML that slows down a reader which looks for the end of each section anew."""
    return b"<html><body><p>Hello.</p>" + b"<![CDATA[" * 200_000


def nested_rtf() -> bytes:
    """Return RTF of a million groups in each other."""
    return rb"{\rtf1 " + b"{" * 1_000_000 + b"deep" + b"}" * 1_000_000 + b"}"
