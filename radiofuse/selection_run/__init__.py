"""A selection on all samples and in every fold: what stands behind `radiofuse select`.

``request`` is what was asked. ``reading`` turns what it names into one table, which the room of tables checks;
``table_warnings`` says what of it looks wrong. ``chain``, ``model`` and ``nested`` run the selections and models;
``features``, ``fold_tables`` and ``tables`` put what came out into tables, ``selection_warnings`` and ``record`` into
sentences and a JSON file. ``run`` does it all.
"""

from __future__ import annotations
