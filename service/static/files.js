/** Picture files that are chosen, taken with the camera, dropped or pasted. */

/**
 * @param {HTMLInputElement[]} inputs
 * @param {(file: File, onDisk: boolean) => void} receive
 */
export function receiveFiles(inputs, receive) {
  for (const input of inputs) receiveChosen(input, receive);
  receiveDropped(receive);
  document.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (file) receive(file, false);
  });
}

function receiveChosen(input, receive) {
  input.addEventListener("change", () => {
    if (input.files[0]) receive(input.files[0], true);
    input.value = ""; // so that the same file can be chosen again
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
    const file = event.dataTransfer.files[0];
    if (!file) return;
    event.preventDefault(); // or the browser would open the file
    receive(file, true);
  });
}
