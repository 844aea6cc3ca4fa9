/** The page: pictures come in by drawing or as files, go to the service, and its answer is shown. */

import { announce, showAnswer, showBusy, showError, showNothing } from "./answer.js";
import { copyCommand, offerDownload, showCommand } from "./command.js";
import { receiveFiles } from "./files.js";
import { drawWithKeyboard } from "./keyboard.js";
import { hidePhoto, showPhoto } from "./photo.js";
import { drawWithPointer } from "./pointer.js";
import { Reader } from "./reader.js";
import { Strokes } from "./strokes.js";

const DRAWING = "drawing.png";

const element = (id) => document.getElementById(id);
const canvas = element("canvas");
const strokes = new Strokes(canvas);
const reader = new Reader(showAnswer, showError);

function readDrawing() {
  hidePhoto();
  showCommand(DRAWING, !strokes.empty);
  showTools();
  if (strokes.empty) {
    reader.cancel();
    showNothing();
    return;
  }
  showBusy();
  reader.read(async () => {
    const picture = await strokes.toBlob();
    offerDownload(picture);
    return picture;
  });
}

/**
 * @param {File} file
 * @param {boolean} onDisk
 */
function readFile(file, onDisk) {
  strokes.clear();
  reader.cancel();
  const limit = Number(element("file").dataset.maxBytes);
  showPhoto(file);
  showCommand(file.name, !onDisk);
  offerDownload(file);
  showTools();
  if (file.size > limit) {
    showError(`The file is too large: at most ${Math.floor(limit / 1e5) / 10} MB are read.`);
    return;
  }
  showBusy();
  reader.read(async () => file);
}

function showTools() {
  const photo = !element("photo").hidden || !element("photo-name").hidden;
  element("paper").toggleAttribute("data-empty", strokes.empty && !photo);
  element("clear").disabled = strokes.empty && !photo;
  element("undo").disabled = !strokes.undoable;
}

async function copy() {
  await copyCommand();
  announce("Copied");
  element("copy").textContent = "Copied";
  setTimeout(() => (element("copy").textContent = "Copy"), 1500);
}

strokes.addEventListener("change", readDrawing);
drawWithPointer(canvas, strokes);
drawWithKeyboard(canvas, strokes, element("pen"), announce);
receiveFiles([element("file"), element("camera")], readFile);
element("undo").addEventListener("click", () => strokes.undo());
element("clear").addEventListener("click", () => strokes.clear());
element("copy").addEventListener("click", copy);
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z") strokes.undo();
});
readDrawing();
