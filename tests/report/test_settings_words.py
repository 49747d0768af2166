"""The table of settings says what an empty list means."""

from __future__ import annotations

from types import SimpleNamespace

from radiofuse.report.tables import settings_table


def test_an_empty_list_of_features_is_all_of_them():
    parameters = {"featureClass": {"firstorder": [], "glcm": ["Contrast"], "glrlm": None}}
    radiomics = {"name": "own", "parameters": parameters, "wavelet_subbands": None}
    about = {"settings": {"radiomics": radiomics, "crops": None}, "n_features": {"t1": 3}}
    rows = dict(settings_table(SimpleNamespace(about=about)).groups[0][1])
    of_class = "radiomics · parameters · featureClass · "
    said = [rows[of_class + name] for name in ("firstorder", "glcm", "glrlm")]
    assert said == ["all", "Contrast", "all"]
    assert rows["radiomics · wavelet_subbands"] == "all"
