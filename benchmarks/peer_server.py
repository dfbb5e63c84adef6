"""Run the peer of `benchmarks/peer/` on the machine's own PostgreSQL and Redis, under the web server of our own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg2

from benchmarks.machine import wait_until_answered
from standalone.machine import ROOT, Machine, free_port
from standalone.procfile import procfile_command

WEB = 'gunicorn --config ingest/gunicorn.py "benchmarks.peer.wsgi:application"'
# Celery's default pool, with more processes than cores: while some wait for the vendor or PostgreSQL, others compute.
WORKER = "python -m celery --app benchmarks.peer.tasks worker --concurrency 8 --loglevel error --without-gossip --without-mingle"
DATABASE, REDIS_DATABASE = "peer", 5
SECRET = "the secret of a peer that serves nobody, for its tokens"
# Makes the tables and an author, and prints the author's token.
PREPARE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken
print(AccessToken.for_user(User.objects.create(username="author")))
"""
NEEDED = ("django", "rest_framework", "rest_framework_simplejwt", "celery")


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A peer that serves: its address, its database, and the headers of a signed-in author."""

    url: str
    database_url: str
    headers: dict[str, str]
    env: dict[str, str]


def start_peer(running: Machine) -> Peer:
    """Make the peer's database and start its web server. Raises SystemExit when its libraries are missing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SystemExit(
            f"This benchmark needs {', '.join(missing)}. Run: python install.py --into .venv/bin/python bench"
        )
    with closing(psycopg2.connect(running.database_url)) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"create database {DATABASE}")
    database_url = urlsplit(running.database_url)._replace(path=f"/{DATABASE}").geturl()
    port = free_port()
    env = {
        **running.environment("web"),
        "PORT": str(port),
        "DJANGO_SETTINGS_MODULE": "benchmarks.peer.settings",
        "PEER_DATABASE_URL": database_url,
        "PEER_REDIS_URL": urlsplit(running.redis_url)._replace(path=f"/{REDIS_DATABASE}").geturl(),
        "PEER_SECRET_KEY": SECRET,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }
    prepared = subprocess.run(
        [sys.executable, "-c", PREPARE], env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    headers = {"Authorization": f"Bearer {prepared.stdout.strip()}", "Content-Type": "application/json"}
    running.supervisor.start(procfile_command("peer-web", text=WEB, env=env, cwd=ROOT))
    url = f"http://127.0.0.1:{port}"
    wait_until_answered(f"{url}/essays", status=401)
    return Peer(url=url, database_url=database_url, headers=headers, env=env)


def start_peer_worker(running: Machine, peer: Peer) -> None:
    """Start the peer's Celery worker."""
    running.supervisor.start(procfile_command("peer-worker", text=WORKER, env=peer.env, cwd=ROOT))
