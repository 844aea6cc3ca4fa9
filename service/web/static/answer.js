/** Shows the answer for one digit, an error, or an empty state. */

/** @import { Digit, Explanation } from "./service.js" */

import { percent } from "./percent.js";

const element = (id) => document.getElementById(id);
const section = element("answer");
const FIGURES = ["ink", "seen", "overlay"];

/** @param {Digit} digit */
export function showDigit({ digit, confidence, uncertain, probabilities }) {
  const share = percent(confidence);
  show("answer", String(digit), ...(uncertain ? [`${share}, not sure:`, "maybe another digit, or none"] : [share]));
  showBars(probabilities, digit);
}

/** Mark the figures as busy. The figures of the previous digit stay until the new ones arrive. */
export function awaitFigures() {
  element("figures").setAttribute("aria-busy", "true");
}

/** @param {Explanation | null} explanation null hides the figures */
export function showFigures(explanation) {
  element("figures").removeAttribute("aria-busy");
  element("figures").hidden = !explanation;
  for (const id of FIGURES) showFigure(id, explanation?.[id]);
}

/** @param {string} sentence */
export function showError(sentence) {
  showNothing("error");
  element("message").textContent = sentence;
}

/** Remove the last answer: there is no image, or a new one. */
export function showNothing(state = "empty") {
  show(state, "–", "Nothing to read yet");
  showBars(Array(10).fill(0), null);
  showFigures(null);
  element("figures").hidden = false; // empty frames
  announce("");
}

/** Mark the answer as outdated, or say that an answer is on its way. */
export function showBusy() {
  if (section.dataset.state !== "answer") show("empty", "–", "Reading…");
  section.setAttribute("aria-busy", "true");
}

/** Let screen readers say a text that is visible to everyone else. @param {string} text */
export function announce(text) {
  element("announcement").textContent = text;
}

function show(state, digit, confidence, doubt = "") {
  section.dataset.state = state;
  section.removeAttribute("aria-busy");
  element("digit").textContent = digit;
  element("confidence").textContent = confidence;
  element("doubt").textContent = doubt;
  element("message").textContent = "";
}

function showBars(probabilities, predicted) {
  for (const [digit, row] of [...element("bars").tBodies[0].rows].entries()) {
    row.classList.toggle("first", digit === predicted);
    row.querySelector(".bar").style.setProperty("--share", `${100 * probabilities[digit]}%`);
    row.querySelector(".share").textContent = predicted === null ? "" : percent(probabilities[digit]);
  }
}

function showFigure(id, url) {
  const image = element(id);
  image.hidden = !url;
  if (url) image.src = url;
  else image.removeAttribute("src");
}
