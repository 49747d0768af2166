"""What the models of a run answer by: every name with its kind, its words, and what it does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

from radiofuse.classify import CLASSIFIERS
from radiofuse.experiment.models.answers import Answer
from radiofuse.experiment.models.building import CLINICAL_ARM, TRIVIAL_RULE
from radiofuse.experiment.models.image_networks import network_words
from radiofuse.experiment.models.member_chains import classifier_of, feature_chain
from radiofuse.experiment.models.model_list import (
    DEEP,
    RADIOMICS,
    calibrates,
    called,
    combiners_of,
    deep_member,
    evaluates_subsets,
    join_of,
    missing_of,
    modalities_of,
    model_list,
    prefixed,
    reads_deep_columns,
    reads_of,
    reads_radiomics,
)
from radiofuse.experiment.models.networks import of_columns, of_networks
from radiofuse.experiment.models.self_training import stage_answers
from radiofuse.experiment.recipe.models import (
    CHAINED,
    CLINICAL,
    CONSTRAINED,
    EARLY,
    LATE,
    MULTITASK,
    ON_IMAGES,
    WEIGHTING,
    RecipeModel,
)
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.fuse import COMBINERS, ConstraintFusion, JoinedFeatures, ModalityWeighting, combiner_name
from radiofuse.fuse.branches import find_branches
from radiofuse.fuse.choices import learns
from radiofuse.fuse.early import AFTER
from radiofuse.fuse.outcome_chain import OutcomeChain
from radiofuse.fuse.subsets import members_among, subset_name, subset_names
from radiofuse.names import first_line, lookup, title_of
from radiofuse.report.kinds import ARM, ARM_MEMBER, FUSION, MEMBER, MODALITY, OTHER, REFERENCE, SUBSET
from radiofuse.select.words import words_of
from radiofuse.wording import listed

Words = dict[str, str]

_COHERENT = "The answers are then made to obey the implications: combinations that they rule out have no probability."
_JOINS = {  # what becomes of the networks' answers, behind what the combiner does
    "logit": " The logits of networks are added, drawn to 0 by a ridge penalty chosen inside the training patients.",
    "auto": " Networks join not at all, as members or by their logits, whichever has the least log-loss inside the "
    "training patients.",
}


def describe_names(
    recipe: Recipe, modalities: Sequence[str], *, clinical: bool = True, class_counts: Collection[int] = (2,)
) -> dict[str, Any]:
    """Return what the names of a run stand for.

    Parameters
    ----------
    recipe : Recipe
    modalities : sequence of str
        Those that have columns in the feature table.
    clinical : bool, default=True
        Whether there are clinical columns.
    class_counts : collection of int
        How many classes the outcomes have: of more than two, some selectors and combiners are called otherwise.

    Returns
    -------
    dict
        ``selector`` and ``classifier`` of the first model, each with ``title``, its name in words, and ``does``, a
        sentence; and ``models`` by name, which have also ``model`` and ``kind``. Title and sentence come from the
        class itself: its words or title, and the first line of its docstring.

    Examples
    --------
    >>> from radiofuse.experiment.recipe.recipe import read_recipe
    >>> words = describe_names(read_recipe("pipelines/demo.toml"), ["t1", "t1ce"])
    >>> words["models"]["nonnegative"]["title"], words["classifier"]["title"]
    ('nonnegative weights', 'logistic regression')
    """
    selector, classifier = _steps(recipe, model_list(recipe)[0], class_counts)
    answers = list_answers(recipe, modalities, clinical=clinical, class_counts=class_counts)
    models = {one.name: {name: value for name, value in one._asdict().items() if name != "name"} for one in answers}
    return {"selector": selector, "classifier": classifier, "models": models}


def list_answers(
    recipe: Recipe, modalities: Sequence[str], *, clinical: bool = True, class_counts: Collection[int] = (2,)
) -> list[Answer]:
    """Return every name that a recipe's models answer by in the table of predictions, in its order."""
    answers = [
        answer
        for model in model_list(recipe)
        for answer in stage_answers(
            model, _ANSWERS.get(model.kind, _own)(recipe, model, modalities_of(model, modalities), class_counts)
        )
    ]
    references = [_CLINICAL] * (clinical and CLINICAL_ARM not in [answer.name for answer in answers])
    return [*answers, *references, _TRIVIAL]


_CLINICAL_DOES = "Logistic regression on the clinical columns."
_CLINICAL = Answer(CLINICAL_ARM, CLINICAL_ARM, REFERENCE, "clinical data alone", _CLINICAL_DOES)
_TRIVIAL = Answer(
    TRIVIAL_RULE, TRIVIAL_RULE, REFERENCE, "trivial rule", "Gives everybody the share of events in the cohort."
)
_OF_ABSENT = {
    "refit": " It is learned anew for every pattern of absent modalities, from those that are there.",
    "distill": " For every pattern of absent modalities a regression on those that are there learned what it says, out "
    "of fold, of the patients who have all.",
}
_CALIBRATED = "Its log-odds are then put on the line that held in training patients whom the members had not seen."
_DEEP_MEMBER = "The softmax probability of the network trained on {}."


def _read(recipe: Recipe, name: str) -> str:
    """Return what the network of a modality, or of a stack, reads."""
    if not recipe.deep.reads_arrays:
        return f"the tumor crops of {name}"
    what = {"image": "slices", "tumor": "squares around the tumor"}[recipe.deep.cut]
    what = "cubes" if recipe.deep.dimensions == 3 else what
    return f"{what} of {', '.join(recipe.deep.channels) or name}"


def _steps(recipe: Recipe, model: RecipeModel, counts: Collection[int]) -> tuple[Words, Words]:
    """Return the words of a model's selector and of its classifier."""
    chain = feature_chain(recipe, model).named_steps
    return _selector(chain["select"], counts), _classifier(classifier_of(recipe, model).method, chain["classify"])


def _by_classes(title: Callable[[int], str], counts: Collection[int]) -> str:
    """Return a title for outcomes of so many classes; where that of two classes is another, both.

    >>> _by_classes(lambda n: "Mann-Whitney" if n == 2 else "Kruskal-Wallis", [2, 3])
    'Mann-Whitney (of more than two classes: Kruskal-Wallis)'
    """
    two, more = title(2), title(max(counts))
    if min(counts) > 2 or two == more:
        return more
    return f"{two} (of more than two classes: {more})"


def _selector(selector: Any, counts: Collection[int]) -> Words:
    if selector == "passthrough":
        return {"title": "all features kept", "does": ""}
    title = _by_classes(lambda n_classes: words_of(selector, n_classes=n_classes).title, counts)
    return {"title": title, "does": first_line(type(selector))}


def _classifier(name: str, classifier: Any) -> Words:
    title = title_of(lookup(name, CLASSIFIERS, "classifier"))
    return {"title": title or combiner_name(name), "does": first_line(type(classifier))}


def _chained(recipe: Recipe, model: RecipeModel, columns: str, counts: Collection[int]) -> str:
    selector, classifier = _steps(recipe, model, counts)
    return f"{selector['title']}; then, as classifier, {classifier['title']}; on the columns of {columns}."


def _combiner_title(combiner: Any, n_classes: int) -> str:
    of_classes = getattr(combiner, "title_of_classes", None) if n_classes > 2 else None
    return of_classes or title_of(combiner)


def _late(recipe: Recipe, model: RecipeModel, modalities: Sequence[str], counts: Collection[int]) -> Iterator[Answer]:
    of_arm = not model.keep and model.reads is not None
    kinds = (MODALITY, FUSION) if not model.name else (ARM_MEMBER, ARM) if of_arm else (MEMBER, FUSION)
    of_features = of_arm and model.name in (RADIOMICS, DEEP)  # the name says what is read
    behind = f", {model.name} features only" if of_features else f", of {model.name}" if model.name else ""
    members = list(_members(recipe, model, modalities, counts))
    for name, title, does in members:
        kind = REFERENCE if name == CLINICAL_ARM and not model.name else kinds[0]
        yield Answer(prefixed(model, name), called(model), kind, title + behind, does)
    for entry in combiners_of(recipe, model):
        combiner, name = lookup(entry, COMBINERS, "combiner"), combiner_name(entry)
        title, does = _by_classes(partial(_combiner_title, combiner), counts) or name, first_line(combiner)
        if calibrates(recipe, model) and learns(combiner, calibrate=True) and not learns(combiner):
            title, does = f"{title}, calibrated", f"{does} {_CALIBRATED}"
        does += _JOINS.get(join_of(recipe, model) or "", "")
        does += _of_absent(recipe, model, combiner)
        yield Answer(prefixed(model, name), called(model), kinds[1], title + behind, does)
    if evaluates_subsets(recipe, model):
        entry = combiners_of(recipe, model)[0]
        first, of_absent = combiner_name(entry), _of_absent(recipe, model, lookup(entry, COMBINERS, "combiner"))
        for name in subset_names(first, [name for name, *_ in members]):
            does = f"What {first} says of patients who lack the other members.{of_absent}"
            yield Answer(prefixed(model, name), called(model), SUBSET, f"{first} of these alone{behind}", does)


def _of_absent(recipe: Recipe, model: RecipeModel, combiner: Any) -> str:
    learned = learns(combiner, calibrate=calibrates(recipe, model))
    return _OF_ABSENT.get(missing_of(recipe, model), "") if learned else ""


def _members(
    recipe: Recipe, model: RecipeModel, modalities: Sequence[str], counts: Collection[int]
) -> Iterator[tuple[str, str, str]]:
    reads = reads_of(recipe, model)
    networks = of_networks(recipe, modalities) if DEEP in reads else []
    if RADIOMICS in reads:
        own = modalities if DEEP not in reads and model.reads is None else of_columns(recipe, modalities)
        yield from ((name, f"{name} alone", _chained(recipe, model, name, counts)) for name in own)
    for name in networks:
        by_network = ", by its network" if RADIOMICS in reads else ""
        yield deep_member(recipe, model, name), f"{name} alone{by_network}", _DEEP_MEMBER.format(_read(recipe, name))
    if model.clinical:
        yield CLINICAL_ARM, _CLINICAL.title, _CLINICAL_DOES


def _constrained(
    recipe: Recipe, model: RecipeModel, modalities: Sequence[str], counts: Collection[int]
) -> Iterator[Answer]:
    branches = find_branches(model.branches, modalities)
    dealt = " | ".join(" and ".join(members) for members in branches.values())
    title = f"constraint fusion of {dealt}"
    yield Answer(model.name, model.name, FUSION, title, first_line(ConstraintFusion))


def _weighting(
    recipe: Recipe, model: RecipeModel, modalities: Sequence[str], counts: Collection[int]
) -> Iterator[Answer]:
    title = f"modality weighting of {listed([*modalities, *([CLINICAL_ARM] if model.clinical else [])])}"
    yield Answer(model.name, model.name, FUSION, title, first_line(ModalityWeighting))


def _network(
    recipe: Recipe, model: RecipeModel, modalities: Sequence[str], counts: Collection[int]
) -> Iterator[Answer]:
    names = listed([*of_networks(recipe, modalities), *([CLINICAL_ARM] if model.clinical else [])])
    title, does = network_words(recipe, model, names)
    if reads_radiomics(model):
        does += f" Radiomic features: {_steps(recipe, model, counts)[0]['title']}."
    yield Answer(model.name, model.name, FUSION, title, does)
    if model.kind == MULTITASK and evaluates_subsets(recipe, model):
        for members in members_among(of_networks(recipe, modalities)):
            name, does = subset_name(model.name, members), "What the network says of patients who lack the others."
            yield Answer(name, model.name, SUBSET, f"{model.name} from {listed(members)} alone", does)


def _early(recipe: Recipe, model: RecipeModel, modalities: Sequence[str], counts: Collection[int]) -> Iterator[Answer]:
    if reads_deep_columns(recipe, model):
        yield _early_of_networks(recipe, model, modalities)
        return
    columns = ", ".join([*of_columns(recipe, modalities), *([CLINICAL_ARM] if model.clinical else [])])
    where = "selected in each and then joined" if model.joined == AFTER else "joined and then selected"
    title = f"early fusion: columns {where}"
    yield Answer(model.name, model.name, FUSION, title, _chained(recipe, model, columns, counts))


def _early_of_networks(recipe: Recipe, model: RecipeModel, modalities: Sequence[str]) -> Answer:
    beside = of_columns(recipe, modalities) if RADIOMICS in (model.reads or ()) else []
    beside += [CLINICAL_ARM] if model.clinical else []
    title = f"early fusion of the embeddings of {listed(of_networks(recipe, modalities))}"
    title += f", beside the columns of {listed(beside)}" if beside else ""
    return Answer(model.name, model.name, FUSION, title, first_line(JoinedFeatures))


def _clinical(
    recipe: Recipe, model: RecipeModel, modalities: Sequence[str], counts: Collection[int]
) -> Iterator[Answer]:
    yield Answer(model.name, model.name, REFERENCE, _CLINICAL.title, _CLINICAL_DOES)


def _over_outcomes(
    recipe: Recipe, model: RecipeModel, modalities: Sequence[str], counts: Collection[int]
) -> Iterator[Answer]:
    order = f"Their order is {', '.join(model.order)}." if model.order else "Those with the most labels come first."
    coherent = f" {_COHERENT}" if model.coherent else ""
    yield Answer(model.name, model.name, FUSION, OutcomeChain.title, f"{first_line(OutcomeChain)} {order}{coherent}")


def _own(recipe: Recipe, model: RecipeModel, modalities: Sequence[str], counts: Collection[int]) -> Iterator[Answer]:
    found = lookup(model.kind, {}, "model")
    yield Answer(model.name, model.name, OTHER, title_of(found) or model.name, first_line(found))


_ANSWERS: dict[str, Callable[[Recipe, RecipeModel, Sequence[str], Collection[int]], Iterator[Answer]]] = {
    LATE: _late,
    EARLY: _early,
    CONSTRAINED: _constrained,
    WEIGHTING: _weighting,
    **dict.fromkeys(ON_IMAGES, _network),
    CLINICAL: _clinical,
    CHAINED: _over_outcomes,
}
