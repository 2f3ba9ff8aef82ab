"""Names on pictures: whatever they are, two names look different, and fit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lamo.drawing import draw_text, drawable, fit_name, font, full_name, short_name, shorten

# Names of which each pair would look alike if characters that the font lacks were boxes, were left out, or were cut.
ALIKE = {
    "Chinese": ("视频甲", "视频乙"),
    "Japanese": ("車載カメラ", "車載レーダ"),
    "Korean": ("서울", "부산"),
    "Devanagari": ("दिल्ली", "मुंबई"),
    "Tamil": ("சென்னை", "மதுரை"),
    "emoji": ("drive 🚗", "drive 🚕"),
    "flags": ("🇩🇪", "🇫🇷"),
    "private characters": ("a\ue000", "a\ue001"),
    "rare characters": ("a\U00020000", "a\U00020001"),
    "names that are no text": ("clip\udc80", "clip\udc81"),
    "cut Chinese": ("测试" * 20 + "甲", "测试" * 20 + "乙"),
    "cut before they differ": ("drive-" * 30 + "a", "drive-" * 30 + "b"),
    "cut inside": ("a" * 100 + "x" + "b" * 100, "a" * 100 + "y" + "b" * 100),
    "one is longer": ("seg" * 50, "seg" * 51),
    "composed and not": ("caf\u00e9", "cafe\u0301"),
    "letters that look alike": ("a", "\u0430"),
    "Greek and Latin": ("mu \u03bc", "mu \u00b5"),
    "spaces": ("a b", "a  b"),
    "space behind": ("a", "a "),
    "space that does not break": ("a b", "a\u00a0b"),
    "wide space": ("a b", "a\u3000b"),
    "nothing visible between": ("ab", "a\u200bb"),
    "soft hyphen": ("ab", "a\u00adb"),
    "direction": ("ab", "\u202eab"),
    "line feed and tab": ("a\nb", "a\tb"),
    "control characters": ("a\x01", "a\x02"),
    "nothing but spaces": (" ", "\u2003"),
    "Arabic": ("\u0633\u064a\u0627\u0631\u0629", "\u0633\u064a\u0627\u0631\u0647"),
}  # fmt: skip


def picture(text: str, size: int = 13, width: int = 600) -> bytes:
    canvas = Image.new("RGB", (width, 40), "white")
    draw_text(canvas, (0, 20), text, size, "lm")
    return canvas.tobytes()


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("width", [90, 200, 380])
@pytest.mark.parametrize("kind", ALIKE)
def test_two_names_look_different_and_fit(kind, width, bold):
    names = [short_name(name, 13, width, bold) for name in ALIKE[kind]]
    assert all(font(13, bold).getlength(name) <= width for name in names)
    assert picture(names[0]) != picture(names[1])


@pytest.mark.parametrize("kind", ALIKE)
def test_in_figures_as_well(kind):
    one, other = map(full_name, ALIKE[kind])
    assert picture(one, width=4000) != picture(other, width=4000)


@settings(max_examples=300)
@given(st.lists(st.text(max_size=60), min_size=2, max_size=2, unique=True), st.sampled_from([100, 380]))
def test_any_two_names_look_different(names, width):
    shown = [short_name(name, 13, width) for name in names]
    assert picture(shown[0]) != picture(shown[1])
    assert all(drawable(text) == text for text in shown), "nothing is left that the font lacks"


@pytest.mark.parametrize(
    "name", ["train/drive-00", "a b_c.mp4", "2021-03-01 07.45.00", "Übungsfahrt straße é", "x" * 20]
)
def test_a_name_that_is_drawn_as_it_is_has_nothing_added(name):
    assert short_name(name, 13, 380) == full_name(name) == drawable(name) == name


def test_what_cannot_be_drawn_is_named_by_its_number():
    assert drawable("视a") == "U+89C6a"
    assert full_name("视a").startswith("U+89C6a #")
    assert shorten("a\nb\tc", 13, 500) == "a b c"


def test_a_name_is_the_same_on_every_picture():
    name = "测试" * 20
    mark = full_name(name).rpartition("#")[2]
    assert short_name(name, 13, 120).endswith(f"… #{mark}")
    assert short_name(name, 11, 380, bold=True).endswith(f"… #{mark}")


def test_letters_become_smaller_before_a_name_is_cut():
    assert fit_name("persistence blurred", 20, 250) == ("persistence blurred", 20)
    text, size = fit_name("persistence blurred", 20, 120)
    assert text == "persistence blurred"
    assert size < 20
    text, size = fit_name("persistence blurred" * 3, 20, 120)
    assert size == 8
    assert "… #" in text
    assert font(size).getlength(text) <= 120


def test_text_is_laid_out_alike_on_every_machine():
    """Another engine, which some machines have, would space these letters differently."""
    assert font(13).layout_engine == 0
    assert np.frombuffer(picture("Tr AV"), np.uint8).min() < 255
