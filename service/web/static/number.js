/** The digits of a number, in lines, of which one is selected. */

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
      row.append(...line.digits.map((digit) => choice(digit, lines.length > 1 ? `, line ${i + 1}` : "")));
      return row;
    }),
  );
  for (const [i, each] of choices().entries()) each.addEventListener("click", () => select(i));
}

/** @param {number} index */
export function markDigit(index) {
  for (const [i, each] of choices().entries()) {
    each.setAttribute("aria-checked", String(i === index));
    each.tabIndex = i === index ? 0 : -1;
  }
}

/** @param {Digit} digit @param {string} line */
function choice({ digit, confidence, uncertain }, line) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("role", "radio");
  button.className = uncertain ? "uncertain" : "";
  button.textContent = String(digit);
  button.setAttribute("aria-label", `${digit}${line}, ${percent(confidence)}${uncertain ? ", not sure" : ""}`);
  return button;
}

/** @returns {HTMLButtonElement[]} */
function choices() {
  return [...number.querySelectorAll("button")];
}

/** @returns {HTMLElement | undefined} where a key leads to */
function reached(key, from) {
  const all = choices();
  const at = all.indexOf(from);
  if (key === "ArrowLeft") return all[at - 1];
  if (key === "ArrowRight") return all[at + 1];
  if (key === "Home") return all[0];
  if (key === "End") return all.at(-1);
  const row = { ArrowUp: from.parentElement.previousElementSibling, ArrowDown: from.parentElement.nextElementSibling }[key];
  return row?.children[Math.min([...from.parentElement.children].indexOf(from), row.children.length - 1)];
}

number.addEventListener("keydown", (event) => {
  if (!/^(Arrow.*|Home|End)$/.test(event.key)) return;
  event.preventDefault();
  const next = reached(event.key, event.target);
  next?.focus();
  next?.click();
});
