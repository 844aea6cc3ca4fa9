/** Corrects the answer for a digit. Where the service keeps no corrections, the page has no buttons for them. */

/** @import { Digit, Failure } from "./service.js" */
/**
 * @typedef {object} Answer
 * @property {Blob} image
 * @property {Digit | Failure} digit  A failure: the service sees no digit.
 * @property {boolean} isAlone  The image has no other digit.
 */

import { correct, sentence } from "./service.js";

const NO_DIGIT = "none";

const element = (id) => document.getElementById(id);
const correction = element("correction");

/** @type {WeakMap<Digit | Failure, string>} what digits were corrected to */
const corrected = new WeakMap();
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

/** Send a correction, unless one is on its way. The thanks are only shown beside the answer that was corrected. */
async function send(value) {
  const answer = shown;
  if (correction.hasAttribute("aria-busy")) return;
  correction.setAttribute("aria-busy", "true");
  try {
    await correct(answer.image, value, answer.isAlone ? null : answer.digit.box);
    corrected.set(answer.digit, value);
    if (shown === answer) showState();
  } catch (error) {
    if (shown === answer) showState(sentence(error));
  } finally {
    correction.removeAttribute("aria-busy");
  }
}

function showState(problem = "") {
  const value = corrected.get(shown.digit);
  for (const button of buttons()) {
    button.setAttribute("aria-pressed", String(button.value === value));
    button.disabled = button.value === String(shown.digit.digit ?? NO_DIGIT) && value === undefined;
  }
  element("thanks").textContent = value === undefined || problem ? "" : "Thank you, it is kept.";
  element("correction-problem").textContent = problem;
}

function buttons() {
  return [...correction.querySelectorAll("button")];
}

if (correction) for (const button of buttons()) button.addEventListener("click", () => send(button.value));
