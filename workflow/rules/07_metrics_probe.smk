# Stage 07: what motion tokens mean.
PROBE = ["<metrics>/figures/token_groups.png"]
if SOURCE.motion:
    PROBE += expand("<metrics>/{name}", name=["probe.csv", "probe.md", "figures/probe.png"])


rule metrics_token_groups:
    input:
        midway="<midway>/model.safetensors",
        midway_config="<midway>/config.json",
        statistics="<latents>/statistics.safetensors",
        decoder="<decoder>/model.safetensors",
        decoder_config="<decoder>/config.json",
        frames=ancient(shards("<frames>/frames/{split}/{shard}.zarr", "val")),
        manifests=shards("<frames>/frames/{split}/{shard}.manifest.json", "val"),
    output:
        figure=report("<metrics>/figures/token_groups.png", category="Probe", caption="../report/token_groups.rst"),
        for_papers=for_papers("token_groups"),
        csv="<metrics>/token_groups.csv",
    log:
        "<metrics_logs>/metrics_token_groups.log",
    benchmark:
        "<metrics_benchmarks>/metrics_token_groups.tsv"
    conda:
        "../../envs/metrics.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
        gpu=1,
    params:
        groups=CONFIG.metrics.probe.model_dump(mode="json"),
        bootstrap=CONFIG.metrics.bootstrap.model_dump(mode="json", exclude={"frechet_groups"}),
        latents=section("latents", include={"levels"}),
        code=code("07_metrics_token_groups.py"),
    message:
        "Stage 07: which patches move when a group of motion tokens is swapped"
    script:
        "../scripts/07_metrics_token_groups.py"


if SOURCE.motion:

    rule metrics_probe:
        input:
            motion="<frames>/motion.parquet",
            train_frames=ancient(shards("<frames>/frames/{split}/{shard}.zarr", "train")),
            train_frames_manifests=shards("<frames>/frames/{split}/{shard}.manifest.json", "train"),
            train_latents=ancient(shards("<latents>/latents/{split}/{shard}.zarr", "train")),
            train_latents_manifests=shards("<latents>/latents/{split}/{shard}.manifest.json", "train"),
            val_frames=ancient(shards("<frames>/frames/{split}/{shard}.zarr", "val")),
            val_frames_manifests=shards("<frames>/frames/{split}/{shard}.manifest.json", "val"),
            val_latents=ancient(shards("<latents>/latents/{split}/{shard}.zarr", "val")),
            val_latents_manifests=shards("<latents>/latents/{split}/{shard}.manifest.json", "val"),
        output:
            csv="<metrics>/probe.csv",
            markdown="<metrics>/probe.md",
            figure=report("<metrics>/figures/probe.png", category="Probe", caption="../report/probe.rst"),
            for_papers=for_papers("probe"),
        log:
            "<metrics_logs>/metrics_probe.log",
        benchmark:
            "<metrics_benchmarks>/metrics_probe.tsv"
        conda:
            "../../envs/metrics.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 8000 * attempt,
            runtime=lambda wildcards, attempt: 120 * attempt,
        params:
            run=CONFIG.run,
            bootstrap=CONFIG.metrics.bootstrap.model_dump(mode="json", exclude={"frechet_groups"}),
            code=code("07_metrics_probe.py"),
        message:
            "Stage 07: reading the true motion from motion tokens"
        script:
            "../scripts/07_metrics_probe.py"
