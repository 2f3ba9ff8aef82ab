# Stage 06: rollouts of the predictors, the controls, and the true frames of the same windows.


rule rollouts_predict:
    input:
        predictor="<results>/05_predictors/{predictor}/seed{seed}/model.safetensors",
        predictor_config="<results>/05_predictors/{predictor}/seed{seed}/config.json",
        midway="<results>/02_midway/model.safetensors",
        midway_config="<results>/02_midway/config.json",
        statistics="<results>/03_latents/statistics.safetensors",
        decoder="<results>/04_decoder/model.safetensors",
        decoder_config="<results>/04_decoder/config.json",
        frames=ancient(shards("01_frames/frames/{split}/{shard}.zarr", "val")),
        manifests=shards("01_frames/frames/{split}/{shard}.manifest.json", "val"),
    output:
        store=directory("<results>/06_rollouts/{predictor}/seed{seed}/{sampler}.zarr"),
        manifest="<results>/06_rollouts/{predictor}/seed{seed}/{sampler}.manifest.json",
    log:
        "<logs>/06_rollouts/rollouts_predict.{predictor}.seed{seed}.{sampler}.log",
    benchmark:
        "<benchmarks>/06_rollouts/rollouts_predict.{predictor}.seed{seed}.{sampler}.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu=1,
    params:
        rollouts=section("rollouts", exclude={"samplers", "blur_sigmas", "blur_windows"}),
        rate_hz=CONFIG.frames.rate_hz,
        latents=section("latents", include={"levels"}),
        history=CONFIG.predictors.history,
        code=code_of_predictor("06_rollouts_predict.py"),
    message:
        "Stage 06: rollouts of {wildcards.predictor}, seed {wildcards.seed}, sampler {wildcards.sampler}"
    script:
        "../scripts/06_rollouts_predict.py"


rule rollouts_controls:
    input:
        midway="<results>/02_midway/model.safetensors",
        midway_config="<results>/02_midway/config.json",
        statistics="<results>/03_latents/statistics.safetensors",
        decoder="<results>/04_decoder/model.safetensors",
        decoder_config="<results>/04_decoder/config.json",
        train=ancient(shards("01_frames/frames/{split}/{shard}.zarr", "train")),
        train_manifests=shards("01_frames/frames/{split}/{shard}.manifest.json", "train"),
        frames=ancient(shards("01_frames/frames/{split}/{shard}.zarr", "val")),
        manifests=shards("01_frames/frames/{split}/{shard}.manifest.json", "val"),
    output:
        stores=directory(controls(".zarr")),
        control_manifests=controls(".manifest.json"),
        truth=directory("<results>/06_rollouts/truth.zarr"),
        truth_manifest="<results>/06_rollouts/truth.manifest.json",
        context=directory("<results>/06_rollouts/context.zarr"),
        context_manifest="<results>/06_rollouts/context.manifest.json",
    log:
        "<logs>/06_rollouts/rollouts_controls.log",
    benchmark:
        "<benchmarks>/06_rollouts/rollouts_controls.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu=1,
    params:
        rollouts=section("rollouts", exclude={"samplers"}),
        rate_hz=CONFIG.frames.rate_hz,
        latents=section("latents", include={"levels"}),
        history=CONFIG.predictors.history,
        code=code("06_rollouts_controls.py"),
    message:
        "Stage 06: controls and true frames"
    script:
        "../scripts/06_rollouts_controls.py"
