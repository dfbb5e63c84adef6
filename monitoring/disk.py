"""Metrics of the disk that holds the data. PostgreSQL cannot tell them, so the monitor must run where it sees that disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric


def read_disk(directory: Path) -> list[Metric]:
    """Return size and free space of the directory's disk. Raises OSError when there is no such directory."""
    usage = shutil.disk_usage(directory)
    return [
        GaugeMetricFamily("essaycoach_data_size_bytes", "Size of the disk that holds the data.", value=usage.total),
        # What is kept for the superuser is not free for PostgreSQL; disk_usage leaves it out.
        GaugeMetricFamily(
            "essaycoach_data_free_bytes", "Free space on the disk that holds the data.", value=usage.free
        ),
    ]
