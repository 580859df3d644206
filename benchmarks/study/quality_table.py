"""Table of the pseudo labels' quality over a training: kept and rejected pairs, and the student's answer beside."""

import pandas as pd

QUALITIES = ("ct", "pet", "mixed", "prompt_map", "student")


def quality_table(results: list[dict]) -> pd.DataFrame:
    """Dice of pseudo labels against the hidden truth, mean over organs and seeds; a line per row, moment and kind of pair.

    `gain` is the mixture's minus the student's on the same pairs.
    """
    lines = [
        {**{key: result[key] for key in ("labels", "row", "title", "seed")}, **line}
        for result in results
        for line in result.get("pseudo_labels", [])
    ]
    if not lines:
        return pd.DataFrame()
    keys = ["labels", "title", "epoch", "kept"]
    table = pd.DataFrame(lines).reindex(columns=[*keys, "seed", "pairs", "absent", *(f"dice_{q}" for q in QUALITIES)])
    groups = table.groupby(keys)
    dice = 100 * table.groupby([*keys, "seed"])[[f"dice_{q}" for q in QUALITIES]].mean().groupby(keys).mean()
    dice["gain"] = dice["dice_mixed"] - dice["dice_student"]
    counts = groups[["pairs", "absent"]].sum()
    share = 100 * counts["pairs"] / counts.groupby(keys[:-1])["pairs"].transform("sum")
    dice.insert(0, "share (%)", share)
    dice["absent (%)"] = 100 * counts["absent"] / counts["pairs"]
    dice = dice.round(1).rename(columns=lambda name: name.removeprefix("dice_").replace("_", " "))
    return dice.rename(index={True: "kept", False: "rejected"}, level="kept").reset_index()
