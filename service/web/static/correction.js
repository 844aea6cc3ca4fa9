/** Corrects the answer for a digit. Where the service keeps no corrections, the page has no buttons for them. */

/** @import { Digit, Failure } from "./service.js" */
/**
 * @typedef {object} Answer
 * @property {Blob} image
 * @property {Digit | Failure} digit  A failure: the service sees no digit.
 */

import { correct, sentence } from "./service.js";

const NO_DIGIT = "none";

const element = (id) => document.getElementById(id);
const correction = element("correction");

/** @type {WeakMap<Digit | Failure, string>} what digits were corrected to */
const corrected = new WeakMap();
/** @type {WeakMap<Digit | Failure, string>} why the last corrections of digits are not kept */
const problems = new WeakMap();
/** @type {Set<Digit | Failure>} digits whose corrections are on their way */
const pending = new Set();
/** @type {Answer | null} */
let shown = null;

/** @param {Answer} answer */
export function offerCorrection(answer) {
  if (!correction) return;
  shown = answer;
  correction.hidden = false;
  showState();
}

export function hideCorrection() {
  if (!correction) return;
  shown = null;
  correction.hidden = true;
}

/** Send a correction, unless one of the same digit is on its way. What came of it is shown beside this digit. */
async function send(value) {
  const { image, digit } = shown;
  if (pending.has(digit)) return;
  pending.add(digit);
  problems.delete(digit);
  showState();
  try {
    await correct(image, value, digit.box);
    corrected.set(digit, value);
  } catch (error) {
    problems.set(digit, sentence(error));
  }
  pending.delete(digit);
  if (shown?.digit === digit) showState();
}

function showState() {
  const { digit } = shown;
  const [value, problem] = [corrected.get(digit), problems.get(digit)];
  correction.setAttribute("aria-busy", String(pending.has(digit)));
  for (const button of buttons()) {
    button.setAttribute("aria-pressed", String(button.value === value));
    button.disabled = button.value === String(digit.digit ?? NO_DIGIT) && value === undefined;
  }
  element("thanks").textContent = value === undefined || problem || pending.has(digit) ? "" : "Thank you, it is kept.";
  element("correction-problem").textContent = problem ?? "";
}

function buttons() {
  return [...correction.querySelectorAll("button")];
}

if (correction) for (const button of buttons()) button.addEventListener("click", () => send(button.value));
