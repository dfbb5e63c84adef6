"""`python -m benchmarks [NAME …]`: measure on this machine; each figure is printed with its bar and how to repeat it."""

from __future__ import annotations

import argparse
import sys

from benchmarks import fairness, ingest_rate, memory, overhead, security, tokens

BENCHMARKS = {
    "ingest": ingest_rate.run,
    "security": security.run,
    "overhead": overhead.overhead,
    "parallel": overhead.parallel,
    "memory": memory.run,
    "fairness": fairness.run,
    "tokens": tokens.run,
}


def main() -> int:
    """Run the chosen benchmarks and return 0 when every bar was reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed and memory on this machine.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which ones (default: all of {', '.join(BENCHMARKS)})"
    )
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark called {', '.join(sorted(unknown))}")
    reached = [BENCHMARKS[name]() for name in names]
    print(f"\n{sum(reached)} of {len(reached)} reached their bars")
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
