"""Test the structure rules: imports between packages, contents of `__init__.py`, places of SQL, and start of each program."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import tokenize
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from models.broker import make_broker
from models.jobs import Hint, Queue
from standalone.procfile import procfile_command, read_procfile
from tests.support.ports import free_port
from tests.support.races import eventually
from tests.support.schools import INDEX_KEY, JWT_SECRET, MASTER_KEY, PEPPER
from tests.support.servers import Database, Servers

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("ingest", "workers", "documents", "models", "migrations", "monitoring", "outgoing", "standalone")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
ONLY_NOQA = re.compile(r"noqa: [A-Z]+\d+(, ?[A-Z]+\d+)*$")
STATEMENT = re.compile(
    r"\b(select\s+.+?\s+from\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|select\s+\w+\(|(create|alter|drop)\s+table\s)",
    re.IGNORECASE | re.DOTALL,
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every string literal that is not a docstring, with its line. Replacement fields of f-strings become `x`."""
    module = tree(path)
    owners = [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    docstrings = {id(node.body[0].value) for node in owners if node.body and isinstance(node.body[0], ast.Expr)}
    inside = {id(part) for node in ast.walk(module) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(module):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "x" for part in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | inside:
            yield node.lineno, node.value


def test_import_contracts_between_packages_are_kept() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(lint), "--config", "setup.cfg", "--no-cache", "--no-logo"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", done.stdout)


@pytest.mark.parametrize("package", PACKAGES)
def test_init_of_a_top_level_package_is_a_docstring_without_code(package: str) -> None:
    module = tree(ROOT / package / "__init__.py")
    assert len((ast.get_docstring(module) or "").split()) >= 10
    assert len(module.body) == 1


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in SOURCES} - {ROOT / package for package in PACKAGES}), ids=name_of
)
def test_init_of_a_subpackage_has_no_code(folder: Path) -> None:
    init_file = folder / "__init__.py"
    assert init_file.exists(), "without it the folder is not part of the package"
    module = tree(init_file)
    assert len(module.body) == (0 if ast.get_docstring(module) is None else 1)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_an_import_inside_a_function_has_a_comment_with_its_reason(path: Path) -> None:
    with path.open("rb") as file:
        comments = {
            token.start[0]: token.string.lstrip("# ")
            for token in tokenize.tokenize(file.readline)
            if token.type == tokenize.COMMENT
        }
    reasons = {line for line, text in comments.items() if not ONLY_NOQA.fullmatch(text)}
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inner_imports = sorted(
        {node.lineno for one in functions for node in ast.walk(one) if isinstance(node, ast.Import | ast.ImportFrom)}
    )
    for line in inner_imports:
        # One comment is enough for a block of imports.
        first = line
        while first - 1 in inner_imports:
            first -= 1
        assert {first - 1, line} & reasons, f"{name_of(path)}:{line} imports inside a function and does not say why"


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.parts[len(ROOT.parts)] in ("ingest", "workers")], ids=name_of
)
def test_sql_does_not_occur_in_ingest_or_workers(path: Path) -> None:
    assert [(line, text) for line, text in strings(path) if STATEMENT.search(text)] == []


def test_sql_search_finds_the_sql_of_models() -> None:
    found = {
        path.name
        for path in SOURCES
        if path.parent.name == "models" and any(STATEMENT.search(text) for _, text in strings(path))
    }
    assert {"passes.py", "essays.py", "events.py", "queue.py", "upkeep.py"} <= found


def test_no_file_folder_or_class_has_a_vague_name() -> None:
    vague = re.compile(r"(^|_)(utils?|helpers?|common|managers?|misc|stuff)(_|$)", re.IGNORECASE)
    folders = {path.parent for path in SOURCES}
    assert [name_of(path) for path in SOURCES if vague.search(path.stem)] == []
    assert [name_of(path) for path in folders if vague.search(path.name)] == []
    classes = [
        (name_of(path), node.name)
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    ]
    assert [one for one in classes if vague.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", one[1]))] == []


def test_importing_a_package_imports_no_other_module() -> None:
    code = (
        "import sys; before = set(sys.modules); import "
        + ", ".join(PACKAGES)
        + "; print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(sorted(PACKAGES))


SECRETS = {
    "ESSAYCOACH_MASTER_KEYS": f"k1:{MASTER_KEY}",
    "ESSAYCOACH_INDEX_KEY": INDEX_KEY,
    "ESSAYCOACH_JWT_SECRET": JWT_SECRET,
    "ESSAYCOACH_API_KEY_PEPPER": PEPPER,
}


@dataclass(frozen=True)
class Program:
    """The role, the secrets and the address of one program of the Procfile."""

    role: str
    secrets: tuple[str, ...] = ()
    port: str | None = None
    path: str = ""


PROGRAMS = {
    "web": Program("ec_ingest", tuple(SECRETS), port="PORT", path="/readyz"),
    "worker": Program("ec_worker", ("ESSAYCOACH_MASTER_KEYS", "ESSAYCOACH_INDEX_KEY")),
    "clock": Program("ec_clock"),
    "metrics": Program("ec_monitor", port="ESSAYCOACH_METRICS_PORT", path="/metrics"),
}


def test_every_procfile_program_is_tested_here() -> None:
    assert set(read_procfile(ROOT / "Procfile")) == set(PROGRAMS)


@pytest.mark.slow(reason="starts every program")
@pytest.mark.parametrize("name", PROGRAMS)
def test_program_starts_with_only_its_own_variables_and_stops_on_sigterm(
    name: str, database: Database, servers: Servers, tmp_path: Path
) -> None:
    program = PROGRAMS[name]
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "DATABASE_URL": database.role_url(program.role),
        "REDIS_URL": servers.redis_url_for(program.role),
        **{secret: SECRETS[secret] for secret in program.secrets},
        **{variable: os.environ[variable] for variable in os.environ if variable.startswith("COV")},
    }
    port = free_port()
    if program.port is not None:
        env[program.port] = str(port)
    broker = make_broker(servers.redis_url)
    broker.client.flushdb()
    command = procfile_command(name, text=read_procfile(ROOT / "Procfile")[name], env=env, cwd=ROOT)
    log = tmp_path / "log"
    with log.open("wb") as output:
        running = subprocess.Popen(
            command.argv, env=env, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
        )
    try:
        if program.port is not None:
            wait_until(lambda: answers(port, program.path), running, log)
        elif name == "worker":
            broker.send([Hint(org_id=uuid4(), pass_id=uuid4(), queue=Queue.INTERACTIVE)])
            wait_until(lambda: broker.depth(Queue.INTERACTIVE) == 0, running, log)
        else:
            seen = (
                "select count(*) > 0 from pg_stat_activity"
                " where datname = current_database() and application_name = 'ec-clock'"
            )
            wait_until(lambda: database.sql(seen) == [(True,)], running, log)
        running.terminate()
        assert running.wait(60) == 0, log.read_text()
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
        broker.close()
        broker.client.connection_pool.disconnect()


def answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def wait_until(condition: Callable[[], object], running: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the condition is true, as long as the program runs."""
    eventually(lambda: running.poll() is not None or condition())
    assert running.poll() is None, log.read_text()
