"""The demo org: one course, one assignment, three people, and one LMS."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path
from typing import Any

from models import connections, courses, crypto, db, orgs, users
from models.courses import CriterionDraft
from models.passwords import Passwords
from models.settings import CryptoSettings, StoreSettings
from standalone.keys import InstanceKeys

PROMPT = (
    "Should schools ban mobile phones during the school day? Take a position, give at least two reasons with examples "
    "from school life, and answer one argument of the other side."
)
RUBRIC = (
    CriterionDraft(
        name="thesis",
        description="The position is clear from the start.",
        levels=(
            ("missing", 0, "No position can be found."),
            ("developing", 2, "A position is there, but vague or late."),
            ("clear", 4, "A clear position in the introduction."),
        ),
    ),
    CriterionDraft(
        name="evidence",
        description="Reasons are supported by examples.",
        levels=(
            ("missing", 0, "Claims stand alone."),
            ("developing", 2, "Some claims have an example."),
            ("convincing", 4, "Every reason has an example that fits."),
        ),
    ),
)


def crypto_settings(keys: InstanceKeys) -> CryptoSettings:
    """Return the encryption settings of an instance, the same that its programs read."""
    return CryptoSettings(
        master_keys={"k1": base64.b64decode(keys.master_key)}, index_key=base64.b64decode(keys.blind_index_key)
    )


def seed(ingest_url: str, *, keys: InstanceKeys, data_dir: Path) -> dict[str, Any]:
    """Create the demo org if needed, and return what its people and its LMS sign in with. Idempotent."""
    credentials_file = data_dir / "demo.json"
    db.connect(StoreSettings(database_url=ingest_url, program="ec-standalone", pool_size=1, pool_wait_seconds=5.0))
    crypto.load(crypto_settings(keys))
    if credentials_file.exists():
        stored: dict[str, Any] = json.loads(credentials_file.read_text(encoding="utf-8"))
        with db.session(role="ec_auth"):
            if orgs.find_org(stored["org"]) is not None:
                return stored
    created = _create_demo_org(keys)
    credentials_file.touch(mode=0o600)
    credentials_file.write_text(json.dumps(created, indent=1), encoding="utf-8")
    return created


def _create_demo_org(keys: InstanceKeys) -> dict[str, Any]:
    """Create the org and its contents in one transaction, and return the credentials.

    When the slug `demo` is taken, use `demo-` and a random suffix.
    """
    with db.session(role="ec_auth"):
        slug = "demo" if orgs.find_org("demo") is None else f"demo-{secrets.token_hex(3)}"
        org = db.new_ids(1)[0]
    people = {
        role: {"email": f"{name}@{slug}.example", "password": secrets.token_urlsafe(12)}
        for role, name in (("admin", "ada.admin"), ("educator", "ed.teacher"), ("student", "sam.student"))
    }
    passwords = Passwords()
    hashes = {role: passwords.hash(person["password"]) for role, person in people.items()}
    with db.session(org=org, role="ec_admin"):
        orgs.add_org(slug, org=org, name="Demo School")
        users.add_user(
            "admin", org=org, name="Ada Admin", email=people["admin"]["email"], password_hash=hashes["admin"]
        )
        educator = users.add_user(
            "educator", org=org, name="Ed Teacher", email=people["educator"]["email"], password_hash=hashes["educator"]
        )
        student = users.add_user(
            "student", org=org, name="Sam Student", email=people["student"]["email"], password_hash=hashes["student"]
        )
        course = courses.add_course("English 9", org=org)
        courses.add_member(educator, org=org, course=course, role="educator")
        courses.add_member(student, org=org, course=course, role="student")
        rubric = courses.add_rubric("Argument, short form", org=org, criteria=RUBRIC)
        assignment = courses.add_assignment(
            "Phones at school", org=org, course=course, prompt=PROMPT, category="argumentative", rubric=rubric
        )
        _, api_key = connections.add_api_key(
            "Demo LMS", org=org, pepper=base64.b64decode(keys.api_key_pepper), creates_courses=True
        )
        source, secret = connections.add_source("Demo LMS", org=org, creates_courses=True)
    return {
        "org": slug,
        **people,
        "api_key": api_key,
        "source": {"id": str(source), "secret": secret},
        "assignment_id": str(assignment),
    }
