# Stage 07: tables and pictures of the scores.
# A model that was imported has no training to draw. The target names them all: one that is missing is drawn again.
DRAWN = ["metrics", "looks", "decoder", "predictors"] + ([] if CHECKPOINT else ["midway", "learning_curve"])
FIGURES = expand("<metrics>/figures/{name}.png", name=DRAWN)


rule metrics_table:
    input:
        values="<metrics>/metrics.parquet",
        replicates="<metrics>/replicates.parquet",
        summary="<metrics>/summary.parquet",
        facts="<metrics>/scores.json",
        midway="<midway>/config.json",
    output:
        csv="<metrics>/table.csv",
        markdown="<metrics>/table.md",
        latex="<metrics>/table.tex",
        text="<metrics>/table.txt",
        samples="<metrics>/table_samples.md",
    log:
        "<metrics_logs>/metrics_table.log",
    benchmark:
        "<metrics_benchmarks>/metrics_table.tsv"
    conda:
        "../../envs/metrics.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        run=CONFIG.run,
        horizons_s=list(CONFIG.metrics.horizons_s),
        bootstrap=CONFIG.metrics.bootstrap.model_dump(mode="json", exclude={"frechet_groups"}),
        code=code("07_metrics_table.py"),
    message:
        "Stage 07: the table"
    script:
        "../scripts/07_metrics_table.py"


rule metrics_comparisons:
    input:
        values="<metrics>/metrics.parquet",
        replicates="<metrics>/replicates.parquet",
    output:
        csv="<metrics>/comparisons.csv",
        markdown="<metrics>/comparisons.md",
        text="<metrics>/comparisons.txt",
    log:
        "<metrics_logs>/metrics_comparisons.log",
    benchmark:
        "<metrics_benchmarks>/metrics_comparisons.tsv"
    conda:
        "../../envs/metrics.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        run=CONFIG.run,
        horizons_s=list(CONFIG.metrics.horizons_s),
        comparisons=list(CONFIG.metrics.comparisons),
        bootstrap=CONFIG.metrics.bootstrap.model_dump(mode="json", exclude={"frechet_groups"}),
        code=code("07_metrics_comparisons.py"),
    message:
        "Stage 07: comparisons on the same windows"
    script:
        "../scripts/07_metrics_comparisons.py"


rule metrics_figures:
    input:
        summary="<metrics>/summary.parquet",
        # A model that was imported has no logs of its training.
        midway=[] if CHECKPOINT else expand("<midway>/{log}.parquet", log=["log", "pretraining"]),
        decoder="<decoder>/log.parquet",
        predictors=trained("log.parquet"),
    output:
        metrics=report("<metrics>/figures/metrics.png", category="Metrics against time", caption="../report/curves.rst"),
        looks=report("<metrics>/figures/looks.png", category="Metrics against time", caption="../report/looks.rst"),
        midway=(
            []
            if CHECKPOINT
            else report("<metrics>/figures/midway.png", category="Training", caption="../report/losses.rst")
        ),
        learning_curve=(
            []
            if CHECKPOINT
            else report(
                "<metrics>/figures/learning_curve.png",
                category="Training",
                caption="../report/learning_curve.rst",
            )
        ),
        decoder=report("<metrics>/figures/decoder.png", category="Training", caption="../report/losses.rst"),
        predictors=report("<metrics>/figures/predictors.png", category="Training", caption="../report/losses.rst"),
        for_papers=for_papers(*DRAWN),
    log:
        "<metrics_logs>/metrics_figures.log",
    benchmark:
        "<metrics_benchmarks>/metrics_figures.tsv"
    conda:
        "../../envs/metrics.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        code=code("07_metrics_figures.py"),
    message:
        "Stage 07: curves of metrics and losses"
    script:
        "../scripts/07_metrics_figures.py"


rule metrics_videos:
    input:
        context=ancient("<rollouts>/context.zarr"),
        context_manifest="<rollouts>/context.manifest.json",
        truth=ancient("<rollouts>/truth.zarr"),
        truth_manifest="<rollouts>/truth.manifest.json",
        predicted=ancient(rollouts(".zarr", SHOWN)),
        predicted_manifests=rollouts(".manifest.json", SHOWN),
        controls=ancient(controls(".zarr", SCORED_CONTROLS)),
        control_manifests=controls(".manifest.json", SCORED_CONTROLS),
    output:
        sheet=report("<metrics>/contact_sheet.png", category="Rollouts", caption="../report/contact_sheet.rst"),
        videos=report(
            directory("<metrics>/videos"),
            patterns=["{name}.mp4"],
            category="Rollouts",
            caption="../report/videos.rst",
        ),
    log:
        "<metrics_logs>/metrics_videos.log",
    benchmark:
        "<metrics_benchmarks>/metrics_videos.tsv"
    conda:
        "../../envs/metrics.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        sheet=CONFIG.metrics.sheet.model_dump(mode="json"),
        videos=CONFIG.metrics.videos.model_dump(mode="json"),
        rate_hz=CONFIG.frames.rate_hz,
        predicted=[sampler for _, sampler, _ in SHOWN],
        controls=SCORED_CONTROLS,
        code=code("07_metrics_videos.py"),
    message:
        "Stage 07: contact sheet and videos of rollouts"
    script:
        "../scripts/07_metrics_videos.py"
