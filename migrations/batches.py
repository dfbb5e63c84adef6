"""Change the rows of a big table in small steps, beside the running programs: one transaction for each step.

A migration holds its locks until it ends, so it changes no millions of rows. It adds the new column; then this fills it:

    python -m migrations fill FILE.sql

The file holds one statement that changes at most `%(batch)s` rows which are not yet changed, so it can be stopped and started
again at any time:

    with chosen as (select id from submissions where words is null limit %(batch)s for update skip locked)
    update submissions as s set words = count_words(s.text) from chosen where s.id = chosen.id
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2

from migrations.errors import MigrationError

# Between two steps vacuum, checkpoints and standbys catch up. A longer step is followed by a longer pause.
PAUSE_SHARE = 0.25
PLACE = "%(batch)s"
# A superuser sees every row. For another role, row security would hide rows: with `off` the statement fails instead.
OPTIONS = "-c lock_timeout=1s -c statement_timeout=60s -c timezone=UTC -c row_security=off"


def fill(url: str, path: Path, *, batch: int) -> Iterator[tuple[int, float]]:
    """Execute the statement of a file until it changes nothing. Yield the rows changed so far and the seconds so far.

    Raises MigrationError when the file cannot be used or a step fails; the steps before it stay done.
    """
    try:
        statement = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MigrationError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}.") from None
    if PLACE not in statement:
        raise MigrationError(f"{path} names no {PLACE}, so one step would change every row. Add: limit {PLACE}")
    connection = psycopg2.connect(url, options=OPTIONS, application_name="ec-migrations")
    began, rows = time.monotonic(), 0
    try:
        while True:
            started = time.monotonic()
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, {"batch": batch})
                changed = cursor.rowcount
            rows += max(changed, 0)
            yield rows, time.monotonic() - began
            if changed <= 0:
                return
            time.sleep((time.monotonic() - started) * PAUSE_SHARE)
    except psycopg2.Error as error:
        raise MigrationError(
            f"After {rows:,} rows: {str(error).strip()}. What is done stays done; run it again."
        ) from None
    finally:
        connection.close()
