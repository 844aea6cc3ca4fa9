/** The digits of a number, in lines; one of them is selected. */

/** @import { Digit, Reading } from "./service.js" */

import { percent } from "./percent.js";

const number = document.getElementById("number");

/**
 * @param {Reading} reading
 * @param {(index: number) => void} select
 */
export function showNumber({ lines }, select) {
  number.style.setProperty("--columns", Math.max(...lines.map((line) => line.digits.length)));
  number.style.setProperty("--lines", lines.length);
  number.replaceChildren(
    ...lines.map((line, i) => {
      const row = document.createElement("div");
      row.append(...line.digits.map((digit) => newButton(digit, lines.length > 1 ? `, line ${i + 1}` : "")));
      return row;
    }),
  );
  for (const [i, button] of digitButtons().entries()) button.addEventListener("click", () => select(i));
}

/** @param {number} index */
export function markDigit(index) {
  for (const [i, button] of digitButtons().entries()) {
    button.setAttribute("aria-checked", String(i === index));
    button.tabIndex = i === index ? 0 : -1;
  }
}

/** @param {Digit} digit @param {string} line */
function newButton({ digit, confidence, uncertain }, line) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("role", "radio");
  button.className = uncertain ? "uncertain" : "";
  button.textContent = String(digit);
  button.setAttribute("aria-label", `${digit}${line}, ${percent(confidence)}${uncertain ? ", not sure" : ""}`);
  return button;
}

/** @returns {HTMLButtonElement[]} */
function digitButtons() {
  return [...number.querySelectorAll("button")];
}

/** @returns {HTMLElement | undefined} the button that a key moves to */
function neighbor(key, from) {
  const buttons = digitButtons();
  const index = buttons.indexOf(from);
  if (key === "ArrowLeft") return buttons[index - 1];
  if (key === "ArrowRight") return buttons[index + 1];
  if (key === "Home") return buttons[0];
  if (key === "End") return buttons.at(-1);
  const row = { ArrowUp: from.parentElement.previousElementSibling, ArrowDown: from.parentElement.nextElementSibling }[key];
  return row?.children[Math.min([...from.parentElement.children].indexOf(from), row.children.length - 1)];
}

number.addEventListener("keydown", (event) => {
  if (!/^(Arrow.*|Home|End)$/.test(event.key)) return;
  event.preventDefault();
  const next = neighbor(event.key, event.target);
  next?.focus();
  next?.click();
});
