# Stage 01: videos (rendered here if the config names none) to frames on a regular time grid.
from lamo.dataset.listing import Listing, list_videos
from lamo.dataset.source import source_of

try:
    SOURCE = source_of(CONFIG.videos)
except LamoError as error:
    sys.exit(str(error))

FOUND = "<frames>/found.parquet"

# Each shard depends on the content of its own videos alone: by a hash among the parameters of its job, not through a
# file of which all shards would be made. Which jobs run is decided in the main process; what it found it hands on.
VIDEOS = Listing(path=os.environ.get("LAMO_LISTING") if SOURCE.folders else None)
if SOURCE.folders and (workflow.is_main_process or VIDEOS.path is None):
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
        ancient(SOURCE.videos),
        SOURCE.manifests,
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
        videos=section("videos", exclude={"info", "stills", "poses"}),
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
        ancient(SOURCE.videos),
        SOURCE.manifests,
        found=[] if SOURCE.folders else FOUND,
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


rule frames_collect:
    input:
        found=FOUND,
        clips=clips_of_shards(),
        info=["<frames>/info.parquet", "<frames>/info.json"] if SOURCE.info else [],
        stills=["<frames>/stills/matched.json"] if SOURCE.stills else [],
    output:
        table="<frames>/clips.parquet",
        summary="<frames>/clips.md",
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
        folders=CONFIG.videos.names,
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
