"""Images of sheets, as cameras, scanners and paint programs make them."""

import cv2
import numpy as np
from numpy.random import Generator

from service.preparation.types import Floats, Gray
from training.synthetic.rendering import Shape, cast_phone_shadow, cast_shadow, draw_clouds, light_from_side
from training.synthetic.sheet import Sheet


def take_image(sheet: Sheet, is_easy: bool, rng: Generator) -> Gray:
    """Return an image uint8 (height, width) of a sheet.

    An easy image has strong contrast, even light and little noise.
    """
    low, high = _choose_levels(is_easy, rng)
    ink, clutter = (_to_pixels(layer, sheet, rng) for layer in (_texture_ink(sheet, is_easy, rng), sheet.clutter))
    image = np.full(sheet.image_shape, high, np.float32)
    image -= (high - low) * np.where(np.abs(clutter) > ink, clutter, ink)  # a table may be lighter than the paper
    if not is_easy:
        image = _light_image(image, rng)
    if rng.random() < 0.3:
        image = 255 - image
    return _save(_add_faults(image, is_easy, high - low, rng), rng)


def _choose_levels(is_easy: bool, rng: Generator) -> tuple[float, float]:
    """Return the levels of ink and paper, in 0 to 255."""
    if is_easy:
        return (0.0, 255.0) if rng.random() < 0.6 else (rng.uniform(0, 90), rng.uniform(215, 255))
    paper = rng.uniform(80, 255)
    contrast = rng.uniform(0.08, 0.35) if rng.random() < 0.3 else rng.uniform(0.35, 1.0)
    return paper * (1 - contrast), paper


def _texture_ink(sheet: Sheet, is_easy: bool, rng: Generator) -> Floats:
    """Return the sheet's ink, sometimes uneven as pencil and chalk are."""
    if rng.random() >= (0.06 if is_easy else 0.25):
        return sheet.ink
    strength, depth = rng.uniform(0.6, 0.95), rng.uniform(0.1, 0.4)
    return sheet.ink * np.clip(strength + depth * draw_clouds(sheet.shape, rng, rng.uniform(2, 9)), 0, 1)


def _to_pixels(layer: Floats, sheet: Sheet, rng: Generator) -> Floats:
    """Return a layer in the image's pixels: the mean of each, or only ink and paper, as pixel editors draw."""
    if sheet.image_shape[0] > sheet.shape[0]:
        return cv2.resize(layer, sheet.image_shape[::-1], interpolation=cv2.INTER_LINEAR)
    small = cv2.resize(layer, sheet.image_shape[::-1], interpolation=cv2.INTER_AREA)
    kind = rng.random()
    if kind < 0.35 and min(sheet.image_shape) < 400:
        return (small > rng.uniform(0.25, 0.5)).astype(np.float32)
    if kind < 0.5:
        return np.clip(small * rng.uniform(1.2, 2.5), 0, 1)
    if kind < 0.6:
        soft = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.4, 1.1))
        return np.clip(soft * rng.uniform(1, 1.5), 0, 1)
    return small


def _light_image(image: Floats, rng: Generator) -> Floats:
    """Return an image in uneven light, in shadows, or with stains."""
    shape, kind = image.shape, rng.random()
    width = shape[1]
    if kind < 0.3:
        image = image * light_from_side(shape, rng, rng.uniform(0.35, 0.95))
    elif kind < 0.45:
        image = image * cast_shadow(shape, rng, rng.uniform(0.4, 0.85), rng.uniform(0.003, 0.1) * width + 0.3)
    elif kind < 0.75:
        image = image * cast_phone_shadow(shape, rng, rng.uniform(0.35, 0.8), rng.uniform(0.002, 0.03) * width + 0.2)
    elif kind < 0.8:
        image = image * _cast_stripes(shape, rng)
    if rng.random() < 0.4:
        depth, size = rng.uniform(0.01, 0.12), width * np.exp(rng.uniform(-4, -0.5)) + 1
        image = image * (1 + depth * draw_clouds(shape, rng, size))
    return image


def _cast_stripes(shape: Shape, rng: Generator) -> Floats:
    """Return the light around the shadow of a blind or of a window's frame."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32) / max(shape)
    angle = rng.uniform(0, np.pi)
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi * rng.uniform(0.7, 4) + rng.uniform(0, 6))
    return (1 - rng.uniform(0.15, 0.5) / (1 + np.exp(-wave * rng.uniform(2, 20)))).astype(np.float32)


def _add_faults(image: Floats, is_easy: bool, contrast: float, rng: Generator) -> Floats:
    """Return an image with the faults of cameras: blur, noise of at most a quarter of the contrast, dead pixels."""
    is_large = min(image.shape) >= 64
    if rng.random() < (0.15 if is_easy else 0.4) and is_large:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 2.2) * max(image.shape) / 160)
    if rng.random() < (0.12 if is_easy else 0.7):
        sigma = rng.uniform(0.5, 5) if rng.random() < 0.8 else rng.uniform(5, 30 if is_large else 12)
        image = image + rng.normal(0, min(sigma, contrast / 4), image.shape).astype(np.float32)
    if not is_easy and rng.random() < 0.06:
        hit = rng.random(image.shape) < rng.uniform(0.005, 0.06)
        image = np.where(hit, 255 * rng.integers(0, 2, image.shape), image)
    return image


def _save(image: Floats, rng: Generator) -> Gray:
    """Return an image in levels, after compression to JPEG and enlargement, as some programs save images."""
    levels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        quality = int(rng.integers(40, 96) if rng.random() < 0.8 else rng.integers(10, 40))
        encoded = cv2.imencode(".jpg", levels, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
        levels = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)
    if max(levels.shape) < 100 and rng.random() < 0.35:
        factor = int(rng.integers(2, 1 + max(2, 300 // max(levels.shape))))
        interpolation = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.choice(3, p=(0.6, 0.2, 0.2))]
        levels = cv2.resize(levels, None, fx=factor, fy=factor, interpolation=interpolation)
    return levels
