"""SA-Net in its published sizes, in variants for tumor crops, and a small one.

Partials and not functions: an encoder's version, under which trained weights are kept, is read off their arguments.
"""

from __future__ import annotations

from functools import partial

from radiofuse.deep.encoders.sanet import SANet

SAN10, SAN15, SAN19 = (2, 1, 2, 4, 1), (3, 2, 3, 5, 2), (3, 3, 4, 6, 3)  # blocks per stage, Table 1 of the paper
STOCK = (3, 7, 7, 7, 7)  # windows as published: images of 128 x 128 pixels or more
ROI72 = (3, 7, 7, 7, 3)  # 72 pixels end at 2 x 2 in the last stage, where a mirrored border of 3 does not exist

san10 = partial(SANet, SAN10, STOCK)
san15 = partial(SANet, SAN15, STOCK)
san19 = partial(SANet, SAN19, STOCK)
san10_patchwise = partial(SANet, SAN10, STOCK, sa_type="patchwise")
san15_patchwise = partial(SANet, SAN15, STOCK, sa_type="patchwise")
san19_patchwise = partial(SANet, SAN19, STOCK, sa_type="patchwise")
san10_roi72 = partial(SANet, SAN10, ROI72)
san15_roi72 = partial(SANet, SAN15, ROI72)
san19_roi72 = partial(SANet, SAN19, ROI72)
san10_patchwise_roi72 = partial(SANet, SAN10, ROI72, sa_type="patchwise")
san15_patchwise_roi72 = partial(SANet, SAN15, ROI72, sa_type="patchwise")
san19_patchwise_roi72 = partial(SANet, SAN19, ROI72, sa_type="patchwise")
san10_small = partial(SANet, SAN10, (3, 5, 5, 5, 3), widths=(32, 32, 64, 128, 256))
