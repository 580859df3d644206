"""Table of the pseudo labels' quality over a training: kept and rejected pairs, and the student's answer beside."""

import pandas as pd

QUALITIES = ("ct", "pet", "average", "mixed", "prompt_map", "student")
INVENTED = ("invented_mixed", "invented_student")


def quality_table(results: list[dict]) -> pd.DataFrame:
    """Dice of pseudo labels against the hidden truth, mean over organs and seeds; a line per row, moment and kind of pair.

    `gain` is the mixture's minus the student's on the same pairs; `invented by ...`, among pairs whose patch does not have the
    organ, the share at which somebody sees it.
    """
    lines = [
        {**{key: result[key] for key in ("labels", "row", "title", "seed")}, **line}
        for result in results
        for line in result.get("pseudo_labels", [])
    ]
    if not lines:
        return pd.DataFrame()
    keys = ["labels", "title", "epoch", "kept"]
    columns = [*keys, "seed", "pairs", "absent", *INVENTED, *(f"dice_{quality}" for quality in QUALITIES)]
    table = pd.DataFrame(lines).reindex(columns=columns)
    groups = table.groupby(keys)
    dice = 100 * table.groupby([*keys, "seed"])[[f"dice_{q}" for q in QUALITIES]].mean().groupby(keys).mean()
    dice["gain"] = dice["dice_mixed"] - dice["dice_student"]
    counts = groups[["pairs", "absent", *INVENTED]].sum(min_count=1)
    share = 100 * counts["pairs"] / counts.groupby(keys[:-1])["pairs"].transform("sum")
    dice.insert(0, "share (%)", share)
    dice["absent (%)"] = 100 * counts["absent"] / counts["pairs"]
    for name in INVENTED:
        dice[f"{name.replace('_', ' by ')} (%)"] = 100 * counts[name] / counts["absent"].where(counts["absent"] > 0)
    dice = dice.round(1).rename(columns=lambda name: name.removeprefix("dice_").replace("_", " "))
    return dice.rename(index={True: "kept", False: "rejected"}, level="kept").reset_index()
