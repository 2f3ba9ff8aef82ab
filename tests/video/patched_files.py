"""What encoders here cannot write, written into the headers of finished files."""

from pathlib import Path

# The boxes of an MP4 in which the description of a coded picture lies, from the outside, and what stands before the
# boxes that it holds: of a list its version and count, of a description its fields.
ABOVE = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")


def into_mkv_video(path: Path, added: bytes) -> Path:
    """Add elements to the settings of the picture of a Matroska file that libavformat has written."""
    content = bytearray(path.read_bytes())
    tracks = content.rindex(b"\x16\x54\xae\x6b", 0, content.index(b"\x1f\x43\xb6\x75", 200))
    entry = content.index(b"\xae\x01", tracks + 4)
    # Behind the duration of a frame.
    video = content.index(b"\x23\xe3\x83", entry) + 8
    assert content[video] == 0xE0
    for size in (content.index(b"\x18\x53\x80\x67") + 4, tracks + 4, entry + 1, video + 1):
        length = 9 - content[size].bit_length()
        value = int.from_bytes(content[size : size + length], "big") + len(added)
        content[size : size + length] = value.to_bytes(length, "big")
    start = video + 1 + length
    content[start:start] = added
    path.write_bytes(content)
    return path


def into_mp4_video(path: Path, added: bytes, codec: bytes = b"avc1") -> Path:
    """Add boxes to the description of the pictures of an MP4 whose index is at its end."""
    content = bytearray(path.read_bytes())
    place = 0
    for name in (*ABOVE, codec):
        place = content.index(name, place)
        size = int.from_bytes(content[place - 4 : place], "big") + len(added)
        content[place - 4 : place] = size.to_bytes(4, "big")
    # The description's own fields are 78 bytes.
    start = place + 4 + 78
    content[start:start] = added
    path.write_bytes(content)
    return path


def box(name: bytes, content: bytes) -> bytes:
    """A box of an MP4."""
    return (8 + len(content)).to_bytes(4, "big") + name + content


def numbers(*values: int) -> bytes:
    """Integers of 32 bits."""
    return b"".join(value.to_bytes(4, "big", signed=True) for value in values)
