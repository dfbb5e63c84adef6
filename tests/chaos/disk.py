"""A small file system of its own, so that a full disk is one of a few hundred megabytes and not the machine's."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.faults import Disk

MEBIBYTES = 1200


@dataclass(frozen=True)
class SmallDisk:
    """Where it is, and how to fill it."""

    path: Path
    filling: Disk


def small_disk(stack: ExitStack) -> SmallDisk | None:
    """Return a file system in memory that is gone when the stack ends, or None where mounting is not allowed."""
    path = Path(tempfile.mkdtemp(prefix="essaycoach-chaos-"))
    options = f"size={MEBIBYTES}m,mode=0755"
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], capture_output=True, check=False
        )
    except OSError:
        mounted = None
    if mounted is None or mounted.returncode != 0:
        path.rmdir()
        return None

    def gone() -> None:
        subprocess.run(["umount", "--lazy", str(path)], capture_output=True, check=False)
        path.rmdir()

    stack.callback(gone)
    ballast = path / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            part = bytes(1 << 20)
            while part:
                try:
                    file.write(part)
                except OSError:
                    part = part[: len(part) // 2]

    return SmallDisk(path, Disk(fill=fill, free=lambda: ballast.unlink(missing_ok=True)))
