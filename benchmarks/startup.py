"""How long ``--help`` of each command and ``import radiofuse`` take, beside an interpreter that does nothing.

Run as ``python benchmarks/startup.py [repeats]``; the fastest of the repeats counts.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import time

import radiofuse
from radiofuse.__main__ import COMMANDS

PROMISED_S = 0.5


def seconds(arguments: list[str], repeats: int) -> float:
    """Return the fastest of ``repeats`` runs of this interpreter with ``arguments``."""
    return min(_one_run(arguments) for _ in range(repeats))


def _one_run(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
    return time.perf_counter() - started


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"radiofuse {radiofuse.__version__}, Python {platform.python_version()}, {platform.platform()}")
    nothing = seconds(["-c", "pass"], repeats)
    print(f"{'an empty interpreter':<28}{nothing:6.2f} s")
    tried = {"import radiofuse": ["-c", "import radiofuse"]}
    tried |= {f"radiofuse {name} --help": ["-m", f"radiofuse.{name}", "--help"] for name in COMMANDS}
    for name, arguments in tried.items():
        took = seconds(arguments, repeats)
        verdict = "" if took < PROMISED_S else f"  slower than the promised {PROMISED_S} s"
        print(f"{name:<28}{took:6.2f} s  {took / nothing:5.1f} x{verdict}")


if __name__ == "__main__":
    main()
