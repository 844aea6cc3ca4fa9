/** Draws with the keyboard: arrow keys move a pen, Space puts it down and lifts it. */

/** @import { Strokes } from "./strokes.js" */

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP_PX = 28; // a twentieth of the canvas's width
const SHORT_STEP_PX = 7;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Strokes} strokes
 * @param {HTMLElement} mark shows the pen's place
 * @param {(text: string) => void} announce
 */
export function drawWithKeyboard(canvas, strokes, mark, announce) {
  const pressed = new Set(); // arrow keys; two at once move the pen diagonally
  let pen = { x: canvas.width / 2, y: canvas.height / 2 };
  let down = false;

  const setDown = (/** @type {boolean} */ isDown) => {
    if (isDown === down) return;
    down = isDown;
    mark.classList.toggle("down", down);
    if (down) strokes.begin(pen);
    else strokes.end();
    announce(down ? "Pen down" : "Pen up");
  };

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && !event.repeat) setDown(!down);
    if (event.key in ARROWS) {
      pressed.add(event.key);
      pen = move(pen, pressed, event.shiftKey ? SHORT_STEP_PX : STEP_PX, canvas);
      mark.style.setProperty("--x", `${(100 * pen.x) / canvas.width}%`);
      mark.style.setProperty("--y", `${(100 * pen.y) / canvas.height}%`);
      if (down) strokes.extend([pen]);
    }
    if (event.key === " " || event.key in ARROWS) event.preventDefault();
  });
  canvas.addEventListener("keyup", (event) => pressed.delete(event.key));
  canvas.addEventListener("pointerdown", () => setDown(false));
  canvas.addEventListener("blur", () => {
    pressed.clear();
    setDown(false);
  });
}

/** @returns the pen's place one step in the direction of the pressed keys, within the canvas */
function move(pen, pressed, step, canvas) {
  let { x, y } = pen;
  for (const key of pressed) {
    x += ARROWS[key][0] * step;
    y += ARROWS[key][1] * step;
  }
  return { x: Math.min(Math.max(x, 0), canvas.width), y: Math.min(Math.max(y, 0), canvas.height) };
}
