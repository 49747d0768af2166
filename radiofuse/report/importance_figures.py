"""Figures of what features matter, on axes of one's own or new ones: the same drawings as in the report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from radiofuse.errors import RequestError
from radiofuse.report.look import FEATURE_CHARACTERS, GREY, INK, PALE, PRIMARY, SMALL_PT, axes_for, drawn, entitle
from radiofuse.report.wording import shortened
from radiofuse.wording import number

BASE, OTHERS = "(base)", "(others)"  # rows of shapley.csv that are no feature
WORDS = {"importance": "Drop in AUC when shuffled", "shap": "Mean absolute SHAP value (log-odds)"}
BY_VALUE = LinearSegmentedColormap.from_list("value", ["#f1d9a7", "#7d8fa0", PRIMARY])  # light to dark, for gray print
MOST_POINTS = 250  # samples per feature that a swarm draws
BETWEEN = 0.8  # of a line's height, for a swarm


@drawn
def plot_importance(
    features: pd.DataFrame, measure: str = "importance", *, top: int = 12, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw the importance of the features that matter most, each with its interval.

    Parameters
    ----------
    features : DataFrame
        ``modality``, ``feature``, and ``importance`` or ``shap`` with ``_low`` and ``_high``: rows of
        ``selected_features.csv`` of one model and outcome.
    measure : {"importance", "shap"}, default="importance"
        The drop in AUC when a feature's values are shuffled, or the mean absolute Shapley value.
    top : int, default=12
        How many features.
    title : str, optional
    ax : Axes, optional
        Where to draw; by default axes of a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    RequestError
        If no feature has such a number.

    Examples
    --------
    >>> import pandas as pd
    >>> features = pd.DataFrame({"modality": ["t1", "t2"], "feature": ["original_glcm_Idmn", "original_glcm_Imc1"],
    ...     "importance": [0.02, 0.05], "importance_low": [-0.01, 0.01], "importance_high": [0.05, 0.09]})
    >>> [text.get_text() for text in plot_importance(features).texts]
    ['t2 original_glcm_Imc1', '0.050', 't1 original_glcm_Idmn', '0.020']
    """
    shown = features.dropna(subset=measure).nlargest(top, measure)
    if shown.empty:
        raise RequestError(f"No feature has a number in the column {measure}; there is nothing to draw.")
    names = [f"{row.modality} {row.feature}".strip() for row in shown.itertuples()]
    ends = shown[[f"{measure}_low", f"{measure}_high"]].to_numpy()
    return _draw_lines(axes_for(ax, 1.0 + 0.46 * len(shown)), names, shown[measure], ends, WORDS[measure], title)


@drawn
def plot_importance_sums(
    sums: pd.DataFrame, by: str, measure: str = "importance", *, top: int = 15, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw importances summed over the features of each family, image type or modality, with their intervals.

    Parameters
    ----------
    sums : DataFrame
        ``by``, ``name``, and the measure with ``_low`` and ``_high``: rows of ``importance_sums.csv`` of one model and
        outcome.
    by : {"family", "image type", "modality"}
    measure, top, title, ax
        As for `plot_importance`.

    Returns
    -------
    Axes

    Raises
    ------
    RequestError
        If no sum has such a number.

    Examples
    --------
    >>> import pandas as pd
    >>> sums = pd.DataFrame({"by": "family", "name": ["glcm", "shape"], "shap": [0.4, 0.9], "shap_low": [0.1, 0.5],
    ...     "shap_high": [0.7, 1.3]})
    >>> plot_importance_sums(sums, "family", "shap").get_xlabel()
    'Mean absolute SHAP value (log-odds), summed'
    """
    shown = sums[sums["by"] == by].dropna(subset=measure).nlargest(top, measure)
    if shown.empty:
        raise RequestError(f"No {by} has a number in the column {measure}; there is nothing to draw.")
    ends = shown[[f"{measure}_low", f"{measure}_high"]].to_numpy()
    axes = axes_for(ax, 1.0 + 0.46 * len(shown))
    return _draw_lines(axes, list(shown["name"]), shown[measure], ends, f"{WORDS[measure]}, summed", title)


def _draw_lines(axes: Axes, names: Sequence[str], values: pd.Series, ends: np.ndarray, what: str, title: str) -> Axes:
    """Draw a dot with its interval on each line, the name above it and the number at the right."""
    if title:
        entitle(axes, title)
    axes.axvline(0, color=GREY, linestyle=":", linewidth=1.2)
    left = min(0.0, np.nanmin([0.0, *ends[:, 0]]))
    for place, (name, value, (low, high)) in enumerate(zip(names, values, ends, strict=True)):
        axes.plot([low, high], [place, place], color=PRIMARY, linewidth=1.8, solid_capstyle="butt")
        axes.plot([value], [place], "o", color=PRIMARY, markersize=7)
        axes.text(left, place - 0.2, shortened(name, FEATURE_CHARACTERS), va="bottom", fontsize=SMALL_PT)
        told = number(value, 3)
        axes.text(1.02, place, told, transform=axes.get_yaxis_transform(), va="center", fontsize=SMALL_PT)
    _only_the_lower_axis(axes, len(names), what)
    return axes


def _only_the_lower_axis(axes: Axes, n_lines: int, what: str) -> None:
    axes.set(ylim=(n_lines - 0.5, -0.85), yticks=[], xlabel=what)
    axes.locator_params(axis="x", nbins=5)
    axes.spines["left"].set_visible(False)


@drawn
def plot_beeswarm(shapley: pd.DataFrame, *, top: int = 10, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw the Shapley values of the most important features: a point per held-out sample, dark for high values.

    Parameters
    ----------
    shapley : DataFrame
        ``member``, ``feature``, ``value``, ``shap``: rows of ``shapley.csv`` of one model, outcome and class.
    top, title, ax
        As for `plot_importance`.

    Returns
    -------
    Axes
        Of more than 250 samples every second, third ... by Shapley value is drawn.

    Raises
    ------
    RequestError
        If there is no feature.

    Examples
    --------
    >>> import pandas as pd
    >>> shapley = pd.DataFrame({"member": "t1", "feature": ["f", "f", "(base)"], "value": [-1.0, 1.0, None],
    ...     "shap": [-0.4, 0.6, -0.1]})
    >>> [text.get_text() for text in plot_beeswarm(shapley).texts]
    ['t1 f']
    """
    own = shapley[~shapley["feature"].str.startswith("(")]
    if own.empty:
        raise RequestError("The table holds no Shapley value of a feature; there is nothing to draw.")
    worth = _worth(own).nlargest(top)
    axes = axes_for(ax, 1.2 + 0.52 * len(worth))
    if title:
        entitle(axes, title)
    axes.axvline(0, color=GREY, linestyle=":", linewidth=1.2)
    left = own["shap"].min()
    for place, (member, feature) in enumerate(worth.index):
        rows = own[(own["member"] == member) & (own["feature"] == feature)].sort_values("shap", kind="stable")
        _draw_swarm(axes, place, rows.iloc[:: -(-len(rows) // MOST_POINTS)])
        name = shortened(f"{member} {feature}", FEATURE_CHARACTERS)
        axes.text(left, place - 0.26, name, va="bottom", fontsize=SMALL_PT)
    _only_the_lower_axis(axes, len(worth), "SHAP value: added to the log-odds of the member")
    return axes


def _worth(own: pd.DataFrame) -> pd.Series:
    return own["shap"].abs().groupby([own["member"], own["feature"]]).mean()


def most_important(shapley: pd.DataFrame, top: int = 10) -> pd.DataFrame:
    """Return the rows of the most important features, those that `plot_beeswarm` draws."""
    own = shapley[~shapley["feature"].str.startswith("(")]
    shown = _worth(own).nlargest(top).index
    return own[pd.MultiIndex.from_frame(own[["member", "feature"]]).isin(shown)]


def _draw_swarm(axes: Axes, place: int, rows: pd.DataFrame) -> None:
    """Draw points side by side, those that would lie on one another above and below the line in turn."""
    values = rows["shap"].to_numpy()
    width = max(np.ptp(values), 1e-9) / 40
    cells = np.floor((values - values.min()) / width)
    rank = np.array([(cells[:at] == cell).sum() for at, cell in enumerate(cells)])
    away = (rank + 1) // 2 * np.where(rank % 2, 1, -1)
    step = BETWEEN / 2 / max(6, np.abs(away).max())
    order = rows["value"].rank(pct=True).fillna(0.5).to_numpy()
    axes.scatter(
        values,
        place + 0.12 + away * step * 0.55,
        c=order,
        cmap=BY_VALUE,
        vmin=0,
        vmax=1,
        s=11,
        edgecolors=GREY,
        linewidths=0.35,
    )


@drawn
def plot_waterfall(shapley: pd.DataFrame, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw what each feature added to one member's answer for one held-out sample, one after the other.

    Parameters
    ----------
    shapley : DataFrame
        ``feature``, ``value``, ``shap``: the rows of ``shapley.csv`` of one model, outcome, class, member and sample,
        "(base)" and "(others)" too.
    title, ax
        As for `plot_importance`.

    Returns
    -------
    Axes
        From the base, the answer for the mean training patient, to the member's log-odds. Bars to the right are
        filled, those to the left hatched.

    Raises
    ------
    RequestError
        If there is no feature, or more than one sample.

    Examples
    --------
    >>> import pandas as pd
    >>> shapley = pd.DataFrame({"feature": ["(base)", "f", "g"], "value": [None, 1.0, -2.0], "shap": [-0.1, 0.6, 0.2]})
    >>> [text.get_text() for text in plot_waterfall(shapley).texts]
    ['f = 1.00', '+0.60', 'g = −2.00', '+0.20']
    """
    base = float(shapley.loc[shapley["feature"] == BASE, "shap"].sum())
    steps = _steps(shapley)
    if steps.empty or steps["feature"].duplicated().any():
        raise RequestError("A waterfall is of one member's answer for one sample; pass the rows of one.")
    axes = axes_for(ax, 1.2 + 0.46 * len(steps))
    if title:
        entitle(axes, title)
    ends = base + steps["shap"].cumsum().to_numpy()
    starts = np.concatenate([[base], ends[:-1]])
    left = min(base, *ends)
    for place, (row, start) in enumerate(zip(steps.itertuples(), starts, strict=True)):
        look = {"facecolor": PRIMARY} if row.shap >= 0 else {"facecolor": "white", "hatch": "////"}
        axes.barh(place + 0.1, row.shap, left=start, height=0.36, edgecolor=PRIMARY, linewidth=0.8, **look)
        axes.text(left, place - 0.14, _named(row.feature, row.value), va="bottom", fontsize=SMALL_PT)
        told = f"{row.shap:+.2f}".replace("-", "\N{MINUS SIGN}")
        axes.text(1.02, place + 0.1, told, transform=axes.get_yaxis_transform(), va="center", fontsize=SMALL_PT)
    axes.axvline(base, color=GREY, linestyle=":", linewidth=1.2)
    axes.axvline(ends[-1], color=INK, linewidth=1.2)
    axes.axvline(0, color=PALE, linewidth=1, zorder=0)
    _only_the_lower_axis(axes, len(steps), "Log-odds (dotted: mean patient; solid: this one)")
    return axes


def _steps(shapley: pd.DataFrame) -> pd.DataFrame:
    """Return the features with the largest first and all others last."""
    own = shapley[shapley["feature"] != BASE]
    return own.assign(rest=own["feature"] == OTHERS, size=-own["shap"].abs()).sort_values(
        ["rest", "size"], kind="stable"
    )


def _named(feature: str, value: float) -> str:
    if feature == OTHERS:
        return "all other features"
    told = f" = {number(value).replace('-', chr(0x2212))}" if np.isfinite(value) else ""
    return f"{shortened(feature, FEATURE_CHARACTERS - len(told))}{told}"
