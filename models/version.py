"""Which version of the code runs: that of the package, and the newest migration that the code knows."""

from __future__ import annotations

from functools import cache
from importlib import metadata

from models.db import SCHEMA


@cache
def version() -> str:
    """Return the version as in `0.1.0+0036`. Two builds of one package differ in the second part when the schema grew."""
    try:
        package = metadata.version("essaycoach")
    except metadata.PackageNotFoundError:
        package = "0"  # run from a folder that was not installed
    return f"{package}+{SCHEMA.partition('_')[0]}"
