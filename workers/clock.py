"""The clock: one process that runs every duty of `workers/duties/` at its interval.

Each duty is safe to run by hand, and safe to run twice at the same time.
"""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime, timedelta
from functools import partial

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from models import db, log, security_events, setting_catalogue, settings
from models.broker import make_broker
from models.heartbeats import Activity, Heartbeat, Process
from workers.duties import audit_heads
from workers.duties.audit_trail import chain_audit, sign_heads
from workers.duties.erasure import delete_rubric_previews, erase
from workers.duties.guard import Duty, Outage, RecoveryGrace, guarded
from workers.duties.maintenance import fold_tallies, make_partitions, purge
from workers.duties.queue import close_finished, free_leases, give_up_stalled, resend_hints, return_hints
from workers.duties.retention import delete_expired

logger = log.logger(__name__)

# One connection for each duty that may take long, and two for the short ones, which must not wait for them.
POOL_SIZE = 7
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
    duties: list[tuple[str, Duty, float]] = [
        ("resend_hints", lambda: resend_hints(broker), 0.5),
        ("return_hints", lambda: return_hints(broker), 10),
        ("free_leases", RecoveryGrace().delay(free_leases), 1),
        ("fold_tallies", fold_tallies, 5),
        ("give_up_stalled", give_up_stalled, 60),
        ("close_finished", close_finished, 60),
        ("make_partitions", make_partitions, 3600),
        ("purge", purge, 3600),
        ("chain_audit", chain_audit, 1),
        ("erase", erase, 1),
        ("delete_rubric_previews", delete_rubric_previews, 60),
        ("delete_expired", delete_expired, 10),
    ]
    if seal is None:
        logger.warning("audit heads are not signed", wanted=[audit_heads.KEY, audit_heads.FILE])
    else:
        duties.append(("sign_heads", partial(sign_heads, seal), 3600))
    outage = Outage()
    for name, duty, seconds in duties:
        counted = activity.counted(guarded(name, duty, outage=outage))
        scheduler.add_job(counted, "interval", seconds=seconds, id=name)
    # Now, not in an hour: a database that was restored, or stopped over the end of a month, needs its partitions at once.
    guarded("make_partitions", make_partitions, outage=outage)()
    if seal is not None:
        guarded("sign_heads", partial(sign_heads, seal), outage=outage)()
        # Entries written while no clock ran are chained before the next signing.
        scheduler.modify_job("sign_heads", next_run_time=datetime.now(UTC) + timedelta(seconds=FIRST_SIGNING_SECONDS))
    scheduler.start()
    logger.info("clock runs", duties=[name for name, _, _ in duties])
    signal.sigwait(STOP_SIGNALS)
    scheduler.shutdown()


def _look(activity: Activity) -> Process:
    """Return what the clock's heartbeat says. There is always work: a duty is due every half second."""
    alive = sum(thread.name.startswith(THREAD_NAME) for thread in threading.enumerate())
    return Process(threads_alive=alive, threads_busy=activity.busy, has_work=True, still_seconds=activity.still_seconds)
