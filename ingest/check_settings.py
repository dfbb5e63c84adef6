"""Say what the web program would use in this environment: `python -m ingest check-settings`."""

from __future__ import annotations

from functools import partial

from ingest import settings as ingest_settings
from models import security_sinks, security_syslog, setting_catalogue, settings
from models.settings_report import Report, make_report


def report() -> Report:
    """Return what web would use, and what it would refuse."""
    return make_report(
        "web",
        [
            settings.is_production,
            settings.log_level,
            ingest_settings.read_server,
            ingest_settings.read_connection_limits,
            settings.redis_url,
            partial(settings.key_bytes, "ESSAYCOACH_API_KEY_PEPPER"),
            ingest_settings.read,
            partial(settings.read_store, "ec-ingest", pool_size=1, answer_seconds=1.5),
            settings.read_crypto,
            security_sinks.read_path,
            security_syslog.read_syslog_url,
            setting_catalogue.refuse_unknown,
        ],
    )
