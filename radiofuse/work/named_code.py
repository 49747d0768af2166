"""Somebody's own code that a task for a cluster names: pickles carry names, and a worker has what it imported first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from socket import gethostname
from types import FunctionType

from radiofuse.errors import RequestError
from radiofuse.work.own_code import digest_of_first_read, digest_with_libraries, is_own, modules_named_in


def modules_named_by(value: object) -> set[str]:
    """Return the module of a class or function, or that of a text ``package.module:Class``.

    Examples
    --------
    >>> from fractions import Fraction
    >>> modules_named_by(Fraction), modules_named_by("fractions:Fraction"), modules_named_by(Fraction(1, 2))
    ({'fractions'}, {'fractions'}, set())
    """
    if isinstance(value, type | FunctionType):
        return {value.__module__}
    return modules_named_in(value) if isinstance(value, str) else set()


class OwnCode:
    """Digests of own modules, each read once: those of the process that asks for the work."""

    def __init__(self) -> None:
        self._digest = cache(lambda name: digest_with_libraries([name]) if is_own(name) else None)

    def of(self, modules: Iterable[str]) -> dict[str, str]:
        """Return the digest of each of the modules that no installer put there."""
        found = {name: self._digest(name) for name in sorted(modules)}
        return {name: digest for name, digest in found.items() if digest is not None}


def refuse_other_code(wanted: Mapping[str, str]) -> None:
    """Refuse a task in a worker that imported other code under the same name.

    Parameters
    ----------
    wanted : mapping of str to str
        Digests by module, from `OwnCode.of`.

    Raises
    ------
    RequestError
        With the first module that differs, or is not here.
    """
    for name, digest in wanted.items():
        try:
            here = digest_of_first_read(name)
        except FileNotFoundError:
            raise RequestError(
                f"{gethostname()}, a worker of the Dask cluster, does not have the module {name}. Put it on the path "
                "of every worker (PYTHONPATH), and restart the workers."
            ) from None
        if here != digest:
            raise RequestError(
                f"{gethostname()}, a worker of the Dask cluster, has other code of {name}, or of what it imports, than "
                "the process that asks for the work. Put the same files there and restart the workers: a worker keeps "
                "what it imported first."
            )
