"""(image, mask) to a named vector, and the run over a whole cohort."""

from radiofuse.extract.cohort_run import Extraction, extract_cohort
from radiofuse.extract.radiomics import RadiomicsExtractor

__all__ = ["Extraction", "RadiomicsExtractor", "extract_cohort"]
