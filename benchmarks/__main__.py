"""Measure speed and memory on this machine: `python -m benchmarks [NAME …] [--write]`."""

from __future__ import annotations

import argparse
import sys

from benchmarks import (
    costs,
    cpu,
    fairness,
    files,
    finishing,
    inflight,
    ingest_rate,
    memory,
    overhead,
    own_figures,
    peer_rates,
    queue,
    report,
    retire,
    scrape,
    security,
    tokens,
    waits,
)

# The order is that of the sections in docs/benchmarks.md.
BENCHMARKS = {
    one.name: one
    for one in (
        ingest_rate.INGEST,
        peer_rates.PEER,
        security.SECURITY,
        costs.COSTS,
        overhead.OVERHEAD,
        overhead.PARALLEL,
        cpu.CPU,
        inflight.INFLIGHT,
        memory.MEMORY,
        fairness.FAIRNESS,
        queue.QUEUE,
        finishing.FINISHING,
        scrape.SCRAPE,
        waits.WAITS,
        retire.RETIRE,
        tokens.TOKENS,
        files.FILES,
        own_figures.OWN_ESSAYS,
    )
}


def main() -> int:
    """Run the chosen benchmarks and return 0 when every bar was reached."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure speed and memory on this machine."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which ones (default: all of {', '.join(BENCHMARKS)})"
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="also write the section of each benchmark that ran into docs/benchmarks.md",
    )
    chosen = parser.parse_args()
    names = list(dict.fromkeys(chosen.names)) or list(BENCHMARKS)
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark called {', '.join(sorted(unknown))}")
    environment = report.describe_environment()
    reached: list[bool] = []
    for name in names:
        benchmark = BENCHMARKS[name]
        print(f"\n{benchmark.title}: {benchmark.description}", flush=True)
        figures = benchmark.run()
        print(f"\n{report.table(figures)}\n\nrepeat: {benchmark.command}", flush=True)
        reached += [one.reached for one in figures if one.reached is not None]
        if chosen.write:
            # Written after each benchmark, so that an error in a later one loses nothing.
            report.write(report.make_section(benchmark, figures, environment), order=list(BENCHMARKS))
    print(f"\n{sum(reached)} of {len(reached)} bars reached")
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
