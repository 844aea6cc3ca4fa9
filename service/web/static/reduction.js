/** Makes pictures smaller that are too large to be sent as they are. */

import { draw, load, toBlob } from "./cutting.js";

/** @typedef {{bytes: number, pixels: number}} Limits  Of a picture that the service reads. */

// Of a reduced picture: its shorter side is still longer than what the service looks at.
const MAX_PIXELS = 4_000_000;
const MIN_PIXELS = 250_000;

/**
 * @param {Blob} picture
 * @param {Limits} limits
 * @returns {Promise<Blob>} the picture as it is; or upright and smaller, if it is over a limit and the browser shows it
 */
export async function reduce(picture, limits) {
  const image = await load(picture).catch(() => null); // few browsers show HEIC or TIFF, which the service reads
  const area = image ? image.naturalWidth * image.naturalHeight : 0;
  if (!image || (area <= limits.pixels && picture.size <= limits.bytes)) return picture;
  const type = picture.type === "image/jpeg" ? picture.type : "image/png"; // PNG keeps what is transparent
  for (let pixels = Math.min(area, limits.pixels, MAX_PIXELS); ; pixels /= 2) {
    const reduced = await toBlob(shrink(image, Math.sqrt(pixels / area)), type);
    if (reduced.size <= limits.bytes || pixels <= MIN_PIXELS) return reduced;
  }
}

function shrink(image, scale) {
  return draw(image, [0, 0, image.naturalWidth, image.naturalHeight], scale);
}
