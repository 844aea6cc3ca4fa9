/** Image files that are chosen, photographed, dropped or pasted. */

/** @import { Limits } from "./reduction.js" */

import { reduce } from "./reduction.js";
import { Problem } from "./service.js";

/**
 * @param {HTMLInputElement[]} inputs
 * @param {(files: File[], onDisk: boolean) => void} receive
 */
export function receiveFiles(inputs, receive) {
  for (const input of inputs) receiveChosen(input, receive);
  receiveDropped(receive);
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) receive(files, false);
  });
}

/**
 * @param {File} file
 * @param {Limits} limits
 * @returns {Promise<Blob>} a copy within the limits, which later changes of the file don't affect
 */
export async function copyFile(file, limits) {
  const copy = await reduce(file, limits);
  if (copy.size > limits.bytes) {
    throw new Problem(`The file is too large: at most ${Math.floor(limits.bytes / 1e5) / 10} MB are read.`);
  }
  const bytes = await copy.arrayBuffer().catch(() => {
    throw new Problem("The file can't be read: it was changed or deleted. Choose it again.");
  });
  if (!bytes.byteLength) throw new Problem("The file is empty.");
  return new Blob([bytes], { type: copy.type });
}

function receiveChosen(input, receive) {
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that the same file can be chosen again
    if (files.length) receive(files, true);
  });
}

function receiveDropped(receive) {
  const toggleMark = (dropping) => document.body.classList.toggle("dropping", dropping);
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    toggleMark(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) toggleMark(false);
  });
  document.addEventListener("drop", (event) => {
    toggleMark(false);
    const files = [...event.dataTransfer.files];
    if (!files.length) return;
    event.preventDefault(); // or the browser would open the file
    receive(files, true);
  });
}
