"""Shift the clock of a Python program by CHAOS_CLOCK_OFFSET_SECONDS for its whole life. Python imports this file at start."""

import os
from datetime import UTC, datetime, timedelta

offset = float(os.environ.get("CHAOS_CLOCK_OFFSET_SECONDS", "0"))
if offset:
    import time_machine

    time_machine.travel(datetime.now(UTC) + timedelta(seconds=offset), tick=True).start()
