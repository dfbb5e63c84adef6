"""The clock: one process that runs every duty of `workers/duties/` at its interval.

Each duty is safe to run by hand, and safe to run twice at the same time.
"""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from models import db, log, security_events, setting_catalogue, settings
from models.broker import make_broker
from models.heartbeats import Activity, Heartbeat, Process
from workers.duties import audit_heads, retire
from workers.duties.guard import Outage, guarded
from workers.duties.record import RecordedDuty
from workers.duties.registry import Tools, all_duties

logger = log.logger(__name__)

# One connection for each duty that may take long, and two for the short ones, which must not wait for them.
POOL_SIZE = 10
# Now, not in an hour: a database that was restored, or stopped over the end of a month, needs its partitions at once.
AT_ONCE = ("make_partitions", "sign_heads")
ANSWER_SECONDS = 15.0
FIRST_SIGNING_SECONDS = 5.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
THREAD_NAME = "duty"


def run() -> None:
    """Run every duty until SIGTERM or SIGINT. Raises SettingsError."""
    # Blocked from the start and read by `sigwait` below: a signal that came while the scheduler starts would be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    log.set_up("clock", level=settings.log_level())
    setting_catalogue.warn_unknown()
    security_events.set_up("clock")
    seal = audit_heads.read_seal()
    db.connect(settings.read_store("ec-clock", pool_size=POOL_SIZE, answer_seconds=ANSWER_SECONDS))
    broker = make_broker(settings.redis_url(), answer_seconds=1.0)
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(pool_kwargs={"thread_name_prefix": THREAD_NAME})},
        timezone="UTC",
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    activity = Activity()
    Heartbeat("clock", lambda: _look(activity)).start()
    if seal is None:
        logger.warning("audit heads are not signed", wanted=[audit_heads.KEY, audit_heads.FILE])
    tools = Tools(broker=lambda: broker, seal=seal, retire=retire.read_settings())
    outage = Outage()
    duties = {one.name: duty for one in all_duties().values() if (duty := one.make(tools)) is not None}
    for name, duty in duties.items():
        recorded = RecordedDuty(name, duty, alone=all_duties()[name].alone)
        carry_out = activity.counted(guarded(name, recorded, outage=outage))
        scheduler.add_job(carry_out, "interval", seconds=all_duties()[name].seconds, id=name)
        if name in AT_ONCE:
            carry_out()
    if seal is not None:
        # Entries written while no clock ran are chained before the next signing.
        scheduler.modify_job("sign_heads", next_run_time=datetime.now(UTC) + timedelta(seconds=FIRST_SIGNING_SECONDS))
    scheduler.start()
    logger.info("clock runs", duties=list(duties))
    signal.sigwait(STOP_SIGNALS)
    scheduler.shutdown()


def _look(activity: Activity) -> Process:
    """Return what the clock's heartbeat says. There is always work: a duty is due every half second."""
    alive = sum(thread.name.startswith(THREAD_NAME) for thread in threading.enumerate())
    return Process(threads_alive=alive, threads_busy=activity.busy, has_work=True, still_seconds=activity.still_seconds)
