"""The cases of the matrix of re-runs: an edit, and the jobs that follow from it by the messages of their rules."""

import re

from rerun_files import FILES
from rerun_jobs import (
    BUNDLE,
    COLLECTED,
    COMPARED,
    CONTROLS,
    CURVES,
    DECODER,
    ENCODED,
    EVERYTHING,
    FEATURES,
    FIGURES,
    FRAMES,
    GROUPS,
    MATCHED,
    MIDWAY,
    MOTION,
    NOTHING,
    PREDICTED,
    PROBE,
    RENDERED,
    ROLLED,
    SCORED,
    SHEET,
    SHOWN,
    STATISTICS,
    SUMMARY,
    TABLE,
    TRAINED,
    TRAINED_FLOW,
    TRAINED_GMM,
    TRAINED_STATE,
    Case,
    configured,
    edited,
    line_in,
    training,
)
from rerun_lost import LOST
from rerun_weights import WEIGHTS

VALUES = [
    configured("predictors={entries: {flow: {training: {learning_rate: 0.01}}}}", TRAINED_FLOW),
    configured("predictors={training: {learning_rate: 0.01}}", TRAINED),
    configured("predictors={entries: {flow: {guess: none}}}", TRAINED_FLOW),
    configured("predictors={entries: {gmm: {components: 3}}}", TRAINED_GMM),
    configured("predictors={entries: {state: {blocks: 2}}}", TRAINED_STATE),
    configured("predictors={backbone: {depth: 2}}", TRAINED),
    # Another entry, and settings of one entry alone.
    configured(
        "predictors={entries: {other: {kind: flow, samplers: [1], history: 1}}}",
        {"training predictor other, seed 0", "rollouts of other, seed 0, sampler other-1", "scoring other-1"}
        | SUMMARY
        | SHEET
        | MATCHED,
    ),
    configured("predictors={entries: {state: null}}", SUMMARY | SHEET | MATCHED),
    configured("predictors={entries: {flow: {history: 2}}}", TRAINED_FLOW),
    configured("predictors={entries: {gmm: {backbone: {depth: 2}}}}", TRAINED_GMM),
    # What later stages need of a clip stands in frames.min_frames: within it, they change no frames.
    configured("predictors={history: 2}", TRAINED | ROLLED),
    configured("rollouts={horizons_s: [0.2, 0.6, 0.8, 1.0]}", ROLLED),
    Case(
        "a shorter horizon",
        ROLLED,
        config=("rollouts={horizons_s: [0.2, 0.6]}", "metrics={horizons_s: [0.2, 0.6]}"),
    ),
    configured("midway={training: {unroll: [1, 3]}}", MIDWAY),
    configured("frames={min_frames: 10}", FRAMES),
    configured(
        "predictors={seeds: [0, 1]}",
        # The controls are rolled out from the windows of all seeds.
        {job.replace("seed 0", "seed 1") for job in training("flow", "gmm", "state") | PREDICTED} | CONTROLS | SHOWN,
    ),
    configured(
        "predictors={entries: {flow: {samplers: [2, 3]}}}",
        {"rollouts of flow, seed 0, sampler flow-3", "scoring flow-3"} | SUMMARY | SHEET | MATCHED,
    ),
    configured(
        "predictors={entries: {state: {samplers: [2, 3]}}}",
        {"rollouts of state, seed 0, sampler state-3", "scoring state-3"} | SUMMARY | SHEET | MATCHED,
    ),
    configured("rollouts={samples: 3}", ROLLED),
    configured("rollouts={single_windows: 5}", ROLLED),
    configured("rollouts={seed: 1}", ROLLED),
    configured("rollouts={fork_windows: 3}", NOTHING),
    configured("rollouts={blur_sigmas: [0.0, 2.0]}", CONTROLS | SHOWN),
    configured("decoder={training: {steps: 5}}", DECODER),
    configured("decoder={width: 36}", DECODER),
    configured("decoder={convolutions: 1}", DECODER),
    configured("decoder={training: {gradient_loss: 0.1}}", DECODER),
    configured("midway={training: {learning_rate: 0.003}}", MIDWAY),
    configured("midway={training: {pretraining: {steps: 5}}}", MIDWAY),
    configured("latents={batch: 8}", ENCODED),
    configured("seed=1", MIDWAY),
    configured("world={cars: 3}", EVERYTHING),
    configured("world={seconds: 5.0}", RENDERED),
    configured("world={train_videos: 5}", RENDERED - {"rendering the synthetic driving world, val"}),
    configured("frames={rate_hz: 10.0, min_frames: 20}", FRAMES),
    configured("frames={fit: stretch}", FRAMES),
    configured("frames={max_quarantined_share: 0.1}", COLLECTED),
    configured("metrics={sheet: {windows: 1}}", SHEET),
    configured("metrics={videos: {tile_width: 96}}", SHEET),
    configured("metrics={bootstrap: {resamples: 120}}", SUMMARY | GROUPS | PROBE),
    configured("metrics={bootstrap: {frechet_groups: 60}}", SUMMARY),
    configured("metrics={horizons_s: [0.2, 1.0]}", SCORED),
    configured("metrics={comparisons: [gmm over flow-4]}", COMPARED),
    configured("metrics={probe: {windows: 5}}", GROUPS),
    configured("metrics={world_features: {training: {steps: 5}}}", FEATURES | SCORED),
    configured("model={predictors: [flow], half_precision: true}", BUNDLE),
]

CODE = [
    line_in("lamo/predictors/flow/head.py", TRAINED_FLOW | TRAINED_STATE),
    line_in("lamo/predictors/flow/gaussian.py", TRAINED_FLOW | TRAINED_STATE),
    line_in("lamo/predictors/whitening.py", TRAINED),
    line_in("lamo/predictors/head_predictor.py", TRAINED),
    line_in("lamo/predictors/linear_guess.py", TRAINED),
    line_in("lamo/predictors/flow/ode.py", TRAINED_FLOW | TRAINED_STATE),
    line_in("lamo/predictors/gmm/head.py", TRAINED_GMM),
    line_in("lamo/predictors/flow/predictor.py", TRAINED_FLOW),
    line_in("lamo/predictors/flow/kind.py", TRAINED_FLOW),
    line_in("lamo/predictors/gmm/config.py", TRAINED_GMM),
    line_in("lamo/predictors/kinds.py", TRAINED),
    line_in("lamo/predictors/entries.py", NOTHING),
    line_in("lamo/predictors/state/predictor.py", TRAINED_STATE),
    line_in("lamo/predictors/motion.py", TRAINED_FLOW | TRAINED_GMM),
    line_in("lamo/predictors/backbone.py", TRAINED),
    line_in("lamo/predictors/cost.py", MATCHED),
    line_in("lamo/report/cost_table.py", MATCHED),
    line_in("lamo/predictors/train.py", TRAINED),
    line_in("lamo/predictors/statistics.py", STATISTICS),
    line_in("lamo/midway/network.py", MIDWAY),
    line_in("lamo/midway/extraction.py", ENCODED),
    line_in("lamo/midway/upstream/conversion.py", NOTHING),
    line_in("lamo/nn/transformer.py", MIDWAY),
    line_in("lamo/decoder/training.py", DECODER),
    # The features too: every training reads in the order that `lamo.stores.windows` draws, which stands on rows.
    line_in("lamo/stores/rows.py", FRAMES | FEATURES),
    line_in("lamo/training/optim.py", MIDWAY | FEATURES),
    line_in("lamo/rollout/autoregressive.py", ROLLED | GROUPS),
    line_in("lamo/rollout/blur.py", CONTROLS | SHOWN),
    line_in("lamo/metrics/pixel.py", SHOWN),
    line_in("lamo/report/tables.py", TABLE),
    line_in("lamo/metrics/catalogue.py", TABLE | COMPARED | CURVES),
    line_in("lamo/metrics/comparisons.py", COMPARED),
    line_in("lamo/metrics/samples.py", SCORED),
    line_in("lamo/statistics/intervals.py", SUMMARY | GROUPS | PROBE),
    line_in("lamo/metrics/distribution.py", SUMMARY),
    line_in("lamo/metrics/summary.py", SUMMARY),
    line_in("lamo/rollout/latent_scores.py", ROLLED | GROUPS),
    line_in("lamo/probing/probe.py", PROBE),
    line_in("lamo/dataset/ego_motion.py", MOTION),
    line_in("lamo/model/card.py", BUNDLE),
    line_in("lamo/model/world_model.py", NOTHING),
    line_in("lamo/metrics/features/world.py", FEATURES | SCORED),
    line_in("lamo/dataset/summary.py", COLLECTED),
    line_in("lamo/dataset/bdd100k/info.py", COLLECTED),
    line_in("lamo/dataset/bdd100k/stills_sheet.py", NOTHING),
    line_in("lamo/video/picking.py", FRAMES),
    line_in("lamo/world/ground.py", EVERYTHING),
    line_in("lamo/errors.py", EVERYTHING),
    line_in("workflow/scripts/06_rollouts_controls.py", CONTROLS | SHOWN),
    edited("a colour", "lamo/report/style.py", "#009e73", "#009e74", FIGURES),
    edited(
        "the title of a figure",
        "lamo/report/learning_curve.py",
        "axis.set_title(title",
        "axis.set_title('My ' + title",
        CURVES,
    ),
    edited("the label of an axis", "lamo/report/figures.py", "time after the last", "time since the last", CURVES),
]


def reformatted(text: str) -> str:
    """The same code with comments, blank lines and other spaces."""
    text = text.replace("\n\n\ndef ", "\n\n\n# A comment.\n\n\ndef ").replace(" = (", "   =   (", 1)
    return f"# A comment at the top.\n\n{text}\n\n# And one at the end.\n"


IDLE = [
    Case(
        "a fresh checkout elsewhere with another README",
        NOTHING,
        edits={"README.md": lambda text: text + "\nMore to read.\n"},
    ),
    Case(
        "comments, blank lines and formatting",
        NOTHING,
        edits=dict.fromkeys(
            (
                *("lamo/errors.py", "lamo/predictors/flow/head.py", "lamo/midway/network.py", "lamo/stores/rows.py"),
                *(
                    "workflow/scripts/02_midway_train.py",
                    "workflow/scripts/07_metrics_score.py",
                    "lamo/world/render.py",
                ),
            ),
            reformatted,
        ),
    ),
    Case(
        "docstrings",
        NOTHING,
        edits={
            file: lambda text: re.sub(r'^( *""")(?=\w)', r"\1As one says: ", text, flags=re.MULTILINE)
            for file in ("lamo/errors.py", "lamo/predictors/flow/head.py", "workflow/scripts/02_midway_train.py")
        },
    ),
    edited(
        "descriptions of config fields", "lamo/predictors/config.py", 'description="', 'description="that is: ', NOTHING
    ),
    edited("the text of the configuration", "config/tiny.yaml", "# Every rule", "# Each rule", NOTHING),
    edited(
        "a default that is written out",
        "config/tiny.yaml",
        "warmup_steps: 0, validate_every: 1",
        "warmup_steps: 0, weight_decay: 0.01, validate_every: 1",
        NOTHING,
    ),
    edited("documents", "docs/stores.md", "store", "shop", NOTHING),
    edited("environments", "envs/models.yaml", "python", "# the language\n  # python", NOTHING),
    edited("versions of libraries", "envs/models.yaml", "=", "=9", NOTHING),
    edited("threads", "workflow/rules/06_rollouts.smk", "threads: 1", "threads: 3", NOTHING),
    edited("memory and time", "workflow/rules/02_midway.smk", "000 * attempt", "001 * attempt", NOTHING),
    edited(
        "the profile's threads",
        "workflow/profiles/default/profile.yaml",
        "latents_encode: 1",
        "latents_encode: 2",
        NOTHING,
    ),
    edited(
        "the profile's GPUs",
        "workflow/profiles/default/profile.yaml",
        "gpu: ?max(gpus, 1)\n",
        "gpu: 2\n    loader_workers: 3\n",
        NOTHING,
    ),
    edited(
        "messages of rules", "workflow/rules/05_predictors.smk", "training predictor", "teaching predictor", NOTHING
    ),
    edited("captions of the report", "workflow/report/table.rst", "a", "an", NOTHING),
    edited(
        "the config schema", "workflow/schemas/config.schema.json", '"description": "', '"description": "so: ', NOTHING
    ),
    line_in("lamo/jobs/job.py", NOTHING),
    line_in("lamo/tools/results.py", NOTHING),
    line_in("lamo/tools/plan/rates.py", NOTHING),
    line_in("lamo/config.py", NOTHING),
    line_in("lamo/tools/config_docs.py", NOTHING),
]


CASES = [*VALUES, *CODE, *WEIGHTS, *IDLE, *FILES, *LOST]
