/** Reduces images that are over the service's limits. */

import { draw, load, toBlob } from "./cutting.js";

/** @typedef {{bytes: number, pixels: number}} Limits  Of an image that the service reads. */

// Pixels of a reduced image. Its shorter side is still longer than the service needs.
const MAX_PIXELS = 4_000_000;
const MIN_PIXELS = 250_000;

/**
 * @param {Blob} file
 * @param {Limits} limits
 * @returns {Promise<Blob>} the file unchanged; or a smaller, upright image, if it is over a limit and can be shown
 */
export async function reduce(file, limits) {
  const image = await load(file).catch(() => null); // few browsers show HEIC or TIFF, which the service reads
  const area = image ? image.naturalWidth * image.naturalHeight : 0;
  if (!image || (area <= limits.pixels && file.size <= limits.bytes)) return file;
  const type = file.type === "image/jpeg" ? file.type : "image/png"; // PNG keeps transparency
  for (let pixels = Math.min(area, limits.pixels, MAX_PIXELS); ; pixels /= 2) {
    const reduced = await toBlob(shrink(image, Math.sqrt(pixels / area)), type);
    if (reduced.size <= limits.bytes || pixels <= MIN_PIXELS) return reduced;
  }
}

function shrink(image, scale) {
  return draw(image, [0, 0, image.naturalWidth, image.naturalHeight], scale);
}
