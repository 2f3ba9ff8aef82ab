"""The learning curve of the Midway Network: what its rollouts are worth against frames seen and minutes trained."""

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from lamo.errors import LamoError
from lamo.report.figures import panels, save

MEASURES = {
    "oracle_psnr": "oracle rollouts: PSNR (dB)",
    "over_blur_db": "over the blurred last frame (dB)",
    "swap_gap_db": "lost with another clip's motion tokens (dB)",
    "sharpness": "sharpness, 1 is right",
}
_NOTHING = {"over_blur_db": 0.0, "swap_gap_db": 0.0, "sharpness": 1.0}


def learning_curve(path: str | Path, log: str | Path) -> None:
    """Write a PNG with a panel for each of `MEASURES` and a line for each validated step of a training log.

    Frames seen are on the lower axis, minutes on the upper one. Raises `LamoError` if the log holds no validation.
    """
    table = pq.read_table(log)
    steps = sorted({int(name.rsplit("step", 1)[1]) for name in table.column_names if name.startswith("oracle_psnr_")})
    if not steps:
        raise LamoError(f"{log}: found no column oracle_psnr_step..., expected the log of a validated Midway training")
    rows = table.filter(pc.is_valid(table[f"oracle_psnr_step{steps[0]}"])).to_pydict()
    samples, pace = rows["samples"], max(rows["minutes"][-1], 1e-6) / rows["samples"][-1]
    figure, axes, _ = panels(len(MEASURES), columns=2, width=4.6, height=3.1)
    for axis, (name, title) in zip(axes, MEASURES.items(), strict=True):
        for step in steps:
            values = rows[f"{name}_step{step}"]
            axis.plot(samples, values, marker="o", markersize=3, linewidth=1.2, label=f"{step} step{'s'[: step > 1]}")
        if name in _NOTHING:
            axis.axhline(_NOTHING[name], color="#bbbbbb", linewidth=0.8, zorder=0)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("frames seen in training")
        # Unrolled steps take longer, so minutes are those of the mean pace: near enough to be read off.
        upper = axis.secondary_xaxis("top", functions=(lambda x: x * pace, lambda x: x / pace))
        upper.tick_params(labelsize=7)
        upper.set_xlabel("minutes", fontsize=8)
    axes[0].legend(fontsize=8, frameon=False)
    save(figure, path)
