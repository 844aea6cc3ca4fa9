/** Cuts a digit out of a picture, or draws it smaller. */

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
  return toBlob(draw(image, [x, y, wide, high], Math.min(1, MAX_SIDE / Math.max(wide, high))));
}

/**
 * @param {HTMLImageElement} image
 * @param {number[]} part left, top, width and height in the upright picture
 * @param {number} scale 1 or less
 */
export function draw(image, [left, top, width, height], scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.floor(width * scale));
  canvas.height = Math.max(1, Math.floor(height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, left, top, width, height, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** @returns how far a box may grow until it meets another */
function distance([left, top, width, height], [x, y, wide, high]) {
  return Math.max(x - (left + width), left - (x + wide), y - (top + height), top - (y + high));
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {string} type of the picture's file
 * @returns {Promise<Blob>}
 */
export function toBlob(canvas, type = "image/png") {
  return new Promise((resolve, reject) => {
    const give = (blob) => (blob ? resolve(blob) : reject(new Error("the browser made no file of the picture")));
    canvas.toBlob(give, type);
  });
}
