"""The rules of the house, read off the source: layers, rooms of heavy libraries, names, docstrings."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import radiofuse
from radiofuse.__main__ import COMMANDS
from radiofuse.bundle import OLDEST_SKLEARN

PACKAGE = Path(radiofuse.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in SOURCES}

LAYERS = (
    {
        "errors",
        "estimators",
        "columns",
        "plugins",
        "lazy",
        "routing",
        "aside",
        "outputs",
        "description",
        "inner_folds",
        "copies",
        "multiplicity",
    }
    | {
        "jobs",
        "kept",
        "cells",
        "labels",
        "screen",
        "wording",
        "paths",
        "stand_ins",
        "kernels",
        "spreadsheet",
        "magnitude",
    },
    {"cohort", "store", "imaging"},
    {"radiomics", "deep"},
    {"extract", "harmonize", "select", "classify", "fuse", "evaluate"},
    {"bundle", "report", "datasets", "pipeline", "findings", "published", "training_rows", "options"},
    {"recipe"},
    {"glossary", "init", "run", "models", "study", "trial", "predict", "survey", "selftest", "_cli", "__main__"},
)
LAYER_OF = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
MEET_WITHIN = (0, len(LAYERS) - 1)  # rooms of these layers may import each other

HEAVY_ROOMS = {
    "SimpleITK": {"imaging", "radiomics"},
    "nibabel": {"imaging"},
    "radiomics": {"radiomics"},
    "torch": {"deep"},
    "safetensors": {"deep"},
    "xgboost": {"classify"},
    "distributed": {"extract"},
    "pyarrow": {"store"},
    "matplotlib": {"report"},
    "jinja2": {"report"},
}
TWO_LEVELS = {"radiomics", "deep", "report"}
SLOW_TO_LOAD = (
    "SimpleITK",
    "distributed",
    "matplotlib",
    "nibabel",
    "pandas",
    "pyarrow",
    "scipy",
    "sklearn",
    "torch",
    "xgboost",
)

PUBLIC = {
    "read_cohort",
    "FeatureStore",
    "RadiomicsExtractor",
    "EmbeddingExtractor",
    "MannWhitneySelector",
    "CorrelationSelector",
    "LassoSelector",
    "ReproducibilitySelector",
    "SelectorChain",
    "ThreeStepSelector",
    "ComBat",
    "BayesianRegularizedNetwork",
    "modality_classifier",
    "LateFusion",
    "ConstraintFusion",
    "cross_validated_predictions",
    "score_predictions",
    "compare_models",
    "read_recipe",
    "build_model",
    "run_recipe",
    "save_bundle",
    "load_bundle",
    "predict_cohort",
    "write_report",
}


def where(path: Path) -> str:
    return str(path.relative_to(PACKAGE.parent))


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(path: Path) -> str:
    """The room a file belongs to; a command's ``__main__`` stands above all rooms."""
    return "__main__" if path.name == "__main__.py" else path.relative_to(PACKAGE).with_suffix("").parts[0]


def run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from run_time(node)


def imports_of(path: Path) -> Iterator[str]:
    """Every imported module by its full name, those inside functions included."""
    package = module_of(path).split(".") if path.name == "__init__.py" else module_of(path).split(".")[:-1]
    for node in run_time(TREES[path]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*parents, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    found = {name.split(".")[1] for name in imports_of(path) if name.startswith("radiofuse.")}
    return found & set(LAYER_OF)


def nodes(kind: type[ast.AST]) -> Iterator[tuple[Path, ast.AST]]:
    return ((path, node) for path, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, kind))


# ---------------------------------------------------------------- imports


def test_every_file_has_a_layer():
    rooms = {room_of(path) for path in SOURCES} - {"__init__"}
    assert rooms <= set(LAYER_OF)


def test_imports_point_down_the_layers():
    wrong = []
    for path in SOURCES:
        own = room_of(path)
        for other in rooms_imported(path) - {own}:
            below = LAYER_OF[other] < LAYER_OF.get(own, 0)
            beside = LAYER_OF[other] == LAYER_OF.get(own, 0) in MEET_WITHIN
            if not (below or beside):
                wrong.append(f"{where(path)} imports {other}")
    assert not wrong


def test_the_import_reader_sees_imports_inside_functions():
    assert "cohort" in rooms_imported(PACKAGE / "extract" / "__main__.py")


def test_heavy_libraries_stay_in_their_rooms():
    wrong = [
        f"{where(path)} imports {library}"
        for path in SOURCES
        for library in {name.split(".")[0] for name in imports_of(path)} & set(HEAVY_ROOMS)
        if path.relative_to(PACKAGE).with_suffix("").parts[0] not in HEAVY_ROOMS[library]
    ]
    assert not wrong


def loaded_by(code: str) -> set[str]:
    """The slow libraries that a fresh interpreter has loaded after ``code``."""
    ask = f"print(*(set(sys.modules) & {set(SLOW_TO_LOAD)!r}), file=sys.stderr)"
    report = f"import sys\ntry:\n    {code}\nfinally:\n    {ask}"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_importing_the_package_loads_nothing_slow():
    assert loaded_by("import radiofuse") == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_answers_without_loading_anything_slow(command):
    code = f"import runpy; sys.argv = ['x', '--help']; runpy.run_module('radiofuse.{command}', run_name='__main__')"
    assert loaded_by(code) == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_answers(command):
    done = subprocess.run([sys.executable, "-m", f"radiofuse.{command}", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "Usage" in done.stdout
    assert done.stderr == ""


def test_the_list_of_commands_is_printed_and_unknown_ones_are_refused():
    listing = subprocess.run([sys.executable, "-m", "radiofuse"], capture_output=True, text=True, check=True).stdout
    assert all(f"  {name} " in listing for name in COMMANDS)
    refused = subprocess.run([sys.executable, "-m", "radiofuse", "fly"], capture_output=True, text=True)
    assert refused.returncode == 2
    assert "no command 'fly'" in refused.stderr


# ---------------------------------------------------------------- public names


def test_the_public_names_are_these():
    assert set(radiofuse.__all__) == PUBLIC
    assert set(dir(radiofuse)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_name_is_there_and_documents_every_parameter(name):
    thing = getattr(radiofuse, name)
    text = inspect.getdoc(thing)
    summary, blank, *_ = text.splitlines()
    assert summary.endswith(".")
    assert blank == ""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", text, re.MULTILINE | re.DOTALL)
    assert section, f"{name} has no section Parameters"
    entries = re.findall(r"^(\S.*?)(?: :.*)?$", section[1], re.MULTILINE)
    documented = {word.strip("* ") for entry in entries for word in entry.split(",")}
    assert documented == set(inspect.signature(thing).parameters)


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        radiofuse.no_such_name  # noqa: B018


@pytest.mark.parametrize("path", SOURCES, ids=where)
def test_examples_in_docstrings_run(path):
    module = import_module(module_of(path))
    outcome = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert outcome.failed == 0


# ---------------------------------------------------------------- habits


def test_no_file_is_named_after_nothing():
    vague = {"utils", "util", "helpers", "helper", "common", "base", "misc"}
    assert not [where(path) for path in SOURCES if path.stem.strip("_") in vague]


def test_no_folder_goes_deeper_than_one_level_but_in_rooms_of_two_nouns():
    parts = {where(path): path.relative_to(PACKAGE).parts for path in SOURCES}
    assert not [path for path, names in parts.items() if len(names) > 2 + (names[0] in TWO_LEVELS)]


def test_no_handler_swallows_everything():
    wrong = []
    for path, handler in nodes(ast.ExceptHandler):
        caught = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} if handler.type else {"all"}
        cleans_up = caught == {"BaseException"} and ast.unparse(handler.body[-1]) == "raise"
        if caught & {"all", "Exception", "BaseException"} and not cleans_up:
            wrong.append(f"{where(path)}:{handler.lineno}")
    assert not wrong


def test_nothing_is_left_for_later():
    later = re.compile(r"\b(TODO|FIXME|XXX)\b")
    assert not [where(path) for path in SOURCES if later.search(path.read_text())]


def called(call: ast.AST) -> str:
    """The last word of what is called: ``simplefilter`` of ``warnings.simplefilter(...)``."""
    func = getattr(call, "func", None)
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def filters_in_a_block_of_their_own(tree: ast.AST) -> set[ast.AST]:
    """The calls that change warning filters and stand in a ``with catch_warnings``, which takes the change back."""
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.With)]
    guarding = [block for block in blocks if any(called(each.context_expr) == "catch_warnings" for each in block.items)]
    inside = {call for block in guarding for statement in block.body for call in ast.walk(statement)}
    return {call for call in inside if called(call) in ("filterwarnings", "simplefilter")}


def calls_that_act_globally(tree: ast.AST) -> list[ast.Call]:
    forbidden = {"basicConfig", "seed", "filterwarnings", "simplefilter"}
    guarded = filters_in_a_block_of_their_own(tree)
    return [node for node in ast.walk(tree) if called(node) in forbidden and node not in guarded]


def test_only_the_commands_configure_logging_and_nobody_seeds_or_filters_globally():
    wrong = [(path.name, called(call)) for path, tree in TREES.items() for call in calls_that_act_globally(tree)]
    assert wrong == [("_cli.py", "basicConfig")]


def test_a_filter_outside_its_block_is_seen():
    source = "with catch_warnings():\n    simplefilter('ignore')\nsimplefilter('ignore')\n"
    assert [call.lineno for call in calls_that_act_globally(ast.parse(source))] == [3]


def test_every_file_says_what_it_is_for():
    assert not [where(path) for path, tree in TREES.items() if not ast.get_docstring(tree)]


def test_annotations_are_never_evaluated():
    """So that types of optional libraries cost nothing, on every supported Python."""
    defining = {path for path, _ in nodes(ast.FunctionDef)}
    postponing = {path for path, node in nodes(ast.ImportFrom) if node.module == "__future__"}
    assert not [where(path) for path in defining - postponing]


def test_each_test_file_has_a_name_of_its_own():
    """Two test modules of one name hide each other from pytest."""
    counts = Counter(path.name for path in Path(__file__).parent.rglob("test_*.py"))
    assert not [name for name, count in counts.items() if count > 1]


def test_the_lowest_versions_that_are_tested_are_those_that_the_metadata_allow():
    root = PACKAGE.parent
    needed = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    lowest = dict(re.match(r"([\w-]+)>=([\d.]+)", word).groups() for word in needed)
    tested = dict(re.findall(r"^([\w-]+)==([\d.]+)$", (root / "requirements-oldest.txt").read_text(), re.MULTILINE))
    assert set(lowest) == {word.split(">=")[0] for word in needed}
    assert lowest["scikit-learn"] == ".".join(map(str, OLDEST_SKLEARN))
    assert not [name for name, bound in lowest.items() if not f"{tested.get(name)}.0.0".startswith(f"{bound}.")]
