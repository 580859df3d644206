"""The table: what works today and must go on working, row by row, as commands.

A row starts from a copy of another one's folder, by default of the planned data set, and its commands run there.
"""

from benchmarks.everyday import changes, checks
from benchmarks.everyday.row import ID, PREPROCESSED, RAW, RESULTS, Refused, Row, model, train
from nnunetv2_muduo.config import CONFIG_VARIABLE

MUDUO = model("nnUNetTrainerMuDuo")
MODEL = f"-d {ID} -c 3d_fullres -tr nnUNetTrainerMuDuo"
PREPARE = f"muduo prepare -d {ID} -device cpu -np 1"
SERIAL = "-npp 0 -nps 0 -device cpu"  # prediction without worker processes
# nnU-Net's planner takes this variable for a number of threads, which can't be 0.
PLAN = f"nnUNet_n_proc_DA=1 nnUNetv2_plan_and_preprocess -d {ID} -c 3d_fullres -npfp 1 -np 1"
PLAN_ANEW = "nnUNet_n_proc_DA=1 nnUNetv2_plan_experiment"
PREPROCESS_ANEW = f"nnUNetv2_preprocess -d {ID} -c 3d_fullres -np 1 -plans_name"
RESENC, OWN_PLANS = "nnUNetResEncUNetMPlans", "ownPlans"

ROWS = (
    Row(
        "raw",
        "a cohort is made and converted",
        (
            "muduo phantom phantom --cases 12 --spacing 12 -np 1",
            f"muduo convert autopet phantom -d {ID} --name Phantom --labeled 4 --val 1 --test 2 -np 1",
            changes.write_settings,
        ),
        leaves=(f"{RAW}/imagesTr/*_0001.nii.gz", f"{RAW}/imagesUn/*_0001.nii.gz", f"{RAW}/imagesTs/*_0001.nii.gz"),
        starts_from=None,
    ),
    Row(
        "planned",
        "nnU-Net plans it and draws five folds; check finds nothing that hinders",
        (PLAN, changes.narrow(), changes.leave_split_to_nnunet, f"muduo check -d {ID}"),
        leaves=(f"{PREPROCESSED}/nnUNetPlans_3d_fullres/*.b2nd",),
        starts_from="raw",
    ),
    Row(
        "all_folds",
        "folds 0 to 4 with probabilities, and nnU-Net's commands for all of them",
        (
            *(train(fold, more="--npz") for fold in range(5)),
            f"nnUNetv2_find_best_configuration {ID} -c 3d_fullres -tr nnUNetTrainerMuDuo -np 1",
            f"nnUNetv2_accumulate_crossval_results {ID} -c 3d_fullres -tr nnUNetTrainerMuDuo -o accumulated",
            f"nnUNetv2_predict -i {RAW}/imagesTs -o three_folds {MODEL} -f 0 1 2 --disable_tta {SERIAL}",
            "nnUNetv2_apply_postprocessing -i three_folds -o postprocessed -np 1 "
            f"-pp_pkl_file {MUDUO}/crossval_results_folds_0_1_2_3_4/postprocessing.pkl",
        ),
        leaves=(
            *(f"{MUDUO}/fold_{fold}/checkpoint_final.pth" for fold in range(5)),
            f"{MUDUO}/fold_4/validation/*.npz",
            f"{RESULTS}/inference_instructions.txt",
            "accumulated/summary.json",
            "postprocessed/*.nii.gz",
        ),
    ),
    Row(
        "continue",
        "--c after the end, --val, --val_best, and --c from the best checkpoint alone",
        (
            train(0),
            train(0, more="--c"),
            train(0, more="--val"),
            train(0, more="--val --val_best"),
            train(0, more="--c --val_best"),
            changes.keep_only_best(MUDUO),
            train(0, more="--c"),
        ),
        leaves=(f"{MUDUO}/fold_0/checkpoint_final.pth", f"{MUDUO}/fold_0/validation/summary.json"),
    ),
    Row(
        "disable_checkpointing",
        "a training that saves nothing, and --c after it",
        (
            train(0, more="--disable_checkpointing"),
            checks.is_gone(f"{MUDUO}/fold_0/checkpoint_*"),
            train(0, more="--c"),
        ),
        leaves=(f"{MUDUO}/fold_0/checkpoint_final.pth",),
    ),
    Row(
        "predict",
        "prediction of all kinds, ensembles, evaluation and nnU-Net's zip, without the config",
        (
            f"nnUNetv2_predict -i {RAW}/imagesTs -o mirrored {MODEL} -f 0 --save_probabilities {SERIAL}",
            f"nnUNetv2_predict -i {RAW}/imagesTs -o best {MODEL} -f 1 -chk checkpoint_best.pth --save_probabilities {SERIAL}",
            "nnUNetv2_ensemble -i mirrored best -o ensemble -np 1",
            f"nnUNetv2_predict_from_modelfolder -i {RAW}/imagesTs -o folder -m {MUDUO} -f 0 --disable_tta "
            "-npp 1 -nps 1 -device cpu",  # it knows no prediction without worker processes
            f"nnUNetv2_evaluate_folder {RAW}/labelsTs ensemble -np 1 "
            f"-djfile {MUDUO}/dataset.json -pfile {MUDUO}/plans.json",
            f"nnUNetv2_export_model_to_zip {MODEL} -f 0 1 -o model.zip",
        ),
        leaves=("mirrored/*.npz", "ensemble/*.nii.gz", "folder/*.nii.gz", "ensemble/summary.json", "model.zip"),
        starts_from="all_folds",
        variables={CONFIG_VARIABLE: None},
    ),
    Row(
        "export",
        "a model for people without this package: tensors and plain values, no numpy, no code",
        (
            f"muduo export {ID} nnUNetTrainerMuDuo 0 1 -o muduo.zip",
            checks.loads_without_code("muduo.zip"),
            f"muduo report {MUDUO}/fold_0 -o report.html",
        ),
        leaves=("muduo.zip", "report.html"),
        starts_from="all_folds",
    ),
    Row(
        "residual_encoder",
        "ResEncM plans, and weights of the supervised training to start from",
        (
            f"{PLAN_ANEW} -d {ID} -pl nnUNetPlannerResEncM",
            changes.narrow(RESENC),
            f"{PREPROCESS_ANEW} {RESENC}",
            train(0, "nnUNetTrainerMuDuo_Supervised", f"-p {RESENC}"),
            f"muduo check -d {ID} -p {RESENC}",
            train(
                0,
                more=f"-p {RESENC} -pretrained_weights "
                f"{model('nnUNetTrainerMuDuo_Supervised', RESENC)}/fold_0/checkpoint_final.pth",
            ),
            f"muduo export {ID} nnUNetTrainerMuDuo 0 -p {RESENC} -o resenc.zip",
        ),
        leaves=(f"{model('nnUNetTrainerMuDuo', RESENC)}/fold_0/checkpoint_final.pth", "resenc.zip"),
    ),
    Row(
        "inherited_configuration",
        "a configuration that inherits from 3d_fullres, with another batch size",
        (changes.add_configuration("3d_batch3", batch_size=3), train(0, configuration="3d_batch3")),
        leaves=(f"{model('nnUNetTrainerMuDuo', configuration='3d_batch3')}/fold_0/checkpoint_final.pth",),
    ),
    Row(
        "own_plans",
        "plans of another name and spacing",
        (
            f"{PLAN_ANEW} -d {ID} -overwrite_target_spacing 18 16 16 -overwrite_plans_name {OWN_PLANS}",
            changes.narrow(OWN_PLANS),
            f"{PREPROCESS_ANEW} {OWN_PLANS}",
            train(0, more=f"-p {OWN_PLANS}"),
        ),
        leaves=(f"{model('nnUNetTrainerMuDuo', OWN_PLANS)}/fold_0/checkpoint_final.pth",),
    ),
    Row(
        "one_label",
        "a tumor alone, a labeled case without one, a single unlabeled case; folds 0 to 3 and all",
        (
            changes.only_tumor,
            PLAN,
            changes.narrow(),
            changes.leave_split_to_nnunet,
            *(train(fold) for fold in (0, 1, 2, 3, "all")),
            f"muduo report {MUDUO}/fold_0",
        ),
        leaves=(
            *(f"{MUDUO}/fold_{fold}/checkpoint_final.pth" for fold in (0, 1, 2, 3, "all")),
            f"{MUDUO}/fold_0/muduo_report.html",
        ),
        starts_from="raw",
    ),
    Row(
        "ignore_label",
        "an ignore label, and a labeled case that is ignored as a whole",
        (changes.ignore_label, PLAN, changes.narrow(), changes.leave_split_to_nnunet, train(0)),
        leaves=(f"{MUDUO}/fold_0/checkpoint_final.pth",),
        starts_from="raw",
    ),
    Row(
        "odd_shapes",
        "unlabeled cases of one slice, one row, few voxels, thick slices and other spacing",
        (changes.odd_shapes, PREPARE, checks.all_are_prepared, train(0)),
        leaves=(f"{MUDUO}/fold_0/checkpoint_final.pth",),
    ),
    Row(
        "spawned_workers",
        "two loading processes that import everything anew, as on macOS and Windows",
        (checks.train_with_spawned_workers,),
        leaves=(f"{MUDUO}/fold_0/checkpoint_final.pth",),
        variables={"nnUNet_n_proc_DA": "2"},
    ),
    Row(
        "wandb",
        "Weights & Biases offline: training with its generator, preparation again, --c",
        (train(0), PREPARE, train(0, more="--c")),
        leaves=(f"{MUDUO}/fold_0/checkpoint_final.pth", f"{MUDUO}/fold_0/wandb/*"),
        variables={"nnUNet_wandb_enabled": "1", "nnUNet_wandb_mode": "offline"},
        needs="wandb",
    ),
    Row(
        "own_trainers",
        "a user's own trainers: numbers set in __init__, config_overrides, nnU-Net's NoMirroring mixed in",
        (
            train(0, "nnUNetTrainerOwnNoMirroring"),
            changes.let_epochs_to_trainer,
            train(0, "nnUNetTrainerOwnNumbers"),
            checks.says(f"{model('nnUNetTrainerOwnNumbers')}/fold_0", "epochs 0 to 2 of 1 iterations"),
            checks.says(f"{model('nnUNetTrainerOwnNumbers')}/fold_0", "n_points: 1"),
            checks.learned(
                f"{model('nnUNetTrainerOwnNoMirroring')}/fold_0/checkpoint_final.pth",
                inference_allowed_mirroring_axes=None,
            ),
            f"muduo report {model('nnUNetTrainerOwnNumbers')}/fold_0",
            f"muduo export {ID} nnUNetTrainerOwnNumbers 0 -o own.zip",
        ),
        leaves=(f"{model('nnUNetTrainerOwnNumbers')}/fold_0/muduo_report.html", "own.zip"),
    ),
    *(
        Row(
            f"truncated_{ending.replace('.', '')}",
            f"a {ending} file of which half is missing is refused by name",
            (changes.truncated(ending), Refused(PREPARE, f"_0001{ending}")),
        )
        for ending in (".nii", ".nii.gz", ".mha", ".nrrd")
    ),
    Row(
        "many_unlabeled",
        "4000 unlabeled cases are listed in seconds",
        (changes.many_unlabeled(4000), checks.lists_quickly(4000)),
    ),
)
