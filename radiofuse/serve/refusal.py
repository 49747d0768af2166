"""A request that is refused: a sentence for its sender, and the status of HTTP that goes with it."""

from __future__ import annotations


class RefusedError(Exception):
    """What a handler raises; the page of the error shows its sentence, a script gets it as JSON."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
