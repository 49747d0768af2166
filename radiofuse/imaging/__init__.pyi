"""The names of the room; `lazy_names` reads them here too."""

from .codes import CONTENT_CODES as CONTENT_CODES
from .codes import IMAGE_ERROR_CODES as IMAGE_ERROR_CODES
from .crop import Cropping as Cropping
from .crop import SliceCrops as SliceCrops
from .crop import tumor_crops as tumor_crops
from .crop_file import CropIndex as CropIndex
from .crop_file import Crops as Crops
from .crop_file import row_type as row_type
from .crop_file import write_crops as write_crops
from .cut_tumors import Cut as Cut
from .cut_tumors import CutTumors as CutTumors
from .cut_tumors import draw_cut as draw_cut
from .cut_tumors import tumor_cutmix as tumor_cutmix
from .dicom.convert import convert_tree as convert_tree
from .dicom.naming import pseudonym as pseudonym
from .dicom.segments import read_segments as read_segments
from .dicom.segments import write_segments as write_segments
from .gate import Volume as Volume
from .gate import read_image as read_image
from .gate import read_mask as read_mask
from .gate import read_pair as read_pair
from .roi import RoiPair as RoiPair
from .roi import check_pair as check_pair
from .stream import file_sha256 as file_sha256
from .write import write_volume as write_volume
