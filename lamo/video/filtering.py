"""Filters of libavfilter for frames of one kind."""

import av
from av.filter import Graph


def kind_of(frame: av.VideoFrame) -> tuple[object, ...]:
    """What a graph is built for. Frames of another kind need another graph."""
    return frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range


def graph_for(frame: av.VideoFrame, name: str, **options: str) -> Graph:
    """A graph of one filter, for frames of the kind of this one. Raises `av.FFmpegError` where the filter cannot work
    on such frames.
    """
    graph = Graph()
    # One thread: whoever started this job counts on it.
    graph.threads = 1
    source = graph.add(
        "buffer",
        video_size=f"{frame.width}x{frame.height}",
        pix_fmt=frame.format.name,
        time_base="1/1",
        colorspace=str(int(frame.colorspace)),
        range=str(int(frame.color_range)),
    )
    graph.link_nodes(source, graph.add(name, **options), graph.add("buffersink")).configure()
    return graph
