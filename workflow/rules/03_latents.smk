# Stage 03: latent states and motion tokens of all clips, and their statistics.


rule latents_encode:
    input:
        model="<midway>/model.safetensors",
        config="<midway>/config.json",
        frames=ancient("<frames>/frames/{split}/{shard}.zarr"),
        frames_manifest="<frames>/frames/{split}/{shard}.manifest.json",
    output:
        store=directory("<latents>/latents/{split}/{shard}.zarr"),
        manifest="<latents>/latents/{split}/{shard}.manifest.json",
    log:
        "<latents_logs>/latents_encode.{split}.{shard}.log",
    benchmark:
        "<latents_benchmarks>/latents_encode.{split}.{shard}.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
        gpu=1,
    params:
        latents=section("latents", exclude={"statistics"}),
        code=code("03_latents_encode.py"),
    message:
        "Stage 03: latents and motion tokens of {wildcards.split} shard {wildcards.shard}"
    script:
        "../scripts/03_latents_encode.py"


rule latents_statistics:
    input:
        stores=ancient(shards("<latents>/latents/{split}/{shard}.zarr", "train")),
        manifests=shards("<latents>/latents/{split}/{shard}.manifest.json", "train"),
        carried=STARTS["latents.statistics"],
    output:
        "<latents>/statistics.safetensors",
    log:
        "<latents_logs>/latents_statistics.log",
    benchmark:
        "<latents_benchmarks>/latents_statistics.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        code=code("03_latents_statistics.py"),
    message:
        "Stage 03: statistics of latents and motion tokens"
    script:
        "../scripts/03_latents_statistics.py"
