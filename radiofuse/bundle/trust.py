"""What of a bundle would run code that is not this package's own, and who said that it may."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from radiofuse.deep.encoders.choices import ENCODERS, LIBRARIES
from radiofuse.errors import BundleError
from radiofuse.radiomics import BACKENDS

JOBLIB, BRAIN_COMMAND, TORCHSCRIPT = "joblib", "brain_command", "torchscript"
HOW = "Whom you trust with that, name: --trust NAME, or trust=[NAME, …] in Python. NAME is one of"
OUR_NETWORKS = ("radiofuse.deep.fusion.image_net:FusionNet", "radiofuse.deep.tasks.network:MultiTaskNet")


def refuse_untrusted(folder: Path, reasons: Mapping[str, str], trust: Collection[str]) -> None:
    """Raise a BundleError that names what a bundle would run, unless all of it is trusted.

    Parameters
    ----------
    folder : Path
    reasons : mapping of str to str
        What would run and what it is, in words.
    trust : collection of str
        What the caller named.

    Examples
    --------
    >>> refuse_untrusted(Path("b"), {"joblib": "its model is pickled Python"}, trust=["joblib"])
    """
    asked = {name: why for name, why in reasons.items() if name not in trust}
    if asked:
        raise BundleError(
            f"The bundle {folder} would run code that is not radiofuse's: {'; '.join(asked.values())}. "
            f"{HOW} {', '.join(asked)}."
        )


def told_by(manifest: Mapping[str, Any], description: Mapping[str, Any]) -> dict[str, str]:
    """Return what a bundle says itself that it would run, before its model is opened."""
    model, settings = manifest["model"], description.get("settings") or {}
    reasons = {}
    if model["kept_as"] == JOBLIB:
        reasons[JOBLIB] = "its model is pickled Python, which runs whatever its maker put there"
    else:
        reasons |= {name: _of_class(name) for name in model["own_code"]}
    if command := (settings.get("images") or {}).get("brain_command"):
        reasons[BRAIN_COMMAND] = f"its images are prepared by the program {command!r}"
    backend = (settings.get("radiomics") or {}).get("backend")
    if backend is not None and backend not in BACKENDS:
        reasons[backend] = f"its features are computed by {backend}"
    deep = description["protocol"].get("deep") or {}
    return reasons | _of_encoders([deep["encoder"]] if "encoder" in deep else [])


def told_by_objects(made: Iterable[Any]) -> dict[str, str]:
    """Return what the objects of a model would run when they are asked: encoders that are not of this package."""
    return _of_encoders(_encoders_named(made))


def _encoders_named(made: Iterable[Any]) -> Iterator[str]:
    for one in made:
        inside = one if isinstance(one, dict) else getattr(one, "__dict__", {})
        if isinstance(name := inside.get("encoder"), str):
            yield str(name)


def _of_encoders(names: Iterable[str]) -> dict[str, str]:
    reasons = {}
    for name in dict.fromkeys(names):
        if name == TORCHSCRIPT:
            reasons[name] = "its encoder is a TorchScript program"
        elif name not in (*ENCODERS, *OUR_NETWORKS) and name.partition(":")[0] not in LIBRARIES:
            reasons[name] = f"its encoder is the class {name}"
    return reasons


def _of_class(name: str) -> str:
    return f"its model holds the class {name}"
