"""All pass specs by name.

docs/adding-a-pass.md says how to add one.
"""

from __future__ import annotations

from models.jobs import PassName
from workers.passes.content import CONTENT
from workers.passes.grammar import GRAMMAR
from workers.passes.spec import PassSpec
from workers.passes.structure import STRUCTURE

SPECS: dict[PassName, PassSpec] = {spec.name: spec for spec in (GRAMMAR, STRUCTURE, CONTENT)}
