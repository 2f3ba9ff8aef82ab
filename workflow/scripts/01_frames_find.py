"""List the videos and assign each to a split and a shard."""

from lamo.stores.atomic import replacing
from lamo.video.discover import VideosConfig, find_videos
from lamo.workflow import job


def main(output, params):
    found = find_videos(VideosConfig.model_validate(params.videos), params.root, params.shards)
    with replacing(output) as temporary:
        found.to_parquet(temporary, index=False)


with job(snakemake):
    main(snakemake.output[0], snakemake.params)
