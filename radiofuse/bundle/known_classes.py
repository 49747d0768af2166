"""The classes and functions that a model file may name: a fixed list, by exact name.

None of them runs what their attributes say when they are made or asked; a class that is not here is its owner's, and is
imported only where whoever loads the model names it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from radiofuse.bundle.built_objects import BUILT

_OURS = {
    "classify": {
        "boosted_trees": "BoostedTrees",
        "brnn": "BayesianRegularizedNetwork",
        "calibrated_svc": "CalibratedSVC",
        "evidence": "Bernoulli Gaussian Posterior",
        "log_odds": "PlattOnLogOdds",
        "probability_maps": "IsotonicMap PlattMap TemperatureMap",
        "recalibration": "RecalibratedClassifier",
        "selected_before_split": "SelectedBeforeSplit",
        "self_training": "SelfTrainedClassifier",
        "stacked": "StackedClassifier",
        "tuned_chain": "TunedChain",
    },
    "deep": {
        "estimators.alignment": "Alignment",
        "estimators.crop_classifier": "CropClassifier",
        "estimators.crop_encoder": "CropEncoder",
        "estimators.image_fusion": "ImageFusion",
        "scaling": "Landmarks Linear",
        "tasks.estimator": "MultiTaskNetwork",
        "weights": "TrainedEncoder",
    },
    "fuse": {
        "by_pattern": "ByPattern Distilled",
        "calibrated": "Calibrated",
        "chain_link": "ChainLink",
        "classical_rules": "Confidence LogitMean Maximum Minimum Product",
        "combiners": "LinearRegression Mean Nonnegative Regression Vote",
        "constrained": "ConstraintFusion",
        "decision_templates": "Belief DecisionTemplates DempsterShafer TemplateMatch",
        "each_outcome": "EachOutcome",
        "joined_features": "JoinedFeatures",
        "joining": "AddedLogits ChosenJoin",
        "joint": "JointModel OneOutcome",
        "late_fusion": "LateFusion",
        "named": "Named",
        "outcome_chain": "OutcomeChain",
        "rank_average": "MeanRank RankAverage",
        "ridge_mean": "RidgeMean",
        "self_trained": "SelfTrainedOutcomes",
        "stacking": "Stacking",
        "subsets": "Subset",
        "vote_ties": "VoteByPrior VoteOrAbstain",
        "weighted_means": "AucWeighted BayesianAverage BestMember GreedySelection",
        "weighting": "ModalityWeighting",
    },
    "prepare": {
        "clinical_scale": "NormalScoreScaler UnitRangeScaler",
        "harmonize": "ComBat",
        "impute": "MedianImputer",
        "posteriors": "SiteEstimator",
        "scale": "TrainingScaler",
        "site_columns": "SiteHarmonizer",
    },
    "select": {
        "boruta": "BorutaSelector",
        "chain": "SelectorChain",
        "correlation": "CorrelationSelector",
        "kruskal": "KruskalSelector",
        "lasso": "LassoSelector",
        "mann_whitney": "MannWhitneySelector",
        "mrmr": "MRMRSelector",
        "penalized_fit": "PenalizedFit",
        "projections": "PartialLeastSquares PrincipalComponents",
        "recursive_elimination": "RFESelector",
        "relief": "ReliefSelector",
        "reproducibility": "ReproducibilitySelector",
        "stability_selection": "StabilitySelector",
        "three_step": "ThreeStepSelector",
        "univariate": "AnovaSelector MutualInfoSelector TTestSelector VarianceSelector",
    },
    "statistics": {
        "pseudo_labeling": "PseudoLabels",
    },
}
_OTHERS = {
    "sklearn._loss.link": "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit",
    "sklearn._loss.loss": "ExponentialLoss HalfBinomialLoss HalfMultinomialLoss",
    "sklearn.calibration": "CalibratedClassifierCV _CalibratedClassifier _SigmoidCalibration",
    "sklearn.compose._column_transformer": "ColumnTransformer make_column_selector",
    "sklearn.cross_decomposition._pls": "PLSRegression",
    "sklearn.decomposition._pca": "PCA",
    "sklearn.discriminant_analysis": "LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis",
    "sklearn.dummy": "DummyClassifier",
    "sklearn.ensemble._bagging": "BaggingClassifier",
    "sklearn.ensemble._forest": "ExtraTreesClassifier RandomForestClassifier",
    "sklearn.ensemble._gb": "GradientBoostingClassifier",
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": "HistGradientBoostingClassifier",
    "sklearn.ensemble._stacking": "StackingClassifier",
    "sklearn.ensemble._voting": "VotingClassifier",
    "sklearn.ensemble._weight_boosting": "AdaBoostClassifier",
    "sklearn.feature_selection._from_model": "SelectFromModel",
    "sklearn.feature_selection._rfe": "RFE RFECV",
    "sklearn.feature_selection._univariate_selection": "SelectFdr SelectFpr SelectFwe SelectKBest SelectPercentile",
    "sklearn.feature_selection._variance_threshold": "VarianceThreshold",
    "sklearn.impute._base": "MissingIndicator SimpleImputer",
    "sklearn.linear_model._base": "LinearRegression",
    "sklearn.linear_model._coordinate_descent": "ElasticNet ElasticNetCV Lasso LassoCV",
    "sklearn.linear_model._logistic": "LogisticRegression LogisticRegressionCV",
    "sklearn.linear_model._ridge": "Ridge RidgeClassifier RidgeCV",
    "sklearn.linear_model._stochastic_gradient": "SGDClassifier",
    "sklearn.model_selection._split": "GroupKFold KFold StratifiedGroupKFold StratifiedKFold",
    "sklearn.naive_bayes": "BernoulliNB GaussianNB",
    "sklearn.neighbors._classification": "KNeighborsClassifier",
    "sklearn.neural_network._multilayer_perceptron": "MLPClassifier",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.pipeline": "FeatureUnion Pipeline",
    "sklearn.preprocessing._data": (
        "MaxAbsScaler MinMaxScaler Normalizer PowerTransformer QuantileTransformer RobustScaler StandardScaler"
    ),
    "sklearn.preprocessing._function_transformer": "FunctionTransformer",
    "sklearn.preprocessing._label": "LabelBinarizer LabelEncoder",
    "sklearn.semi_supervised._self_training": "SelfTrainingClassifier",
    "sklearn.svm._classes": "LinearSVC SVC",
    "sklearn.tree._classes": "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier",
}
_OF_NUMPY = "bool_ float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64"

KNOWN = frozenset(
    [
        *(
            f"radiofuse.{room}.{file}:{n}"
            for room, files in _OURS.items()
            for file, ns in files.items()
            for n in ns.split()
        ),
        *(f"{module}:{name}" for module, names in _OTHERS.items() for name in names.split()),
        *(f"numpy:{name}" for name in _OF_NUMPY.split()),
        *("builtins:bool", "builtins:float", "builtins:int", "builtins:str"),
        *BUILT,
    ]
)
FUNCTIONS = frozenset(
    [
        "sklearn.feature_selection._univariate_selection:chi2",
        "sklearn.feature_selection._univariate_selection:f_classif",
        "sklearn.feature_selection._mutual_info:mutual_info_classif",
    ]
)


def name_of(named: Any) -> str:
    """Return a class or function as ``package.module:Name``.

    >>> name_of(dict)
    'builtins:dict'
    """
    module, name = getattr(named, "__module__", None), getattr(named, "__qualname__", None)
    return f"{module}:{name}"


def found(name: str) -> Any:
    """Return what ``package.module:Name`` stands for; only for a name that was looked up in a list before.

    Raises
    ------
    ImportError
        If it is not there.
    """
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except AttributeError as error:
        raise ImportError(str(error), name=module) from error
