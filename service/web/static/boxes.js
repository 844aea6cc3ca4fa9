/** Boxes around the digits of the picture on the paper. */

/** @import { Digit } from "./service.js" */

// Of the picture's longer side.
const GAP = 0.012; // between ink and box
const MARK = 0.05; // the height of a question mark
const FINGER = 22; // pixels of the screen beside a box that still count as on it

const boxes = document.getElementById("boxes");

/**
 * @param {Digit[]} digits
 * @param {{width: number, height: number}} size of the picture
 */
export function showBoxes(digits, { width, height }) {
  boxes.setAttribute("viewBox", `0 0 ${width} ${height}`); // which lies in the middle, as large as fits
  boxes.replaceChildren(...digits.map((digit) => box(digit, Math.max(width, height))));
}

export function hideBoxes() {
  boxes.replaceChildren();
}

/** @param {number} index of the digit that more is told about */
export function markBox(index) {
  for (const [i, each] of [...boxes.children].entries()) each.classList.toggle("selected", i === index);
}

/**
 * @param {{clientX: number, clientY: number}} point
 * @returns {number | null} the index of the digit there, or beside it
 */
export function digitAt({ clientX, clientY }) {
  const distances = [...boxes.children].map((each) => {
    const { left, right, top, bottom } = each.querySelector("rect").getBoundingClientRect();
    return Math.hypot(Math.max(left - clientX, clientX - right, 0), Math.max(top - clientY, clientY - bottom, 0));
  });
  const nearest = Math.min(...distances);
  return nearest <= FINGER ? distances.indexOf(nearest) : null;
}

function box({ uncertain, box: [left, top, width, height] }, longer) {
  const gap = GAP * longer;
  const [x, y, wide, high] = [left - gap, top - gap, width + 2 * gap, height + 2 * gap];
  const group = shape("g", { class: uncertain ? "uncertain" : "" });
  group.append(shape("rect", { x, y, width: wide, height: high, rx: gap }));
  if (uncertain) {
    const mark = shape("text", { x: x + wide, y: y + high, "font-size": MARK * longer });
    mark.textContent = "?";
    group.append(mark);
  }
  return group;
}

function shape(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
