# Stage 01: videos (rendered here if the config names none) to frames on a regular time grid.
WORLD = CONFIG.videos.root is None
WORLD_VIDEOS = expand("<frames>/world/videos/{split}", split=SPLITS) if WORLD else []
WORLD_MANIFESTS = expand("<frames>/world/videos/{split}.manifest.json", split=SPLITS) if WORLD else []
FOUND = "<frames>/found.parquet"

from lamo.dataset.listing import Listing, list_videos

# Each shard depends on the content of its own videos alone: by a hash among the parameters of its job, not through a
# file of which all shards would be made. Which jobs run is decided in the main process; what it found it hands on.
VIDEOS = Listing(path=None if WORLD else os.environ.get("LAMO_LISTING"))
if not WORLD and (workflow.is_main_process or VIDEOS.path is None):
    try:
        VIDEOS = list_videos(CONFIG.videos, CONFIG.frames.shards.counts(), CONFIG.share.folder("frames", RESULTS))
    except LamoError as error:
        sys.exit(f"config: {error}")
    os.environ.update(LAMO_LISTING=VIDEOS.path)

    envvars:
        "LAMO_LISTING",


rule world_render:
    output:
        videos=directory("<frames>/world/videos/{split}"),
        manifest="<frames>/world/videos/{split}.manifest.json",
        labels="<frames>/world/labels/{split}.parquet",
    log:
        "<frames_logs>/world_render.{split}.log",
    benchmark:
        "<frames_benchmarks>/world_render.{split}.tsv"
    conda:
        "../../envs/video.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        world=lambda wildcards: section("world", exclude={f"{s}_videos" for s in SPLITS if s != wildcards.split}),
        code=code("01_world_render.py"),
    message:
        "Stage 01: rendering the synthetic driving world, {wildcards.split}"
    script:
        "../scripts/01_world_render.py"


rule frames_find:
    input:
        ancient(WORLD_VIDEOS),
        WORLD_MANIFESTS,
    output:
        FOUND,
    log:
        "<frames_logs>/frames_find.log",
    benchmark:
        "<frames_benchmarks>/frames_find.tsv"
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        videos=section("videos", exclude={"info", "stills"}),
        shards=CONFIG.frames.shards.counts(),
        listing=VIDEOS.digest,
        listed=lambda wildcards, input: VIDEOS.path,
        code=code("01_frames_find.py"),
    message:
        "Stage 01: finding the videos"
    script:
        "../scripts/01_frames_find.py"


rule frames_decode:
    input:
        ancient(WORLD_VIDEOS),
        WORLD_MANIFESTS,
        found=FOUND if WORLD else [],
    output:
        store=directory("<frames>/frames/{split}/{shard}.zarr"),
        manifest="<frames>/frames/{split}/{shard}.manifest.json",
        clips="<frames>/frames/{split}/{shard}.clips.parquet",
    log:
        "<frames_logs>/frames_decode.{split}.{shard}.log",
    benchmark:
        "<frames_benchmarks>/frames_decode.{split}.{shard}.tsv"
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        frames=section("frames", exclude={"shards", "max_quarantined_share"}),
        videos=lambda wildcards: VIDEOS.shards.get((wildcards.split, int(wildcards.shard))),
        # Derived of `input`, a parameter is no reason to run again.
        listed=lambda wildcards, input: VIDEOS.path,
        code=code("01_frames_decode.py"),
    message:
        "Stage 01: decoding {wildcards.split} shard {wildcards.shard}"
    script:
        "../scripts/01_frames_decode.py"


# What lies beside videos as BDD100K ships them; None where it is not there.
INFO = STILLS = INFO_LISTING = STILLS_LISTING = None
if not WORLD:
    try:
        INFO = companion_folder("videos.info", CONFIG.videos.info, CONFIG.videos.root, INFO_PLACES)
        STILLS = companion_folder("videos.stills", CONFIG.videos.stills, CONFIG.videos.root, STILL_PLACES)
        if workflow.is_main_process:
            INFO_LISTING, STILLS_LISTING = listing(INFO, INFO_ENDINGS), listing(STILLS, STILL_ENDINGS)
    except LamoError as error:
        sys.exit(str(error))


rule frames_collect:
    input:
        found=FOUND,
        clips=clips_of_shards(),
        info=["<frames>/info.parquet", "<frames>/info.json"] if INFO else [],
        stills=["<frames>/stills/matched.json"] if STILLS else [],
    output:
        table="<frames>/clips.parquet",
        summary=report("<frames>/clips.md", category="Videos", caption="../report/clips.rst"),
    log:
        "<frames_logs>/frames_collect.log",
    benchmark:
        "<frames_benchmarks>/frames_collect.tsv"
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        max_quarantined_share=CONFIG.frames.max_quarantined_share,
        rate_hz=CONFIG.frames.rate_hz,
        code=code("01_frames_collect.py"),
    message:
        "Stage 01: accounting for every video found"
    script:
        "../scripts/01_frames_collect.py"


rule frames_sheet:
    input:
        clips=clips_of_shards(),
        frames=ancient([part for split in SPLITS for part in shards("<frames>/frames/{split}/{shard}.zarr", split)]),
        manifests=[part for split in SPLITS for part in shards("<frames>/frames/{split}/{shard}.manifest.json", split)],
    output:
        report("<frames>/contact_sheet.png", category="Videos", caption="../report/frames_sheet.rst"),
    log:
        "<frames_logs>/frames_sheet.log",
    benchmark:
        "<frames_benchmarks>/frames_sheet.tsv"
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        code=code("01_frames_sheet.py"),
    message:
        "Stage 01: contact sheet of decoded frames"
    script:
        "../scripts/01_frames_sheet.py"


if INFO:

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
            folder=INFO,
            listing=INFO_LISTING,
            code=code("01_frames_info.py"),
        message:
            "Stage 01: reading the info files of the videos"
        script:
            "../scripts/01_frames_info.py"


if STILLS:

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
            folder=STILLS,
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
            summary=report("<frames>/stills.md", category="Videos", caption="../report/stills.rst"),
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
