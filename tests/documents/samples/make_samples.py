"""Write the sample files with pandoc and LibreOffice: `make_samples.py PANDOC SOFFICE`. See README.md here."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent


def main(pandoc: str, soffice: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("docx", "odt", "rtf"):
            run(pandoc, "-s", HERE / "essay.md", "-o", HERE / f"pandoc.{ending}")
        run(pandoc, HERE / "changes.md", "-o", f"{folder}/changes.docx")
        hide(Path(folder) / "changes.docx", HERE / "changes.docx")
        for ending in ("docx", "odt", "rtf", "pdf"):
            run(soffice, "--headless", "--convert-to", ending, "--outdir", folder, HERE / "pandoc.odt")
            Path(folder, f"pandoc.{ending}").replace(HERE / f"libreoffice.{ending}")
        for ending in ("odt", "rtf"):
            run(soffice, "--headless", "--convert-to", ending, "--outdir", HERE, HERE / "changes.docx")


def run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True)


def hide(source: Path, target: Path) -> None:
    """Copy a DOCX, and hide the text with the style that pandoc has made for it."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "word/styles.xml":
                head, _, rest = data.partition(b'w:styleId="Hidden"')
                data = (
                    head
                    + b'w:styleId="Hidden"'
                    + rest.replace(b"</w:style>", b"<w:rPr><w:vanish/></w:rPr></w:style>", 1)
                )
            new.writestr(name, data)


if __name__ == "__main__":
    main(*sys.argv[1:])
