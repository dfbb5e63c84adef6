"""How long tests wait for PostgreSQL: longer than the programs, because a busy machine stands still for seconds."""

from __future__ import annotations

from models import db

SHIPPED_CONNECT_SECONDS = db.CONNECT_SECONDS
CONNECT_SECONDS = 30
