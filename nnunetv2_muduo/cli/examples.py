"""Examples that stand below every `--help`: commands as a user types them. A test parses each."""

import argparse

EXAMPLES = {  # words after `muduo`: lines that can be copied
    "phantom": ("muduo phantom cohort --cases 15", "muduo phantom mapped --from-labels organ_maps --spacing 3"),
    "convert": (
        "muduo convert autopet /data/FDG-PET-CT-Lesions -d 705 --labeled 10",
        "muduo convert dicom --help",
    ),
    "convert autopet": (
        "muduo convert autopet /data/FDG-PET-CT-Lesions -d 705 --labeled 10 --val 5 --test 20",
        "muduo convert autopet /data/FDG-PET-CT-Lesions -d 705 --labels /data/organs --dry-run",
    ),
    "convert autopet-organ": ("muduo convert autopet-organ /data/FDG-PET-CT-Lesions -d 706 --labels /data/organs.zip",),
    "convert dicom": (
        "muduo convert dicom /data/scans -d 707 --labels /data/masks --dry-run",
        "muduo convert dicom /data/scans -d 707 --pet-description 'PET WB*' --pseudonyms key.txt",
    ),
    "check": (
        "muduo check -d 705",
        "muduo check -d 705 -f all -tr nnUNetTrainerMeanTeacher",
        "muduo check -d 705 --json",
    ),
    "prepare": ("muduo prepare -d 705 -f 0", "muduo prepare -d 705 -f 0 -num_parts 2 -part_id 1"),
    "teacher": ("muduo teacher fetch", "muduo teacher train --modality pet --data 705 -o pet_teacher"),
    "teacher fetch": ("muduo teacher fetch", "muduo teacher fetch ct"),
    "teacher train": (
        "muduo teacher train --modality pet --data 705 -o pet_teacher",
        "muduo teacher train --modality pet --data 705 -o pet_teacher --c",
        "muduo teacher train --modality ct --data 705 706 --scratch small --spacing 4 -o small_teacher",
    ),
    "teacher train2d": (
        "muduo teacher train2d -d 801 -f all --sam vit_b -o fine_tuned_sam",
        "muduo teacher train2d -d 801 -f all --sam tiny --iterations 500 -o fine_tuned_sam --minutes 60",
        "muduo teacher train2d -d 801 -f all --sam vit_b -o fine_tuned_sam --c",
    ),
    "segment": (
        "muduo segment pet_suv.nii.gz --prompts lesion.mrk.json -o segmented",
        "muduo segment pet_suv.nii.gz --ct ct.nii.gz --prompts liver=liver.mrk.json --point=liver=-80,0,240 -o segmented",
        "muduo segment imagesTs/*_0001.nii.gz --prompts clicks --teacher threshold:0.41 --dry-run",
        "muduo segment pet_suv.nii.gz --ct ct.nii.gz --serve",
    ),
    "postprocess": ("muduo postprocess predictions nnUNet_raw/Dataset705_AutoPET/labelsTr -o cleaned",),
    "evaluate": (
        "muduo evaluate predictions nnUNet_raw/Dataset705_AutoPET/labelsTs -o measured",
        "muduo evaluate muduo labelsTs --compare supervised=supervised --pet nnUNet_raw/Dataset705_AutoPET/imagesTs",
    ),
    "figure": ("muduo figure case_1 --images imagesTs --truth labelsTs --prediction MuDuo=predictions -o figures",),
    "segment-bench": (
        "muduo segment-bench imagesTs labelsTs --robot center --teacher small_pet threshold:0.41 -o bench",
        "muduo segment-bench imagesTs labelsTs --clicks clicks.zip --teacher ours=pet_teacher/teacher_best.pth -o bench",
    ),
    "report": (
        "muduo report -d 705 -tr nnUNetTrainerMuDuo -f 0",
        "muduo report nnUNet_results/Dataset705_AutoPET/nnUNetTrainerMuDuo__nnUNetPlans__3d_fullres/fold_0 -o report.html",
    ),
    "export": (
        "muduo export -d 705 -tr nnUNetTrainerMuDuo -f 0 -o model.zip",
        "muduo export -d 705 -tr nnUNetTrainerMuDuo -f 0 1 2 3 4 -o ensemble.zip",
    ),
    "demo": ("muduo demo muduo_demo",),
}


def with_examples(command: str) -> dict:
    """Arguments of `add_parser` that put a command's examples below its help."""
    title = "example:" if len(EXAMPLES[command]) == 1 else "examples:"
    epilog = "\n  ".join((title, *EXAMPLES[command]))
    return {"epilog": epilog, "formatter_class": argparse.RawDescriptionHelpFormatter}
