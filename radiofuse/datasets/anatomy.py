"""One synthetic tumor in one synthetic brain: shape, four sequences, texture and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, label

SHAPE = (32, 32, 24)  # voxels
SPACING_MM = (1.5, 1.5, 1.5)
CORE, EDEMA, RIM = 1, 2, 4  # BraTS: necrotic core, edema, enhancing rim

BRAIN_LEVEL = 300.0  # intensity of brain in arbitrary units, before the site's gain
ANATOMY_SD = 0.08  # slow variation of brain, relative to its level
TEXTURE_SD = 0.12  # variation within the tumor, relative to the brain's level
NOISE_SD = 0.02  # of the scanner, relative to the brain's level
RIM_THICKNESS_MM = 3.0

# Mean of each tissue relative to brain. t1ce's rim is 1 + the patient's rim contrast.
TISSUE_LEVEL = {
    "t1": {CORE: 0.60, EDEMA: 0.85, RIM: 0.80},
    "t1ce": {CORE: 0.60, EDEMA: 0.85, RIM: 1.00},
    "t2": {CORE: 1.70, EDEMA: 1.50, RIM: 1.30},
    "flair": {CORE: 1.10, EDEMA: 1.70, RIM: 1.40},
}


@dataclass(frozen=True)
class Tumor:
    """What one sample's images are drawn from; ``texture_mm`` is a correlation length per modality."""

    radius_mm: float
    texture_mm: dict[str, float]
    rim_contrast: float
    gain: float


def draw_mask(tumor: Tumor, rng: np.random.Generator) -> np.ndarray:
    """Return an irregular tumor of BraTS labels 0, 1, 2 and 4 within the brain, one piece, uint8."""
    center = rng.uniform(-4.0, 4.0, 3)  # mm
    distance = np.sqrt(sum((axis - middle) ** 2 for axis, middle in zip(_grid_mm(), center, strict=True)))
    bumps = 2.0 * _smooth_noise(rng, length_mm=4.0)  # mm by which the surface moves
    whole = _largest_piece((distance + bumps < tumor.radius_mm) & brain())
    depth = distance_transform_edt(whole, sampling=SPACING_MM) + 0.5 * bumps
    edema_mm = 0.3 * tumor.radius_mm
    mask = np.where(whole, EDEMA, 0)
    mask[whole & (depth > edema_mm)] = RIM
    mask[whole & (depth > edema_mm + RIM_THICKNESS_MM)] = CORE
    return mask.astype(np.uint8)


def draw_image(modality: str, mask: np.ndarray, tumor: Tumor, rng: np.random.Generator) -> np.ndarray:
    """Return one sequence of the tumor in ``mask`` and the brain around it, int16, 0 outside the brain."""
    level = np.ones(SHAPE)
    for tissue, relative in TISSUE_LEVEL[modality].items():
        level[mask == tissue] = relative
    if modality == "t1ce":
        level[mask == RIM] += tumor.rim_contrast
    blurred = gaussian_filter(level, 0.5)  # partial volume
    anatomy = ANATOMY_SD * _smooth_noise(rng, length_mm=6.0)
    texture = TEXTURE_SD * _smooth_noise(rng, tumor.texture_mm[modality])
    signal = blurred + np.where(mask > 0, texture, anatomy) + rng.normal(0.0, NOISE_SD, SHAPE)
    image = np.where(brain(), BRAIN_LEVEL * tumor.gain * signal, 0.0)
    return np.rint(np.clip(image, 0.0, None)).astype(np.int16)


def brain() -> np.ndarray:
    """Return where brain is: an ellipsoid that nearly fills the window."""
    half_mm = np.array(SHAPE) * SPACING_MM / 2.0
    return sum((axis / half) ** 2 for axis, half in zip(_grid_mm(), half_mm, strict=True)) < 1.0


def _grid_mm() -> list[np.ndarray]:
    """Return the voxels' distances from the window's middle along x, y and z, ready to broadcast."""
    axes = ((np.arange(n) - (n - 1) / 2.0) * step for n, step in zip(SHAPE, SPACING_MM, strict=True))
    return list(np.meshgrid(*axes, indexing="ij", sparse=True))


def _smooth_noise(rng: np.random.Generator, length_mm: float) -> np.ndarray:
    """Return a Gaussian random field of mean 0 and SD 1, blurred by a kernel of SD ``length_mm``."""
    field = gaussian_filter(rng.normal(size=SHAPE), np.divide(length_mm, SPACING_MM), mode="wrap")
    return (field - field.mean()) / field.std()


def _largest_piece(region: np.ndarray) -> np.ndarray:
    pieces, _ = label(region)
    return pieces == 1 + np.bincount(pieces.ravel())[1:].argmax()
