/** Copies text to the clipboard. */

const RESULT_MS = 1500; // for the button to show whether the text was copied

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copySelected(text); // a page at a plain http:// address has no clipboard
  }
}

function copySelected(text) {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.className = "visually-hidden";
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  focused?.focus();
  if (!copied) throw new Error("The browser did not copy the text");
}

/**
 * Copy a text when a button is clicked, and announce whether that succeeded.
 * @param {HTMLButtonElement} button
 * @param {() => string} text
 * @param {(text: string) => void} announce
 */
export function copyOnClick(button, text, announce) {
  const name = button.textContent;
  button.addEventListener("click", async () => {
    const result = await copy(text()).then(() => "Copied", () => "Not copied");
    announce(result);
    button.textContent = result;
    setTimeout(() => (button.textContent = name), RESULT_MS);
  });
}
