# Stage 07: scores of all rollouts against the truth, tables and pictures.
FEATURES = "<results>/07_metrics/features"
INCEPTION = CONFIG.metrics.fid.weights
# What motion tokens mean; only of the synthetic world is the true motion known.
PROBE = ["<results>/07_metrics/figures/token_groups.png"]
if WORLD:
    PROBE += expand("<results>/07_metrics/{name}", name=["probe.csv", "probe.md", "figures/probe.png"])
# A model that was imported has no training to draw. The target names them all: one that is missing is drawn again.
DRAWN = ["metrics", "decoder", "predictors"] + ([] if CHECKPOINT else ["midway", "learning_curve"])
FIGURES = expand("<results>/07_metrics/figures/{name}.png", name=DRAWN)


rule metrics_features:
    output:
        model=f"{FEATURES}/model.safetensors",
        config=f"{FEATURES}/config.json",
        log=f"{FEATURES}/log.parquet",
    log:
        "<logs>/07_metrics/metrics_features.log",
    benchmark:
        "<benchmarks>/07_metrics/metrics_features.tsv"
    conda:
        "../../envs/metrics.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        features=CONFIG.metrics.world_features.model_dump(mode="json"),
        world=section("world", exclude={"train_videos", "val_videos", "parts", "seconds", "crf"}),
        size=[CONFIG.frames.height, CONFIG.frames.width],
        code=code("07_metrics_features.py"),
    message:
        "Stage 07: training the features that stand in for Inception's"
    script:
        "../scripts/07_metrics_features.py"


rule metrics_score:
    input:
        features=INCEPTION or [f"{FEATURES}/model.safetensors", f"{FEATURES}/config.json"],
        truth=ancient("<results>/06_rollouts/truth.zarr"),
        truth_manifest="<results>/06_rollouts/truth.manifest.json",
        predicted=ancient(rollouts(".zarr")),
        predicted_manifests=rollouts(".manifest.json"),
        controls=ancient(controls(".zarr")),
        control_manifests=controls(".manifest.json"),
    output:
        values="<results>/07_metrics/metrics.parquet",
        replicates="<results>/07_metrics/replicates.parquet",
        summary="<results>/07_metrics/summary.parquet",
        facts="<results>/07_metrics/scores.json",
    log:
        "<logs>/07_metrics/metrics_score.log",
    benchmark:
        "<benchmarks>/07_metrics/metrics_score.tsv"
    conda:
        "../../envs/metrics.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu=1 if INCEPTION else 0,
    params:
        metrics=section("metrics", exclude={"sheet", "videos", "world_features", "probe", "comparisons"}),
        rate_hz=CONFIG.frames.rate_hz,
        rollouts=ROLLOUTS,
        code=code("07_metrics_score.py"),
    message:
        "Stage 07: scoring all rollouts"
    script:
        "../scripts/07_metrics_score.py"


rule metrics_table:
    input:
        values="<results>/07_metrics/metrics.parquet",
        replicates="<results>/07_metrics/replicates.parquet",
        summary="<results>/07_metrics/summary.parquet",
        facts="<results>/07_metrics/scores.json",
        midway="<results>/02_midway/config.json",
    output:
        csv=report("<results>/07_metrics/table.csv", category="Table", caption="../report/table.rst"),
        markdown="<results>/07_metrics/table.md",
        latex="<results>/07_metrics/table.tex",
        text="<results>/07_metrics/table.txt",
        samples=report("<results>/07_metrics/table_samples.md", category="Table", caption="../report/samples.rst"),
    log:
        "<logs>/07_metrics/metrics_table.log",
    benchmark:
        "<benchmarks>/07_metrics/metrics_table.tsv"
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
        values="<results>/07_metrics/metrics.parquet",
        replicates="<results>/07_metrics/replicates.parquet",
    output:
        csv="<results>/07_metrics/comparisons.csv",
        markdown=report("<results>/07_metrics/comparisons.md", category="Table", caption="../report/comparisons.rst"),
        text="<results>/07_metrics/comparisons.txt",
    log:
        "<logs>/07_metrics/metrics_comparisons.log",
    benchmark:
        "<benchmarks>/07_metrics/metrics_comparisons.tsv"
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
        summary="<results>/07_metrics/summary.parquet",
        # A model that was imported has no logs of its training.
        midway=[] if CHECKPOINT else expand("<results>/02_midway/{log}.parquet", log=["log", "pretraining"]),
        decoder="<results>/04_decoder/log.parquet",
        predictors=trained("log.parquet"),
    output:
        metrics=report(
            "<results>/07_metrics/figures/metrics.png", category="Metrics against time", caption="../report/curves.rst"
        ),
        midway=(
            []
            if CHECKPOINT
            else report("<results>/07_metrics/figures/midway.png", category="Training", caption="../report/losses.rst")
        ),
        learning_curve=(
            []
            if CHECKPOINT
            else report(
                "<results>/07_metrics/figures/learning_curve.png",
                category="Training",
                caption="../report/learning_curve.rst",
            )
        ),
        decoder=report("<results>/07_metrics/figures/decoder.png", category="Training", caption="../report/losses.rst"),
        predictors=report(
            "<results>/07_metrics/figures/predictors.png", category="Training", caption="../report/losses.rst"
        ),
    log:
        "<logs>/07_metrics/metrics_figures.log",
    benchmark:
        "<benchmarks>/07_metrics/metrics_figures.tsv"
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
        context=ancient("<results>/06_rollouts/context.zarr"),
        context_manifest="<results>/06_rollouts/context.manifest.json",
        truth=ancient("<results>/06_rollouts/truth.zarr"),
        truth_manifest="<results>/06_rollouts/truth.manifest.json",
        predicted=ancient(rollouts(".zarr", SHOWN)),
        predicted_manifests=rollouts(".manifest.json", SHOWN),
        controls=ancient(controls(".zarr")),
        control_manifests=controls(".manifest.json"),
    output:
        sheet=report(
            "<results>/07_metrics/contact_sheet.png", category="Rollouts", caption="../report/contact_sheet.rst"
        ),
        videos=report(
            directory("<results>/07_metrics/videos"),
            patterns=["{name}.mp4"],
            category="Rollouts",
            caption="../report/videos.rst",
        ),
    log:
        "<logs>/07_metrics/metrics_videos.log",
    benchmark:
        "<benchmarks>/07_metrics/metrics_videos.tsv"
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
        controls=CONTROLS,
        code=code("07_metrics_videos.py"),
    message:
        "Stage 07: contact sheet and videos of rollouts"
    script:
        "../scripts/07_metrics_videos.py"


rule metrics_token_groups:
    input:
        midway="<results>/02_midway/model.safetensors",
        midway_config="<results>/02_midway/config.json",
        statistics="<results>/03_latents/statistics.safetensors",
        decoder="<results>/04_decoder/model.safetensors",
        decoder_config="<results>/04_decoder/config.json",
        frames=ancient(shards("01_frames/frames/{split}/{shard}.zarr", "val")),
        manifests=shards("01_frames/frames/{split}/{shard}.manifest.json", "val"),
    output:
        figure=report(
            "<results>/07_metrics/figures/token_groups.png", category="Probe", caption="../report/token_groups.rst"
        ),
        csv="<results>/07_metrics/token_groups.csv",
    log:
        "<logs>/07_metrics/metrics_token_groups.log",
    benchmark:
        "<benchmarks>/07_metrics/metrics_token_groups.tsv"
    conda:
        "../../envs/metrics.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
        gpu=1,
    params:
        # In one value with their names: Snakemake compares the values of parameters as a set, in which two can change places.
        groups=CONFIG.metrics.probe.model_dump(mode="json", include={"windows", "seed"}),
        bootstrap=CONFIG.metrics.bootstrap.model_dump(mode="json", exclude={"frechet_groups"}),
        latents=section("latents", include={"levels"}),
        code=code("07_metrics_token_groups.py"),
    message:
        "Stage 07: which patches move when a group of motion tokens is swapped"
    script:
        "../scripts/07_metrics_token_groups.py"


if WORLD:

    rule metrics_probe:
        input:
            found="<results>/01_frames/found.parquet",
            labels=expand("<results>/01_frames/world/labels/{split}.parquet", split=SPLITS),
            train_frames=ancient(shards("01_frames/frames/{split}/{shard}.zarr", "train")),
            train_frames_manifests=shards("01_frames/frames/{split}/{shard}.manifest.json", "train"),
            train_latents=ancient(shards("03_latents/latents/{split}/{shard}.zarr", "train")),
            train_latents_manifests=shards("03_latents/latents/{split}/{shard}.manifest.json", "train"),
            val_frames=ancient(shards("01_frames/frames/{split}/{shard}.zarr", "val")),
            val_frames_manifests=shards("01_frames/frames/{split}/{shard}.manifest.json", "val"),
            val_latents=ancient(shards("03_latents/latents/{split}/{shard}.zarr", "val")),
            val_latents_manifests=shards("03_latents/latents/{split}/{shard}.manifest.json", "val"),
        output:
            csv=report("<results>/07_metrics/probe.csv", category="Probe", caption="../report/probe_table.rst"),
            markdown="<results>/07_metrics/probe.md",
            figure=report("<results>/07_metrics/figures/probe.png", category="Probe", caption="../report/probe.rst"),
        log:
            "<logs>/07_metrics/metrics_probe.log",
        benchmark:
            "<benchmarks>/07_metrics/metrics_probe.tsv"
        conda:
            "../../envs/metrics.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 8000 * attempt,
            runtime=lambda wildcards, attempt: 120 * attempt,
        params:
            run=CONFIG.run,
            probe=CONFIG.metrics.probe.model_dump(mode="json", exclude={"windows", "seed"}),
            bootstrap=CONFIG.metrics.bootstrap.model_dump(mode="json", exclude={"frechet_groups"}),
            code=code("07_metrics_probe.py"),
        message:
            "Stage 07: reading the world's true motion from motion tokens"
        script:
            "../scripts/07_metrics_probe.py"
