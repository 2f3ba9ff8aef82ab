# LaMo: from video files to the table of metrics. The stages stand below in their order; each rule file has the scripts of
# the same number in workflow/scripts/ and writes to the folder of the same number in results/<run>/ (the last one to model/).
from snakemake.utils import min_version

min_version("9.25")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/01_frames.smk"
include: "workflow/rules/01_frames_beside.smk"
include: "workflow/rules/02_midway.smk"
include: "workflow/rules/03_latents.smk"
include: "workflow/rules/04_decoder.smk"
include: "workflow/rules/05_predictors.smk"
include: "workflow/rules/06_rollouts.smk"
include: "workflow/rules/07_metrics_scores.smk"
include: "workflow/rules/07_metrics.smk"
include: "workflow/rules/07_metrics_probe.smk"
include: "workflow/rules/07_metrics_groups.smk"
include: "workflow/rules/07_metrics_forks.smk"
include: "workflow/rules/07_metrics_pages.smk"
include: "workflow/rules/08_model.smk"


rule all:
    default_target: True
    input:
        "<frames>/clips.parquet",
        "<frames>/contact_sheet.png",
        ["<frames>/stills.parquet"] if SOURCE.stills else [],
        "<results>/05_predictors/matched.csv",
        "<results>/05_predictors/matched.md",
        "<metrics>/table.csv",
        "<metrics>/table.md",
        "<metrics>/comparisons.md",
        GROUPS,
        FORKS,
        FIGURES,
        "<metrics>/contact_sheet.png",
        "<metrics>/videos",
        PROBE,
        rules.metrics_pages.output,
        "<model>/model.json",
