# Stage 07: the table by groups of windows: those shortly before a fork of the synthetic world, or those of each folder of videos.
FOLDERS = CONFIG.videos.names
GROUPS = []
if FORK_LABELS or FOLDERS:
    GROUPS = ["<metrics>/table_groups.csv", "<metrics>/table_groups.md"]

    localrules:
        metrics_groups,

    rule metrics_groups:
        input:
            values="<metrics>/metrics.parquet",
            replicates="<metrics>/replicates.parquet",
            truth=ancient("<rollouts>/truth.zarr"),
            truth_manifest="<rollouts>/truth.manifest.json",
            forks=FORK_LABELS,
        output:
            csv="<metrics>/table_groups.csv",
            markdown="<metrics>/table_groups.md",
        log:
            "<metrics_logs>/metrics_groups.log",
        benchmark:
            "<metrics_benchmarks>/metrics_groups.tsv"
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
            rate_hz=CONFIG.frames.rate_hz,
            history=CONFIG.predictors.longest_history,
            folders=FOLDERS,
            code=code("07_metrics_groups.py"),
        message:
            "Stage 07: the table by groups of windows"
        script:
            "../scripts/07_metrics_groups.py"
