"""Every reason for which an image or a mask is refused: a stable code and what it means."""

from __future__ import annotations

IMAGE_ERROR_CODES: dict[str, str] = {
    # the file
    "file_missing": "There is no file at this path.",
    "file_unreadable": "The path is a folder or a device, or the system refuses to read it.",
    "file_empty": "The file has zero bytes.",
    "file_too_large": "The file is larger than the gate reads.",
    "wrong_extension": "The name says compressed and the content is not, or the reverse.",
    "not_an_image": "The content is none of NIfTI-1, NRRD and MetaImage.",
    "detached_data": "The voxels lie in another file than the header, so one hash cannot stand for both.",
    "file_truncated": "The file ends before the voxels that its header announces.",
    "file_corrupted": "The compressed stream is damaged or its checksum is wrong.",
    # the header
    "header_invalid": "The header contradicts itself, the data, or what a volume in millimeters can be.",
    "too_many_voxels": "The volume exceeds the voxel limit or the free memory; nothing was allocated.",
    "not_scalar": "A voxel holds more than one number (RGB, complex, vector).",
    "wrong_dimensions": "The file is neither one 3-D volume nor one 2-D image.",
    # a series of DICOM files
    "slices_missing": "Slices are missing within the series.",
    "slices_duplicated": "Different slices of the series lie at one place.",
    "spacing_varies": "The slices of the series are no even stack.",
    "gantry_tilt": "The slices of the series are shifted against each other, as a tilted gantry does.",
    # the voxels
    "not_finite": "Voxels are NaN or infinite.",
    # the mask
    "mask_is_image": "Image and mask are the same file.",
    "mask_not_integer": "The mask holds fractions, as a probability map does.",
    "geometry_mismatch": "Image and mask do not lie on the same grid.",
    "empty_roi": "The mask is zero everywhere.",
    "label_not_found": "The mask has no voxel with the wanted label.",
    "labels_implausible": "The mask holds values below 0, or too many to be labels, and no label was chosen.",
    "roi_is_whole_image": "The mask selects every voxel of the image.",
    "roi_too_small": "The region of interest has too few voxels, or is a single line of them.",
    "roi_fragmented": "The region of interest has no connected piece of a usable size.",
    # the crop
    "roi_lost_in_crop": "The tumor is too thin to leave a pixel in a crop of the wanted size.",
    "intensity_out_of_range": "Voxels are too large for 32-bit floats.",
    "channel_missing": "A sequence that a network reads is absent.",
    # masks by a segmenter
    "segmenter_failed": "The program that shall segment failed, or wrote no mask.",
    "seen_in_training": "Every network of the segmenter was trained on this patient.",
    # images made ready
    "registration_failed": "The image cannot be brought onto the other.",
    "bias_field_failed": "N4 found no bias field.",
    "output_refused": "Writing would replace a file that is not ours.",
    "constant_missing": "A step takes numbers given for each modality, and there are none for one.",
    "brain_missing": "A step needs a mask of the brain, and there is none.",
}

CONTENT_CODES = frozenset(
    {
        "not_finite",
        "degenerate_intensity",
        "mask_is_image",
        "mask_not_integer",
        "geometry_mismatch",
        "empty_roi",
        "label_not_found",
        "labels_implausible",
        "roi_is_whole_image",
        "roi_too_small",
        "roi_fragmented",
        "roi_lost_in_crop",
        "intensity_out_of_range",
    }
)
"""What the content of two files decides once both were read; the rest may hang on name, place or memory."""
