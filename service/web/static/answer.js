/** Shows one digit's answer, an error, or that there is neither yet. */

/** @import { Digit, Explanation } from "./service.js" */

import { percent } from "./percent.js";

const element = (id) => document.getElementById(id);
const section = element("answer");
const PICTURES = ["ink", "seen", "overlay"];

/** @param {Digit} digit */
export function showDigit({ digit, confidence, uncertain, probabilities }) {
  const share = percent(confidence);
  show("answer", String(digit), ...(uncertain ? [`${share}, not sure:`, "maybe another digit, or none"] : [share]));
  showBars(probabilities, digit);
}

/** Keep the figures of the digit before, until those of this one are here. */
export function awaitFigures() {
  element("figures").setAttribute("aria-busy", "true");
}

/** @param {Explanation | null} explanation null if there is none for a digit that was read */
export function showFigures(explanation) {
  element("figures").removeAttribute("aria-busy");
  element("figures").hidden = !explanation;
  for (const id of PICTURES) showPicture(id, explanation?.[id]);
}

/** @param {string} sentence */
export function showError(sentence) {
  showNothing("error");
  element("message").textContent = sentence;
}

/** Take the last answer away: there is no picture, or a new one. */
export function showNothing(state = "empty") {
  show(state, "–", "Nothing to read yet");
  showBars(Array(10).fill(0), null);
  showFigures(null);
  element("figures").hidden = false; // their places
  announce("");
}

/** Mark the answer as that of the picture before, or say that there will be one. */
export function showBusy() {
  if (section.dataset.state !== "answer") show("empty", "–", "Reading…");
  section.setAttribute("aria-busy", "true");
}

/** Let screen readers say something that everyone else sees. @param {string} text */
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

function showBars(probabilities, first) {
  for (const [digit, row] of [...element("bars").tBodies[0].rows].entries()) {
    row.classList.toggle("first", digit === first);
    row.querySelector(".bar").style.setProperty("--share", `${100 * probabilities[digit]}%`);
    row.querySelector(".share").textContent = first === null ? "" : percent(probabilities[digit]);
  }
}

function showPicture(id, url) {
  const image = element(id);
  image.hidden = !url;
  if (url) image.src = url;
  else image.removeAttribute("src");
}
