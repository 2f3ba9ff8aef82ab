# Stage 04: the pixel decoder, trained on true latents.


rule decoder_train:
    input:
        train_frames=ancient(shards("01_frames/frames/{split}/{shard}.zarr", "train")),
        train_frames_manifests=shards("01_frames/frames/{split}/{shard}.manifest.json", "train"),
        train_latents=ancient(shards("03_latents/latents/{split}/{shard}.zarr", "train")),
        train_latents_manifests=shards("03_latents/latents/{split}/{shard}.manifest.json", "train"),
        val_frames=ancient(shards("01_frames/frames/{split}/{shard}.zarr", "val")),
        val_frames_manifests=shards("01_frames/frames/{split}/{shard}.manifest.json", "val"),
        val_latents=ancient(shards("03_latents/latents/{split}/{shard}.zarr", "val")),
        val_latents_manifests=shards("03_latents/latents/{split}/{shard}.manifest.json", "val"),
    output:
        model="<results>/04_decoder/model.safetensors",
        config="<results>/04_decoder/config.json",
        log="<results>/04_decoder/log.parquet",
    log:
        "<logs>/04_decoder/decoder_train.log",
    benchmark:
        "<benchmarks>/04_decoder/decoder_train.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
        runtime=lambda wildcards, attempt: 720 * attempt,
        gpu=1,
    params:
        decoder=section("decoder"),
        seed=CONFIG.seed,
        code=code("04_decoder_train.py"),
    message:
        "Stage 04: training the pixel decoder"
    script:
        "../scripts/04_decoder_train.py"
