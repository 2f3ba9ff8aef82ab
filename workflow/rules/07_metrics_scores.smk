# Stage 07: scores of all rollouts against the truth.
INCEPTION = CONFIG.metrics.fid.weights
LPIPS = CONFIG.metrics.lpips.weights
# FVD sees whole windows: the rollouts, and the observed frames before them.
I3D = CONFIG.metrics.fvd.weights
OBSERVED = CONFIG.predictors.longest_history + 1


rule metrics_features:
    output:
        model="<features>/model.safetensors",
        config="<features>/config.json",
        log="<features>/log.parquet",
    log:
        "<features_logs>/metrics_features.log",
    benchmark:
        "<features_benchmarks>/metrics_features.tsv"
    conda:
        "../../envs/metrics.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
        tracker=TRACKER,
    params:
        features=CONFIG.metrics.world_features.model_dump(mode="json"),
        world=section("world", exclude=set(WORLD_AMOUNT)),
        size=[CONFIG.frames.height, CONFIG.frames.width],
        code=code("07_metrics_features.py"),
    message:
        "Stage 07: training the features that stand in for Inception's"
    script:
        "../scripts/07_metrics_features.py"


# A job for each row of the table, with all its training seeds, one for ideal futures and one for all other controls.
rule metrics_score:
    input:
        features=INCEPTION or ["<features>/model.safetensors", "<features>/config.json"],
        lpips=LPIPS or [],
        i3d=I3D or [],
        frames=ancient(shards("<frames>/frames/{split}/{shard}.zarr", "val") if I3D else []),
        manifests=shards("<frames>/frames/{split}/{shard}.manifest.json", "val") if I3D else [],
        truth=ancient("<rollouts>/truth.zarr"),
        truth_manifest="<rollouts>/truth.manifest.json",
        oracle=ancient(oracle(".zarr")),
        oracle_manifest=oracle(".manifest.json"),
        several=ancient(rolled_out(".zarr")),
        several_manifests=rolled_out(".manifest.json"),
        single=ancient(rolled_out(".single.zarr")),
        single_manifests=rolled_out(".single.manifest.json"),
    output:
        scores="<metrics>/scores/{row}.safetensors",
    log:
        "<metrics_logs>/metrics_score.{row}.log",
    benchmark:
        "<metrics_benchmarks>/metrics_score.{row}.tsv"
    conda:
        "../../envs/metrics.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
        gpu=1,
    params:
        sets=lambda wildcards: SETS[wildcards.row],
        inception=INCEPTION,
        lpips=LPIPS,
        fvd=I3D,
        observed=OBSERVED if I3D else 0,
        horizons_s=list(CONFIG.metrics.horizons_s),
        rate_hz=CONFIG.frames.rate_hz,
        code=code("07_metrics_score.py"),
    message:
        "Stage 07: scoring {wildcards.row}"
    script:
        "../scripts/07_metrics_score.py"


rule metrics_summary:
    input:
        features=INCEPTION or ["<features>/model.safetensors", "<features>/config.json"],
        i3d=I3D or [],
        frames=ancient(shards("<frames>/frames/{split}/{shard}.zarr", "val") if I3D else []),
        manifests=shards("<frames>/frames/{split}/{shard}.manifest.json", "val") if I3D else [],
        truth=ancient("<rollouts>/truth.zarr"),
        truth_manifest="<rollouts>/truth.manifest.json",
        single_truth=ancient("<rollouts>/truth.single.zarr"),
        single_truth_manifest="<rollouts>/truth.single.manifest.json",
        scores=expand("<metrics>/scores/{row}.safetensors", row=SETS),
    output:
        values="<metrics>/metrics.parquet",
        replicates="<metrics>/replicates.parquet",
        summary="<metrics>/summary.parquet",
        facts="<metrics>/scores.json",
    log:
        "<metrics_logs>/metrics_summary.log",
    benchmark:
        "<metrics_benchmarks>/metrics_summary.tsv"
    conda:
        "../../envs/metrics.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
        gpu=1,
    params:
        inception=INCEPTION,
        fvd=I3D,
        observed=OBSERVED if I3D else 0,
        horizons_s=list(CONFIG.metrics.horizons_s),
        bootstrap=CONFIG.metrics.bootstrap.model_dump(mode="json"),
        rate_hz=CONFIG.frames.rate_hz,
        code=code("07_metrics_summary.py"),
    message:
        "Stage 07: means, distances and intervals of all rows"
    script:
        "../scripts/07_metrics_summary.py"
