# Stage 07: windows shortly before a fork of the synthetic world. Only where the world has forks.
FORKS = []
if FORK_LABELS:
    FORKS = expand("<metrics>/{name}", name=["modes.csv", "modes.md", "fork_sheet.png"])

    rule metrics_modes:
        input:
            truth=ancient("<rollouts>/truth.zarr"),
            truth_manifest="<rollouts>/truth.manifest.json",
            predicted=ancient(rollouts(".zarr")),
            predicted_manifests=rollouts(".manifest.json"),
            controls=ancient(controls(".zarr", SCORED_CONTROLS)),
            control_manifests=controls(".manifest.json", SCORED_CONTROLS),
            forks=FORK_LABELS,
        output:
            csv="<metrics>/modes.csv",
            markdown="<metrics>/modes.md",
        log:
            "<metrics_logs>/metrics_modes.log",
        benchmark:
            "<metrics_benchmarks>/metrics_modes.tsv"
        conda:
            "../../envs/metrics.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 8000 * attempt,
            runtime=lambda wildcards, attempt: 120 * attempt,
        params:
            world=section("world", exclude={"train_videos", "val_videos", "parts"}),
            frames=section("frames", include={"height", "width", "fit", "rate_hz"}),
            rollouts=section("rollouts", include={"horizons_s"}),
            history=CONFIG.predictors.longest_history,
            run=CONFIG.run,
            rows=ROLLOUTS,
            bootstrap=CONFIG.metrics.bootstrap.model_dump(mode="json", exclude={"frechet_groups"}),
            code=code("07_metrics_modes.py"),
        message:
            "Stage 07: which way futures go at forks"
        script:
            "../scripts/07_metrics_modes.py"

    rule metrics_fork_sheet:
        input:
            context=ancient("<rollouts>/context.zarr"),
            context_manifest="<rollouts>/context.manifest.json",
            truth=ancient("<rollouts>/truth.zarr"),
            truth_manifest="<rollouts>/truth.manifest.json",
            predicted=ancient(rollouts(".zarr", SHOWN)),
            predicted_manifests=rollouts(".manifest.json", SHOWN),
            controls=ancient(controls(".zarr", SCORED_CONTROLS)),
            control_manifests=controls(".manifest.json", SCORED_CONTROLS),
            forks=FORK_LABELS,
        output:
            sheet=report("<metrics>/fork_sheet.png", category="Rollouts", caption="../report/fork_sheet.rst"),
        log:
            "<metrics_logs>/metrics_fork_sheet.log",
        benchmark:
            "<metrics_benchmarks>/metrics_fork_sheet.tsv"
        conda:
            "../../envs/metrics.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 8000 * attempt,
            runtime=lambda wildcards, attempt: 60 * attempt,
        params:
            sheet=CONFIG.metrics.sheet.model_dump(mode="json"),
            rate_hz=CONFIG.frames.rate_hz,
            history=CONFIG.predictors.longest_history,
            predicted=[sampler for _, sampler, _ in SHOWN],
            controls=SCORED_CONTROLS,
            code=code("07_metrics_fork_sheet.py"),
        message:
            "Stage 07: futures of windows shortly before a fork"
        script:
            "../scripts/07_metrics_fork_sheet.py"
