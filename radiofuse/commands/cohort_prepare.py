"""What ``radiofuse cohort prepare`` does besides: the steps of a recipe, and a page of what was registered."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from radiofuse.commands.terminal import say
from radiofuse.errors import RequestError
from radiofuse.files.aside import write_file

if TYPE_CHECKING:
    from radiofuse.imaging.ready_files import Registered
    from radiofuse.imaging.step_options import Steps


def steps_in(path: Path) -> Steps:
    """Return the steps of a recipe's table ``[images]``; the file of an atlas lies relative to the recipe."""
    import tomllib
    from dataclasses import replace

    from radiofuse.files.paths import describe_absent, with_home
    from radiofuse.imaging.atlas import MNI152
    from radiofuse.imaging.step_options import Steps

    if not path.exists():
        raise RequestError(describe_absent(path, "recipe"))
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RequestError(f"{path} is not a readable TOML file: {error}.") from None
    if not isinstance(content.get("images"), dict):
        raise RequestError(f"{path.name} has no table [images], which says what is done to the images.")
    steps = Steps.of(content["images"])
    return steps if steps.atlas in ("", MNI152) else replace(steps, atlas=str(path.parent / with_home(steps.atlas)))


def show_registrations(registered: Sequence[tuple[str, Registered]], out: Path) -> None:
    """Write a page of the figures of all registrations, and say where it lies."""
    if not registered:
        return
    if find_spec("jinja2") is None:
        say("Look at the figures <modality>_registered.svg; a page of them all needs pip install 'radiofuse[report]'.")
        return
    from radiofuse.report.registrations.page import registrations_page

    path = out / "registrations.html"
    write_file(path, lambda file: file.write(registrations_page(registered, out.absolute()).encode()))
    say(f"Look at what was registered: {path}")
