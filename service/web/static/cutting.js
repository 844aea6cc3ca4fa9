/** Cuts a digit out of an image, or reduces an image. */

/** @import { Digit } from "./service.js" */

// Ratios to the longer side of the digit.
const MARGIN_RATIO = 0.3;
const MIN_MARGIN_RATIO = 0.05;
const MAX_CUT_PX = 400; // more than the service looks at

/**
 * @param {Blob} file
 * @returns {Promise<HTMLImageElement>} the upright image; rejects if the browser can't show it
 */
export async function load(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
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
 * @param {Digit[]} neighbors
 * @returns {Promise<Blob>} the digit with a margin, within the image and without other digits
 */
export function cut(image, digit, neighbors) {
  const [left, top, width, height] = digit.box;
  const longerSide = Math.max(width, height);
  const gap = Math.min(...neighbors.map((neighbor) => distance(digit.box, neighbor.box)));
  const margin = Math.max(MIN_MARGIN_RATIO * longerSide, Math.min(MARGIN_RATIO * longerSide, gap));
  const [x, y] = [Math.max(Math.floor(left - margin), 0), Math.max(Math.floor(top - margin), 0)];
  const wide = Math.min(Math.ceil(left + width + margin), image.naturalWidth) - x;
  const high = Math.min(Math.ceil(top + height + margin), image.naturalHeight) - y;
  return toBlob(draw(image, [x, y, wide, high], Math.min(1, MAX_CUT_PX / Math.max(wide, high))));
}

/**
 * @param {HTMLImageElement} image
 * @param {number[]} part left, top, width and height in the upright image
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

/** @returns {number} how far a box may grow before it meets the other box */
function distance([left, top, width, height], [x, y, wide, high]) {
  return Math.max(x - (left + width), left - (x + wide), y - (top + height), top - (y + high));
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {string} type of the image file
 * @returns {Promise<Blob>}
 */
export function toBlob(canvas, type = "image/png") {
  return new Promise((resolve, reject) => {
    const settle = (blob) => (blob ? resolve(blob) : reject(new Error("the browser made no file of the image")));
    canvas.toBlob(settle, type);
  });
}
