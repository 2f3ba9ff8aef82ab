"""The page of the study: its text is written once, its tables are replaced by every run of the program."""

import shutil
from pathlib import Path

from lamo.stores.atomic import replacing
from lamo.tools.documents import replace_between
from studies.ablations.settings import Group

PICTURE = "picture"
HEAD = """# Ablations: what each choice buys

One thing at a time is changed in a finished run. What is trained anew is one predictor for each variant and, where a
variant changes dynamics, latent state or decoder, these too; `studies/ablations.yaml` says what.

**How to read the tables.** All rows of all tables predict the same frames of held-out clips: windows are chosen for
the longest history, shorter histories start later. PSNR, SSIM and sharpness are means over single samples, "mean" is
the score of the pixelwise mean of the samples, energy the energy score of all samples of a window. ± is half the 95 %
interval over clips. Δ is the row less the reference, the first of its table, window by window, with its interval;
"PSNR over constant" is the row less constant motion in the same dynamics. Both are bold where the interval does not
contain 0. The one-step error is the mean squared error on held-out clips, with clean contexts, in variances of the
target: of one sample for flow and baseline, of the most likely mean for the mixture. Minutes are those of the
predictor's training, beside another one. One training seed says nothing about seeds:
differences of a few tenths of a dB between two trainings may be chance.

The controls below the variants, in the dynamics and with the decoder of the variant that is named, learn nothing: what
the decoder can show at all, the true motion tokens, the last motion token repeated, and the last frame under the blur
that scores best.

"""


def write_page(path: Path, tables: dict[str, str], groups: tuple[Group, ...], picture: Path) -> None:
    """Put the table of each group between its marks, and a copy of `picture` into images/ beside the page; a page or
    place that is not there is made first."""
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_text(f"{HEAD}{_marks(PICTURE)}", encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    absent = [one for one in groups if f"<!-- {one.name}: begin -->" not in text]
    if absent:
        added = "".join(f"\n## {one.title}\n\n{one.about}\n\n{_marks(one.name)}" for one in absent)
        with replacing(path) as temporary:
            temporary.write_text(text.rstrip() + "\n" + added, encoding="utf-8")
    for name, content in tables.items():
        replace_between(path, name, content)
    with replacing(path.parent / "images" / f"{path.stem}.png") as temporary:
        shutil.copyfile(picture, temporary)
    replace_between(path, PICTURE, f"![Every row less its reference](images/{path.stem}.png)")


def _marks(name: str) -> str:
    return f"<!-- {name}: begin -->\n<!-- {name}: end -->\n"
