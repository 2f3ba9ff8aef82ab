# Stage 07: the tables of all stages as pages, which Snakemake's report (snakemake --report report.html) shows as they are.
# Of each its file, and its category and caption there.
PAGES = {
    "clips": ("<frames>/clips.md", "Videos", "clips"),
    "matched": ("<results>/05_predictors/matched.md", "Matched comparison", "matched"),
    "table": ("<metrics>/table.md", "Table", "table"),
    "table_samples": ("<metrics>/table_samples.md", "Table", "samples"),
    "comparisons": ("<metrics>/comparisons.md", "Table", "comparisons"),
}
if SOURCE.stills:
    PAGES["stills"] = ("<frames>/stills.md", "Videos", "stills")
if GROUPS:
    PAGES["table_groups"] = ("<metrics>/table_groups.md", "Table", "groups")
if FORKS:
    PAGES["modes"] = ("<metrics>/modes.md", "Table", "modes")
if SOURCE.motion:
    PAGES["probe"] = ("<metrics>/probe.md", "Probe", "probe_table")


rule metrics_pages:
    input:
        [file for file, _, _ in PAGES.values()],
    output:
        [
            report(f"<metrics>/pages/{name}.html", category=category, caption=f"../report/{caption}.rst")
            for name, (_, category, caption) in PAGES.items()
        ],
    log:
        "<metrics_logs>/metrics_pages.log",
    benchmark:
        "<metrics_benchmarks>/metrics_pages.tsv"
    conda:
        "../../envs/metrics.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        code=code("07_metrics_pages.py"),
    message:
        "Stage 07: the tables as pages"
    script:
        "../scripts/07_metrics_pages.py"
