/** Cuts a digit out of a picture. */

/** @import { Digit } from "./service.js" */

// Of the digit's longer side.
const MARGIN = 0.3;
const MIN_MARGIN = 0.05;
const MAX_SIDE = 400; // pixels, which is more than the service looks at

/**
 * @param {Blob} picture
 * @returns {Promise<HTMLImageElement>} the picture upright; rejects where the browser can't show it
 */
export async function load(picture) {
  const image = new Image();
  image.src = URL.createObjectURL(picture);
  try {
    await image.decode();
    return image;
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

/**
 * @param {HTMLImageElement} image
 * @param {Digit} digit
 * @param {Digit[]} others
 * @returns {Promise<Blob>} the digit with a margin, as far as the picture reaches, and no other digit
 */
export function cut(image, digit, others) {
  const [left, top, width, height] = digit.box;
  const longer = Math.max(width, height);
  const gap = Math.min(...others.map((other) => distance(digit.box, other.box)));
  const margin = Math.max(MIN_MARGIN * longer, Math.min(MARGIN * longer, gap));
  const [x, y] = [Math.max(Math.floor(left - margin), 0), Math.max(Math.floor(top - margin), 0)];
  const wide = Math.min(Math.ceil(left + width + margin), image.naturalWidth) - x;
  const high = Math.min(Math.ceil(top + height + margin), image.naturalHeight) - y;
  const scale = Math.min(1, MAX_SIDE / Math.max(wide, high));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(wide * scale));
  canvas.height = Math.max(1, Math.round(high * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, x, y, wide, high, 0, 0, canvas.width, canvas.height);
  return toPNG(canvas);
}

/** @returns how far a box may grow until it meets another */
function distance([left, top, width, height], [x, y, wide, high]) {
  return Math.max(x - (left + width), left - (x + wide), y - (top + height), top - (y + high));
}

/**
 * @param {HTMLCanvasElement} canvas
 * @returns {Promise<Blob>}
 */
export function toPNG(canvas) {
  return new Promise((resolve, reject) => {
    const give = (blob) => (blob ? resolve(blob) : reject(new Error("the browser made no picture of the drawing")));
    canvas.toBlob(give, "image/png");
  });
}
