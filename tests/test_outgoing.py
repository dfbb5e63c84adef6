"""Test that the programs open connections in the listed places only, each to an address from their settings."""

from __future__ import annotations

import ast
from functools import cache

from tests.support.servers import ROOT

PACKAGES = ("ingest", "workers", "documents", "models", "migrations", "monitoring", "outgoing")
# Every place that opens a connection or starts a program, with the setting that says where to. docs/security.md, Connections.
OPENERS = {
    "outgoing/mail.py": {"smtplib.SMTP", "smtplib.SMTP_SSL"},  # ESSAYCOACH_MAIL
    "outgoing/client.py": {"httpcore2.HTTPConnection", "socket.getaddrinfo"},  # addresses that somebody else has named
    "outgoing/connection.py": {"socket.create_connection"},  # of those, the ones that may be called
    "workers/providers/local/engine_pool.py": {"subprocess.Popen"},  # our own program
    "documents/convert.py": {"subprocess.Popen"},  # our own program
    "workers/providers/claude.py": {"anthropic.Anthropic", "anthropic.DefaultHttpxClient"},  # ANTHROPIC_BASE_URL
    "models/settings.py": {
        "redis.ConnectionPool",
        "redis.ConnectionPool.from_url",
    },  # REDIS_URL
    "models/secret_settings.py": {"subprocess.run"},  # NAME_COMMAND
    "models/check_settings.py": {"subprocess.run"},  # our own programs
    "models/broker.py": {"redis.ConnectionPool", "redis.ConnectionPool.from_url", "redis.Redis"},  # REDIS_URL
    "models/announcements.py": {"redis.Redis"},  # REDIS_URL
    "models/db.py": {"playhouse.pool.PooledPostgresqlDatabase"},  # DATABASE_URL
    "models/snapshot.py": {"psycopg2.connect"},  # DATABASE_URL
    "workers/backups/programs.py": {"subprocess.Popen", "subprocess.run"},  # pg_dump and others, to DATABASE_URL
    "models/statement_watchdog.py": {"socket.socket"},  # a copy of a connection that is open
    "models/security_syslog.py": {
        "socket.create_connection",
        "socket.getaddrinfo",
        "socket.socket",
    },  # ESSAYCOACH_SECURITY_SYSLOG
    "monitoring/web.py": {"http.client.HTTPConnection", "http.client.HTTPSConnection"},  # ESSAYCOACH_WEB_URL
    "models/production.py": {"socket.getaddrinfo"},  # AI_NUMERICHOST: reads an address, asks nobody
    "migrations/runner.py": {"psycopg2.connect"},  # DATABASE_URL
    "migrations/batches.py": {"psycopg2.connect"},  # DATABASE_URL
    "migrations/losses.py": {"psycopg2.connect"},  # DATABASE_URL
    "migrations/plan.py": {"psycopg2.connect"},  # DATABASE_URL, and a database beside it for the trial
    "migrations/dump.py": {"subprocess.run"},  # pg_dump
}
# Modules of the standard library and of what is installed that can reach another machine or start a program.
ABLE = {
    "aiosmtpd", "anthropic", "asyncio", "dramatiq", "ftplib", "http.client", "httpcore2", "httpx2", "imaplib", "multiprocessing",
    "nntplib", "os", "paramiko", "playhouse", "poplib", "psycopg2", "pty", "redis", "requests", "smtplib", "socket", "socketserver",
    "ssl", "subprocess", "telnetlib", "urllib.request", "urllib3", "webbrowser", "xmlrpc",
}  # fmt: skip
OPENING = {
    "Anthropic", "AsyncAnthropic", "AsyncClient", "AsyncRedis", "BlockingConnectionPool", "Client", "ConnectionPool",
    "DefaultHttpxClient", "HTTPConnection", "HTTPSConnection", "Popen", "PoolManager", "PooledPostgresqlDatabase", "Redis", "SMTP", "SMTP_SSL", "Session",
    "StrictRedis", "call", "check_call", "check_output", "connect", "create_connection", "create_server", "fork", "from_url",
    "getaddrinfo", "gethostbyname", "getoutput", "get", "open_connection", "popen", "post", "request", "run", "socket",
    "socketpair", "stream", "system", "urlopen", "urlretrieve",
}  # fmt: skip


def names_of_imports(tree: ast.Module) -> dict[str, str]:
    """Return the name under which a file uses each imported thing, with the thing's full name."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                names[one.asname or one.name.partition(".")[0]] = one.name if one.asname else one.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return names


def full_name(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute) and (base := full_name(node.value, names)):
        return f"{base}.{node.attr}"
    return ""


def openers(tree: ast.Module) -> set[str]:
    """Return what a file names that opens a connection or starts a program, called or handed on."""
    names = names_of_imports(tree)
    annotations = {id(part) for node in ast.walk(tree) for hint in hints(node) for part in ast.walk(hint)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in annotations:
            name = full_name(node, names)
            if name.rpartition(".")[2] in OPENING and able(name):
                found.add(name)
    return found


def hints(node: ast.AST) -> list[ast.expr]:
    """Return the types that a node declares, which open nothing."""
    if isinstance(node, ast.arg | ast.AnnAssign):
        return [node.annotation] if node.annotation else []
    return [node.returns] if isinstance(node, ast.FunctionDef) and node.returns else []


def able(name: str) -> bool:
    return not name.startswith("os.environ.") and any(name.startswith(f"{module}.") for module in ABLE)


@cache
def sources() -> dict[str, ast.Module]:
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in files}


def test_connections_are_opened_in_the_listed_places_only() -> None:
    found = {path: openers(tree) for path, tree in sources().items()}
    assert {path: names for path, names in found.items() if names} == OPENERS


def test_forms_of_opening_a_connection_are_recognised() -> None:
    """The test above must not pass because a form is unknown to it."""
    for source, name in {
        "import requests\nrequests.get(url)": "requests.get",
        "from urllib import request as r\nr.urlopen(url)": "urllib.request.urlopen",
        "from urllib.request import urlopen as u\nu(url)": "urllib.request.urlopen",
        "import urllib.request\nurllib.request.urlopen(url)": "urllib.request.urlopen",
        "import httpx2\nwith httpx2.stream('GET', url): pass": "httpx2.stream",
        "import socket as s\nopen = s.create_connection": "socket.create_connection",
        "from os import system\nsystem(words)": "os.system",
        "import http.client\nhttp.client.HTTPSConnection(host)": "http.client.HTTPSConnection",
    }.items():
        assert openers(ast.parse(source)) == {name}, source


def test_no_file_imports_by_a_computed_name() -> None:
    """What a file can reach stands in its text."""
    computed = []
    for path, tree in sources().items():
        names = names_of_imports(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and not all(isinstance(one, ast.Constant) for one in node.args):
                is_builtin = isinstance(node.func, ast.Name) and node.func.id in ("__import__", "eval", "exec")
                if is_builtin or full_name(node.func, names) == "importlib.import_module":
                    computed.append(path)
    assert computed == []
