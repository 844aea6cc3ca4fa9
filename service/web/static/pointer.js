/** Draws with a mouse, a pen or a finger. A tap on a digit selects the digit. */

/** @import { Strokes } from "./strokes.js" */

const MAX_TAP_PX = 6; // on the screen: a tap moves no farther

/**
 * @typedef {object} Digits  The digits that are marked on the canvas, or on an image over it.
 * @property {(point: PointerEvent) => number | null} at
 * @property {(index: number) => void} select
 * @property {() => boolean} fixed  Whether an image is shown: a finger scrolls it and does not draw.
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Strokes} strokes
 * @param {Digits} digits
 */
export function drawWithPointer(canvas, strokes, digits) {
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  };
  const draws = (event) => event.pointerType !== "touch" || !digits.fixed();
  let pointer = null; // the pointer that draws; a second finger or the palm does not
  let tap = null; // where the pointer came down on a digit, until it moves away

  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    const digit = digits.at(event);
    if (digit !== null) tap = { event, digit };
    else if (draws(event)) strokes.begin(point(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (pointer === null) canvas.classList.toggle("over-digit", digits.at(event) !== null);
    if (event.pointerId !== pointer) return;
    if (tap && Math.hypot(event.clientX - tap.event.clientX, event.clientY - tap.event.clientY) > MAX_TAP_PX) {
      if (draws(event)) strokes.begin(point(tap.event));
      tap = null;
    }
    const events = event.getCoalescedEvents?.() ?? [];
    strokes.extend((events.length ? events : [event]).map(point));
  });
  for (const type of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(type, (event) => {
      if (event.pointerId !== pointer) return;
      if (tap && type === "pointerup") digits.select(tap.digit);
      pointer = tap = null;
      strokes.end();
    });
  }
}
