# Stage 08: the trained world model as one folder that can be copied, with the predictors of the first training seed.
BUNDLED = CONFIG.model.predictors or tuple(CONFIG.predictors.entries)
MOTION_ENTRIES = [name for name in BUNDLED if find_kind(CONFIG.predictors.entries[name].kind).predicts == "motion"]


ORIGIN = "trained from scratch"
if CONFIG.midway.checkpoint:
    ORIGIN = f"imported from {CONFIG.midway.checkpoint}"
elif CONFIG.midway.training.start:
    ORIGIN = f"trained on from {CONFIG.midway.training.start}"


rule model_bundle:
    input:
        midway=saved_model("<midway>"),
        decoder=saved_model("<decoder>"),
        predictors=bundled_predictors(f"<predictors>/{{}}/seed{CONFIG.predictors.seeds[0]}", BUNDLED),
        statistics="<latents>/statistics.safetensors",
        clips="<frames>/clips.parquet",
        table="<metrics>/table.md",
    output:
        midway=saved_model("<model>/midway"),
        decoder=saved_model("<model>/decoder"),
        predictors=bundled_predictors("<model>/predictors/{}", BUNDLED),
        statistics="<model>/statistics.safetensors",
        facts="<model>/model.json",
        card="<model>/README.md",
    log:
        "<model_logs>/model_bundle.log",
    benchmark:
        "<model_benchmarks>/model_bundle.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        facts={
            "run": CONFIG.run,
            "frames": section("frames", include={"height", "width", "rate_hz", "fit"}),
            "origin": ORIGIN,
            "levels": list(CONFIG.latents.levels),
            "predictors": {name: samplers_of(CONFIG.predictors.entries[name]) for name in BUNDLED},
            "predictor": (*MOTION_ENTRIES, *BUNDLED)[0],
            "together": [name for name in BUNDLED if name in TOGETHER],
        },
        half_precision=CONFIG.model.half_precision,
        folders=CONFIG.videos.names,
        code=code("08_model_bundle.py"),
    message:
        "Stage 08: the world model as one folder"
    script:
        "../scripts/08_model_bundle.py"
