"""``python -m radiofuse``: list the commands, or run one."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module

from radiofuse import __version__

COMMANDS = {
    "init": "write the recipes that come along into a folder, to run and to change",
    "run": "recipe in; report, scores and a model bundle out",
    "predict": "apply a bundle to new patients",
    "serve": "bundles answer in the browser: images in, in a queue, pages out",
    "evaluate": "score a bundle on labeled patients whom it never saw",
    "update": "recalibrate a bundle on a site's own labeled patients",
    "cohort": "a folder of images to a cohort table; what is wrong with one before anything is computed",
    "segment": "masks of tumors by a network or another program, and how well they fit an expert's",
    "extract": "radiomic features of a cohort's images, into the feature store",
    "select": "which features of a table carry the label, and how stably",
    "selftest": "what a chain of selectors finds in pure noise of your table's shape",
    "report": "write a bundle's HTML report again",
    "export": "the late fusion of a bundle as a graph of ONNX",
    "share": "a bundle for handing on, without tables by patient",
    "sign": "sign a bundle with a key, so that others can tell who made it",
    "forms": "reporting checklists (CLEAR, METRICS, TRIPOD+AI, CLAIM) filled from a run's files",
    "paper": "what a manuscript needs of a run: methods with references, tables as CSV and LaTeX",
    "store": "list, verify, clean or export a feature store",
    "datasets": "generate the synthetic phantom cohort",
    "schema": "the JSON Schema of a recipe, from which editors complete it",
}
ASKED_BY_SHELL = "_RADIOFUSE_COMPLETE"  # set by the shell that asks how a line goes on
COMPLETION = "--install-completion lets the shell complete commands and options."


def main() -> None:
    """Run ``radiofuse COMMAND …``, or print the list of commands."""
    arguments = sys.argv[1:]
    if ASKED_BY_SHELL in os.environ or arguments[:1] in (["--install-completion"], ["--show-completion"]):
        import_module("radiofuse.commands.completion").answer(COMMANDS)
    if not arguments or arguments[0] in ("-h", "--help"):
        with suppress(BrokenPipeError):  # `| head` has read enough
            print(_listing(), flush=True)
        return
    if arguments[0] == "--version":
        print(f"radiofuse {__version__}")
        return
    if arguments[0] not in COMMANDS:
        print(f"radiofuse has no command {arguments[0]!r}.\n\n{_listing()}", file=sys.stderr)
        raise SystemExit(2)
    import_module(f"radiofuse.commands.{arguments[0]}").app(arguments[1:], prog_name=f"radiofuse {arguments[0]}")


def _listing() -> str:
    lines = [f"  {name:<10}{what}" for name, what in COMMANDS.items()]
    return "\n".join(["Usage: radiofuse COMMAND …    (or python -m radiofuse COMMAND)", "", *lines, "", COMPLETION])


if __name__ == "__main__":
    main()
