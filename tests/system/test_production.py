"""Test that ESSAYCOACH_PRODUCTION=on refuses bad configurations with one sentence, and that a good one works behind TLS."""

from __future__ import annotations

import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from models.redis_users import USERS
from tests.support.ports import free_port
from tests.support.production import ROLE_OF, STARTS, Site, command, run_program
from tests.support.races import eventually
from tests.support.servers import ROOT, cloned, execute, run_servers
from tests.support.tls import HOST, Certificates, make_certificates, tls_in_front_of

EXAMPLE = dict(
    line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if re.match(r"[A-Z_]+=", line)
)
SENTENCE = re.compile(
    r"\w+: (?P<subject>[\w ]+?)( \(did you mean \w+\?\))? must (.+ when ESSAYCOACH_PRODUCTION is on|not hold a placeholder): .+\."
)
URL = "{scheme}://{user}:{password}@localhost:1/0"

# What is wrong: the program, the variables that change (`{password}` becomes its own), and the subject of the sentence.
BAD = {
    "example secret": ("web", {"ESSAYCOACH_JWT_SECRET": EXAMPLE["ESSAYCOACH_JWT_SECRET"]}, "ESSAYCOACH_JWT_SECRET"),
    "example key": ("worker", {"ESSAYCOACH_MASTER_KEYS": EXAMPLE["ESSAYCOACH_MASTER_KEYS"]}, "ESSAYCOACH_MASTER_KEYS"),
    "database without TLS": ("clock", {"DATABASE_URL": URL.replace("{scheme}", "postgresql")}, "DATABASE_URL"),
    "Redis without TLS": ("clock", {"REDIS_URL": URL.replace("{scheme}", "redis")}, "REDIS_URL"),
    "Redis of anybody": ("monitor", {"REDIS_URL": URL.replace("{scheme}", "rediss") + "?ssl_cert_reqs=none"}, "REDIS_URL"),
    "example password": ("migrations", {"ESSAYCOACH_DB_PASSWORD_WORKER": EXAMPLE["DB_PASSWORD_WORKER"]}, "ESSAYCOACH_DB_PASSWORD_WORKER"),
    "no password": ("clock", {"REDIS_URL": "rediss://ec_clock@localhost:1/0"}, "REDIS_URL"),
    "mail without TLS": ("web", {"ESSAYCOACH_MAIL": "smtp://mail.school.example?tls=no"}, "ESSAYCOACH_MAIL"),
    "mail on the console": ("web", {"ESSAYCOACH_MAIL": "console"}, "ESSAYCOACH_MAIL"),
    "every network": ("worker", {"ESSAYCOACH_OUTGOING_NETWORKS": "0.0.0.0/0"}, "ESSAYCOACH_OUTGOING_NETWORKS"),
    "this machine": ("web", {"ESSAYCOACH_OUTGOING_NETWORKS": "127.0.0.0/8"}, "ESSAYCOACH_OUTGOING_NETWORKS"),
    "no proxy": ("web", {"ESSAYCOACH_PROXIES": ""}, "ESSAYCOACH_PROXIES"),
    "superuser": ("monitor", {"DATABASE_URL": "postgresql://postgres:{password}@localhost:1/x?sslmode=verify-full"}, "DATABASE_URL"),
    "web on every interface": ("web", {"ESSAYCOACH_HOST": "0.0.0.0"}, "ESSAYCOACH_HOST"),
    "web on every interface by an option": ("web", {"GUNICORN_CMD_ARGS": "--bind [::]:0"}, "ESSAYCOACH_HOST"),
    "metrics on every interface": ("monitor", {"ESSAYCOACH_METRICS_HOST": "::"}, "ESSAYCOACH_METRICS_HOST"),
    "web's metrics on every interface": (
        "web", {"ESSAYCOACH_METRICS_HOST": "::", "ESSAYCOACH_WEB_METRICS_PORT": "1"}, "ESSAYCOACH_METRICS_HOST",
    ),
    "Flask's debugger": ("web", {"FLASK_DEBUG": "1"}, "FLASK_DEBUG"),
    "Python's developer mode": ("clock", {"PYTHONDEVMODE": "1"}, "PYTHONDEVMODE"),
    "cheap passwords": ("web", {"ESSAYCOACH_PASSWORD_ROUNDS": "1499999"}, "ESSAYCOACH_PASSWORD_ROUNDS"),
    "a typing error": ("clock", {"ESSAYCOACH_LEASE_SECOND": "12"}, "ESSAYCOACH_LEASE_SECOND"),
    "standalone": ("standalone", {}, "Standalone"),
}  # fmt: skip


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def nowhere(certificates: Certificates) -> Site:
    """Return a good configuration without servers: a program that gets past the checks does not end by itself."""
    return Site(certificates.authority)


def assert_one_sentence(done: subprocess.CompletedProcess[str], subject: str, *, site: Site) -> None:
    assert done.returncode != 0
    assert done.stdout == ""
    # Log lines of our programs, of gunicorn and of Dramatiq.
    sentences = [line for line in done.stderr.splitlines() if line and line[0] not in "{["]
    assert len(sentences) == 1, done.stderr
    found = SENTENCE.fullmatch(sentences[0])
    assert found, sentences[0]
    assert found["subject"] == subject
    hidden = [word for word in EXAMPLE.values() if "-" in word] + [*site.database_passwords.values()]
    assert [secret for secret in hidden if secret in done.stderr] == []


@pytest.mark.slow(reason="starts a program for each fault")
@pytest.mark.parametrize("fault", BAD)
def test_program_refuses_a_bad_configuration_with_one_sentence(fault: str, nowhere: Site) -> None:
    program, changes, subject = BAD[fault]
    user, password = ROLE_OF[program], nowhere.database_passwords[ROLE_OF[program]]
    changed = {name: value.replace("{user}", user).replace("{password}", password) for name, value in changes.items()}

    done = run_program(program, nowhere.environment(program) | changed)

    assert_one_sentence(done, subject, site=nowhere)


def test_program_refuses_to_run_as_root(nowhere: Site) -> None:
    done = run_program("clock", nowhere.environment("clock"), as_root=True)
    assert_one_sentence(done, "This program", site=nowhere)


@pytest.mark.slow(reason="starts seven programs")
@pytest.mark.parametrize("program", [program for program in STARTS if program != "standalone"])
def test_every_program_asks_for_tls_to_the_database(program: str, nowhere: Site) -> None:
    environment = nowhere.environment(program)
    environment["DATABASE_URL"] = environment["DATABASE_URL"].replace("verify-full", "verify-ca")
    assert_one_sentence(run_program(program, environment), "DATABASE_URL", site=nowhere)


def test_a_misspelt_switch_is_not_taken_for_off(nowhere: Site) -> None:
    done = run_program("clock", nowhere.environment("clock") | {"ESSAYCOACH_PRODUCTION": "true"})
    assert done.returncode == 1
    assert "ESSAYCOACH_PRODUCTION must be one of on, off" in done.stderr


@pytest.fixture(scope="module")
def site(certificates: Certificates) -> Iterator[Site]:
    """Serve PostgreSQL and Redis with TLS; `migrations up` in production has given the programs their passwords."""
    with ExitStack() as stack:
        servers = stack.enter_context(run_servers())
        database = stack.enter_context(cloned(servers))
        admin = urlsplit(servers.admin_url)
        drawn = Site(certificates.authority)
        made = Site(
            certificates.authority,
            postgres_port=stack.enter_context(tls_in_front_of(admin.port or 0, certificates, is_postgres=True)),
            redis_port=stack.enter_context(tls_in_front_of(servers.redis.port, certificates)),
            database=database.name,
            database_passwords={**drawn.database_passwords, "postgres": admin.password or ""},
            redis_passwords={
                **{user: urlsplit(servers.redis_url_for(user)).password or "" for user in USERS},
                "postgres": drawn.redis_passwords["postgres"],
            },
        )
        done = run_program("migrations", made.environment("migrations"))
        assert (done.returncode, done.stderr) == (0, "")
        yield made


@contextmanager
def running(program: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command(program), cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        yield process
        assert process.poll() is None, log.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def page(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def as_superuser(site: Site, statement: str) -> list[tuple[object, ...]]:
    return execute(site.environment("migrations")["DATABASE_URL"], statement)


def programs_at(site: Site) -> set[object]:
    return {name for (name,) in as_superuser(site, "select application_name from pg_stat_activity")}


@pytest.mark.slow(reason="starts servers and four programs behind TLS")
def test_good_configuration_works_behind_tls(site: Site, tmp_path: Path) -> None:
    ports = {"web": free_port(), "monitor": free_port()}
    with ExitStack() as stack:
        for program in ("web", "worker", "clock", "monitor"):
            environment = site.environment(program) | {
                "PORT": str(ports["web"]), "ESSAYCOACH_METRICS_PORT": str(ports["monitor"]), "ESSAYCOACH_PROVIDER": "local",
            }  # fmt: skip
            stack.enter_context(running(program, environment, tmp_path / program))
        eventually(
            lambda: '"status":"ok"' in page(ports["web"], "/readyz").replace(" ", ""),
            what="web that reaches PostgreSQL and Redis",
        )
        for line in ("pg_up 1.0", "redis_up 1.0"):
            eventually(lambda line=line: line in page(ports["monitor"], "/metrics"), what=line)
        eventually(lambda: {"ec-worker", "ec-clock"} <= programs_at(site), what="worker and clock in the database")


@pytest.mark.slow(reason="starts servers")
def test_certificate_of_another_authority_or_host_is_not_accepted(site: Site, tmp_path: Path) -> None:
    environment = site.environment("given-up")
    assert run_program("given-up", environment).returncode == 0

    stranger = make_certificates(tmp_path).authority
    for wrong in (
        environment["DATABASE_URL"].replace(str(site.authority), str(stranger)),
        environment["DATABASE_URL"].replace(f"@{HOST}:", "@127.0.0.1:"),
    ):
        done = run_program("given-up", environment | {"DATABASE_URL": wrong})
        assert (done.returncode, done.stdout) == (1, "")
        assert "workers: The database cannot be reached." in done.stderr

    url = site.environment("monitor")["REDIS_URL"]
    assert redis.Redis.from_url(url).ping()
    for wrong in (url.replace(str(site.authority), str(stranger)), url.replace(f"@{HOST}:", "@127.0.0.1:")):
        with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
            redis.Redis.from_url(wrong).ping()


@pytest.mark.slow(reason="starts servers")
@pytest.mark.parametrize("right", ["superuser", "bypassrls", "createrole"])
def test_role_with_rights_over_the_server_is_refused(site: Site, right: str) -> None:
    as_superuser(site, f"alter role ec_clock {right}")
    try:
        done = run_program("clock", site.environment("clock"))
    finally:
        as_superuser(site, f"alter role ec_clock no{right}")
    assert_one_sentence(done, "DATABASE_URL", site=site)
