# Stage 02: the Midway Network, trained on frames or imported.
try:
    MIDWAY_FOLDER = f"{CONFIG.share.folder('midway', RESULTS)}/02_midway"
    CHECKPOINT = checkpoint_files(CONFIG.midway.checkpoint, MIDWAY_FOLDER)
except LamoError as error:
    sys.exit(str(error))

if CHECKPOINT:

    rule midway_import:
        input:
            checkpoint=CHECKPOINT,
        output:
            model="<midway>/model.safetensors",
            config="<midway>/config.json",
        log:
            "<midway_logs>/midway_import.log",
        benchmark:
            "<midway_benchmarks>/midway_import.tsv"
        conda:
            "../../envs/models.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 16000 * attempt,
            runtime=lambda wildcards, attempt: 30 * attempt,
        params:
            midway=section("midway", include={"checkpoint", "checkpoint_heads"}),
            image=(CONFIG.frames.height, CONFIG.frames.width),
            code=code("02_midway_import.py"),
        message:
            "Stage 02: importing the Midway Network"
        script:
            "../scripts/02_midway_import.py"

else:

    rule midway_train:
        input:
            train=ancient(shards("<frames>/frames/{split}/{shard}.zarr", "train")),
            train_manifests=shards("<frames>/frames/{split}/{shard}.manifest.json", "train"),
            val=ancient(shards("<frames>/frames/{split}/{shard}.zarr", "val")),
            val_manifests=shards("<frames>/frames/{split}/{shard}.manifest.json", "val"),
            clips=clips_of_shards(),
            start=STARTS["midway.training.start"],
        output:
            model="<midway>/model.safetensors",
            config="<midway>/config.json",
            log="<midway>/log.parquet",
            pretraining_log="<midway>/pretraining.parquet",
        log:
            "<midway_logs>/midway_train.log",
        benchmark:
            "<midway_benchmarks>/midway_train.tsv"
        conda:
            "../../envs/models.yaml"
        threads: 16
        resources:
            mem_mb=lambda wildcards, attempt: 16000 * attempt,
            runtime=lambda wildcards, attempt: 1440 * attempt,
            gpu=1,
            tracker=TRACKER,
        params:
            midway=section("midway", exclude={"checkpoint", "checkpoint_heads"}),
            rate_hz=CONFIG.frames.rate_hz,
            seed=CONFIG.seed,
            max_quarantined_share=max_quarantined_share,
            code=code("02_midway_train.py"),
        message:
            "Stage 02: training the Midway Network"
        script:
            "../scripts/02_midway_train.py"
