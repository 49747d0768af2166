"""What is wrong with the columns of a cohort table, before any cell is looked at."""

from __future__ import annotations

from radiofuse.tables.columns import BESIDE, CLINICAL, CROP, SEPARATOR, by_modality, join, split
from radiofuse.tables.problems import Problem, is_near_miss, problems_about, with_suggestions
from radiofuse.tables.roles import FILES, OF_MASKS, PATIENT, SAMPLE, SITE, Roles, belongs_to_image


def column_problems(columns: list[str], roles: Roles) -> list[Problem]:
    """List what is wrong with the set of columns, before any cell is looked at."""
    orphans = [
        column
        for names in roles.groups(columns).values()
        for column in names
        if belongs_to_image(column) and _image_of(column) not in names
    ]
    things = {column: split(column)[1] for column in columns if split(column)}
    reserved = [column for column, thing in things.items() if thing == CROP or thing.startswith(BESIDE)]
    return [
        *_absent_columns(columns, roles),
        *_columns_outside(columns, roles),
        *problems_about("Mask columns without an image column", orphans, "Name the image column <modality>__image."),
        *problems_about("Columns with a reserved name", reserved, "radiofuse numbers its own crops so; rename them."),
    ]


def _absent_columns(columns: list[str], roles: Roles) -> list[Problem]:
    modalities = [name for name in roles.groups(columns) if name != CLINICAL]
    needed = (SAMPLE, *(roles.labels or ()), *(roles.carried if roles.labels is not None else ()))
    absent = [column for column in needed if column not in columns]
    no_column = [name for name in roles.modalities or () if name not in modalities]
    advice = "Each modality asked for needs <modality>__image or <modality>__<number> columns."
    known = [name for name in by_modality(columns) if name != CLINICAL]
    batch = {"image", "mask"} <= {column.lower() for column in columns}
    to_do = f"Add {SAMPLE}, or write Image and Mask, as pyradiomics does." if batch else "Add or rename them."
    return [
        *problems_about("Columns that the table lacks", with_suggestions(absent, columns), to_do),
        *problems_about("Modalities without a column", with_suggestions(no_column, known), advice),
    ]


def _columns_outside(columns: list[str], roles: Roles) -> list[Problem]:
    """List columns that look like a slip in the grammar and, where labels are asked for, unknown ones."""
    known = [SAMPLE, PATIENT, SITE, *OF_MASKS, *(roles.labels or ())]
    known += [join(modality, kind) for modality in roles.groups(columns) for kind in FILES]
    outside = roles.outside(columns)
    malformed = [column for column in outside if SEPARATOR in column or is_near_miss(column)]
    allowed = roles.labels is None or roles.others_allowed
    unknown = [] if allowed else [column for column in outside if column not in malformed]
    advice = "A modality is a small letter, then small letters or digits, then two underscores."
    return [
        *problems_about("Malformed columns", with_suggestions(malformed, known), advice),
        *problems_about("Unknown columns", with_suggestions(unknown, known), "Rename them, or list them under ignore."),
    ]


def _image_of(column: str) -> str:
    return join(split(column)[0], "image")
