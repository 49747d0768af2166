"""Input methods of the constraint fusion: which modalities enter its network together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from radiofuse.errors import RequestError

# Shi et al. (2023), figure 7
METHODS: dict[str, dict[str, list[str]]] = {
    "method1": {"t1ce": ["t1ce"], "flair": ["flair"]},
    "method2": {"t1": ["t1"], "t1ce": ["t1ce"], "t2": ["t2"], "flair": ["flair"]},
    "method3": {"t1_t1ce": ["t1", "t1ce"], "t2_flair": ["t2", "flair"]},
}


def find_branches(method: str | Mapping[str, Sequence[str]], members: Sequence[str]) -> dict[str, list[str]]:
    """Return the members of each branch.

    Parameters
    ----------
    method : str or mapping of str to sequence of str
        A key of ``METHODS``, or the branches.
    members : sequence of str
        Those there are.

    Raises
    ------
    RequestError
        If the method is unknown, or a branch is empty, names a stranger or a member that another has.

    Examples
    --------
    >>> find_branches("method1", ["t1", "t1ce", "flair"])
    {'t1ce': ['t1ce'], 'flair': ['flair']}
    """
    if isinstance(method, str) and method not in METHODS:
        raise RequestError(
            f"No input method is called {method!r}; choose from {', '.join(METHODS)}, or pass a dict of branches, "
            'such as {"t1": ["t1"], "flair": ["flair"]}.'
        )
    branches = METHODS[method] if isinstance(method, str) else method
    if not branches:
        raise RequestError("The constraint fusion needs at least one branch; method is an empty dict.")
    for branch, names in branches.items():
        if isinstance(names, str) or not names:
            raise RequestError(f"Branch {branch!r} must be a list of one or more members, and is {names!r}.")
        unknown = [name for name in names if name not in members]
        if unknown:
            raise RequestError(
                f"Branch {branch!r} names the member {unknown[0]!r}, but the members are {', '.join(members)}. "
                "Pass method as a dict of branches that names these."
            )
    twice = [name for name in members if listed(branches).count(name) > 1]
    if twice:
        raise RequestError(f"Member {twice[0]!r} stands in more than one place of the branches; keep one.")
    return {branch: list(names) for branch, names in branches.items()}


def listed(branches: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the members of all branches, in their order."""
    return [name for names in branches.values() for name in names]
