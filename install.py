"""Install EssayCoach with the given extras into a Python, every file checked against its hash in constraints.txt.

    python install.py --into .venv/bin/python local,standalone,test
    python install.py --list local,standalone,test

A file with another hash, or a component without a line in constraints.txt, stops the installation. pip requires hashes only
of files from an index, so our own code is installed in a step of its own, which asks no index.
"""

from __future__ import annotations

import argparse
import configparser
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONSTRAINTS = HERE / "constraints.txt"
# These two install the rest. Older pips know neither the hashes of a constraints file nor all of its options.
INSTALLERS = ("pip", "setuptools")


def requirements(extras: list[str]) -> list[str]:
    """Return what setup.cfg asks for: always, and for each of the extras."""
    settings = configparser.ConfigParser()
    settings.read(HERE / "setup.cfg", encoding="utf-8")
    lists = [settings["options"]["install_requires"]]
    lists += [settings["options.extras_require"][extra] for extra in extras]
    return [line for text in lists for line in text.split("\n") if line]


def pinned(name: str) -> str:
    """Return the lines of constraints.txt for one component, with its hashes."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"{name}=="))
    last = next(number for number in range(first, len(lines)) if not lines[number].endswith("\\"))
    return "\n".join(lines[first : last + 1])


def pip(python: str, *arguments: str, asked: list[str] | None = None) -> None:
    """Run pip in that Python, with what is asked for as its requirements file."""
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    file = [] if asked is None else ["--requirement", "/dev/stdin"]
    text = None if asked is None else "\n".join(asked)
    subprocess.run([python, "-m", "pip", "install", *quiet, *arguments, *file], input=text, text=True, check=True)


def install(python: str, extras: list[str]) -> None:
    """Install the installers, then what setup.cfg asks for, then this folder."""
    pip(python, "--require-hashes", "--no-deps", asked=[pinned(name) for name in INSTALLERS])
    # A component without a wheel for this machine is built, by tools that are checked as far as they are listed.
    constrained = ("--require-hashes", "--no-compile", "--constraint", str(CONSTRAINTS))
    constrained += ("--build-constraint", str(CONSTRAINTS))
    pip(python, *constrained, asked=requirements(extras))
    pip(python, "--no-index", "--no-deps", "--no-build-isolation", "--no-compile", "--editable", str(HERE))


def main() -> None:
    """Read the command line and install or list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--into", metavar="PYTHON", help="install into this Python")
    what.add_argument("--list", action="store_true", help="print what would be asked for, for `make lock`")
    parser.add_argument("extras", help="names from setup.cfg, with commas between")
    chosen = parser.parse_args()
    extras = chosen.extras.split(",")
    if chosen.list:
        print(*INSTALLERS, *requirements(extras), sep="\n")
        return
    try:
        install(chosen.into, extras)
    except subprocess.CalledProcessError:
        raise SystemExit("The installation failed; pip says why above.") from None


if __name__ == "__main__":
    main()
