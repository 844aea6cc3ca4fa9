/** Picture files that are chosen, taken with the camera, dropped or pasted. */

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
 * @returns {Promise<Blob>} a copy that may be sent, which stays as it is whatever becomes of the file
 */
export async function copyFile(file, limits) {
  const picture = await reduce(file, limits);
  if (picture.size > limits.bytes) {
    throw new Problem(`The file is too large: at most ${Math.floor(limits.bytes / 1e5) / 10} MB are read.`);
  }
  const bytes = await picture.arrayBuffer().catch(() => {
    throw new Problem("The file can't be read: it has changed or is away. Choose it again.");
  });
  if (!bytes.byteLength) throw new Problem("The file is empty.");
  return new Blob([bytes], { type: picture.type });
}

function receiveChosen(input, receive) {
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that the same file can be chosen again
    if (files.length) receive(files, true);
  });
}

function receiveDropped(receive) {
  const mark = (dropping) => document.body.classList.toggle("dropping", dropping);
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) mark(false);
  });
  document.addEventListener("drop", (event) => {
    mark(false);
    const files = [...event.dataTransfer.files];
    if (!files.length) return;
    event.preventDefault(); // or the browser would open the file
    receive(files, true);
  });
}
