# What type checkers read in place of __init__.py, where names are imported only when they are asked for.
from nnunetv2_muduo.config import MuDuoConfig as MuDuoConfig
from nnunetv2_muduo.config import load_config as load_config
from nnunetv2_muduo.evaluation.organs import measure_labels as measure_labels
from nnunetv2_muduo.imageio.images import read_image as read_image
from nnunetv2_muduo.phantom.cohort import write_cohort as write_cohort
from nnunetv2_muduo.prompting.session import PromptSession as PromptSession
from nnunetv2_muduo.teachers.patch_space import normalize_ct as normalize_ct
from nnunetv2_muduo.teachers.patch_space import normalize_pet as normalize_pet
from nnunetv2_muduo.teachers.weights import load_teacher as load_teacher

__version__: str
__all__: list[str]
