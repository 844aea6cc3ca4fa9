"""Any picture of a digit becomes the 28x28 that MNIST would have made of it, and nothing else becomes a digit."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image, ImageCms

from service import images
from service.digits import prepare
from service.errors import NoDigit
from training.data import Dataset
from training.pages import clouds, defocus, grain, lines, paper, phone, place, save, shadow, slope, trace
from training.uploads import STORED_AS

Gray = NDArray[np.uint8]
SHAPE = (200, 160)


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def read(data: bytes) -> Gray:
    return prepare(images.decode(data, 10**6, 5))


def write(digit: Gray, height: float = 110, spread: float = 0.5, shape: tuple[int, int] = SHAPE) -> Gray:
    """Write a digit in black on white."""
    ink = place(trace(digit, height), shape, np.random.default_rng(3), spread)
    return np.rint(255 - 255 * ink).astype(np.uint8)


@pytest.fixture(scope="module")
def two(mnist: Dataset) -> Gray:
    return write(mnist.x_train[5])


@pytest.fixture(scope="module")
def expected(two: Gray) -> Gray:
    return prepare(two)


def assert_alike(answer: Gray, expected: Gray, levels: float = 2.0) -> None:
    assert np.abs(answer.astype(int) - expected).mean() < levels


def test_mnists_images_are_untouched_and_dark_on_light_only_inverted(mnist: Dataset) -> None:
    for image in (*mnist.x_train, *mnist.x_test):
        np.testing.assert_array_equal(prepare(image), image)
        np.testing.assert_array_equal(prepare(255 - image), image)


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "1", {"dither": 0}),
        ("PNG", "P", {}),
        ("PNG", "LA", {}),
        ("PNG", "RGBA", {}),
        ("TIFF", "1", {"dither": 0}),
        ("TIFF", "I", {}),
        ("TIFF", "F", {}),
        ("TIFF", "CMYK", {}),
        ("BMP", "RGB", {}),
        ("PPM", "L", {}),
        ("GIF", "P", {}),
        ("WEBP", "RGB", {}),
        ("JPEG", "L", {}),
        ("JPEG", "RGB", {}),
        ("JPEG", "CMYK", {}),
    ],
)
def test_formats_and_modes(two: Gray, expected: Gray, kind: str, mode: str, options: dict[str, object]) -> None:
    image = Image.fromarray(two).convert(mode, dither=Image.Dither.NONE)
    assert_alike(read(encode(image, kind)), expected, 6 if mode == "1" else 2)


def test_cmyk_jpeg_with_and_without_adobes_marker(two: Gray, expected: Gray) -> None:
    adobe = encode(Image.fromarray(two).convert("CMYK"), "JPEG", quality=95)
    start = adobe.index(b"\xff\xee")
    plain = adobe[:start] + adobe[start + 2 + int.from_bytes(adobe[start + 2 : start + 4]) :]
    assert b"Adobe" in adobe
    assert b"Adobe" not in plain
    for data in (adobe, plain):
        assert_alike(read(data), expected)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_16_bit_gray_of_any_depth(two: Gray, expected: Gray, bits: int) -> None:
    values = two.astype(np.uint16) * ((2**bits - 1) // 255)
    assert_alike(read(encode(Image.fromarray(values))), expected)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("level", [0, 60, 200, 255])
def test_ink_on_transparency(two: Gray, expected: Gray, mode: str, level: int) -> None:
    image = Image.merge("LA", [Image.new("L", SHAPE[::-1], level), Image.fromarray(255 - two)]).convert(mode)
    assert_alike(read(encode(image)), expected)
    assert_alike(read(encode(image, "WEBP", lossless=True)), expected)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG", "MPO"])
def test_the_first_frame_counts(two: Gray, expected: Gray, mnist: Dataset, kind: str) -> None:
    other = [Image.fromarray(write(mnist.x_train[index])).convert("RGB") for index in (0, 1)]
    data = encode(Image.fromarray(two).convert("RGB"), kind, save_all=True, append_images=other)
    assert_alike(read(data), expected, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation(two: Gray, expected: Gray, orientation: int) -> None:
    exif, image = Image.Exif(), Image.fromarray(two)
    exif[0x0112] = orientation
    stored = image.transpose(STORED_AS[orientation]) if orientation > 1 else image
    np.testing.assert_array_equal(read(encode(stored, exif=exif)), expected)
    assert_alike(read(encode(stored, "JPEG", exif=exif)), expected)


@pytest.mark.parametrize("profile", [ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"no profile"])
def test_color_profiles_do_no_harm(two: Gray, expected: Gray, profile: bytes) -> None:
    image = Image.fromarray(two).convert("RGB")
    np.testing.assert_array_equal(read(encode(image, icc_profile=profile)), expected)
    assert_alike(read(encode(image, "JPEG", icc_profile=profile)), expected)


def gradient(shape: tuple[int, int]) -> Gray:
    return np.add.outer(np.linspace(30, 120, shape[0]), np.linspace(0, 100, shape[1])).astype(np.uint8)


def noise(shape: tuple[int, int]) -> Gray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def faint_noise(shape: tuple[int, int]) -> Gray:
    return np.random.default_rng(1).normal(200, 12, shape).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(28, 28), (60, 90), (300, 200), (480, 640), (1, 1), (1, 400), (500, 2)])
@pytest.mark.parametrize(
    "draw",
    [lambda shape: np.full(shape, 255, np.uint8), lambda shape: np.zeros(shape, np.uint8),
     lambda shape: np.full(shape, 128, np.uint8), gradient, noise, faint_noise],
)  # fmt: skip
def test_nothing_to_read(draw: Callable[[tuple[int, int]], Gray], shape: tuple[int, int]) -> None:
    with pytest.raises(NoDigit) as error:
        prepare(draw(shape))
    assert (error.value.status, error.value.code) == (422, "no_digit")


@pytest.mark.parametrize("width", [3.0, 4.5, 6.0])
@pytest.mark.parametrize("shape", [(256, 256), (480, 640)])
def test_checkered_cloth(shape: tuple[int, int], width: float) -> None:
    y, x = np.indices(shape)
    cloth = np.where(np.sin((x + y) / width) * np.sin((x - y) / width) > 0, 200, 50).astype(np.uint8)
    with ThreadPoolExecutor(2) as threads:  # as the server reads pictures
        assert all(threads.map(is_refused, [encode(Image.fromarray(cloth))] * 4))


def test_stripes_that_leave_no_paper_between_their_edges() -> None:
    with pytest.raises(NoDigit):
        prepare(np.tile(np.repeat(np.array([0, 255], np.uint8), 3), (256, 43))[:, :256])


@pytest.mark.parametrize(
    "light",
    [lambda shape, rng: slope(shape, rng, 0.5),
     lambda shape, rng: slope(shape, rng, 0.6) * (1 + 0.1 * clouds(shape, rng, 200)),
     lambda shape, rng: shadow(shape, rng, 0.6, 10) * slope(shape, rng, 0.8),
     lambda shape, rng: 1 - 0.4 * slope(shape, rng, 0) ** 2],
)  # fmt: skip
def test_blank_paper_in_any_light(light: Callable[[tuple[int, int], np.random.Generator], NDArray[np.float32]]) -> None:
    rng, refused = np.random.default_rng(0), 0
    for shape in [(480, 640), (640, 480), (240, 320)] * 5:
        sheet = paper(shape, (235, 232, 222)) * (1 + 0.02 * clouds(shape, rng, 6))[..., None]
        photo = grain(defocus(sheet * light(shape, rng)[..., None], 1), rng, rng.uniform(2, 7))
        refused += is_refused(save(photo, "JPEG", quality=80))
    assert refused >= 14


def test_ruled_paper_and_an_empty_field() -> None:
    rng, page = np.random.default_rng(0), np.full((300, 400), 250, np.uint8)
    ruled = np.minimum(page, 255 - 90 * lines(page.shape, rng, 40)).astype(np.uint8)
    for picture in (ruled, cv2.rectangle(page, (60, 50), (330, 240), 40, 2)):
        with pytest.raises(NoDigit):
            prepare(picture)


def is_refused(data: bytes) -> bool:
    try:
        read(data)
    except NoDigit:
        return True
    return False


def test_fully_transparent_is_nothing_to_read() -> None:
    with pytest.raises(NoDigit):
        read(encode(Image.new("RGBA", (100, 100), (200, 30, 30, 0))))


@pytest.mark.parametrize(("height", "spread"), [(20, 0.9), (60, 0.9), (150, 0.0), (197, 0.0)])
def test_size_and_place_do_not_matter(mnist: Dataset, height: float, spread: float) -> None:
    for digit in mnist.x_train[:20]:
        placed = prepare(write(digit, height, spread, (200, 300)))
        _, _, wide, tall = cv2.boundingRect((placed > 0).view(np.uint8))
        moments = cv2.moments(placed)
        assert max(wide, tall) == 20
        assert abs(moments["m10"] / moments["m00"] - 13.5) < 1
        assert abs(moments["m01"] / moments["m00"] - 13.5) < 1


@pytest.mark.parametrize("pen", [2, 4, 9, 15])
def test_a_straight_one(pen: int) -> None:
    placed = prepare(cv2.line(np.full((200, 160), 255, np.uint8), (60, 30), (60, 150), 0, pen))
    rows, columns = np.nonzero(placed > 64)
    assert (int(rows.min()), int(rows.max())) == (4, 23)
    assert np.ptp(columns) < 4
    assert abs(columns.mean() - 13.5) < 1


@pytest.mark.parametrize("edge", range(4))
def test_touching_an_edge(two: Gray, expected: Gray, edge: int) -> None:
    rows, columns = np.nonzero(two < 128)
    crop = [(rows.min(), None), (None, rows.max() + 1), (columns.min(), None), (None, columns.max() + 1)][edge]
    cut = two[slice(*crop)] if edge < 2 else two[:, slice(*crop)]
    assert_alike(prepare(np.ascontiguousarray(cut)), expected, 12)  # a digit that lies a pixel beside makes 10


def test_the_floating_bar_of_a_five_belongs_to_it() -> None:
    page = np.full((300, 300), 255, np.uint8)
    cv2.line(page, (130, 70), (120, 140), 0, 12)
    cv2.ellipse(page, (140, 185), (48, 48), 0, -120, 130, 0, 12)
    cv2.line(page, (165, 66), (220, 62), 0, 12)
    placed = prepare(page)
    assert cv2.connectedComponents((placed > 128).view(np.uint8))[0] - 1 == 2
    assert placed[:9, 17:].max() > 200


def test_ruled_lines_and_the_borders_of_fields_are_left_out(two: Gray, expected: Gray) -> None:
    rng = np.random.default_rng(2)
    ruled = np.minimum(two, 255 - 120 * lines(SHAPE, rng, 30, width=2)).astype(np.uint8)
    assert_alike(prepare(ruled), expected, 8)
    for left in (3, 5):
        boxed = cv2.rectangle(two.copy(), (left, 8), (159 - left, 191), 0, 3)
        assert_alike(prepare(boxed), expected, 5)
    # Three pixels from the digit, a piece of the side stays with it and moves it by a pixel: a weakness.
    assert_alike(prepare(cv2.rectangle(two.copy(), (8, 8), (151, 191), 0, 3)), expected, 13)


def test_a_ring_around_a_digit_is_left_out_and_a_0_with_dust_in_it_is_none(two: Gray, expected: Gray) -> None:
    wide = cv2.copyMakeBorder(two, 40, 40, 60, 60, cv2.BORDER_CONSTANT, value=255)
    for axes in ((100, 100), (125, 110)):
        assert_alike(prepare(cv2.ellipse(wide.copy(), (140, 140), axes, 0, 0, 360, 0, 3)), expected, 5)
    page = np.full((200, 200), 255, np.uint8)
    zero = cv2.ellipse(page, (100, 100), (45, 65), 0, 0, 360, 0, 12)
    assert_alike(prepare(cv2.circle(zero.copy(), (100, 100), 4, 0, -1)), prepare(zero))


def test_a_field_that_the_digit_touches_is_left_out(two: Gray, expected: Gray) -> None:
    left, top, width, height = cv2.boundingRect(255 - two)
    framed = cv2.rectangle(two.copy(), (left + 2, top - 20), (left + width + 20, top + height + 15), 0, 2)
    assert_alike(prepare(framed), expected, 6)
    wide = cv2.copyMakeBorder(two, 0, 0, 100, 100, cv2.BORDER_CONSTANT, value=255)
    touching = cv2.line(wide.copy(), (30, top + height), (330, top + height), 0, 2)
    assert_alike(prepare(touching), expected, 15)  # a pixel higher
    below, left, right = top + height + 6, 90, 270
    comb = cv2.line(wide.copy(), (left, below), (right, below), 0, 2)
    for x in range(left, right + 1, 60):
        cv2.line(comb, (x, below - 4), (x, below), 0, 2)
    assert_alike(prepare(comb), expected, 6)


@pytest.mark.parametrize("turn", [0, 8])
@pytest.mark.parametrize("desk", [40, 130])
def test_the_sheet_on_a_desk_is_cut_out(two: Gray, expected: Gray, desk: int, turn: float) -> None:
    sheet = cv2.copyMakeBorder(two, 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=255)
    matrix = cv2.getRotationMatrix2D((100, 120), turn, 1)
    matrix[:, 2] += (180, 90)
    picture = cv2.warpAffine(sheet, matrix, (640, 480), borderValue=desk)
    assert_alike(prepare(picture), expected, 3 if turn == 0 else 22)  # which turns the digit, too
    window = np.full((400, 500), 90, np.uint8)
    window[50:350, 100:400] = 230
    window[100:300, 150:310] = 255 - two  # a dark field in a light window on a dark screen
    assert_alike(prepare(window), expected, 3)


def test_a_digits_own_loops_and_strokes_are_no_sheets_and_no_fields() -> None:
    zero = np.full((200, 160), 255, np.uint8)
    cv2.ellipse(zero, (80, 100), (45, 70), 15, 0, 360, 0, 30)
    cv2.circle(zero, (80, 100), 6, 0, -1)
    placed = prepare(zero)
    assert cv2.connectedComponents((placed < 64).view(np.uint8))[0] - 1 >= 2  # its middle is still open
    four = np.full((300, 300), 255, np.uint8)
    cv2.polylines(four, [np.array([(90, 40), (85, 170), (220, 170)]), np.array([(200, 30), (200, 270)])], False, 0, 2)
    placed = prepare(four)
    assert placed[:9, :13].max() > 200
    assert placed[:9, 15:].max() > 200
    assert placed[20:, 15:].max() > 200


@pytest.mark.parametrize("pen", [1, 2, 3])
def test_hairlines_hold_together(pen: int) -> None:
    page = np.full((500, 500), 255, np.uint8)
    cv2.polylines(page, [np.array([(150, 90), (350, 90), (230, 420)])], False, 0, pen, cv2.LINE_AA)
    placed = prepare(page)
    assert cv2.connectedComponents((placed > 100).view(np.uint8))[0] - 1 == 1
    rows = np.count_nonzero(placed > 100, axis=1)
    assert rows.max() >= 11  # the bar
    assert np.count_nonzero(rows) >= 19


def test_shade_with_sharp_edges_is_no_ink(two: Gray, expected: Gray) -> None:
    shaded = two.copy()
    shaded[:100] = shaded[:100] * 0.6
    shaded[:, :40] = shaded[:, :40] * 0.8
    assert_alike(prepare(shaded), expected, 8)
    striped = two.copy()
    for start in range(0, 160, 40):
        striped[:, start : start + 20] = striped[:, start : start + 20] * 0.7
    assert_alike(prepare(striped), expected, 8)


@pytest.mark.parametrize("depth", [0.4, 0.55, 0.7])
def test_a_phones_shadow_across_a_digit_is_no_ink(mnist: Dataset, depth: float) -> None:
    rng, differences = np.random.default_rng(1), []
    for digit in mnist.x_train[:20]:
        page = write(digit, 150, shape=(300, 400))
        shaded = grain(page * phone(page.shape, rng, depth, 4), rng, 2).clip(0, 255).astype(np.uint8)
        differences.append(np.abs(prepare(shaded).astype(int) - prepare(page)).mean())
    assert np.percentile(differences, 65) < 5  # with some, a part of the shade stays


def test_the_shadow_of_fingers_across_fine_strokes_is_no_ink(mnist: Dataset) -> None:
    hand = np.zeros((480, 640), np.float32)
    for left in range(170, 500, 90):
        cv2.line(hand, (left, 479), (left + 20, 150), 1.0, 45)
    light, rng, differences = 1 - 0.5 * defocus(hand, 4), np.random.default_rng(1), []
    for digit in mnist.x_train[:20]:
        page = 230 * (1 - 0.9 * place(trace(digit, 180, -0.6), hand.shape, rng, 0.3))
        lit, shaded = (prepare(np.rint(picture).astype(np.uint8)) for picture in (page, page * light))
        differences.append(np.abs(shaded.astype(int) - lit).mean())
    assert np.percentile(differences, 65) < 12  # with some, a part of the shade stays


def test_the_same_picture_gives_the_same_digit_and_stays_as_it_is(two: Gray, expected: Gray) -> None:
    two.setflags(write=False)
    np.testing.assert_array_equal(prepare(two), expected)


def is_digit_or_nothing(picture: Gray) -> None:
    try:
        placed = prepare(picture)
    except NoDigit:
        return
    assert placed.shape == (28, 28)
    assert placed.dtype == np.uint8
    assert placed.max() >= 128


@settings(max_examples=300, deadline=None)
@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=90)))
def test_any_pixels_are_a_digit_or_nothing(picture: Gray) -> None:
    is_digit_or_nothing(picture)


@settings(max_examples=300, deadline=None)
@given(
    st.tuples(st.integers(1, 900), st.integers(1, 900)),
    st.integers(0, 255),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900), st.integers(0, 900), st.integers(0, 900),
                       st.integers(0, 255), st.integers(-1, 40)), max_size=6),
)  # fmt: skip
def test_any_drawing_is_a_digit_or_nothing(
    shape: tuple[int, int], page: int, boxes: list[tuple[int, int, int, int, int, int]]
) -> None:
    picture = np.full(shape, page, np.uint8)
    for left, top, right, bottom, level, pen in boxes:
        cv2.rectangle(picture, (left, top), (right, bottom), level, pen or 1)
    is_digit_or_nothing(picture)
