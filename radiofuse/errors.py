"""The few exception types a caller acts on.

Every message says what was expected, what was found and what to do next. ``exit_code`` is
what a command answers when the error reaches it.
"""

from __future__ import annotations

from collections.abc import Sequence


class RadiofuseError(Exception):
    """Base of every error that radiofuse raises on purpose."""

    exit_code = 3


class RequestError(RadiofuseError, ValueError):
    """The request itself was wrong: an unknown name, a recipe that does not parse."""

    exit_code = 2


class CohortError(RadiofuseError, ValueError):
    """The cohort table cannot be used; ``problems`` lists every reason found, not the first only."""

    def __init__(self, source: str, problems: Sequence[str]):
        self.source, self.problems = source, list(problems)
        count = f"{len(self.problems)} problem" + ("s" if len(self.problems) != 1 else "")
        super().__init__("\n  - ".join([f"{source} has {count}:", *self.problems]))

    def __reduce__(self) -> tuple:  # the message alone does not make one again on the way back from a worker process
        return type(self), (self.source, self.problems)


class ImageError(RadiofuseError, ValueError):
    """One image, mask or feature vector cannot be used.

    ``code`` is stable and short (``file_truncated``, ``empty_roi``); the message is the
    sentence for the user. The loop over a cohort adds sample and modality.
    """

    def __init__(self, code: str, message: str):
        self.code = code
        super().__init__(message)

    def __reduce__(self) -> tuple:  # both arguments must survive the way back from a worker process
        return type(self), (self.code, str(self))


class StoreError(RadiofuseError):
    """The feature store cannot be read or written."""


class StoreConflictError(StoreError):
    """The same key came with different values: an extractor is not deterministic."""


class WorkerError(RadiofuseError):
    """A child process was killed twice at the same piece of work."""


class KernelError(RadiofuseError, ImportError):
    """A compiled part of radiofuse is missing, or was compiled for another platform."""

    exit_code = 2


class BundleError(RadiofuseError):
    """A model bundle is damaged, incomplete or does not fit the data."""
