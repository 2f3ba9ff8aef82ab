# Stage 06: rollouts of the predictors, the controls, and the true frames of the same windows. There are some windows with
# several futures each, and in stores named *.single many windows with one future each, for distances of distributions.

# What is known of the forks of held-out drives, for windows that start shortly before one.
FORK_LABELS = []
UNUSED = {"fork_windows"}
if SOURCE.labels and CONFIG.world.forks.any:
    FORK_LABELS = ["<frames>/found.parquet", SOURCE.labels[SPLITS.index("val")]]
    UNUSED = set()
# The synthetic world can be run again from the same state.
SCORED_CONTROLS = [*CONTROLS, *([IDEAL] if SOURCE.labels else [])]
# What is scored by one job, under the name of its row: method, sampler and training seed of each.
SETS = {row.label: [names for names in ROLLOUTS if names[1] == row.label] for row in CONFIG.predictors.rows()}
SETS["controls"] = [(control, NO_SAMPLER, None) for control in CONTROLS]
if SOURCE.labels:
    SETS[IDEAL] = [(IDEAL, NO_SAMPLER, None)]


rule rollouts_predict:
    input:
        predictor="<predictors>/{predictor}/seed{seed}/model.safetensors",
        predictor_config="<predictors>/{predictor}/seed{seed}/config.json",
        midway="<midway>/model.safetensors",
        midway_config="<midway>/config.json",
        stepping=stepping,
        statistics="<latents>/statistics.safetensors",
        decoder="<decoder>/model.safetensors",
        decoder_config="<decoder>/config.json",
        frames=ancient(shards("<frames>/frames/{split}/{shard}.zarr", "val")),
        manifests=shards("<frames>/frames/{split}/{shard}.manifest.json", "val"),
        forks=FORK_LABELS,
    output:
        store=directory("<rollouts>/{predictor}/seed{seed}/{sampler}.zarr"),
        manifest="<rollouts>/{predictor}/seed{seed}/{sampler}.manifest.json",
        single=directory("<rollouts>/{predictor}/seed{seed}/{sampler}.single.zarr"),
        single_manifest="<rollouts>/{predictor}/seed{seed}/{sampler}.single.manifest.json",
    log:
        "<rollouts_logs>/rollouts_predict.{predictor}.seed{seed}.{sampler}.log",
    benchmark:
        "<rollouts_benchmarks>/rollouts_predict.{predictor}.seed{seed}.{sampler}.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu=1,
    params:
        rollouts=section("rollouts", exclude={"blur_sigmas", "blur_windows"} | UNUSED),
        rate_hz=CONFIG.frames.rate_hz,
        latents=section("latents", include={"levels"}),
        history=CONFIG.predictors.longest_history,
        # Which of the windows with one future each are this seed's.
        turn=lambda wildcards: CONFIG.predictors.seeds.index(int(wildcards.seed)),
        modules=lambda wildcards: kind_modules(wildcards.predictor),
        code=code_of_predictor("06_rollouts_predict.py"),
    message:
        "Stage 06: rollouts of {wildcards.predictor}, seed {wildcards.seed}, sampler {wildcards.sampler}"
    script:
        "../scripts/06_rollouts_predict.py"


rule rollouts_controls:
    input:
        midway="<midway>/model.safetensors",
        midway_config="<midway>/config.json",
        statistics="<latents>/statistics.safetensors",
        decoder="<decoder>/model.safetensors",
        decoder_config="<decoder>/config.json",
        train=ancient(shards("<frames>/frames/{split}/{shard}.zarr", "train")),
        train_manifests=shards("<frames>/frames/{split}/{shard}.manifest.json", "train"),
        frames=ancient(shards("<frames>/frames/{split}/{shard}.zarr", "val")),
        manifests=shards("<frames>/frames/{split}/{shard}.manifest.json", "val"),
        forks=FORK_LABELS,
    output:
        several=directory(controls(".zarr")),
        several_manifests=controls(".manifest.json"),
        single=directory(controls(".single.zarr")),
        single_manifests=controls(".single.manifest.json"),
        truth=directory("<rollouts>/truth.zarr"),
        truth_manifest="<rollouts>/truth.manifest.json",
        single_truth=directory("<rollouts>/truth.single.zarr"),
        single_truth_manifest="<rollouts>/truth.single.manifest.json",
        context=directory("<rollouts>/context.zarr"),
        context_manifest="<rollouts>/context.manifest.json",
    log:
        "<rollouts_logs>/rollouts_controls.log",
    benchmark:
        "<rollouts_benchmarks>/rollouts_controls.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu=1,
    params:
        rollouts=section("rollouts", exclude=UNUSED),
        rate_hz=CONFIG.frames.rate_hz,
        latents=section("latents", include={"levels"}),
        history=CONFIG.predictors.longest_history,
        turns=len(CONFIG.predictors.seeds),
        code=code("06_rollouts_controls.py"),
    message:
        "Stage 06: controls and true frames"
    script:
        "../scripts/06_rollouts_controls.py"


if SOURCE.labels:

    rule rollouts_ideal:
        input:
            found="<frames>/found.parquet",
            truth=ancient("<rollouts>/truth.zarr"),
            truth_manifest="<rollouts>/truth.manifest.json",
            single_truth=ancient("<rollouts>/truth.single.zarr"),
            single_truth_manifest="<rollouts>/truth.single.manifest.json",
        output:
            store=directory(f"<rollouts>/controls/{IDEAL}.zarr"),
            manifest=f"<rollouts>/controls/{IDEAL}.manifest.json",
            single=directory(f"<rollouts>/controls/{IDEAL}.single.zarr"),
            single_manifest=f"<rollouts>/controls/{IDEAL}.single.manifest.json",
        log:
            "<rollouts_logs>/rollouts_ideal.log",
        benchmark:
            "<rollouts_benchmarks>/rollouts_ideal.tsv"
        conda:
            "../../envs/models.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 8000 * attempt,
            runtime=lambda wildcards, attempt: 120 * attempt,
        params:
            world=section("world", exclude={"train_videos", "val_videos", "parts"}),
            frames=section("frames", include={"height", "width", "fit", "rate_hz"}),
            rollouts=section("rollouts", include={"horizons_s", "samples"}),
            history=CONFIG.predictors.longest_history,
            code=code("06_rollouts_ideal.py"),
        message:
            "Stage 06: other true futures of the same windows"
        script:
            "../scripts/06_rollouts_ideal.py"
