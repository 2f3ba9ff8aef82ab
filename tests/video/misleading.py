"""Changes to what a video says of its frames: their time stamps, the flags of their pictures, and their order."""

import re

import numpy as np

PICTURE_BYTES = 4
# A block of a Matroska: its length, its track, its time in its cluster, its flags.
BLOCK = rb"\xa3[^\x00].?.?.?\x81..[\x00\x80]"
TABLES = (b"stts", b"ctts", b"elst")


def other_stamps(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Other time stamps for some frames, or another rate: near ones, far ones, repeated ones, none."""
    for place, count in _chosen(_stamps(content), rng):
        _change(content, place, count, rng)
    return content


def other_flags(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Other bits in the headers of pictures (kind, order, fields, whether others need them), or of packets."""
    for place, count in _chosen(_pictures(content), rng):
        at = place + int(rng.integers(count))
        if at < len(content):
            content[at] ^= 1 << int(rng.integers(8))
    return content


def other_order(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Pieces of the file (packets, chunks, clusters, tracks) swapped, doubled, left out, or all in another order."""
    edges = _edges(content)
    if not edges:
        return content
    pieces = [content[a:b] for a, b in zip(edges, [*edges[1:], len(content)], strict=True)]
    one, other = sorted(int(place) for place in rng.integers(len(pieces), size=2))
    match rng.integers(5):
        case 0:
            pieces[one], pieces[other] = pieces[other], pieces[one]
        case 1:
            pieces[one:other] = pieces[one:other][::-1]
        case 2:
            pieces[one:one] = pieces[one : other + 1]
        case 3:
            del pieces[one : one + int(rng.integers(1, 9))]
        case _:
            pieces = pieces[one:] + pieces[:one]
    return content[: edges[0]] + bytearray().join(pieces)


MISLEADING = (other_stamps, other_flags, other_order)


def _chosen(places: list[tuple[int, int]], rng: np.random.Generator) -> list[tuple[int, int]]:
    """Some of the places: one, a few, or a run to the end, as after a clock that was set."""
    if not places:
        return []
    first = int(rng.integers(len(places)))
    count = int(rng.choice([1, 1, 3, len(places)]))
    return places[first : first + count]


def _stamps(content: bytearray) -> list[tuple[int, int]]:
    """Where numbers lie that say when a frame is shown, or how long, and their sizes in bytes."""
    found = []
    # Headers in MPEG's streams, of MPEG-1 and of MPEG-2: five bytes of presentation time.
    headers = rb"\x00\x00\x01[\xe0-\xef]..(?:\xff*(?:[\x40-\x7f].)?(?=[\x20-\x3f])|[\x80-\xbf][\x80-\xff].)"
    found += [(match.end(), 5) for match in re.finditer(headers, content, re.DOTALL)]
    for name in TABLES:
        table = content.find(name)
        entries = int.from_bytes(content[table + 8 : table + 12], "big") if table > 0 else 0
        found += [(table + 12 + 4 * index, 4) for index in range(min(3 * entries, 120))]
    found += [(match.end() - 3, 2) for match in re.finditer(BLOCK, content, re.DOTALL)]
    found += [(match.start() + 2, 2) for match in re.finditer(rb"\xe7[\x81-\x84]", content)]
    # Scale, rate, start and length in the header of a stream of an AVI.
    found += [(match.start() + 28 + 4 * index, 4) for match in re.finditer(rb"strh", content) for index in range(4)]
    return [(place, count) for place, count in found if place + count <= len(content)]


def _change(content: bytearray, place: int, count: int, rng: np.random.Generator) -> None:
    field = content[place : place + count]
    number = int.from_bytes(field, "big")
    step = int(rng.choice([1, 1 << int(rng.integers(8 * count)), 3000, 90_000]))
    number = int(
        rng.choice([number + step, number - step, 0, 2 ** (8 * count) - 1, int(rng.integers(2 ** (8 * count)))])
    )
    changed = bytearray((number % 2 ** (8 * count)).to_bytes(count, "big"))
    if count == 5 and rng.random() < 0.8:
        # With the marks of a time stamp in place, it is one.
        changed[0], changed[2], changed[4] = field[0] & 0xF1 | changed[0] & 0x0E, changed[2] | 1, changed[4] | 1
    content[place : place + count] = changed


def _pictures(content: bytearray) -> list[tuple[int, int]]:
    """Where the headers of pictures and of their parts begin, and how many bytes of each are looked at."""
    found = [(match.end(), PICTURE_BYTES) for match in re.finditer(rb"\x00\x00\x01", content)]
    place = content.find(b"mdat") + 4
    while 4 <= place < len(content) - 4:
        # Units of H.264 and HEVC in an MP4 have their lengths in front.
        found.append((place + 4, PICTURE_BYTES))
        place += 4 + int.from_bytes(content[place : place + 4], "big")
    found += [(match.end() - 1, PICTURE_BYTES) for match in re.finditer(BLOCK, content, re.DOTALL)]
    # Flags of entries in the index of an AVI; which frames an MP4 can be entered at.
    found += [(match.start() + 4, 4) for match in re.finditer(rb"00d[bc]", content)]
    table = content.find(b"stss")
    return found + ([(table + 12, 40)] if table > 0 else [])


def _edges(content: bytearray) -> list[int]:
    """Where the pieces of which a file consists begin."""
    if content[:1] == b"G" and len(content) >= 564 and content[188] == content[376] == 0x47:
        return list(range(0, len(content), 188))
    # Chunks of an AVI, clusters and blocks of a Matroska, tracks of an MP4, units of a coded stream.
    for mark in (rb"0[01](?:d[bc]|wb)", rb"\x1f\x43\xb6\x75|" + BLOCK, rb"....trak", rb"\x00\x00\x01"):
        found = [match.start() for match in re.finditer(mark, content, re.DOTALL)]
        if len(found) > 1:
            return found
    return []
