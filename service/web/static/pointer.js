/** Drawing with a mouse, a pen or a finger; a tap on a digit selects it instead. */

/** @import { Strokes } from "./strokes.js" */

const STILL = 6; // pixels of the screen that a tap may move

/**
 * @typedef {object} Digits  Those that are marked on the canvas, or on a picture over it.
 * @property {(point: PointerEvent) => number | null} at
 * @property {(index: number) => void} select
 * @property {() => boolean} fixed  Whether they are of a picture, which a finger scrolls and does not draw on.
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
  let pointer = null; // the one that draws: a second finger, or the palm, doesn't
  let tap = null; // where it came down on a digit, while it has hardly moved

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
    if (tap && Math.hypot(event.clientX - tap.event.clientX, event.clientY - tap.event.clientY) > STILL) {
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
