"""The published tables of a recipe: scores, weights or numbers of selected features to print beside this run's."""

from __future__ import annotations

from pydantic import model_validator

from radiofuse.experiment.recipe.parts import Part


class PublishedRow(Part):
    """One row of a published table: the model that stands for it here, and the published values."""

    name: str
    """What the row is called."""
    model: str = ""
    """The model that stands for it here; left out, the row has published values alone."""
    published: tuple[float | None, ...]
    """One published value per metric."""


class PublishedTable(Part):
    """A published table to print with this run's values beside it: scores by row, a fusion's weights, or how many
    features a model selected."""

    title: str
    """What the table shows."""
    source: str
    """Where it was published."""
    outcome: str = ""
    """Of which outcome; left out, the first."""
    metrics: tuple[str, ...] = ()
    """The columns: auc, accuracy, precision, recall, f1 and others."""
    rows: tuple[PublishedRow, ...] = ()
    """A row per model: scores."""
    fusion: str | None = None
    """The combiner whose weights are shown, in place of rows."""
    published: dict[str, float] = {}
    """A published weight per member."""
    selected_by: str | None = None
    """The model whose numbers of selected features are shown, in place of rows: "fusion" is the one without a name."""
    survivors: dict[str, tuple[int, int]] = {}
    """Per modality the published number of radiomic features that were selected, and that of an encoder's."""

    @model_validator(mode="after")
    def _one_kind(self) -> PublishedTable:
        given = [bool(self.rows), self.fusion is not None, self.selected_by is not None]
        if sum(given) != 1:
            raise ValueError("give rows (scores), fusion (its weights), or selected_by (numbers of selected features)")
        uneven = [row.name for row in self.rows if len(row.published) != len(self.metrics)]
        if uneven:
            raise ValueError(f"row {uneven[0]!r} needs one published value per metric, {len(self.metrics)} in all")
        return self
