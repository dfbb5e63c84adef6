"""Read by every Python the harness starts: a program whose clock is wrong by CHAOS_CLOCK_OFFSET_SECONDS, for its whole life."""

import os
from datetime import UTC, datetime, timedelta

offset = float(os.environ.get("CHAOS_CLOCK_OFFSET_SECONDS", "0"))
if offset:
    import time_machine

    time_machine.travel(datetime.now(UTC) + timedelta(seconds=offset), tick=True).start()
