/** The page: sends drawings and image files to the service, and shows its answers. */

import { announce, showBusy } from "./answer.js";
import { batchText, closeBatch, readBatch } from "./batch.js";
import { digitAt } from "./boxes.js";
import { copyOnClick } from "./clipboard.js";
import { offerDownload, showCommand } from "./command.js";
import { toBlob } from "./cutting.js";
import { copyFile, receiveFiles } from "./files.js";
import { drawWithKeyboard } from "./keyboard.js";
import { hidePhoto, isPhotoShown, showPhoto } from "./photo.js";
import { drawWithPointer } from "./pointer.js";
import { Reader } from "./reader.js";
import { select, showFailure, shownNumber, showNoReading, showReading } from "./reading.js";
import { isFailure } from "./service.js";
import { Strokes } from "./strokes.js";

const DRAWING_NAME = "drawing.png";

const element = (id) => document.getElementById(id);
const canvas = element("canvas");
const strokes = new Strokes(canvas);
const { maxBytes, maxPixels } = element("file").dataset;
const limits = { bytes: Number(maxBytes), pixels: Number(maxPixels) };
const reader = new Reader(showReading, showFailure);

function readDrawing() {
  hidePhoto();
  closeBatch();
  showCommand([DRAWING_NAME], !strokes.empty);
  showTools();
  if (strokes.empty) {
    reader.cancel();
    showNoReading();
    return;
  }
  showBusy();
  reader.read(async () => {
    const image = await toBlob(canvas);
    offerDownload(image);
    return image;
  });
}

/**
 * @param {File[]} files
 * @param {boolean} onDisk
 */
function readFiles(files, onDisk) {
  strokes.clear();
  showCommand(files.map((file) => file.name), !onDisk && files.length === 1);
  if (files.length > 1) {
    readBatch(files, limits, showEntry);
    return;
  }
  const [file] = files;
  showFile(file);
  offerDownload(file);
  reader.read(() => copyFile(file, limits));
}

function showEntry({ file, image, outcome }) {
  showFile(file);
  if (isFailure(outcome)) showFailure(outcome, image);
  else if (outcome) showReading(outcome, image);
}

function showFile(file) {
  reader.cancel();
  showNoReading();
  showPhoto(file);
  showTools();
  showBusy();
}

function showTools() {
  element("paper").toggleAttribute("data-empty", strokes.empty && !isPhotoShown());
  element("clear").disabled = strokes.empty && !isPhotoShown();
  element("undo").disabled = !strokes.undoable;
}

strokes.addEventListener("change", readDrawing);
drawWithPointer(canvas, strokes, { at: digitAt, select, fixed: isPhotoShown });
drawWithKeyboard(canvas, strokes, element("pen"), announce);
receiveFiles([element("file"), element("camera")], readFiles);
element("undo").addEventListener("click", () => strokes.undo());
element("clear").addEventListener("click", () => strokes.clear());
copyOnClick(element("copy-number"), shownNumber, announce);
copyOnClick(element("copy-batch"), batchText, announce);
copyOnClick(element("copy"), () => element("command").textContent, announce);
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z") strokes.undo();
});
readDrawing();
