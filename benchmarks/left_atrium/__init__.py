"""Semi-supervised methods on the field's left atrium data: 80 MRI for training, of which a few keep their labels, 20 for testing.

    python -m benchmarks.left_atrium DATA FOLDER [--labels 8] [--seeds 0 1] [--methods Supervised MeanTeacher ...]

DATA holds `{train,test}/NAME_{image,label}.nii.gz`, `train.txt` and `test.txt`: the 2018 Atrial Segmentation Challenge as
prepared by the authors of UA-MT, here at half resolution. FOLDER keeps data sets and models, benchmarks/results/left_atrium
every row that is done; the command goes on where it stopped. Every method trains the same network for the same number of
student steps with the stock command of nnU-Net, and its final checkpoint predicts the 20 test cases with the stock command.
`--published --device cuda` trains at the published size instead, on such a folder of images at full resolution, and CFR with the
public vit_b: `--labels 1 --methods Supervised MeanTeacher CFR` is CFR's setting. Its rows have a folder of their own.
`--development` measures 30 training cases instead, the last of the list, which teach as unlabeled ones: the size of the
trainings, and any weight that is not the default (`--methods CPS CPS@1`), are chosen on them.
"""
