"""Faults of the programs and of the provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.alert_drill.fault import Drill, Fault
from tests.support.vendor import Step


@contextmanager
def web_frozen(drill: Drill) -> Iterator[None]:
    """Freeze web while nobody hands in: no request fails, so no error budget notices."""
    with drill.without_load(), drill.frozen("web"):
        yield


@contextmanager
def web_answers_500(drill: Drill) -> Iterator[None]:
    """Let the database refuse every new submission: hand-ins are answered 500, and web is ready as before."""
    drill.sql(
        "create function drill_refuse() returns trigger language plpgsql as 'begin raise exception ''drill''; end'; "
        "create trigger drill_refuse before insert on submissions for each row execute function drill_refuse()"
    )
    try:
        yield
    finally:
        drill.sql("drop function drill_refuse() cascade")


@contextmanager
def workers_stopped(drill: Drill) -> Iterator[None]:
    """Stop the workers; one pass of those that wait becomes imported work of two hours ago, and an event and an arrival wait as long."""
    with drill.stopped("worker"):
        drill.lms.hand_in_several(2)
        drill.sql(
            "update passes set queue = 'bulk', next_at = now() - interval '2 hours', queued_at = now() - interval '2 hours' "
            "where id = (select id from passes where state = 'queued' order by id limit 1)"
        )
        drill.sql(
            "with made as (insert into endpoints (org_id, name, url, events, secret) select id, 'LMS', 'https://lms.example',"
            " '{submission.failed}', '' from orgs limit 1 returning org_id, id) insert into deliveries (org_id, endpoint_id, event,"
            " data, next_at) select org_id, id, 'ping', '{}', now() - interval '2 hours' from made"
        )
        drill.sql(
            "insert into arrivals (org_id, source_id, version_key, place, changed_at, next_at)"
            " select org_id, id, 'drill', '{}', now(), now() - interval '2 hours' from sources limit 1"
        )
        try:
            yield
        finally:
            drill.sql("delete from endpoints where url = 'https://lms.example'")
            drill.sql("delete from arrivals where version_key = 'drill'")


@contextmanager
def workers_frozen(drill: Drill) -> Iterator[None]:
    """Freeze the workers while they read: the clock frees their passes."""
    _start_reading(drill)
    with drill.frozen("worker"):
        yield


@contextmanager
def clock_frozen_and_worker_killed(drill: Drill) -> Iterator[None]:
    """Freeze the clock, and kill the workers with calls under way: nobody frees their passes."""
    _start_reading(drill)
    with drill.frozen("clock"):
        drill.system.kill("worker")
        yield


@contextmanager
def provider_hangs(drill: Drill) -> Iterator[None]:
    """Let every call hang, and send only few essays. The calls end with their time limit, 40 seconds in the drill."""
    with drill.without_load(), drill.answering("hang"):
        drill.lms.hand_in_several(2)
        yield


@contextmanager
def key_refused(drill: Drill) -> Iterator[None]:
    """Let the provider refuse our key."""
    with drill.answering("unauthorised"):
        yield


@contextmanager
def calls_refused(drill: Drill) -> Iterator[None]:
    """Let the provider refuse every call as wrong: the passes are given up, and retried by hand afterwards."""
    with drill.answering("bad_request"):
        yield
    drill.sql("update passes set discarded_at = now() where state = 'gave_up' and discarded_at is null")


@contextmanager
def provider_slow(drill: Drill) -> Iterator[None]:
    """Let each call take six seconds, with the limit of the drill at five."""
    with drill.answering(Step("ok", latency_seconds=6.0)):
        yield


@contextmanager
def arrivals_crash(drill: Drill) -> Iterator[None]:
    """Let ten hand-ins wait that nobody knows how to fetch: the source sends webhooks. Each crashes, and is given up."""
    drill.sql(
        "insert into arrivals (org_id, source_id, version_key, place, changed_at)"
        " select org_id, id, 'drill' || n, '{}', now() from (select org_id, id from sources limit 1) as s, generate_series(1, 10) as n"
    )
    try:
        yield
    finally:
        drill.sql("delete from arrivals where version_key like 'drill%'")


@contextmanager
def monitor_stopped(drill: Drill) -> Iterator[None]:
    """Stop the monitor."""
    with drill.stopped("metrics"):
        yield


@contextmanager
def reader_not_approved(drill: Drill) -> Iterator[None]:
    """Let the school ask for approval of what is deployed."""
    drill.sql("update orgs set require_approval = true")
    try:
        yield
    finally:
        drill.sql("update orgs set require_approval = false")


def _start_reading(drill: Drill) -> None:
    """Wait until calls are under way that take longer than the fault needs to begin."""
    before = drill.vendor.counters()["calls"]
    drill.vendor.always(Step("ok", latency_seconds=8.0))
    try:
        drill.lms.hand_in_several(4)
        drill.wait_until(lambda: drill.vendor.counters()["calls"] >= before + 9, what="calls under way")
    finally:
        drill.vendor.forget_script()


PROGRAM_FAULTS = (
    Fault("web-frozen", "web frozen, no traffic", ("WebDown",), web_frozen),
    Fault("web-500", "web may not store essays", ("ErrorBudgetBurnsFast", "ErrorBudgetBurns", "ErrorBudgetLeaks"), web_answers_500),
    Fault("workers-stopped", "workers stopped, work waits", ("WorkersGone", "InteractiveWorkWaits", "WorkersSilent", "BulkWorkWaits", "DeliveriesWait", "LmsWorkWaits"), workers_stopped, fires_within=90),
    Fault("workers-frozen", "workers frozen while they read", ("LeasesExpire",), workers_frozen),
    Fault("clock-frozen", "clock frozen, a worker killed while it reads", ("ClockSilent", "LeasesOverdue"), clock_frozen_and_worker_killed, fires_within=120),
    Fault("provider-hangs", "every call hangs", ("WorkersStuck",), provider_hangs),
    Fault("key-refused", "the provider refuses the key", ("ProviderPaused",), key_refused),
    Fault("calls-refused", "the provider refuses every call as wrong", ("AiCallsFail", "PassesGivenUp"), calls_refused),
    Fault("provider-slow", "each call takes six seconds", ("FeedbackSlow", "FeedbackBudgetLeaks"), provider_slow, fires_within=90),
    Fault("arrivals-crash", "every hand-in of an LMS crashes its worker's code", ("LmsWorkGivenUp",), arrivals_crash),
    Fault("monitor-stopped", "monitor stopped", ("MonitorDown",), monitor_stopped),
    Fault("reader-not-approved", "a school asks for approval", ("ReaderNotApproved",), reader_not_approved),
)  # fmt: skip
