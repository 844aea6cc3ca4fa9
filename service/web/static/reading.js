/** Shows a reading: the number, a box around each digit, and the answer for the selected digit. */

/** @import { Digit, Failure, Reading } from "./service.js" */

import { announce, awaitFigures, showDigit, showError, showFigures, showNothing } from "./answer.js";
import { hideBoxes, markBox, showBoxes } from "./boxes.js";
import { hideCorrection, offerCorrection } from "./correction.js";
import { load } from "./cutting.js";
import { Explainer } from "./explainer.js";
import { markDigit, showNumber } from "./number.js";

const element = (id) => document.getElementById(id);
const section = element("answer");

/** @type {Reading | null} */
let shown = null;
/** @type {Blob | null} */
let sent = null;
/** @type {Digit[]} */
let digits = [];
/** @type {Explainer | null} */
let explainer = null;
/** @type {Digit | null} */
let selected = null;

/**
 * @param {Reading} reading
 * @param {Blob} file the image that was sent
 */
export function showReading(reading, file) {
  reset();
  shown = reading;
  sent = file;
  digits = reading.lines.flatMap((line) => line.digits);
  const image = digits.length > 1 ? load(file).catch(() => null) : Promise.resolve(null);
  explainer = new Explainer(file, image, digits);
  section.dataset.digits = digits.length === 1 ? "one" : "several";
  showNumber(reading, select);
  select(Math.max(digits.findIndex((digit) => digit.uncertain), 0)); // the first doubtful digit, else the first
  showSummary();
  image.then((loaded) => shown === reading && updateBoxes(loaded));
}

/**
 * @param {Failure} failure
 * @param {Blob | null} file the image, if it was sent
 */
export function showFailure(failure, file) {
  showNoReading();
  showError(failure.error);
  if (failure.code === "no_digit") offerCorrection({ image: file, digit: failure });
}

export function showNoReading() {
  reset();
  hideBoxes();
  section.dataset.digits = "one";
  element("number").replaceChildren();
  showNothing();
}

/** @param {number} index of a digit, in reading order */
export function select(index) {
  const digit = (selected = digits[index]);
  markDigit(index);
  markBox(index);
  showDigit(digit);
  offerCorrection({ image: sent, digit });
  awaitFigures();
  explainer.explain(digit).then((explanation) => selected === digit && showFigures(explanation));
}

/** @returns {string} the number, with a line break between lines */
export function shownNumber() {
  return shown?.text ?? "";
}

function reset() {
  explainer?.cancel();
  hideCorrection();
  shown = sent = explainer = selected = null;
  digits = [];
}

function updateBoxes(image) {
  if (image) showBoxes(digits, { width: image.naturalWidth, height: image.naturalHeight });
  else hideBoxes();
  markBox(digits.indexOf(selected));
}

function showSummary() {
  const doubtful = digits.filter((digit) => digit.uncertain).length;
  const summary = doubtful ? `Not sure of ${doubtful} of ${digits.length} digits` : `${digits.length} digits`;
  element("summary").textContent = summary;
  const texts = ["digit", "confidence", "doubt"].map((id) => element(id).textContent);
  const [digit, ...words] = texts.filter(Boolean);
  announce(digits.length === 1 ? `${digit}, ${words.join(" ")}` : `${shown.text.replaceAll("\n", ", ")}. ${summary}`);
}
