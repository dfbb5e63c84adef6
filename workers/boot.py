"""Build the broker that the dramatiq command line loads: `dramatiq workers.boot:boot`. Importing this file does nothing."""

from __future__ import annotations

import dramatiq
from dramatiq.middleware import Middleware

from models import crypto, db, log, setting_catalogue, settings
from models.announcements import Announcer
from models.broker import DELIVERIES_SHARE, HintBroker, make_broker
from models.errors import SettingsError
from models.heartbeats import Activity, Heartbeat, Process
from models.jobs import ACTOR, ROW_ACTOR, Hint, Queue, RowHint, RowTable
from outgoing.client import Client
from outgoing.settings import read_networks
from workers.deliveries.arrivals import ArrivalWork
from workers.deliveries.emails import DisabledEmails, EmailSender
from workers.deliveries.endpoints import EndpointWork
from workers.deliveries.moodle_sites import MoodleSiteWork
from workers.deliveries.returns import ReturnWork
from workers.deliveries.runner import TURN_SECONDS, RowRunner
from workers.deliveries.weekly_summary import SummaryWork
from workers.job.leases import Leases
from workers.job.run_pass import SLOT_WAIT_SECONDS, PassRunner
from workers.job.watch import Watch, Watched
from workers.passes import calibration, marker
from workers.providers.choice import ProviderChooser
from workers.providers.local.engine_pool import EnginePool, PooledProvider
from workers.settings import (
    Limits,
    read_limits,
    read_mail,
    read_process,
    read_provider,
    read_reading,
    read_worker_store,
)

logger = log.logger(__name__)

# Beside the passes that the engine processes read, so many keep a worker busy that computes them itself.
OTHER_LOCAL_PASSES = 3


def boot() -> HintBroker:
    """Prepare this process to run passes, and return a broker with the one actor declared.

    Settings that cannot be used end the process with one sentence, as in the other programs.
    """
    try:
        log.set_up("worker", level=settings.log_level())
        setting_catalogue.warn_unknown()
        return _boot()
    except SettingsError as error:
        raise SystemExit(f"workers: {error}") from None


def _boot() -> HintBroker:
    limits, redis_url = read_limits(), settings.redis_url()
    provider, reading, networks, mail = read_provider(), read_reading(), read_networks(), read_mail()
    calibrated = calibration.load(reading.calibration) if reading.calibration else calibration.IDENTITY
    processes, threads, _ = read_process()
    store = read_worker_store()
    db.connect(store)
    crypto.load(settings.read_crypto())
    marker.use_key(crypto.keyring().derived_key("prompt marker"))
    require_schema()
    require_connections(processes, pool_size=store.pool_size)
    broker = make_broker(redis_url)
    leases = Leases(lease_seconds=limits.lease, longest_seconds=limits.longest_lease)
    broker.add_middleware(Drain(leases))
    pool = EnginePool(size=reading.engine_processes)
    broker.add_middleware(watch_of(leases, limits, pool))
    chooser = ProviderChooser(provider, timeout_seconds=limits.provider, local=PooledProvider(pool))
    runner = PassRunner(
        choose_provider=chooser,
        leases=leases,
        lease_seconds=limits.lease,
        pause_seconds=limits.pause,
        max_concurrent=OTHER_LOCAL_PASSES + reading.engine_processes if provider.name == "local" else None,
        use_ensemble=reading.use_ensemble,
        use_batches=reading.use_batches,
        calibration=calibrated,
        announce=Announcer(redis_url).announce,
    )
    client, emails, url = Client(allowed=networks), EmailSender(mail), settings.public_url()
    row_runner = RowRunner(
        {
            RowTable.DELIVERIES: EndpointWork(client, emails=DisabledEmails(emails)),
            RowTable.MOODLE_SITES: MoodleSiteWork(client),
            RowTable.ARRIVALS: ArrivalWork(client),
            RowTable.RETURNS: ReturnWork(client, url=url),
            RowTable.WEEKLY_SUMMARIES: SummaryWork(emails, url=url),
        },
        leases=leases,
        lease_seconds=limits.lease,
        most_of_org=max(1, threads // DELIVERIES_SHARE - 1),
    )
    activity = Activity()
    broker.add_middleware(Beat(activity))
    declare(broker, runner, row_runner, activity=activity)
    dramatiq.set_broker(broker)
    if provider.name == "local" or reading.use_ensemble:
        # The engines load while the leases of a worker that died still run, so that its passes do not wait for the loading.
        chooser.warm_up()
    return broker


def declare(broker: HintBroker, runner: PassRunner, row_runner: RowRunner, *, activity: Activity) -> None:
    """Declare the two actors that hints name on the broker: for passes, and for other leased rows.

    A hint that was looked at is progress, whether or not a pass was due. One that is sent again is none.
    """

    @dramatiq.actor(broker=broker, actor_name=ACTOR, queue_name=Queue.INTERACTIVE)
    def run_pass(**fields: str) -> None:
        hint = Hint.from_fields(fields)
        if runner.run(hint):
            activity.move()
        else:
            broker.send([hint])

    @dramatiq.actor(broker=broker, actor_name=ROW_ACTOR, queue_name=Queue.DELIVERIES)
    def carry_out_rows(**fields: str) -> None:
        hint = RowHint.from_fields(fields)
        if not row_runner.run(hint):
            broker.send([hint])
        activity.move()


def watch_of(leases: Leases, limits: Limits, pool: EnginePool) -> Watch:
    """Return the watch that ends this process when a thread hangs for longer than a lease is renewed."""
    longest = limits.longest_lease
    return Watch(
        leases,
        works=(
            Watched(what="pass", under_way=leases.held, longest_seconds=longest),
            Watched(what="reading", under_way=pool.under_way, longest_seconds=longest),
        ),
        # A message waits for its slot, and goes on with other poison suspects for at most a lease. One of rows goes on for its turn.
        message_seconds=max(SLOT_WAIT_SECONDS + limits.lease, TURN_SECONDS) + longest,
        longest_seconds=longest,
    )


class Drain(Middleware):
    """Middleware that stops a worker gracefully.

    The worker starts no further pass. Running passes may end within `--worker-shutdown-timeout`. What has not ended by then
    is handed back, so that another worker can start it at once instead of when the lease expires.
    """

    def __init__(self, leases: Leases) -> None:
        self._leases = leases

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002 - Dramatiq's signature
        """Stop starting passes."""
        self._leases.stopping = True

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002 - Dramatiq's signature
        """Hand back the passes that have not ended, and log how many there were."""
        handed_back = self._leases.hand_back()
        if handed_back:
            logger.warning("passes handed back", passes=handed_back)


class Beat(Middleware):
    """Middleware that reports this process: its threads, those with a message, and whether messages wait for one."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002 - Dramatiq's signature
        """Begin to write heartbeats."""

        def look() -> Process:
            busy = self._activity.busy
            return Process(
                threads_alive=sum(thread.is_alive() for thread in worker.workers),
                threads_busy=busy,
                has_work=busy > 0 or not worker.work_queue.empty(),
                still_seconds=self._activity.still_seconds,
            )

        Heartbeat("worker", look).start()

    def before_process_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:  # noqa: ARG002 - Dramatiq's signature
        """Count this thread as busy."""
        self._activity.begin()

    def after_process_message(
        self,
        broker: dramatiq.Broker,  # noqa: ARG002 - Dramatiq's signature
        message: dramatiq.MessageProxy,  # noqa: ARG002 - Dramatiq's signature
        *,
        result: object = None,  # noqa: ARG002 - Dramatiq's signature
        exception: BaseException | None = None,  # noqa: ARG002 - Dramatiq's signature
    ) -> None:
        """Count this thread as free."""
        self._activity.end()


def require_schema() -> None:
    """Check that the database schema is as new as this code. Raises SettingsError when it is older."""
    with db.session():
        found = db.schema_version()
    if found is None or found < db.SCHEMA:
        raise SettingsError(
            f"The schema is at {found or 'nothing'}; this program needs {db.SCHEMA}. Run: python -m migrations up"
        )


def require_connections(processes: int, *, pool_size: int) -> None:
    """Check that the connections of this worker's processes fit into the limit of its role. Raises SettingsError."""
    with db.session():
        most = db.connection_limit()
    if most is None or processes * pool_size <= most:
        return
    raise SettingsError(
        f"{processes} processes (WORKER_PROCESSES) with {pool_size} connections each (ESSAYCOACH_POOL_SIZE) need"
        f" {processes * pool_size}, but the database role may have {most}. Lower one of the two, or raise"
        " max_connections and run: python -m migrations up"
    )
