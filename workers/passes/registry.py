"""All pass specs by name.

To add a fourth pass, add a name in models/jobs.py, a spec file and a prompt file in this folder, a line here, and a
migration.
"""

from __future__ import annotations

from models.jobs import PassName
from workers.passes.content import CONTENT
from workers.passes.grammar import GRAMMAR
from workers.passes.spec import PassSpec
from workers.passes.structure import STRUCTURE

SPECS: dict[PassName, PassSpec] = {spec.name: spec for spec in (GRAMMAR, STRUCTURE, CONTENT)}
