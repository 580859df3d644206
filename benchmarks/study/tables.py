"""Tables of the study: results of all experiments, and differences between two, paired by seed and test case."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.study.experiments import EXPERIMENTS, MUDUO
from nnunetv2_muduo.evaluation import measures as evaluation
from nnunetv2_muduo.evaluation.compare import holm, test_differences
from nnunetv2_muduo.evaluation.metrics import DEFAULT_TOLERANCES

REPORTED = ("dice", "ravd", "asd_mm", "hd95_mm")
MEASURES = [{measure.name: measure for measure in evaluation.MEASURES}[name] for name in REPORTED]
N_RESAMPLES = 9999


def means_per_seed(measures: pd.DataFrame) -> pd.DataFrame:
    """Mean over cases per organ, then over organs, of every measure; indexed by n_labeled, method, seed."""
    keys = ["n_labeled", "method", "seed"]
    present = measures[measures["volume_truth_ml"] > 0]
    organs = present.groupby([*keys, "organ"])[list(REPORTED)].mean()
    missed = present.groupby(keys)["missed"].mean()
    return organs.groupby(keys).mean().join(missed)


def results_table(measures: pd.DataFrame) -> pd.DataFrame:
    """The paper's layout: a row per number of labels and experiment, every measure as mean ± standard deviation over seeds."""
    lines = []
    for (n_labeled, method), seeds in _in_order(means_per_seed(measures)):
        cells = {
            measure.column_with(DEFAULT_TOLERANCES): _mean_and_std(seeds[measure.name] * measure.factor)
            for measure in MEASURES
        }
        missed = {"missed (%)": f"{seeds['missed'].mean() * 100:.1f}"}
        lines.append({"labels": n_labeled, "row": EXPERIMENTS[method].title, "seeds": len(seeds), **cells, **missed})
    return pd.DataFrame(lines)


def differences_table(measures: pd.DataFrame, method: str = MUDUO.name) -> pd.DataFrame:
    """An experiment's Dice minus every other one's, paired by seed and test case, for every number of labels."""
    present = measures[measures["volume_truth_ml"] > 0]
    dice = present.groupby(["n_labeled", "method", "seed", "case"])["dice"].mean()
    lines = []
    for n_labeled in sorted(measures["n_labeled"].unique()):
        of_methods = {name: dice.loc[(n_labeled, name)] for name in dice.loc[n_labeled].index.unique("method")}
        if method in of_methods:
            lines += [{"labels": n_labeled, **line} for line in _differences(of_methods, method)]
    return pd.DataFrame(lines)


def _differences(dice: dict[str, pd.Series], method: str) -> list[dict]:
    """One line for each other method; dice: by method, indexed by seed and case."""
    others = sorted(dice.keys() - {method}, key=_place)
    lines = [{"row": EXPERIMENTS[name].title, **_paired(dice[method] - dice[name])} for name in others]
    for line, p in zip(lines, holm([line.pop("p") for line in lines]), strict=True):
        line["p (Holm)"] = f"{p:.2g}"
    return lines


def _paired(differences: pd.Series) -> dict:
    differences = (differences * 100).dropna()
    of_seeds = differences.groupby("seed").mean()
    per_case = differences.groupby("case").mean()  # a case's differences over seeds are not independent of each other
    test = test_differences(per_case.to_numpy(), np.random.default_rng(0), N_RESAMPLES)
    return {
        "difference": f"{test['difference']:+.1f}",
        "95 % interval": f"[{test['ci_low']:+.1f}, {test['ci_high']:+.1f}]",
        "± over seeds": f"{of_seeds.std():.1f}" if len(of_seeds) > 1 else "",
        "n": test["n"],
        "p": test["p"],
    }


def _in_order(per_seed: pd.DataFrame) -> Iterator[tuple[tuple[int, str], pd.DataFrame]]:
    """Groups of seeds by number of labels, then in the order of the experiments."""
    yield from sorted(per_seed.groupby(["n_labeled", "method"]), key=lambda group: (group[0][0], _place(group[0][1])))


def _place(method: str) -> int:
    return list(EXPERIMENTS).index(method)


def _mean_and_std(values: pd.Series) -> str:
    return f"{values.mean():.1f} ± {values.std():.1f}" if len(values) > 1 else f"{values.mean():.1f}"
