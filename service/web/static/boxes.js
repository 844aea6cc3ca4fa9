/** Boxes around the digits of the image on the paper. */

/** @import { Digit } from "./service.js" */

// Ratios to the longer side of the image.
const GAP_RATIO = 0.012; // between ink and box
const MARK_RATIO = 0.05; // height of a question mark
const TAP_MARGIN_PX = 22; // on the screen: a tap this near to a box counts as on it

const boxes = document.getElementById("boxes");

/**
 * @param {Digit[]} digits
 * @param {{width: number, height: number}} size of the image
 */
export function showBoxes(digits, { width, height }) {
  boxes.setAttribute("viewBox", `0 0 ${width} ${height}`); // centered, as large as fits
  boxes.replaceChildren(...digits.map((digit) => newBox(digit, Math.max(width, height))));
}

export function hideBoxes() {
  boxes.replaceChildren();
}

/** @param {number} index of the selected digit */
export function markBox(index) {
  for (const [i, box] of [...boxes.children].entries()) box.classList.toggle("selected", i === index);
}

/**
 * @param {{clientX: number, clientY: number}} point
 * @returns {number | null} the index of the digit at the point, or near to it
 */
export function digitAt({ clientX, clientY }) {
  const distances = [...boxes.children].map((group) => {
    const { left, right, top, bottom } = group.querySelector("rect").getBoundingClientRect();
    return Math.hypot(Math.max(left - clientX, clientX - right, 0), Math.max(top - clientY, clientY - bottom, 0));
  });
  const nearest = Math.min(...distances);
  return nearest <= TAP_MARGIN_PX ? distances.indexOf(nearest) : null;
}

function newBox({ uncertain, box: [left, top, width, height] }, longerSide) {
  const gap = GAP_RATIO * longerSide;
  const [x, y, wide, high] = [left - gap, top - gap, width + 2 * gap, height + 2 * gap];
  const group = newShape("g", { class: uncertain ? "uncertain" : "" });
  group.append(newShape("rect", { x, y, width: wide, height: high, rx: gap }));
  if (uncertain) {
    const mark = newShape("text", { x: x + wide, y: y + high, "font-size": MARK_RATIO * longerSide });
    mark.textContent = "?";
    group.append(mark);
  }
  return group;
}

function newShape(name, attributes) {
  const shape = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
  return shape;
}
