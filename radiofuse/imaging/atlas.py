"""The image that others are brought onto: a file of the user, or the template that ships inside nilearn."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from radiofuse.errors import RequestError
from radiofuse.files.paths import describe_absent

MNI152 = "mni152"
_IN_NILEARN = "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


def atlas_file(atlas: str) -> str:
    """Return the file of an atlas.

    Parameters
    ----------
    atlas : str
        A path, or ``"mni152"``: the symmetric T1 template of ICBM 2009a without its skull, at 1 mm [1]_.

    Raises
    ------
    RequestError
        If there is no such file, or nilearn is not installed, or has another template.

    References
    ----------
    .. [1] V. S. Fonov et al., "Unbiased average age-appropriate atlases for pediatric studies", NeuroImage 54 (2011)
       313-327.
    """
    if atlas != MNI152:
        if not Path(atlas).is_file():
            raise RequestError(describe_absent(Path(atlas), "atlas"))
        return atlas
    found = find_spec("nilearn")  # found and not imported: one file of it is read
    if found is None or found.origin is None:
        raise RequestError(
            'atlas = "mni152" is the template inside nilearn, which is not installed: pip install '
            "'radiofuse[atlas]', or name the file of an atlas."
        )
    path = Path(found.origin).parent / _IN_NILEARN
    if not path.is_file():
        raise RequestError(
            f'atlas = "mni152": this nilearn has no {path.name}. Install nilearn 0.10 or later, or name the file of '
            "an atlas."
        )
    return str(path)
