"""Decoding against what the formats say, on good, odd and hostile bytes; encoding; blurring that cannot be undone."""

import io
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms

from audit.errors import InputError
from audit.images import MAX_BYTES, Decoded, Pixels, blur, decode, decoder, encode_png, thumbnail

FORMATS = ("png", "jpeg", "webp", "bmp", "tiff", "gif")
DAMAGED_EXIF = "ignore:Corrupt EXIF data"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def noise(rng: np.random.Generator, height: int = 24, width: int = 40) -> Pixels:
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def saved(image: Image.Image, codec: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, codec, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *, depth: int, colour: int, raw: bytes, extra: bytes = b"") -> bytes:
    """A PNG by hand, for what Pillow does not write; colour 0 is grey, 2 RGB, 6 RGBA."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", zlib.compress(raw)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def rgb_profile(gamma: float) -> bytes:
    """A minimal ICC v2 profile: the primaries of sRGB (adapted to D50) and a pure power curve."""

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    text = b"test profile\0"
    desc = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {
        b"desc": desc + bytes(-len(desc) % 4),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.4360, 0.2225, 0.0139),
        b"gXYZ": xyz(0.3851, 0.7169, 0.0971),
        b"bXYZ": xyz(0.1431, 0.0606, 0.7141),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    offset, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(value))
        body += value
    size = 128 + len(table) + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"test", 0x02200000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    header += bytes(28) + struct.pack(">iii", 63190, 65536, 54061)
    return header + bytes(128 - len(header)) + table + body


def srgb(linear: float) -> float:
    """IEC 61966-2-1, from linear light 0..1 to 0..255."""
    return 255 * (12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055)


# ------------------------------------------------------------------------------------------------ encoding


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (33, 64)])
def test_what_is_encoded_reads_back_with_pillow_and_with_decode(rng: np.random.Generator, shape: tuple[int, int]) -> None:
    pixels = noise(rng, *shape)
    data = encode_png(pixels)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels)
    decoded = decode(data, "x")
    assert np.array_equal(decoded.pixels, pixels)
    assert decoded.codec == "png"
    assert decoded.pixels.flags.writeable


def test_equal_pixels_give_equal_bytes_whatever_their_layout_or_thread(rng: np.random.Generator) -> None:
    pixels = noise(rng)
    flipped_twice = pixels[::-1].copy()[::-1]
    planar = np.ascontiguousarray(pixels.transpose(2, 0, 1)).transpose(1, 2, 0)
    expected = encode_png(pixels)
    assert not planar.flags.c_contiguous
    assert encode_png(flipped_twice) == encode_png(planar) == expected
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(encode_png, [pixels] * 16)) == {expected}


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)]
)
def test_only_pixels_are_encoded(wrong: Pixels) -> None:
    with pytest.raises(InputError, match=r"expected \(height, width, 3\) of uint8"):
        encode_png(wrong)


# ------------------------------------------------------------------------------------------ good and odd images


@pytest.mark.parametrize("codec", FORMATS)
def test_every_format_gives_the_pixels_that_pillow_gives(rng: np.random.Generator, codec: str) -> None:
    data = saved(Image.fromarray(noise(rng)), codec)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    decoded = decode(data, "x")
    assert np.array_equal(decoded.pixels, expected)
    assert decoded.codec == codec


def test_a_fresh_process_reads_the_less_common_formats_first(rng: np.random.Generator) -> None:
    data = saved(Image.fromarray(noise(rng)), "webp", lossless=True)
    code = "import sys; from audit.images import decode; print(decode(sys.stdin.buffer.read(), 'x').codec)"
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert done.stdout.split() == [b"webp"]


@pytest.mark.parametrize(
    ("codec", "options"), [("png", {}), ("webp", {"lossless": True}), ("tiff", {}), ("jpeg", {"quality": 100})]
)
def test_exif_orientation_is_applied(rng: np.random.Generator, codec: str, options: dict[str, object]) -> None:
    stored = np.kron(noise(rng, 3, 5), np.ones((16, 16, 1), dtype=np.uint8))
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(stored),
    }
    for orientation, expected in upright.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        decoded = decode(saved(Image.fromarray(stored), codec, exif=exif, **options), "x")
        assert decoded.codec == (codec if orientation == 1 else f"{codec}+rotated")
        assert decoded.pixels.shape == expected.shape
        centres = decoded.pixels[8::16, 8::16].astype(int) - expected[8::16, 8::16]
        assert np.abs(centres).max() <= (6 if codec == "jpeg" else 0)


@pytest.mark.filterwarnings(DAMAGED_EXIF)
@pytest.mark.parametrize("exif", [b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12", b"Exif\0\0garbage", b"\xff" * 40])
def test_damaged_metadata_does_not_cost_a_sound_image(rng: np.random.Generator, exif: bytes) -> None:
    image = Image.fromarray(noise(rng))
    with_exif, plain = saved(image, "jpeg", exif=exif), saved(image, "jpeg")
    assert np.array_equal(decode(with_exif, "x").pixels, decode(plain, "x").pixels)


def test_cmyk_becomes_rgb() -> None:
    ink = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    for codec in ("jpeg", "tiff"):
        decoded = decode(saved(ink, codec), "x")
        assert decoded.codec == f"{codec}+cmyk"
        assert np.abs(decoded.pixels.astype(int) - (0, 255, 255)).max() <= 3


def test_sixteen_bit_samples_are_scaled_not_cut() -> None:
    ramp = np.arange(0, 65_536, 257 // 2, dtype=np.uint16)[None, :]
    expected = np.round(ramp[0] / 257).astype(np.uint8)
    for codec in ("png", "tiff"):
        decoded = decode(saved(Image.fromarray(ramp), codec), "x")
        assert decoded.codec == f"{codec}+16bit"
        assert np.array_equal(decoded.pixels[0], np.repeat(expected[:, None], 3, axis=1))


def test_sixteen_bit_colour_is_named_and_within_one_level() -> None:
    samples = np.arange(0, 60_000, 5_000, dtype=np.uint16)
    data = png(4, 1, depth=16, colour=2, raw=b"\0" + samples.astype(">u2").tobytes())
    decoded = decode(data, "x")
    assert decoded.codec == "png+16bit"
    assert np.abs(decoded.pixels.ravel() - samples / 257).max() <= 1


def test_transparency_is_laid_on_white() -> None:
    half = decode(saved(Image.new("RGBA", (2, 2), (0, 100, 200, 51)), "png"), "x")
    assert half.codec == "png+alpha"
    assert half.pixels[0, 0].tolist() == [round(0.8 * 255), round(0.8 * 255 + 20), round(0.8 * 255 + 40)]
    grey = decode(saved(Image.new("LA", (2, 2), (90, 0)), "png"), "x")
    assert (grey.codec, grey.pixels[0, 0].tolist()) == ("png+alpha", [255, 255, 255])
    opaque = decode(saved(Image.new("RGBA", (2, 2), (1, 2, 3, 255)), "png"), "x")
    assert (opaque.codec, opaque.pixels[0, 0].tolist()) == ("png", [1, 2, 3])


def test_palettes_with_and_without_a_transparent_entry() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    for codec in ("png", "gif"):
        assert decode(saved(image, codec), "x") == Same(codec, [[10, 20, 30], [200, 100, 50]])
        assert decode(saved(image, codec, transparency=1), "x") == Same(f"{codec}+alpha", [[10, 20, 30], [255, 255, 255]])


class Same:
    """Compares a ``Decoded`` with a codec and its first row."""

    def __init__(self, codec: str, row: list[list[int]]) -> None:
        self.codec, self.row = codec, row

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Decoded) and (other.codec, other.pixels[0].tolist()) == (self.codec, self.row)

    __hash__ = None  # type: ignore[assignment]


def test_one_bit_and_grey_become_rgb() -> None:
    bits = Image.fromarray(np.array([[True, False]]))
    assert decode(saved(bits, "png"), "x") == Same("png", [[255] * 3, [0] * 3])
    assert decode(saved(Image.new("L", (1, 1), 77), "png"), "x") == Same("png", [[77] * 3])


def test_an_embedded_profile_is_converted_to_srgb() -> None:
    levels = np.array([[[v, v, v] for v in (0, 13, 55, 128, 200, 255)]], dtype=np.uint8)
    linear = rgb_profile(1.0)
    for mode in ("RGB", "RGBA"):
        decoded = decode(saved(Image.fromarray(levels).convert(mode), "png", icc_profile=linear), "x")
        assert decoded.codec == "png+icc"
        expected = [srgb(v / 255) for v in levels[0, :, 0]]
        assert np.abs(decoded.pixels[0].mean(axis=1) - expected).max() <= 1.5


def test_srgb_and_broken_profiles_change_nothing(rng: np.random.Generator) -> None:
    pixels = noise(rng)
    for profile in (
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        b"no profile",
        rgb_profile(1.0)[:150],
    ):
        decoded = decode(saved(Image.fromarray(pixels), "png", icc_profile=profile), "x")
        assert decoded.codec == "png"
        assert np.array_equal(decoded.pixels, pixels)


def test_a_multi_picture_jpeg_gives_its_first_picture() -> None:
    first, second = Image.new("RGB", (16, 16), (200, 0, 0)), Image.new("RGB", (16, 16), (0, 0, 200))
    data = saved(first, "mpo", save_all=True, append_images=[second])
    decoded = decode(data, "x")
    assert decoded.codec == "jpeg"
    assert decoded.pixels[0, 0, 0] > 190
    assert decoded.pixels[0, 0, 2] < 10


def test_decoding_in_threads_gives_what_one_thread_gives(rng: np.random.Generator) -> None:
    linear = rgb_profile(1.0)
    files = [saved(Image.fromarray(noise(rng)), codec, icc_profile=linear) for codec in ("png", "jpeg", "webp") * 8]
    alone = [decode(data, "x").pixels for data in files]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda data: decode(data, "x").pixels, files))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_the_decoder_names_its_versions() -> None:
    assert decoder().startswith(f"pillow {Image.__version__}, libjpeg ")
    assert "None" not in decoder()


# ---------------------------------------------------------------------------------------- hostile and useless


@pytest.mark.parametrize(
    "data",
    [b"\0" * 100, b"<html>429</html>", b"<svg width='1'/>", b"%PDF-1.7", b"GIF89a", b"\xff\xd8"],
)
def test_what_is_no_image_is_named(data: bytes) -> None:
    with pytest.raises(InputError, match=r"^a/b\.png: .*(not an image|damaged)") as caught:
        decode(data, "a/b.png")
    assert "\n" not in str(caught.value)


def test_an_empty_file_is_named() -> None:
    with pytest.raises(InputError, match=r"^x\.png: the file is empty \(0 bytes\)"):
        decode(b"", "x.png")


def test_an_enormous_file_is_not_opened() -> None:
    with pytest.raises(InputError, match="at most"):
        decode(bytes(MAX_BYTES + 1), "x")


@pytest.mark.parametrize(("codec", "options"), [("gif", {}), ("webp", {}), ("png", {"default_image": False}), ("tiff", {})])
def test_animations_and_pages_are_refused(codec: str, options: dict[str, object]) -> None:
    frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (0, 120, 240)]
    data = saved(frames[0], codec, save_all=True, append_images=frames[1:], **options)
    with pytest.raises(InputError, match="x: 3 frames or pages"):
        decode(data, "x")


@pytest.mark.parametrize(("width", "height"), [(50_000, 10), (10, 50_000), (16_384, 16_384)])
def test_large_images_are_refused_by_their_header(width: int, height: int) -> None:
    data = png(width, height, depth=8, colour=2, raw=b"")
    with pytest.raises(InputError, match="at most 16384 a side and 80000000 in all"):
        decode(data, "x")


@pytest.mark.parametrize("side", [9_300, 60_000, 2**31 - 1])
def test_decompression_bombs_are_refused_before_memory_is_taken(side: int) -> None:
    for data in (
        png(side, side, depth=8, colour=2, raw=b""),
        b"BM"
        + struct.pack("<IHHI", 60, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
        + bytes(6),
        b"GIF89a" + struct.pack("<HHBBB", min(side, 65_535), min(side, 65_535), 0, 0, 0) + b",",
    ):
        with pytest.raises(InputError, match=r"^x: "):
            decode(data, "x")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_pillow_only_warns_of_is_refused() -> None:
    with pytest.raises(InputError, match="9300 x 9300 pixels"):
        decode(png(9_300, 9_300, depth=8, colour=2, raw=b""), "x")


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_samples_without_a_fixed_range_are_refused(mode: str) -> None:
    with pytest.raises(InputError, match=f"samples of type {mode} have no fixed range"):
        decode(saved(Image.new(mode, (4, 4)), "tiff"), "x")


def test_sixteen_bits_with_a_key_colour_are_refused() -> None:
    key = png_chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))
    with pytest.raises(InputError, match="key colour"):
        decode(png(1, 1, depth=16, colour=2, raw=bytes(7), extra=key), "x")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("codec", FORMATS)
def test_a_truncated_file_never_passes_for_a_picture(rng: np.random.Generator, codec: str) -> None:
    data = saved(Image.fromarray(noise(rng, 64, 64)), codec)
    whole = decode(data, "x").pixels
    for kept in range(1, len(data), max(1, len(data) // 80)):
        try:
            cut = decode(data[:kept], "x").pixels
        except InputError:
            continue
        assert kept > 0.9 * len(data), f"{kept} of {len(data)} bytes passed"
        assert np.array_equal(cut, whole)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("codec", [*FORMATS, "mpo"])
def test_damaged_bytes_give_an_image_or_one_clear_line(rng: np.random.Generator, codec: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    extra = {"exif": exif, "icc_profile": rgb_profile(1.0)} if codec in ("png", "jpeg", "webp", "tiff") else {}
    data = np.frombuffer(saved(Image.fromarray(noise(rng)), codec, **extra), dtype=np.uint8)
    for _ in range(250):
        bad = data.copy()
        places = rng.integers(0, min(len(bad), 600), rng.integers(1, 6))
        bad[places] = rng.integers(0, 256, len(places))
        try:
            assert decode(bad.tobytes(), "x").pixels.dtype == np.uint8
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017  (either outcome is right)


# ------------------------------------------------------------------------------------------ thumbnails and blur


def test_thumbnails_keep_the_aspect_and_never_enlarge(rng: np.random.Generator) -> None:
    pixels = noise(rng, 300, 600)
    small = thumbnail(pixels, 100)
    assert small.shape == (50, 100, 3)
    assert abs(small.mean() - pixels.mean()) < 1
    assert thumbnail(pixels, 600) is pixels
    assert thumbnail(noise(rng, 1, 900), 90).shape == (1, 90, 3)


def test_blurring_leaves_the_rest_and_the_original_alone(rng: np.random.Generator) -> None:
    pixels = noise(rng, 200, 300)
    before = pixels.copy()
    out = blur(pixels, [(100, 80, 140, 120)])
    changed = np.argwhere((out != pixels).any(axis=2))
    assert changed.min(axis=0).tolist() == [66, 86]  # the box, moved out by 35 % of its 40 pixels
    assert changed.max(axis=0).tolist() == [133, 153]
    assert np.array_equal(pixels, before)


def test_nothing_finer_than_the_blocks_survives() -> None:
    """Two faces with the same block averages give the same picture: there is nothing left to tell them apart."""
    rng = np.random.default_rng(3)
    block = 20
    detail = rng.integers(-80, 81, (120, 120, 3))
    means = np.kron(rng.integers(110, 146, (6, 6, 3)), np.ones((block, block, 1), dtype=int))
    detail = detail - np.kron(detail.reshape(6, block, 6, block, 3).mean(axis=(1, 3)), np.ones((block, block, 1)))
    one, two = (np.clip(np.round(means + sign * detail), 0, 255).astype(np.uint8) for sign in (1, -1))
    assert np.abs(one.astype(int) - two).mean() > 40
    assert np.abs(blur(one, None).astype(int) - blur(two, None)).max() <= 2  # rounded once in each direction


def test_blurring_is_smooth_at_the_scale_of_the_block(rng: np.random.Generator) -> None:
    steps = np.diff(blur(noise(rng, 240, 240), None).astype(int), axis=1)
    assert np.abs(steps).max() <= 3


@pytest.mark.parametrize(
    "boxes",
    [None, [], [(np.nan, 0, 10, 10)], [(30, 30, 20, 20)], [(500, 10, 520, 30)], [(10, 10, 20, 20), (-50, -50, -20, -20)]],
)
def test_without_boxes_that_can_be_trusted_the_whole_image_is_blurred(
    rng: np.random.Generator, boxes: list[tuple[float, float, float, float]] | None
) -> None:
    pixels = noise(rng, 120, 120)
    assert np.array_equal(blur(pixels, boxes), blur(pixels, None))
    assert blur(pixels, None).std() < 0.2 * pixels.std()


def test_boxes_that_overlap_or_leave_the_image_are_blurred(rng: np.random.Generator) -> None:
    pixels = noise(rng, 100, 100)
    out = blur(pixels, [(-20.5, -20.5, 30.2, 30.7), (20, 20, 60, 60), (90, 90, 110, 110)])
    assert out[:48, :48].std() < 0.4 * pixels.std()
    assert np.array_equal(out[:30, 80:], pixels[:30, 80:])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 500), (500, 1), (3, 2)])
def test_tiny_and_thin_images_blur(rng: np.random.Generator, height: int, width: int) -> None:
    assert blur(noise(rng, height, width), None).shape == (height, width, 3)
