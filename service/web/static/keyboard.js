/** Drawing with the keyboard: arrow keys move a pen, Space puts it down and lifts it. */

/** @import { Strokes } from "./strokes.js" */

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = 28; // pixels of the canvas, a twentieth of its width
const SHORT_STEP = 7;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Strokes} strokes
 * @param {HTMLElement} mark shows where the pen is
 * @param {(text: string) => void} announce
 */
export function drawWithKeyboard(canvas, strokes, mark, announce) {
  const held = new Set(); // arrow keys, of which two make a slant
  let pen = { x: canvas.width / 2, y: canvas.height / 2 };
  let down = false;

  const put = (/** @type {boolean} */ wanted) => {
    if (wanted === down) return;
    down = wanted;
    mark.classList.toggle("down", down);
    if (down) strokes.begin(pen);
    else strokes.end();
    announce(down ? "Pen down" : "Pen up");
  };

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && !event.repeat) put(!down);
    if (event.key in ARROWS) {
      held.add(event.key);
      pen = moved(pen, held, event.shiftKey ? SHORT_STEP : STEP, canvas);
      mark.style.setProperty("--x", `${(100 * pen.x) / canvas.width}%`);
      mark.style.setProperty("--y", `${(100 * pen.y) / canvas.height}%`);
      if (down) strokes.extend([pen]);
    }
    if (event.key === " " || event.key in ARROWS) event.preventDefault();
  });
  canvas.addEventListener("keyup", (event) => held.delete(event.key));
  canvas.addEventListener("pointerdown", () => put(false));
  canvas.addEventListener("blur", () => {
    held.clear();
    put(false);
  });
}

/** @returns the pen one step in the direction of the held keys, within the canvas */
function moved(pen, held, step, canvas) {
  let { x, y } = pen;
  for (const key of held) {
    x += ARROWS[key][0] * step;
    y += ARROWS[key][1] * step;
  }
  return { x: Math.min(Math.max(x, 0), canvas.width), y: Math.min(Math.max(y, 0), canvas.height) };
}
