/** Strokes of a pen on a canvas, black on white. All states of the drawing are kept for undo. */

/** @typedef {{x: number, y: number}} Point  In pixels of the canvas. */
/** @typedef {Point[]} Stroke */

// MNIST's strokes are a tenth as wide as its digits are tall. This width lies between one large digit and several.
const STROKE_PX = 36;

export class Strokes extends EventTarget {
  /** @type {Stroke[][]} */
  #states = [[]];
  /** @type {Stroke | null} */
  #open = null;
  #canvas;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    super();
    this.#canvas = canvas;
    this.#paint();
  }

  get empty() {
    return this.#drawn.length === 0;
  }

  get undoable() {
    return this.#states.length > 1;
  }

  /** Put the pen down. @param {Point} point */
  begin(point) {
    this.#open = [point];
    this.#states.push([...this.#drawn, this.#open]);
    this.#changed();
  }

  /** Move the pen, which draws while it is down. @param {Point[]} points */
  extend(points) {
    if (!this.#open) return;
    this.#open.push(...points);
    this.#changed();
  }

  /** Lift the pen. */
  end() {
    this.#open = null;
  }

  undo() {
    if (!this.undoable) return;
    this.end();
    this.#states.pop();
    this.#changed();
  }

  /** Clear the canvas; undo restores the drawing. */
  clear() {
    this.end();
    if (!this.empty) this.#states.push([]);
    this.#changed();
  }

  get #drawn() {
    return this.#states.at(-1);
  }

  #changed() {
    this.#paint();
    this.dispatchEvent(new Event("change"));
  }

  #paint() {
    const { width, height } = this.#canvas;
    const context = this.#canvas.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    Object.assign(context, { strokeStyle: "black", lineWidth: STROKE_PX, lineCap: "round", lineJoin: "round" });
    for (const stroke of this.#drawn) context.stroke(smooth(stroke));
  }
}

/**
 * Return a curve through the midpoints between a stroke's points, which rounds its corners.
 * @param {Stroke} stroke
 */
function smooth(stroke) {
  const path = new Path2D();
  path.moveTo(stroke[0].x, stroke[0].y);
  for (let i = 1; i < stroke.length; i++) {
    const [from, to] = [stroke[i - 1], stroke[i]];
    path.quadraticCurveTo(from.x, from.y, (from.x + to.x) / 2, (from.y + to.y) / 2);
  }
  path.lineTo(stroke.at(-1).x, stroke.at(-1).y);
  return path;
}
