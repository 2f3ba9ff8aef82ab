# Stage 04: the pixel decoder, trained on true latents.


rule decoder_train:
    input:
        train_frames=ancient(shards("<frames>/frames/{split}/{shard}.zarr", "train")),
        train_frames_manifests=shards("<frames>/frames/{split}/{shard}.manifest.json", "train"),
        train_latents=ancient(shards("<latents>/latents/{split}/{shard}.zarr", "train")),
        train_latents_manifests=shards("<latents>/latents/{split}/{shard}.manifest.json", "train"),
        val_frames=ancient(shards("<frames>/frames/{split}/{shard}.zarr", "val")),
        val_frames_manifests=shards("<frames>/frames/{split}/{shard}.manifest.json", "val"),
        val_latents=ancient(shards("<latents>/latents/{split}/{shard}.zarr", "val")),
        val_latents_manifests=shards("<latents>/latents/{split}/{shard}.manifest.json", "val"),
        start=STARTS["decoder.training.start"],
    output:
        model="<decoder>/model.safetensors",
        config="<decoder>/config.json",
        log="<decoder>/log.parquet",
    log:
        "<decoder_logs>/decoder_train.log",
    benchmark:
        "<decoder_benchmarks>/decoder_train.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
        runtime=lambda wildcards, attempt: 720 * attempt,
        gpu=1,
        tracker=TRACKER,
    params:
        decoder=section("decoder"),
        seed=CONFIG.seed,
        code=code("04_decoder_train.py"),
    message:
        "Stage 04: training the pixel decoder"
    script:
        "../scripts/04_decoder_train.py"
