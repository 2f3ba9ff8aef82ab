"""Made videos whose time stamps are changed in the file, as recorders, muxers and accidents leave them."""

import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av

PACKET = 188


def restamp(path: Path, change: Callable[[int, int], int | None]) -> Path:
    """Give every frame of an MPEG transport stream, one that has no B-frames, another presentation time.

    `change` gets its number and its time in 1 / 90,000 s; the result counts modulo 2^33, None leaves the frame without.
    """
    content = bytearray(path.read_bytes())
    for number, place in enumerate(_stamps(content)):
        stamp = change(number, _stamp(content[place : place + 5]))
        if stamp is None:
            # No time in the header; its bytes are stuffing.
            content[place - 2] &= 0x3F
            content[place : place + 5] = b"\xff" * 5
        else:
            content[place : place + 5] = _coded(stamp % 2**33)
    path.write_bytes(content)
    return path


def _stamps(content: bytes) -> Iterator[int]:
    """Where the presentation times of pictures lie: in the headers of packets in which one begins."""
    for start in range(0, len(content), PACKET):
        begins, fills = content[start + 1] & 0x40, content[start + 3] & 0x20
        header = start + 4 + (1 + content[start + 4] if fills else 0)
        if begins and content[header : header + 3] == b"\0\0\1" and 0xE0 <= content[header + 3] < 0xF0:
            assert content[header + 7] >> 6 == 2, "a decoding time beside the presentation time"
            yield header + 9


def _stamp(coded: bytes) -> int:
    high, middle, low = (int.from_bytes(coded[start:end], "big") >> 1 for start, end in ((0, 1), (1, 3), (3, 5)))
    return (high & 7) << 30 | (middle & 0x7FFF) << 15 | low & 0x7FFF


def _coded(stamp: int) -> bytes:
    high, middle, low = (0x21 | (stamp >> 30 & 7) << 1, *((stamp >> bits & 0x7FFF) << 1 | 1 for bits in (15, 0)))
    return bytes([high]) + middle.to_bytes(2, "big") + low.to_bytes(2, "big")


def pack_b_frames(path: Path, source: Path) -> Path:
    """An AVI of MPEG-4 with every B-frame in the chunk of the frame that is shown after it, as DivX wrote them.

    The chunk that is left over says that nothing is coded.
    """
    packets, size, rate = _packets(source)
    chunks = []
    for packet in packets:
        if packet[packet.index(b"\0\0\1\xb6") + 4] >> 6 == 2:
            chunks[-1] += packet
            chunks.append(b"\0\0\1\xb6\x5e\x0f\xf0")
        else:
            chunks.append(packet)
    begin = chunks[0].index(b"\0\0\1\xb6")
    chunks[0] = chunks[0][:begin] + b"\0\0\1\xb2DivX503b1393p" + chunks[0][begin:]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = 1 / Fraction(rate)
        container.start_encoding()
        for index, chunk in enumerate(chunks):
            packet = av.Packet(chunk)
            packet.pts = packet.dts = index
            packet.time_base, packet.stream, packet.is_keyframe = 1 / Fraction(rate), stream, index == 0
            container.mux(packet)
    return path


def as_in_avi(path: Path, source: Path, code: bytes) -> Path:
    """A Matroska file of the packets of an AVI, as they lie there: the times of its blocks are those of decoding."""
    packets, size, rate = _packets(source)
    header = struct.pack("<IiiHH4sIiiII", 40, *size, 1, 24, code, 0, 0, 0, 0, 0)
    shape = _element("e0", _number("b0", size[0]) + _number("ba", size[1]))
    codec = _element("86", b"V_MS/VFW/FOURCC") + _element("63a2", header)
    track = _element("ae", _number("d7", 1) + _number("73c5", 1) + _number("83", 1) + codec + shape)
    cluster = _number("e7", 0)
    for index, packet in enumerate(packets):
        begin = b"\x81" + struct.pack(">hB", round(1000 * index / rate), 0 if index else 0x80)
        cluster += _element("a3", begin + packet)
    kind = _element("1a45dfa3", _element("4282", b"matroska") + _number("4287", 2) + _number("4285", 2))
    info = _element("1549a966", _number("2ad7b1", 10**6))
    whole = info + _element("1654ae6b", track) + _element("1f43b675", cluster)
    path.write_bytes(kind + _element("18538067", whole))
    return path


def _packets(path: Path) -> tuple[list[bytes], tuple[int, int], Fraction]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
        return packets, (stream.width, stream.height), stream.average_rate


def _element(name: str, content: bytes) -> bytes:
    return bytes.fromhex(name) + (len(content) | 1 << 56).to_bytes(8, "big") + content


def _number(name: str, value: int) -> bytes:
    return _element(name, value.to_bytes(4, "big"))
