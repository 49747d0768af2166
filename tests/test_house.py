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
from radiofuse.bundle.load import OLDEST_SKLEARN

PACKAGE = Path(radiofuse.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in SOURCES}

CONTRIBUTING = (PACKAGE.parent / "CONTRIBUTING.md").read_text()
PLAN = CONTRIBUTING.partition("## Which way imports point")[2]
LAYERS = [set(line.split(", ")) for line in re.findall(r"^\d  (.*)$", PLAN, re.MULTILINE)]
LAYER_OF = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
MAY_READ = set(re.findall(r"^(\w+) → (\w+)", PLAN, re.MULTILINE))  # within one layer
SENTENCES = dict(re.findall(r"^\| `(\w+)(?:/|\.py)` \| (.*) \|$", CONTRIBUTING, re.MULTILINE))
DOORS = {"run", "predict", "extract", "select", "report", "store", "datasets", "selftest"}
TWO_NOUNS = {"radiomics", "deep", "report", "imaging", "experiment"}
IMPORTED_BY_FIVE = 5  # rooms, for a file to stand at the top

HEAVY_ROOMS = {
    "SimpleITK": {"imaging", "radiomics"},
    "nibabel": {"imaging"},
    "pydicom": {"imaging"},
    "openpyxl": {"tables"},
    "radiomics": {"radiomics"},
    "torch": {"deep"},
    "monai": {"deep"},
    "onnxruntime": {"deep"},
    "timm": {"deep"},
    "torchvision": {"deep"},
    "safetensors": {"deep"},
    "onnx": {"bundle"},
    "skl2onnx": {"bundle"},
    "xgboost": {"classify"},
    "distributed": {"work"},
    "pyarrow": {"store"},
    "fsspec": {"files"},
    "s3fs": set(),
    "matplotlib": {"report"},
    "jinja2": {"report"},
    "docx": {"report"},
    "starlette": {"serve"},
    "uvicorn": {"serve"},
    "python_multipart": {"serve"},
}
SLOW_TO_LOAD = (
    "SimpleITK",
    "distributed",
    "matplotlib",
    "nibabel",
    "openpyxl",
    "pandas",
    "pyarrow",
    "pydicom",
    "scipy",
    "sklearn",
    "torch",
    "xgboost",
)

PUBLIC = {
    "read_cohort",
    "collect_features",
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
    """The room a file belongs to: its folder in the package, or itself."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def is_door(path: Path) -> bool:
    """Whether a file is what ``python -m radiofuse.NAME`` runs: it belongs to no layer."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[-1] == "__main__" or (len(parts) == 1 and parts[0] in DOORS)


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


def test_every_room_stands_in_the_table_and_in_a_layer():
    rooms = {room_of(path) for path in SOURCES if not is_door(path)} - {"__init__"}
    assert rooms == set(LAYER_OF) == set(SENTENCES)


@pytest.mark.parametrize("room", sorted(SENTENCES))
def test_a_room_says_of_itself_what_the_table_says(room):
    path = PACKAGE / room / "__init__.py"
    path = path if path.exists() else PACKAGE / f"{room}.py"
    first = ast.get_docstring(TREES[path]).partition("\n\n")[0].replace("\n", " ")
    assert first.replace("``", "`") == SENTENCES[room]


def test_the_figure_names_rooms_that_there_are():
    figure = CONTRIBUTING.partition("```")[2].partition("```")[0]
    named = set(re.findall(r"\b(\w+)/", figure))
    assert len(named) > 10
    assert named <= set(LAYER_OF)


def test_imports_point_up_the_list_of_layers():
    wrong = []
    for path in (path for path in SOURCES if not is_door(path)):
        own = room_of(path)
        for other in rooms_imported(path) - {own}:
            above = LAYER_OF[other] < LAYER_OF.get(own, len(LAYERS))
            if not (above or ((own, other) in MAY_READ and LAYER_OF[other] == LAYER_OF[own])):
                wrong.append(f"{where(path)} imports {other}")
    assert not wrong


def test_what_may_be_read_within_a_layer_is_read():
    reading = {(room_of(path), other) for path in SOURCES for other in rooms_imported(path)}
    assert not MAY_READ - reading
    assert not [pair for pair in MAY_READ if LAYER_OF[pair[0]] != LAYER_OF[pair[1]]]


def test_a_door_imports_one_command_and_nothing_else():
    doors = [path for path in SOURCES if is_door(path) and path != PACKAGE / "__main__.py"]
    assert {path.parent.name if path.name == "__main__.py" else path.stem for path in doors} == DOORS
    for path in doors:
        name = path.parent.name if path.name == "__main__.py" else path.stem
        assert list(imports_of(path)) == [f"radiofuse.commands.{name}.app"]
        assert len(path.read_text().splitlines()) <= 6


def test_a_file_stands_at_the_top_only_if_five_rooms_import_it():
    readers = {path.stem: set() for path in SOURCES if path.parent == PACKAGE and not is_door(path)}
    for path in SOURCES:
        for other in rooms_imported(path) & set(readers):
            readers[other].add(room_of(path))
    few = {name: rooms for name, rooms in readers.items() if len(rooms) < IMPORTED_BY_FIVE}
    assert not {name: rooms for name, rooms in few.items() if name != "__init__"}


def test_the_import_reader_sees_imports_inside_functions():
    assert "tables" in rooms_imported(PACKAGE / "commands" / "extract.py")


def test_heavy_libraries_stay_in_their_rooms():
    wrong = [
        f"{where(path)} imports {library}"
        for path in SOURCES
        for library in {name.split(".")[0] for name in imports_of(path)} & set(HEAVY_ROOMS)
        if room_of(path) not in HEAVY_ROOMS[library]
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
    code = f"sys.argv = ['radiofuse', '{command}', '--help']; from radiofuse.__main__ import main; main()"
    assert loaded_by(code) == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_answers(command):
    done = subprocess.run([sys.executable, "-m", "radiofuse", command, "--help"], capture_output=True, text=True)
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


def test_only_rooms_of_two_nouns_have_one_more_level():
    deeper = [path for path in SOURCES if len(path.relative_to(PACKAGE).parts) > 2]
    assert not [where(path) for path in deeper if room_of(path) not in TWO_NOUNS]
    assert not [where(path) for path in deeper if len(path.relative_to(PACKAGE).parts) > 3]


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
    assert wrong == [("terminal.py", "basicConfig")]


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
