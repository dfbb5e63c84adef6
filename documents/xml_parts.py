"""Parse XML of an archive: no entities, no network, no nesting that libxml2 finds too deep."""

from __future__ import annotations

import zipfile

from lxml import etree

from documents.archive import read_part
from documents.refusal import unreadable


def parse_part(archive: zipfile.ZipFile, name: str) -> etree._Element | None:
    """Return the root of an XML part, or None when the archive has no such part. Raises FileRefused."""
    data = read_part(archive, name)
    if not data:
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise unreadable() from None
