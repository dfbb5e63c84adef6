"""A small file system for the test of a full disk, so that the machine's own disk never fills up."""

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
    """A small file system: where it is mounted, and how to fill it."""

    path: Path
    disk: Disk


def small_disk(stack: ExitStack) -> SmallDisk | None:
    """Mount a file system in memory until the stack ends. Return None when mounting is not allowed."""
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

    def unmount() -> None:
        subprocess.run(["umount", "--lazy", str(path)], capture_output=True, check=False)
        path.rmdir()

    stack.callback(unmount)
    ballast = path / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            chunk = bytes(1 << 20)
            while chunk:
                try:
                    file.write(chunk)
                except OSError:
                    chunk = chunk[: len(chunk) // 2]

    return SmallDisk(path, Disk(fill=fill, free=lambda: ballast.unlink(missing_ok=True)))
