"""`muduo evaluate`: measure predictions against the truth, per organ and case."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `muduo evaluate`."""
    parser.add_argument("prediction", type=Path, metavar="PRED", help="folder of predicted label maps (.nii.gz)")
    parser.add_argument("truth", type=Path, metavar="GT", help="folder of true label maps with the same file names")
    parser.add_argument("-o", dest="output", type=Path, metavar="OUT", help="folder for metrics.csv and metrics.json")
    parser.add_argument("--labels", type=Path, metavar="dataset.json",
                        help="names of the labels (default: dataset.json in PRED, in GT or above GT)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Measure, print and write; 0 on success."""
    import json

    from nnunetv2_muduo.evaluation.cases import (
        find_label_names,
        label_names_from_values,
        pair_cases,
        read_label_names,
    )
    from nnunetv2_muduo.evaluation.table import measure_cases

    cases = pair_cases(args.prediction, args.truth)
    labels = read_label_names(args.labels) if args.labels else find_label_names(args.prediction, args.truth)
    labels = labels or label_names_from_values(cases)
    table = measure_cases(cases, labels)
    summary = table.groupby("organ", sort=False)["dice"].agg(["mean", "std", "count"])
    print(summary.to_string(float_format="{:.4f}".format))
    print(f"mean Dice {summary['mean'].mean():.4f} over {len(summary)} organs of {len(cases)} cases")
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        table.to_csv(args.output / "metrics.csv", index=False)
        content = {"summary": json.loads(summary.to_json(orient="index")),
                   "cases": json.loads(table.to_json(orient="records"))}  # fmt: skip
        (args.output / "metrics.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return 0
