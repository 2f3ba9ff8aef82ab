"""The card of a trained world model: what it is, where it comes from, what it scored, what it cannot do."""

from collections.abc import Sequence

import pandas as pd

from lamo.dataset.division import folder_of
from lamo.model.bundle import ModelFacts

LIMITS = """\
- It continues what is like its training videos. Of other footage its futures may keep their looks and lose their sense.
- Its futures are drawn from a distribution. None of them is a promise of what happens; steer nothing by them.
- The farther ahead, the less a future knows. The table ends where the run was scored, and says nothing of later.
"""


def _together(facts: ModelFacts) -> str:
    """A sentence on the predictors whose rollouts another f_fwd steps."""
    if not facts.together:
        return ""
    names = ", ".join(f"`{name}`" for name in facts.together)
    return f" A copy of its f_fwd was trained on together with each of {names}, and takes the steps of its rollouts."


def card(facts: ModelFacts, clips: pd.DataFrame, table: str, folders: Sequence[str] = ()) -> str:
    """The card as Markdown, from the table of clips and the table of scores of the run.

    `folders`: the names of the folders of videos, where there are several.
    """
    frames = facts.frames
    samplers = "; ".join(f"`{name}` ({', '.join(names)})" for name, names in facts.predictors.items())
    return f"""---
library_name: lamo
tags: [world-model, video-prediction]
---

# World model of the run {facts.run}

It predicts how a video goes on: a Midway Network encodes frames and advances a latent state given motion tokens, a
predictor draws the next motion tokens (a baseline: the next state), and a decoder makes frames of the states. Frames
are {frames.height} x {frames.width} pixels, {frames.rate_hz:g} per second.

```
lamo predict drive.mp4 -o futures.mp4 --model {{this folder}}
```

```python
import lamo

model = lamo.load("{{this folder}}")
futures = model.rollout(frames, seconds=3, samples=6).frames  # frames uint8 [F, {frames.height}, {frames.width}, 3]
```

Predictors, with the samplers that were scored: {samplers}. By default `{facts.predictor}` is used.

## What it was trained on

The Midway Network was {facts.origin}.{_together(facts)}

{_clips_table(clips, folders, frames.rate_hz)}

## What it scored on held-out clips

{table.strip()}

## Limits

{LIMITS}"""


def _clips_table(clips: pd.DataFrame, folders: Sequence[str], rate_hz: float) -> str:
    """How many clips and hours were seen, of each split and, where there are several, each folder."""
    used = clips[clips["frames"] > 0]
    groups = [(f"{name}, ", used[used["id"].map(folder_of) == name]) for name in folders] or [("", used)]
    head = [f"| {'folder, ' if folders else ''}split | clips | hours of frames |", "|---|---:|---:|"]
    rows = [
        _row(f"{name}{split}", part[part["split"] == split], rate_hz)
        for name, part in groups
        for split in ("train", "val")
    ]
    return "\n".join([*head, *rows])


def _row(label: str, clips: pd.DataFrame, rate_hz: float) -> str:
    return f"| {label} | {len(clips)} | {clips['frames'].sum() / rate_hz / 3600:.2f} |"
