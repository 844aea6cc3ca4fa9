/** Shows an answer, an error, or that there is neither yet. */

/** @import { Explanation } from "./reader.js" */

const element = (id) => document.getElementById(id);
const section = element("answer");

// Cut, not rounded: 99.98% is not certainty.
const percent = new Intl.NumberFormat("en", {
  style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1, roundingMode: "trunc",
});

/** @param {Explanation} explanation */
export function showAnswer({ digit, confidence, uncertain, probabilities, ink, seen, overlay }) {
  const share = percent.format(confidence);
  const words = uncertain ? [`${share}, not sure:`, "maybe another digit, or none"] : [share];
  show("answer", String(digit), ...words);
  showBars(probabilities, digit);
  showPicture("ink", ink);
  showPicture("seen", seen);
  showPicture("overlay", overlay);
  announce(`${digit}, ${words.join(" ")}`);
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
  showPicture("ink", null);
  showPicture("seen", null);
  showPicture("overlay", null);
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
    row.querySelector(".share").textContent = first === null ? "" : percent.format(probabilities[digit]);
  }
}

function showPicture(id, url) {
  const image = element(id);
  image.hidden = !url;
  if (url) image.src = url;
  else image.removeAttribute("src");
}
