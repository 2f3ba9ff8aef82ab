# Stage 05: the predictors of predictors.entries, each with every seed.


rule predictors_train:
    input:
        statistics="<latents>/statistics.safetensors",
        train=ancient(shards("<latents>/latents/{split}/{shard}.zarr", "train")),
        train_manifests=shards("<latents>/latents/{split}/{shard}.manifest.json", "train"),
        val=ancient(shards("<latents>/latents/{split}/{shard}.zarr", "val")),
        val_manifests=shards("<latents>/latents/{split}/{shard}.manifest.json", "val"),
        start=lambda wildcards: STARTS[f"predictors.entries.{wildcards.predictor}.training.start"],
    output:
        model="<predictors>/{predictor}/seed{seed}/model.safetensors",
        config="<predictors>/{predictor}/seed{seed}/config.json",
        log="<predictors>/{predictor}/seed{seed}/log.parquet",
    log:
        "<predictors_logs>/predictors_train.{predictor}.seed{seed}.log",
    benchmark:
        "<predictors_benchmarks>/predictors_train.{predictor}.seed{seed}.tsv"
    wildcard_constraints:
        predictor="|".join(name for name in CONFIG.predictors.entries if name not in TOGETHER),
    conda:
        "../../envs/models.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
        runtime=lambda wildcards, attempt: 1440 * attempt,
        gpu=1,
        tracker=TRACKER,
    params:
        predictor=lambda wildcards: CONFIG.predictors.of(wildcards.predictor).model_dump(mode="json"),
        rate_hz=CONFIG.frames.rate_hz,
        modules=lambda wildcards: kind_modules(wildcards.predictor),
        code=code_of_predictor("05_predictors_train.py"),
    message:
        "Stage 05: training predictor {wildcards.predictor}, seed {wildcards.seed}"
    script:
        "../scripts/05_predictors_train.py"


if TOGETHER:

    rule predictors_train_end_to_end:
        input:
            predictor=lambda wildcards: saved_model(
                f"<predictors>/{CONFIG.predictors.entries[wildcards.predictor].end_to_end.of}/seed{wildcards.seed}"
            ),
            midway=saved_model("<midway>"),
            statistics="<latents>/statistics.safetensors",
            train=ancient(shards("<frames>/frames/{split}/{shard}.zarr", "train")),
            train_manifests=shards("<frames>/frames/{split}/{shard}.manifest.json", "train"),
            val=ancient(shards("<frames>/frames/{split}/{shard}.zarr", "val")),
            val_manifests=shards("<frames>/frames/{split}/{shard}.manifest.json", "val"),
        output:
            model="<predictors>/{predictor}/seed{seed}/model.safetensors",
            config="<predictors>/{predictor}/seed{seed}/config.json",
            log="<predictors>/{predictor}/seed{seed}/log.parquet",
            midway=saved_model(f"<predictors>/{{predictor}}/seed{{seed}}/{FORWARD}"),
        log:
            "<predictors_logs>/predictors_train_end_to_end.{predictor}.seed{seed}.log",
        benchmark:
            "<predictors_benchmarks>/predictors_train_end_to_end.{predictor}.seed{seed}.tsv"
        wildcard_constraints:
            predictor="|".join(TOGETHER),
        conda:
            "../../envs/models.yaml"
        threads: 16
        resources:
            mem_mb=lambda wildcards, attempt: 16000 * attempt,
            runtime=lambda wildcards, attempt: 1440 * attempt,
            gpu=1,
            tracker=TRACKER,
        params:
            end_to_end=lambda wildcards: CONFIG.predictors.entries[wildcards.predictor].end_to_end.model_dump(
                mode="json"
            ),
            rate_hz=CONFIG.frames.rate_hz,
            latents=section("latents", include={"levels"}),
            modules=lambda wildcards: kind_modules(wildcards.predictor),
            code=code_of_predictor("05_predictors_train_end_to_end.py"),
        message:
            "Stage 05: training predictor {wildcards.predictor} and the forward dynamics together, seed {wildcards.seed}"
        script:
            "../scripts/05_predictors_train_end_to_end.py"


rule predictors_matched:
    input:
        configs=trained("config.json"),
        logs=trained("log.parquet"),
        midway="<midway>/config.json",
        decoder="<decoder>/config.json",
    output:
        csv="<results>/05_predictors/matched.csv",
        markdown="<results>/05_predictors/matched.md",
    log:
        "<logs>/05_predictors/predictors_matched.log",
    benchmark:
        "<benchmarks>/05_predictors/predictors_matched.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        run=CONFIG.run,
        samplers={name: list(entry.samplers) for name, entry in CONFIG.predictors.entries.items()},
        latents=section("latents", include={"levels"}),
        modules=kind_modules(*CONFIG.predictors.entries),
        code=code_of_predictors("05_predictors_matched.py"),
    message:
        "Stage 05: what every method was given and what it costs"
    script:
        "../scripts/05_predictors_matched.py"
