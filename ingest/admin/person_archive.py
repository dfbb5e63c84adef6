"""Write everything about one person into a zip archive."""

from __future__ import annotations

from typing import IO
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile

from models import rights


def write_archive(target: IO[bytes], user: UUID, *, org: UUID) -> None:
    """Write the zip archive of this person's data. Needs a session of the org as ec_admin. Raises NotFound."""
    with ZipFile(target, "w", ZIP_DEFLATED) as zipped:
        for name, content in rights.gather(user, org=org):
            zipped.writestr(name, content)
