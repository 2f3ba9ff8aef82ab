# Stage 01: what is known beside the videos: the camera's motion, and BDD100K's info files and stills. These rules exist where
# it is there.
from lamo.dataset.companions import INFO_ENDINGS, STILL_ENDINGS, listing

# A file that was changed makes the tables out of date. The jobs themselves need not list the files again.
INFO_LISTING = STILLS_LISTING = None
if workflow.is_main_process:
    try:
        INFO_LISTING = listing(SOURCE.info, INFO_ENDINGS)
        STILLS_LISTING = listing(SOURCE.stills, STILL_ENDINGS)
    except LamoError as error:
        sys.exit(str(error))


if SOURCE.motion:

    rule frames_motion:
        input:
            found=FOUND,
            clips=clips_of_shards(),
            labels=SOURCE.labels,
            poses=SOURCE.poses or [],
        output:
            "<frames>/motion.parquet",
        log:
            "<frames_logs>/frames_motion.log",
        benchmark:
            "<frames_benchmarks>/frames_motion.tsv"
        conda:
            "../../envs/video.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 4000 * attempt,
            runtime=lambda wildcards, attempt: 30 * attempt,
        params:
            # A function, since a path may have braces.
            root=lambda wildcards: SOURCE.folders.get(""),
            code=code("01_frames_motion.py"),
        message:
            "Stage 01: how the camera moved in each clip"
        script:
            "../scripts/01_frames_motion.py"


if SOURCE.info:

    rule frames_info:
        input:
            found=FOUND,
        output:
            table="<frames>/info.parquet",
            facts="<frames>/info.json",
        log:
            "<frames_logs>/frames_info.log",
        benchmark:
            "<frames_benchmarks>/frames_info.tsv"
        conda:
            "../../envs/video.yaml"
        threads: 16
        resources:
            mem_mb=lambda wildcards, attempt: 8000 * attempt,
            runtime=lambda wildcards, attempt: 120 * attempt,
        params:
            # A function, since a path may have braces.
            folder=lambda wildcards: SOURCE.info,
            listing=INFO_LISTING,
            code=code("01_frames_info.py"),
        message:
            "Stage 01: reading the info files of the videos"
        script:
            "../scripts/01_frames_info.py"


if SOURCE.stills:

    rule frames_stills_find:
        input:
            found=FOUND,
        output:
            table="<frames>/stills/matched.parquet",
            facts="<frames>/stills/matched.json",
        log:
            "<frames_logs>/frames_stills_find.log",
        benchmark:
            "<frames_benchmarks>/frames_stills_find.tsv"
        conda:
            "../../envs/video.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 2000 * attempt,
            runtime=lambda wildcards, attempt: 30 * attempt,
        params:
            folder=lambda wildcards: SOURCE.stills,
            listing=STILLS_LISTING,
            code=code("01_frames_stills_find.py"),
        message:
            "Stage 01: finding the stills of the videos"
        script:
            "../scripts/01_frames_stills_find.py"

    rule frames_stills:
        input:
            matched="<frames>/stills/matched.parquet",
            frames=ancient("<frames>/frames/{split}/{shard}.zarr"),
            manifest="<frames>/frames/{split}/{shard}.manifest.json",
        output:
            "<frames>/stills/{split}/{shard}.parquet",
        log:
            "<frames_logs>/frames_stills.{split}.{shard}.log",
        benchmark:
            "<frames_benchmarks>/frames_stills.{split}.{shard}.tsv"
        conda:
            "../../envs/video.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 4000 * attempt,
            runtime=lambda wildcards, attempt: 60 * attempt,
        params:
            # Not through `matched` alone: a still of other content leaves that as it was.
            listing=STILLS_LISTING,
            frames=section("frames", include={"rate_hz", "fit"}),
            code=code("01_frames_stills.py"),
        message:
            "Stage 01: comparing frames with stills, {wildcards.split} shard {wildcards.shard}"
        script:
            "../scripts/01_frames_stills.py"

    rule frames_stills_collect:
        input:
            facts="<frames>/stills/matched.json",
            stills=[part for split in SPLITS for part in shards("<frames>/stills/{split}/{shard}.parquet", split)],
            frames=ancient([part for split in SPLITS for part in shards("<frames>/frames/{split}/{shard}.zarr", split)]),
            manifests=[
                part for split in SPLITS for part in shards("<frames>/frames/{split}/{shard}.manifest.json", split)
            ],
        output:
            table="<frames>/stills.parquet",
            summary="<frames>/stills.md",
            sheet=report("<frames>/stills.png", category="Videos", caption="../report/stills_sheet.rst"),
        log:
            "<frames_logs>/frames_stills_collect.log",
        benchmark:
            "<frames_benchmarks>/frames_stills_collect.tsv"
        conda:
            "../../envs/video.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 4000 * attempt,
            runtime=lambda wildcards, attempt: 60 * attempt,
        params:
            frames=section("frames", include={"rate_hz", "fit"}),
            code=code("01_frames_stills_collect.py"),
        message:
            "Stage 01: what the stills say of the frames"
        script:
            "../scripts/01_frames_stills_collect.py"
