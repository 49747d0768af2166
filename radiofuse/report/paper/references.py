"""Which publication stands behind which method: one table, and what of ``publications.bib`` a paper cites."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

METHODS = {  # what a run did -> keys of publications.bib
    "ibsi": ("zwanenburg2020",),
    "pyradiomics": ("vangriethuysen2017",),
    "scikit-learn": ("pedregosa2011",),
    "numpy": ("harris2020",),
    "scipy": ("virtanen2020",),
    "torch": ("paszke2019",),
    "xgboost": ("chen2016",),
    "three_step": ("mann1947", "tibshirani1996", "efron2004"),
    "mann_whitney": ("mann1947",),
    "kruskal": ("kruskal1952",),
    "t_test": ("welch1947",),
    "lasso": ("tibshirani1996", "friedman2010"),
    "mrmr": ("peng2005",),
    "stability": ("meinshausen2010",),
    "rfe": ("guyon2002",),
    "relief": ("robnik2003",),
    "boruta": ("kursa2010",),
    "reproducibility": ("shrout1979", "koo2016"),
    "pls": ("barker2003",),
    "svm": ("platt1999",),
    "random_forest": ("breiman2001",),
    "brnn": ("mackay1992", "foresee1997"),
    "stacking": ("wolpert1992",),
    "harmonize": ("johnson2007",),
    "fusion": ("kittler1998", "wolpert1992"),
    "auc": ("bamber1975",),
    "auc of classes": ("hand2001",),
    "brier": ("brier1950",),
    "bootstrap": ("efron1993",),
    "learning interval": ("ledell2015", "nadeau2003"),
    "best of models": ("westfall1993",),
    "delong": ("delong1988", "sun2014"),
    "holm": ("holm1979",),
    "mcnemar": ("mcnemar1947",),
    "resampled_t": ("nadeau2003",),
    "nri": ("pencina2008", "pencina2011"),
    "idi": ("pencina2008",),
    "permutation": ("ojala2010",),
    "harrell": ("harrell1996",),
    "632+": ("efron1997",),
    "youden": ("youden1950",),
    "calibration": ("cox1958", "vancalster2016", "vancalster2019"),
    "ece": ("guo2017",),
    "net benefit": ("vickers2006",),
    "sample size": ("riley2019", "riley2021"),
    "stability index": ("nogueira2018",),
    "prediction sets": ("sadinle2019",),
    "bh": ("benjamini1995",),
    "fisher": ("fisher1935",),
    "chi-square": ("pearson1900",),
    "standardized difference": ("austin2009",),
    "permutation importance": ("breiman2001",),
    "shapley": ("lundberg2017",),
    "corrected variance": ("nadeau2003",),
    "platt scaling": ("platt1999",),
    "isotonic": ("zadrozny2002",),
}

_ENTRY = re.compile(r"^@\w+\{(\w+),\n.*?^\}\n", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^  (\w+) = \{(.*)\},$", re.MULTILINE)
_SHOWN = {"{\\'e}": "é", '{\\"u}': "ü", '{\\"e}': "ë", "{\\v{S}}": "Š", "{\\`e}": "è", "{$R^2$}": "R²", "--": "-"}


def keys_of(methods: Iterable[str]) -> list[str]:
    """Return the keys of the publications behind methods, each once; a method that has none brings none.

    >>> keys_of(["delong", "holm", "delong", "a user's own"])
    ['delong1988', 'sun2014', 'holm1979']
    """
    return list(dict.fromkeys(key for method in methods for key in METHODS.get(method, ())))


@cache
def publications() -> Mapping[str, str]:
    """Return every publication as its entry in BibTeX, by key."""
    text = (Path(__file__).parent / "publications.bib").read_text(encoding="utf-8")
    return {found[1]: found[0] for found in _ENTRY.finditer(text)}


def as_bibtex(keys: Iterable[str]) -> str:
    """Return publications as BibTeX, in the order of their keys.

    >>> print(as_bibtex(["holm1979"]))
    @article{holm1979,
      author = {Holm, Sture},
      title = {A simple sequentially rejective multiple test procedure},
      journal = {Scandinavian Journal of Statistics},
      year = {1979},
      volume = {6},
      pages = {65--70},
    }
    <BLANKLINE>
    """
    return "\n".join(publications()[key] for key in sorted(set(keys)))


def in_words(key: str) -> str:
    """Return a publication as a list of references prints it, without the braces of BibTeX.

    >>> in_words("wolpert1992")
    'Wolpert, David H. Stacked generalization. Neural Networks 5: 241-259, 1992.'
    """
    one = {name: _plain(text) for name, text in _FIELD.findall(publications()[key])}
    authors = one["author"].replace(" and others", " et al").replace(" and ", "; ").rstrip(".")
    where = next(one[name] for name in ("journal", "booktitle", "publisher") if name in one)
    volume, pages = (f"{mark}{one[name]}" if name in one else "" for mark, name in ((" ", "volume"), (": ", "pages")))
    return f"{authors}. {one['title']}. {where}{volume}{pages}, {one['year']}."


def _plain(text: str) -> str:
    for written, shown in _SHOWN.items():
        text = text.replace(written, shown)
    return text.replace("{", "").replace("}", "")
