"""Every environment variable that the programs read: one line for each.

A new variable is one line here. `python -m tests.support.settings_table --write` brings it into docs/operations.md, and tests
compare the list with the code, with docker-compose.yml and with .env.example.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass

from models import production, settings
from models.log import logger
from models.secret_settings import variables_of

log = logger(__name__)

PREFIX = "ESSAYCOACH_"
# The lines of the Procfile, and what prepares the database. A command of `python -m ingest` or `workers` reads what web, worker
# or clock do.
PROGRAMS = ("web", "worker", "clock", "metrics", "migrations")
# What only `python -m workers backup` and the drill read.
BACKUP = "backup"
ALL = PROGRAMS
SERVING = ("web", "worker", "clock", "metrics")


@dataclass(frozen=True)
class Setting:
    """A variable: its name, the programs that read it, its default ("" for none), and what it does (Markdown)."""

    name: str
    programs: tuple[str, ...]
    default: str
    meaning: str
    is_secret: bool = False

    def default_for(self, program: str) -> str:
        """Return the default of one program. Where programs differ, `default` lists them: "web 10, worker 8"."""
        by_program = dict(one.rpartition(" ")[::2] for one in self.default.split(", "))
        return by_program.get(program, self.default)


# fmt: off
SETTINGS = (
    Setting("DATABASE_URL", ALL, "", "where PostgreSQL is: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, for a socket `postgresql:///DATABASE?host=/DIRECTORY`; each program's names its own role", is_secret=True),
    Setting("REDIS_URL", SERVING, "", "where Redis is: `redis://USER:PASSWORD@HOST:PORT/NUMBER`, `rediss://…` with TLS, or `unix:///PATH?db=NUMBER` for a socket; each program's names its own user. [What Redis needs](#redis)", is_secret=True),
    Setting("ESSAYCOACH_PRODUCTION", ALL, "off", "`on`: every program refuses to start with what is only fit for trying out ([the list](#production))"),
    Setting("ESSAYCOACH_LOG_LEVEL", ALL, "info", "`debug`, `info`, `warning` or `error`: from which level on a line is [logged](#logs)"),
    Setting("ESSAYCOACH_MASTER_KEYS", ("web", "worker"), "", "the keys that encrypt people's keys: `id:base64` pairs with commas between them, newest first ([keys](#keys))", is_secret=True),
    Setting("ESSAYCOACH_INDEX_KEY", ("web", "worker"), "", "the key of the digests by which addresses and ids are found: 32 bytes in base64", is_secret=True),
    Setting("ESSAYCOACH_API_KEY_PEPPER", ("web",), "", "the key of the digests of API keys: 32 bytes in base64", is_secret=True),
    Setting("ESSAYCOACH_JWT_SECRET", ("web",), "", "signs access tokens: at least 32 random characters; several with commas between them, newest first", is_secret=True),
    Setting("ANTHROPIC_API_KEY", ("worker",), "", "the key for Claude. Without it the local engine reads", is_secret=True),
    Setting("ANTHROPIC_BASE_URL", ("worker",), "", "another address for Claude"),
    Setting("ESSAYCOACH_MODEL", ("worker",), "", "another model of Claude"),
    Setting("ESSAYCOACH_PROVIDER", ("worker",), "by key", "`anthropic` or `local`"),
    Setting("ESSAYCOACH_GRAMMAR_MIX", ("worker",), "on", "the local engine also reads the grammar pass beside Claude; it needs an engine process of about 600 MiB beside each worker process. `off`: Claude alone"),
    Setting("ESSAYCOACH_BATCHES", ("worker",), "on", "passes in the bulk queue go to Claude in batches: half the price, an answer within a day. `off`: they are asked at once"),
    Setting("ESSAYCOACH_CALIBRATION", ("worker",), "", "a file written by `python -m workers calibrate -o FILE`: confidence as measured by educators' decisions"),
    Setting("ESSAYCOACH_LEASE_SECONDS", ("worker",), "12", "how long a killed worker's pass stays claimed"),
    Setting("ESSAYCOACH_PROVIDER_TIMEOUT_SECONDS", ("worker",), "60", "how long one call may take in all, however slowly the answer comes"),
    Setting("ESSAYCOACH_MESSAGE_LIMIT_SECONDS", ("worker",), "150", "how long one pass may take; it must be more than twice the limit of one call. A worker that holds a pass for longer than this and one lease ends itself"),
    Setting("ESSAYCOACH_PAUSE_SECONDS", ("worker",), "60", "how long nobody calls a provider that refused our key or whose budget is spent"),
    Setting("WORKER_DRAIN_MS", ("worker",), "50000", "how long a stopping worker lets its calls finish"),
    Setting("WORKER_PROCESSES", ("worker",), "1", "processes of about 130 MiB, each with engine processes beside it. Where Claude reads alone (`ESSAYCOACH_GRAMMAR_MIX=off`) there are none, and the default is one process for each core"),
    Setting("WORKER_THREADS", ("worker",), "32", "threads of one process, and so the calls that it has in flight"),
    Setting("ESSAYCOACH_ENGINE_PROCESSES", ("worker",), "1", "processes with the local grammar engines beside each worker process, 600 MiB each; at 1,000 MiB one is replaced"),
    Setting("ESSAYCOACH_ANSWER_SECONDS", SERVING, "web 1.5, worker 6, clock 15, metrics 8", "after so long without an answer to a statement, its connection is cut"),
    Setting("ESSAYCOACH_POOL_SIZE", SERVING, "web 10, worker 8, clock 10, metrics 2", "connections of one process (of more than two worker processes: 16 shared out, at least 2 each); the sum over all processes of a role must stay below [its limit](many-machines.md#connections)"),
    Setting("ESSAYCOACH_POOL_WAIT_SECONDS", SERVING, "1.5, worker 6", "how long a session waits for a connection of the pool"),
    Setting("ESSAYCOACH_RATE_LIMIT", ("web",), "6000/minute", "for each API key, person or source"),
    Setting("ESSAYCOACH_ADDRESS_RATE_LIMIT", ("web",), "30000/minute", "for each client address, for requests without a known caller"),
    Setting("ESSAYCOACH_ACCESS_MINUTES", ("web",), "15", "lifetime of an access token"),
    Setting("ESSAYCOACH_STAFF_IDLE_HOURS", ("web",), "12", "after so long without a refresh, the session of an educator or admin has ended"),
    Setting("ESSAYCOACH_PASSWORD_ROUNDS", ("web",), "1500000", "rounds of PBKDF2-SHA256"),
    Setting("ESSAYCOACH_ADMIN_PASSWORD", ("web",), "", "the password for `python -m ingest create-org`, which otherwise asks for it", is_secret=True),
    Setting("ESSAYCOACH_MAIL", ("web", "worker"), "console", "how invitations, password resets, weekly summaries and e-mails about endpoints are sent: `console` (prints them with their tokens: not for production), `file:DIR`, `smtp://user:password@host:587`, `smtps://…`", is_secret=True),
    Setting("ESSAYCOACH_MAIL_FROM", ("web", "worker"), "EssayCoach <essaycoach@localhost>", "the sender; with `smtp://` and `smtps://` there is no default"),
    Setting("ESSAYCOACH_OUTGOING_NETWORKS", ("web", "worker"), "", "networks that are not public and that may be called all the same, with commas between, such as `10.20.0.0/16` for a school's own Moodle ([other people's addresses](security.md#other-peoples-addresses)); in production only parts of private networks"),
    Setting("ESSAYCOACH_PUBLIC_URL", ("web", "worker"), "", "where people reach the pages, `https://HOST`: mails and comments in an LMS link there"),
    Setting("ESSAYCOACH_LINK", ("web",), "", "another page on which people choose a password than `/choose-password` of ESSAYCOACH_PUBLIC_URL: the link in a mail opens it (`#org=…&token=…` is added)"),
    Setting("ESSAYCOACH_SECURITY_CONTACT", ("web",), "", "whom to tell about a security hole, `mailto:…` or `https://…`; served at `/.well-known/security.txt` (RFC 9116)"),
    Setting("ESSAYCOACH_AUDIT_KEY", ("clock",), "", "signs the end of each org's audit chain hourly: 32 bytes in base64. Without it the clock warns", is_secret=True),
    Setting("ESSAYCOACH_AUDIT_HEADS", ("clock",), "", "the file for these signed ends; copy it off the machine"),
    Setting("ESSAYCOACH_ARCHIVE_DIR", ("clock",), "", "a directory: months that are taken away are [exported](upkeep.md#months-that-nobody-needs) there first"),
    Setting("ESSAYCOACH_RETIRE_AFTER_MONTHS", ("clock",), "3 for each", "`table=months,…`: for how many months after its end a month stays, whatever the retention; tables: `ai_responses`, `analytics`, `inbound_events`, `system_logs`"),
    Setting("ESSAYCOACH_SECURITY_LOG", ("web", "clock"), "", "a file that gets the [security events](security-events.md), which standard error always gets"),
    Setting("ESSAYCOACH_SECURITY_SYSLOG", ("web", "clock"), "", "a syslog server that gets them: `udp://HOST:514`, `tcp://HOST:601`, `tls://HOST:6514`, `unix:/dev/log`"),
    Setting("ESSAYCOACH_KEEPALIVE_SECONDS", ("web",), "75", "how long an idle connection stays open; it must be longer than the load balancer keeps one ([below](#in-front-of-web))"),
    Setting("ESSAYCOACH_REQUEST_HEAD_SECONDS", ("web",), "10", "how long the headers of a request may take in total; after that 408"),
    Setting("ESSAYCOACH_REQUEST_BODY_SECONDS", ("web",), "10", "how long its body may take in total; after that 408"),
    Setting("ESSAYCOACH_RESPONSE_SECONDS", ("web",), "30", "how long a client may take to read one answer; raise it for large exports over slow lines"),
    Setting("ESSAYCOACH_ADDRESS_CONNECTIONS", ("web",), "500, behind a proxy 0", "open connections of one client address (IPv6: one /64 network) to one web process; more get 429 or are closed. 0: no limit"),
    Setting("ESSAYCOACH_ALLOWED_ORIGINS", ("web",), "", "origins whose browser pages may call the API, separated by commas ([browsers](api.md#browsers))"),
    Setting("ESSAYCOACH_PROXIES", ("web",), "0", "number of proxies in front that add to `X-Forwarded-For`; rate limits by client address and the [networks](administration.md#networks) of keys, sources and admins depend on it"),
    Setting("ESSAYCOACH_WAITING_SLOTS", ("web",), "2000", "requests of one web process that may wait at the same time (`Prefer: wait`, event streams); each costs a connection and no thread, and further ones are answered at once"),
    Setting("ESSAYCOACH_HOST", ("web",), "127.0.0.1", "the address that web listens on"),
    Setting("PORT", ("web",), "8000", "its port"),
    Setting("WEB_PROCESSES", ("web",), "2", "processes"),
    Setting("WEB_THREADS", ("web",), "16", "threads of one process"),
    Setting("ESSAYCOACH_ALL_INTERFACES", ("web", "metrics"), "off", "in production: `on` allows `ESSAYCOACH_HOST` and `ESSAYCOACH_METRICS_HOST` to mean every interface"),
    Setting("ESSAYCOACH_METRICS_HOST", ("web", "metrics"), "127.0.0.1", "the address that metrics listens on; web takes it for its own metrics"),
    Setting("ESSAYCOACH_METRICS_PORT", ("metrics",), "9108", "its port"),
    Setting("ESSAYCOACH_WEB_METRICS_PORT", ("web",), "", "web answers `GET /metrics` on this port of `ESSAYCOACH_METRICS_HOST`, and nothing else, with the counts of its own host: for Prometheus, when web runs on several hosts. With `--bind` on the command line name both addresses"),
    Setting("ESSAYCOACH_WEB_URL", ("metrics",), "", "addresses of web, separated by commas (the load balancer, or each web), whose `/readyz` metrics asks at each scrape; `https://` trusts the certificates of the system, or of `SSL_CERT_FILE`"),
    Setting("ESSAYCOACH_DATA_DIR", ("metrics",), "", "any directory on the disk that holds PostgreSQL's data; metrics shows that disk's free space ([metrics](#metrics))"),
    Setting("ESSAYCOACH_RUNBOOK_URL", ("metrics",), "", "where the page of alerts of these documents is published; the page of the metrics program links there"),
    Setting("PROMETHEUS_MULTIPROC_DIR", ("web", "metrics"), "", "directory in which web counts requests (with `ESSAYCOACH_WEB_METRICS_PORT` it has one of its own); when metrics on the same machine has it too, it shows them as well. Use one of the two, or Prometheus sees each request twice"),
    Setting("ESSAYCOACH_BACKUP_DIR", (BACKUP,), "", "the folder of backups, for commands without `--to`"),
    Setting("ESSAYCOACH_BACKUP_APART", (BACKUP,), "", "the folder that keeps people's keys and the signed heads apart from the dumps, for commands without `--apart`"),
    Setting("ESSAYCOACH_BACKUP_KEY", (BACKUP,), "", "encrypts backups and the archived log: 32 bytes in base64. Without it they are not encrypted, and the command warns", is_secret=True),
    Setting("ESSAYCOACH_BACKUP_KEYS_URL", (BACKUP,), "", "where people's keys are read from: the `DATABASE_URL` of the worker (`ec_worker`)", is_secret=True),
    Setting("ESSAYCOACH_DRILL_SOURCE_URL", (BACKUP,), "", "the database (as `ec_backup`) in which the drill notes its result, for the age of the last drill", is_secret=True),
    Setting("ESSAYCOACH_DB_PASSWORD_INGEST", ("migrations",), "", "the password that `migrations up` gives to web's role", is_secret=True),
    Setting("ESSAYCOACH_DB_PASSWORD_WORKER", ("migrations",), "", "to worker's role", is_secret=True),
    Setting("ESSAYCOACH_DB_PASSWORD_CLOCK", ("migrations",), "", "to clock's role", is_secret=True),
    Setting("ESSAYCOACH_DB_PASSWORD_MONITOR", ("migrations",), "", "to the role of metrics", is_secret=True),
    Setting("ESSAYCOACH_DB_PASSWORD_BACKUP", ("migrations",), "", "to the role of backups", is_secret=True),
)
# fmt: on


def names_of(setting: Setting) -> tuple[str, ...]:
    """Return the variables by which a setting may come."""
    return variables_of(setting.name) if setting.is_secret else (setting.name,)


def unknown_variables() -> dict[str, str | None]:
    """Return the variables of the environment that begin like ours and that no program reads, each with the nearest known name."""
    known = [name for setting in SETTINGS for name in names_of(setting)]
    found = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    return {name: next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.8)), None) for name in found}


def refuse_unknown() -> dict[str, str | None]:
    """Return the unknown variables; in production, raise SettingsError when there are any."""
    unknown = unknown_variables()
    if unknown and settings.is_production():
        hints = [f"{name} (did you mean {near}?)" if near else name for name, near in unknown.items()]
        raise production.refusal(" and ".join(hints), "not be set", "no program reads it, so correct or remove it")
    return unknown


def warn_unknown() -> None:
    """Log one warning that names every unknown variable; in production, raise SettingsError."""
    unknown = refuse_unknown()
    if unknown:
        log.warning("unknown variables", variables=list(unknown), nearest=list(unknown.values()))
