# Stage 02: the Midway Network, trained on frames or imported.
try:
    CHECKPOINT = checkpoint_files(CONFIG.midway.checkpoint, f"{RESULTS}/02_midway")
except LamoError as error:
    sys.exit(str(error))

if CHECKPOINT:
    # A checkpoint may lack what such a recurrence adds; it is then fitted on the training frames.
    FITTED = CONFIG.midway.recurrence.top != "held"

    rule midway_import:
        input:
            checkpoint=CHECKPOINT,
            train=ancient(shards("01_frames/frames/{split}/{shard}.zarr", "train")) if FITTED else [],
            train_manifests=shards("01_frames/frames/{split}/{shard}.manifest.json", "train") if FITTED else [],
            clips=clips_of_shards() if FITTED else [],
        output:
            model="<results>/02_midway/model.safetensors",
            config="<results>/02_midway/config.json",
        log:
            "<logs>/02_midway/midway_import.log",
        benchmark:
            "<benchmarks>/02_midway/midway_import.tsv"
        conda:
            "../../envs/models.yaml"
        threads: 16 if FITTED else 1
        resources:
            mem_mb=lambda wildcards, attempt: 16000 * attempt,
            runtime=lambda wildcards, attempt: 30 * attempt,
            gpu=1,
        params:
            midway=section("midway", include={"checkpoint", "checkpoint_heads", "recurrence"}),
            image=(CONFIG.frames.height, CONFIG.frames.width),
            levels=CONFIG.latents.levels,
            seed=CONFIG.seed if FITTED else 0,
            max_quarantined_share=max_quarantined_share,
            code=code("02_midway_import.py"),
        message:
            "Stage 02: importing the Midway Network"
        script:
            "../scripts/02_midway_import.py"

else:

    rule midway_train:
        input:
            train=ancient(shards("01_frames/frames/{split}/{shard}.zarr", "train")),
            train_manifests=shards("01_frames/frames/{split}/{shard}.manifest.json", "train"),
            val=ancient(shards("01_frames/frames/{split}/{shard}.zarr", "val")),
            val_manifests=shards("01_frames/frames/{split}/{shard}.manifest.json", "val"),
            clips=clips_of_shards(),
        output:
            model="<results>/02_midway/model.safetensors",
            config="<results>/02_midway/config.json",
            log="<results>/02_midway/log.parquet",
            pretraining_log="<results>/02_midway/pretraining.parquet",
        log:
            "<logs>/02_midway/midway_train.log",
        benchmark:
            "<benchmarks>/02_midway/midway_train.tsv"
        conda:
            "../../envs/models.yaml"
        threads: 16
        resources:
            mem_mb=lambda wildcards, attempt: 16000 * attempt,
            runtime=lambda wildcards, attempt: 1440 * attempt,
            gpu=1,
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
