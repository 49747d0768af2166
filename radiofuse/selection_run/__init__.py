"""A selection on all samples and in every fold: what stands behind `radiofuse select`.

``request`` is what was asked. ``files``, ``joining`` and ``reading`` turn files into one table, ``feature_columns`` and
``checks`` say what of it can be used, ``suspicions`` what looks wrong. ``chain``, ``model`` and ``nested`` run
the selections and models; ``features``, ``fold_tables`` and ``tables`` put what they found into tables, ``cautions``
and ``record`` into words and a JSON file, ``printing`` on the screen. ``run`` does it all.
"""

from __future__ import annotations
