"""IBSI-1's features: by class and name the tag of the reference tables and the manual's identifier."""

from __future__ import annotations

from collections.abc import Mapping

# Zwanenburg et al. 2016, arXiv:1612.07003. Classes and features have pyradiomics' names where it has them.
# A line: the feature, its tag, its identifier.
_TABLE = {
    "shape": """
        MeshVolume morph_volume RNU0
        VoxelVolume morph_vol_approx YEKZ
        SurfaceArea morph_area_mesh C0JK
        SurfaceVolumeRatio morph_av 2PR5
        Compactness1 morph_comp_1 SKGS
        Compactness2 morph_comp_2 BQWJ
        SphericalDisproportion morph_sph_dispr KRCK
        Sphericity morph_sphericity QCFX
        Maximum3DDiameter morph_diam L0JK
        MajorAxisLength morph_pca_maj_axis TDIC
        MinorAxisLength morph_pca_min_axis P9VJ
        LeastAxisLength morph_pca_least_axis 7J51
        Elongation morph_pca_elongation Q3CK
        Flatness morph_pca_flatness N17B
    """,
    "morphology": """
        Asphericity morph_asphericity 25C7
        CenterOfMassShift morph_com KLMA
        VolumeDensityAABB morph_vol_dens_aabb PBX1
        AreaDensityAABB morph_area_dens_aabb R59B
        VolumeDensityOMBB morph_vol_dens_ombb ZH1A
        AreaDensityOMBB morph_area_dens_ombb IQYR
        VolumeDensityAEE morph_vol_dens_aee 6BDE
        AreaDensityAEE morph_area_dens_aee RDD2
        VolumeDensityMVEE morph_vol_dens_mvee SWZ1
        AreaDensityMVEE morph_area_dens_mvee BRI8
        VolumeDensityConvexHull morph_vol_dens_conv_hull R3ER
        AreaDensityConvexHull morph_area_dens_conv_hull 7T7F
        IntegratedIntensity morph_integ_int 99N0
        MoransI morph_moran_i N365
        GearysC morph_geary_c NPT7
    """,
    "local-intensity": """
        LocalPeak loc_peak_loc VJGA
        GlobalPeak loc_peak_glob 0F91
    """,
    "firstorder": """
        Mean stat_mean Q4LE
        Variance stat_var ECT3
        Skewness stat_skew KE2A
        Kurtosis stat_kurt IPH6
        Median stat_median Y12H
        Minimum stat_min 1GSF
        10Percentile stat_p10 QG58
        90Percentile stat_p90 8DWT
        Maximum stat_max 84IY
        InterquartileRange stat_iqr SALO
        Range stat_range 2OJQ
        MeanAbsoluteDeviation stat_mad 4FUA
        RobustMeanAbsoluteDeviation stat_rmad 1128
        Energy stat_energy N8CA
        RootMeanSquared stat_rms 5ZWQ
    """,
    "statistics": """
        MedianAbsoluteDeviation stat_medad N72L
        CoefficientOfVariation stat_cov 7TET
        QuartileCoefficientOfDispersion stat_qcod 9S40
    """,
    "intensity-histogram": """
        Mean ih_mean X6K6
        Variance ih_var CH89
        Skewness ih_skew 88K1
        Kurtosis ih_kurt C3I7
        Median ih_median WIFQ
        Minimum ih_min 1PR8
        10Percentile ih_p10 GPMT
        90Percentile ih_p90 OZ0C
        Maximum ih_max 3NCY
        Mode ih_mode AMMC
        InterquartileRange ih_iqr WR0O
        Range ih_range 5Z3W
        MeanAbsoluteDeviation ih_mad D2ZX
        RobustMeanAbsoluteDeviation ih_rmad WRZB
        MedianAbsoluteDeviation ih_medad 4RNL
        CoefficientOfVariation ih_cov CWYJ
        QuartileCoefficientOfDispersion ih_qcod SLWD
        Entropy ih_entropy TLU2
        Uniformity ih_uniformity BJ5W
        MaximumGradient ih_max_grad 12CE
        MaximumGradientGrayLevel ih_max_grad_g 8E6O
        MinimumGradient ih_min_grad VQB3
        MinimumGradientGrayLevel ih_min_grad_g RHQZ
    """,
    "intensity-volume-histogram": """
        VolumeAt10Intensity ivh_v10 BC2M
        VolumeAt90Intensity ivh_v90 BC2M
        IntensityAt10Volume ivh_i10 GBPN
        IntensityAt90Volume ivh_i90 GBPN
        VolumeDifference ivh_diff_v10_v90 DDTU
        IntensityDifference ivh_diff_i10_i90 CNV2
        AreaUnderCurve ivh_auc 9CMM
    """,
    "glcm": """
        MaximumProbability cm_joint_max GYBY
        JointAverage cm_joint_avg 60VM
        SumSquares cm_joint_var UR99
        JointEntropy cm_joint_entr TU9B
        DifferenceAverage cm_diff_avg TF7R
        DifferenceVariance cm_diff_var D3YU
        DifferenceEntropy cm_diff_entr NTRS
        SumAverage cm_sum_avg ZGXS
        SumVariance cm_sum_var OEEB
        SumEntropy cm_sum_entr P6QZ
        JointEnergy cm_energy 8ZQL
        Contrast cm_contrast ACUI
        Dissimilarity cm_dissimilarity 8S9J
        Id cm_inv_diff IB1Z
        Idn cm_inv_diff_norm NDRX
        Idm cm_inv_diff_mom WF0Z
        Idmn cm_inv_diff_mom_norm 1QCO
        InverseVariance cm_inv_var E8JP
        Correlation cm_corr NI2N
        Autocorrelation cm_auto_corr QWB0
        ClusterTendency cm_clust_tend DG8W
        ClusterShade cm_clust_shade 7NFM
        ClusterProminence cm_clust_prom AE86
        Imc1 cm_info_corr1 R8DG
        Imc2 cm_info_corr2 JN9H
    """,
    "glrlm": """
        ShortRunEmphasis rlm_sre 22OV
        LongRunEmphasis rlm_lre W4KF
        LowGrayLevelRunEmphasis rlm_lgre V3SW
        HighGrayLevelRunEmphasis rlm_hgre G3QZ
        ShortRunLowGrayLevelEmphasis rlm_srlge HTZT
        ShortRunHighGrayLevelEmphasis rlm_srhge GD3A
        LongRunLowGrayLevelEmphasis rlm_lrlge IVPO
        LongRunHighGrayLevelEmphasis rlm_lrhge 3KUM
        GrayLevelNonUniformity rlm_glnu R5YN
        GrayLevelNonUniformityNormalized rlm_glnu_norm OVBL
        RunLengthNonUniformity rlm_rlnu W92Y
        RunLengthNonUniformityNormalized rlm_rlnu_norm IC23
        RunPercentage rlm_r_perc 9ZK5
        GrayLevelVariance rlm_gl_var 8CE5
        RunVariance rlm_rl_var SXLW
        RunEntropy rlm_rl_entr HJ9O
    """,
    "glszm": """
        SmallAreaEmphasis szm_sze 5QRC
        LargeAreaEmphasis szm_lze 48P8
        LowGrayLevelZoneEmphasis szm_lgze XMSY
        HighGrayLevelZoneEmphasis szm_hgze 5GN9
        SmallAreaLowGrayLevelEmphasis szm_szlge 5RAI
        SmallAreaHighGrayLevelEmphasis szm_szhge HW1V
        LargeAreaLowGrayLevelEmphasis szm_lzlge YH51
        LargeAreaHighGrayLevelEmphasis szm_lzhge J17V
        GrayLevelNonUniformity szm_glnu JNSA
        GrayLevelNonUniformityNormalized szm_glnu_norm Y1RO
        SizeZoneNonUniformity szm_zsnu 4JP3
        SizeZoneNonUniformityNormalized szm_zsnu_norm VB3A
        ZonePercentage szm_z_perc P30P
        GrayLevelVariance szm_gl_var BYLV
        ZoneVariance szm_zs_var 3NSA
        ZoneEntropy szm_zs_entr GU8N
    """,
    "gldzm": """
        SmallDistanceEmphasis dzm_sde 0GBI
        LargeDistanceEmphasis dzm_lde MB4I
        LowGrayLevelZoneEmphasis dzm_lgze S1RA
        HighGrayLevelZoneEmphasis dzm_hgze K26C
        SmallDistanceLowGrayLevelEmphasis dzm_sdlge RUVG
        SmallDistanceHighGrayLevelEmphasis dzm_sdhge DKNJ
        LargeDistanceLowGrayLevelEmphasis dzm_ldlge A7WM
        LargeDistanceHighGrayLevelEmphasis dzm_ldhge KLTH
        GrayLevelNonUniformity dzm_glnu VFT7
        GrayLevelNonUniformityNormalized dzm_glnu_norm 7HP3
        ZoneDistanceNonUniformity dzm_zdnu V294
        ZoneDistanceNonUniformityNormalized dzm_zdnu_norm IATH
        ZonePercentage dzm_z_perc VIWW
        GrayLevelVariance dzm_gl_var QK93
        ZoneDistanceVariance dzm_zd_var 7WT1
        ZoneDistanceEntropy dzm_zd_entr GBDU
    """,
    "ngtdm": """
        Coarseness ngt_coarseness QCDE
        Contrast ngt_contrast 65HE
        Busyness ngt_busyness NQ30
        Complexity ngt_complexity HDEZ
        Strength ngt_strength 1X9X
    """,
    "ngldm": """
        SmallDependenceEmphasis ngl_lde SODN
        LargeDependenceEmphasis ngl_hde IMOQ
        LowGrayLevelEmphasis ngl_lgce TL9H
        HighGrayLevelEmphasis ngl_hgce OAE7
        SmallDependenceLowGrayLevelEmphasis ngl_ldlge EQ3F
        SmallDependenceHighGrayLevelEmphasis ngl_ldhge JA6D
        LargeDependenceLowGrayLevelEmphasis ngl_hdlge NBZI
        LargeDependenceHighGrayLevelEmphasis ngl_hdhge 9QMG
        GrayLevelNonUniformity ngl_glnu FP8K
        GrayLevelNonUniformityNormalized ngl_glnu_norm 5SPA
        DependenceNonUniformity ngl_dcnu Z87G
        DependenceNonUniformityNormalized ngl_dcnu_norm OKJI
        DependencePercentage ngl_dc_perc 6XV8
        GrayLevelVariance ngl_gl_var 1PFV
        DependenceVariance ngl_dc_var DNX2
        DependenceEntropy ngl_dc_entr FCBV
        DependenceEnergy ngl_dc_energy CAS9
    """,
}
# How the matrices of directions and slices are brought together: the ending of a class to that of a tag, identifier.
AGGREGATIONS = {
    "2D-averaged": ("2D_avg", "BTW3"),
    "2D-merged": ("2D_comb", "SUJT"),
    "2.5D-direction-merged": ("2_5D_avg", "JJUI"),
    "2.5D-merged": ("2_5D_comb", "ZW7Z"),
    "3D-averaged": ("3D_avg", "ITBB"),
    "3D-merged": ("3D_comb", "IAZD"),
    "2D": ("2D", "8QNN"),
    "2.5D": ("2_5D", "62GR"),
    "3D": ("3D", "KOBO"),
}
_OF_DIRECTIONS, _OF_SLICES = tuple(AGGREGATIONS)[:6], tuple(AGGREGATIONS)[6:]
_FAMILIES = {"glcm": _OF_DIRECTIONS, "glrlm": _OF_DIRECTIONS} | dict.fromkeys(
    ("glszm", "gldzm", "ngtdm", "ngldm"), _OF_SLICES
)
# Class to its matrix and aggregation: glcm-2D-averaged, glszm-2.5D, ...
AGGREGATED_CLASSES = {
    f"{matrix}-{aggregation}": (matrix, aggregation)
    for matrix, aggregations in _FAMILIES.items()
    for aggregation in aggregations
}
# Classes that are described on the original image alone: they speak of its intensities, or of places in it.
ORIGINAL_CLASSES = ("morphology", "local-intensity", "intensity-volume-histogram")
IBSI_CLASSES = (*ORIGINAL_CLASSES, "statistics", "intensity-histogram", *AGGREGATED_CLASSES)
COMPLETE = ("shape", "firstorder", *IBSI_CLASSES)  # what ``ibsi1_complete`` computes: each feature once


def ibsi_features(feature_class: str) -> dict[str, tuple[str, str]]:
    """Return the features of a class that IBSI defines: name to tag and identifier.

    Parameters
    ----------
    feature_class : str
        Of ``COMPLETE``.

    Examples
    --------
    >>> ibsi_features("local-intensity")
    {'LocalPeak': ('loc_peak_loc', 'VJGA'), 'GlobalPeak': ('loc_peak_glob', '0F91')}
    >>> ibsi_features("glcm-2D-averaged")["Contrast"]
    ('cm_contrast_2D_avg', 'ACUI')
    """
    matrix, aggregation = AGGREGATED_CLASSES.get(feature_class, (feature_class, ""))
    ending = f"_{AGGREGATIONS[aggregation][0]}" if aggregation else ""
    lines = (line.split() for line in _TABLE[matrix].split("\n") if line.strip())
    return {name: (tag + ending, identifier) for name, tag, identifier in lines}


def complete_classes() -> Mapping[str, tuple[str, ...]]:
    """Return every class of ``ibsi1_complete`` with its features."""
    return {of: tuple(ibsi_features(of)) for of in COMPLETE}
