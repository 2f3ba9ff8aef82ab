# Stage 01: videos (rendered here if the config names none) to frames on a regular time grid.
WORLD = CONFIG.videos.root is None
WORLD_VIDEOS = expand("<results>/01_frames/world/videos/{split}", split=SPLITS) if WORLD else []


rule world_render:
    output:
        videos=directory("<results>/01_frames/world/videos/{split}"),
        labels="<results>/01_frames/world/labels/{split}.parquet",
    log:
        "<logs>/01_frames/world_render.{split}.log",
    benchmark:
        "<benchmarks>/01_frames/world_render.{split}.tsv"
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
        WORLD_VIDEOS,
    output:
        "<results>/01_frames/found.parquet",
    log:
        "<logs>/01_frames/frames_find.log",
    benchmark:
        "<benchmarks>/01_frames/frames_find.tsv"
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        videos=section("videos"),
        root=lambda wildcards, input: str(Path(input[0]).parents[1]) if WORLD else CONFIG.videos.root,
        listing=None if WORLD else videos_listing(CONFIG.videos.root),
        shards=CONFIG.frames.shards.counts(),
        code=code("01_frames_find.py"),
    message:
        "Stage 01: finding the videos"
    script:
        "../scripts/01_frames_find.py"


rule frames_decode:
    input:
        WORLD_VIDEOS,
        found="<results>/01_frames/found.parquet",
    output:
        store=directory("<results>/01_frames/frames/{split}/{shard}.zarr"),
        manifest="<results>/01_frames/frames/{split}/{shard}.manifest.json",
        clips="<results>/01_frames/frames/{split}/{shard}.clips.parquet",
    log:
        "<logs>/01_frames/frames_decode.{split}.{shard}.log",
    benchmark:
        "<benchmarks>/01_frames/frames_decode.{split}.{shard}.tsv"
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        frames=section("frames", exclude={"shards", "max_quarantined_share"}),
        min_frames=min_frames(CONFIG),
        code=code("01_frames_decode.py"),
    message:
        "Stage 01: decoding {wildcards.split} shard {wildcards.shard}"
    script:
        "../scripts/01_frames_decode.py"


rule frames_collect:
    input:
        found="<results>/01_frames/found.parquet",
        clips=[part for split in SPLITS for part in shards("01_frames/frames/{split}/{shard}.clips.parquet", split)],
    output:
        "<results>/01_frames/clips.parquet",
    log:
        "<logs>/01_frames/frames_collect.log",
    benchmark:
        "<benchmarks>/01_frames/frames_collect.tsv"
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        max_quarantined_share=CONFIG.frames.max_quarantined_share,
        code=code("01_frames_collect.py"),
    message:
        "Stage 01: accounting for every video found"
    script:
        "../scripts/01_frames_collect.py"
