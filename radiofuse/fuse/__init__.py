"""The models of an experiment: members, combiners, late, early, constraint and weighted fusion, chains over outcomes.

``COMBINERS`` maps a name to the path of a class without arguments. ``combine(P)`` turns the members'
probabilities ``P`` (n_samples, n_members), NaN where a member is absent, into one per sample; of more than
two classes there is a third axis for them. A combiner that also has ``fit(P, y)`` learns, and is shown
out-of-fold probabilities only.
"""

from radiofuse.fuse.choices import COMBINERS, combiner_name
from radiofuse.fuse.constrained import ConstraintFusion
from radiofuse.fuse.held_files import HoldsFiles, attached, holders, keyed, portable
from radiofuse.fuse.joined_features import JoinedFeatures
from radiofuse.fuse.late_fusion import LateFusion
from radiofuse.fuse.outcome_chain import OutcomeChain
from radiofuse.fuse.stacking import Stacking
from radiofuse.fuse.weighting import ModalityWeighting

__all__ = [
    "COMBINERS",
    "ConstraintFusion",
    "HoldsFiles",
    "JoinedFeatures",
    "LateFusion",
    "ModalityWeighting",
    "OutcomeChain",
    "Stacking",
    "attached",
    "combiner_name",
    "holders",
    "keyed",
    "portable",
]
