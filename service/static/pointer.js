/** Drawing with a mouse, a pen or a finger. */

/** @import { Strokes } from "./strokes.js" */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Strokes} strokes
 */
export function drawWithPointer(canvas, strokes) {
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  };
  let pointer = null; // the one that draws: a second finger, or the palm, doesn't

  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    strokes.begin(point(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    strokes.extend((events.length ? events : [event]).map(point));
  });
  for (const type of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(type, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      strokes.end();
    });
  }
}
