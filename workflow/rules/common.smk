# The ground that all stages stand on: the checked configuration, hashes of code, names of shards and rollouts.
#
# Rules that read a folder take it as `ancient`, together with its manifest from the same job, which is not: a folder has
# a time and no content that Snakemake could compare; the manifest has the checksum of every file in it and decides.
import os
import sys
from pathlib import Path

ROOT = Path(str(workflow.current_basedir)).parents[1]
# Scripts import lamo from this repository, also inside conda environments, where it is not installed.
sys.path.insert(0, str(ROOT))
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))

from lamo.config import load_config
from lamo.errors import LamoError
from lamo.jobs.code_hash import code_hash
from lamo.jobs.launch import ignore_stop_requests
from lamo.jobs.limits import check_inputs, check_names, check_python, quote_python
from lamo.metrics.weights import check_weights, given_weights
from lamo.midway.upstream.files import checkpoint_files
from lamo.predictors.end_to_end import FORWARD
from lamo.predictors.kinds import find_kind, kind_module
from lamo.stages import WORLD_AMOUNT, check_shared, keep_config, path_variables
from lamo.tools.config_text import check_entries, check_files, check_options
from lamo.tools.results import show_results
from lamo.training.start import given_paths, start_files
from lamo.training.tracking import NO_SERVICE

quote_python()
# Snakemake has read the configuration by itself. What got lost in this is looked for in the texts.
if workflow.is_main_process:
    try:
        check_python(ROOT)
    except LamoError as error:
        sys.exit(str(error))
    try:
        check_options(sys.argv)
        check_files(workflow.configfiles)
        check_entries(workflow.config_settings.config_args)
    except LamoError as error:
        sys.exit(f"config: {error}")
try:
    CONFIG = load_config(config)
except LamoError as error:
    sys.exit(str(error))

from lamo.metrics.rows import NO_SAMPLER
from lamo.rollout.control_names import CONTROLS, IDEAL, ORACLE

RESULTS = f"results/{CONFIG.run}"
TRACKER = CONFIG.tracking or NO_SERVICE
# Stages of another run are made by that run's settings: jobs need not ask again.
if workflow.is_main_process:
    try:
        check_names(
            RESULTS, [CONFIG.run, *(name for row in CONFIG.predictors.rows() for name in (row.entry, row.label))]
        )
    except LamoError as error:
        sys.exit(str(error))
    try:
        check_inputs(
            {
                "midway.checkpoint": CONFIG.midway.checkpoint,
                **given_weights(CONFIG.metrics),
                "videos.poses": CONFIG.videos.poses,
                **{key: path for key, (path, _) in given_paths(CONFIG).items()},
            }
        )
        check_weights(CONFIG.metrics)
        check_shared(CONFIG.model_dump(mode="json", by_alias=True), RESULTS)
    except LamoError as error:
        sys.exit(f"config: {error}")
    from lamo.tools.persistence import install

    # Jobs are remembered, and runs locked, in the folders of the runs.
    install(RESULTS, CONFIG.share.run)
try:
    STARTS = start_files(CONFIG, RESULTS)
except LamoError as error:
    sys.exit(str(error))
SPLITS = ("train", "val")
ignore_stop_requests()


# Memory and time grow with each attempt (resources of the rules); threads and GPUs do not, since results depend on their
# number in the last bits. What only lists, collects, copies or draws stays where Snakemake runs and never queues on a cluster.
localrules:
    frames_find,
    frames_collect,
    frames_sheet,
    metrics_table,
    metrics_comparisons,
    metrics_figures,
    metrics_pages,
    model_bundle,


pathvars:
    **path_variables(CONFIG.share, RESULTS),
    results=RESULTS,
    logs=f"{RESULTS}/logs",
    benchmarks=f"{RESULTS}/benchmarks",


wildcard_constraints:
    split="train|val",
    shard="[0-9]+",
    predictor="|".join(CONFIG.predictors.entries),
    seed="[0-9]+",
    sampler="[a-z0-9-]+",
    row="[a-z0-9_-]+",


def section(name, **choice):
    """A config section as plain values; `choice` is include= or exclude= of pydantic's model_dump."""
    return getattr(CONFIG, name).model_dump(mode="json", by_alias=True, **choice)


def code(script):
    """Hash of the code that a script reaches, which takes the place of Snakemake's own `code` trigger."""
    return code_hash(ROOT / "workflow" / "scripts" / script)


def kind_modules(*entries):
    """The modules of the kinds of these predictors, which scripts load by their names."""
    return sorted({kind_module(CONFIG.predictors.entries[entry].kind) for entry in entries})


def code_of_predictor(script):
    """As `code`, with that of the kind of the predictor in the wildcards and of no other."""
    return lambda wildcards: code_hash(ROOT / "workflow" / "scripts" / script, kind_modules(wildcards.predictor))


def code_of_predictors(script):
    """As `code`, with that of the kinds of all predictors."""
    return code_hash(ROOT / "workflow" / "scripts" / script, kind_modules(*CONFIG.predictors.entries))


def samplers_of(entry):
    """The samplers of an entry of predictors.entries, those that leave something to chance first."""
    return sorted(entry.samplers, key=lambda name: find_kind(entry.kind).parse(name).deterministic)


def saved_model(folder):
    """The files of a saved model."""
    return [f"{folder}/model.safetensors", f"{folder}/config.json"]


# Entries whose predictor is trained together with the forward dynamics.
TOGETHER = [name for name, entry in CONFIG.predictors.entries.items() if entry.end_to_end]


def stepping(wildcards):
    """The Midway Network that was trained together with the predictor in the wildcards, if one was."""
    folder = f"<predictors>/{wildcards.predictor}/seed{wildcards.seed}/{FORWARD}"
    return saved_model(folder) if wildcards.predictor in TOGETHER else []


def bundled_predictors(folder, entries):
    """The files of all predictors of the bundle, {} in `folder` being the entry; with one goes the Midway Network that was
    trained together with it, if one was."""
    folders = [folder.format(entry) for entry in entries]
    folders += [f"{folder.format(entry)}/{FORWARD}" for entry in entries if entry in TOGETHER]
    return [file for one in folders for file in saved_model(one)]


def for_papers(*names):
    """The same figures as PDF and SVG."""
    return expand("<metrics>/figures/{name}.{ending}", name=names, ending=["pdf", "svg"])


def shards(pattern, split):
    """The shards of one split of a store, or of what lies beside it."""
    return expand(pattern, split=split, shard=range(CONFIG.frames.shards.counts()[split]))


def clips_of_shards():
    """The tables of clips of all shards, written by the jobs that write their frames."""
    return [part for split in SPLITS for part in shards("<frames>/frames/{split}/{shard}.clips.parquet", split)]


def max_quarantined_share(wildcards, input):
    """The share of unusable clips above which training does not start. Derived of `input`, a parameter that changes is no
    reason to run again: the frames are the same."""
    return CONFIG.frames.max_quarantined_share


# Rollouts of trained predictors: entry, label of the row, seed; SHOWN are those of the first seed, which pictures show.
ROLLOUTS = [(row.entry, row.label, seed) for row in CONFIG.predictors.rows() for seed in CONFIG.predictors.seeds]
SHOWN = [names for names in ROLLOUTS if names[2] == CONFIG.predictors.seeds[0]]


def rollouts(suffix, names=ROLLOUTS):
    """The stores (or what lies beside them) of rollouts of trained predictors."""
    return [f"<rollouts>/{predictor}/seed{seed}/{sampler}{suffix}" for predictor, sampler, seed in names]


def trained(name):
    """That file of the training of every predictor that is rolled out."""
    names = dict.fromkeys((predictor, seed) for predictor, _, seed in ROLLOUTS)
    return [f"<predictors>/{predictor}/seed{seed}/{name}" for predictor, seed in names]


def controls(suffix, names=CONTROLS):
    """The stores (or what lies beside them) of controls."""
    return expand("<rollouts>/controls/{control}{suffix}", control=names, suffix=suffix)


def rolled_out(suffix):
    """The stores (or what lies beside them) of what is scored by the job of the row in the wildcards (SETS, stage 06)."""
    return lambda wildcards: (
        rollouts(suffix, SETS[wildcards.row])
        if SETS[wildcards.row][0][1] != NO_SAMPLER
        else controls(suffix, [method for method, _, _ in SETS[wildcards.row]])
    )


def oracle(suffix):
    """The store (or what lies beside it) of the oracle's rollouts, where it is not among what the job scores: Snakemake
    takes an input that is named twice for one that is new."""
    return lambda wildcards: [] if wildcards.row == "controls" else controls(suffix, [ORACLE])


# Not in a dry run.
onstart:
    keep_config(CONFIG.model_dump(mode="json", by_alias=True), RESULTS)


onsuccess:
    if "LAMO_QUIET" not in os.environ:
        show_results(RESULTS)


onerror:
    print(
        f"LaMo stopped. What went wrong stands in the log of the failed rule, named above, under {RESULTS}/logs.",
        file=sys.stderr,
    )
