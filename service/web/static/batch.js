/** Several files: a table with the reading of each file. */

/** @import { Limits } from "./reduction.js" */
/** @import { Failure, Reading } from "./service.js" */
/** @typedef {{file: File, row: HTMLTableRowElement, image: Blob | null, outcome: Reading | Failure | null}} Entry */

import { copyFile } from "./files.js";
import { isFailure, readAll, toFailure } from "./service.js";

const GROUP_FILES = 8; // files in a request: few, so that the first answers come soon
const FILES_RATIO = 0.95; // of the bytes of a request; the form takes the rest

const element = (id) => document.getElementById(id);
/** @type {Entry[]} */
let entries = [];
/** @type {Entry | null} */
let opened = null;
let abort = new AbortController();

/**
 * @param {File[]} files
 * @param {Limits} limits
 * @param {(entry: Entry) => void} open shows an entry; called again when its answer arrives
 */
export async function readBatch(files, limits, open) {
  closeBatch();
  const { signal } = abort;
  entries = files.map((file) => ({ file, row: newRow(file), image: null, outcome: null }));
  const choose = (entry) => {
    opened?.row.removeAttribute("aria-current");
    opened = entry;
    entry.row.setAttribute("aria-current", "true");
    open(entry);
  };
  for (const entry of entries) entry.row.addEventListener("click", () => choose(entry));
  element("files").tBodies[0].replaceChildren(...entries.map((entry) => entry.row));
  element("batch").hidden = false;
  choose(entries[0]);
  for await (const group of groups(entries, { ...limits, bytes: limits.bytes * FILES_RATIO })) {
    await readGroup(group, signal);
    if (signal.aborted) return;
    for (const entry of group) showOutcome(entry);
    if (group.includes(opened)) open(opened);
    showProgress();
  }
}

export function closeBatch() {
  abort.abort();
  abort = new AbortController();
  for (const thumbnail of element("files").querySelectorAll("img")) URL.revokeObjectURL(thumbnail.src);
  element("batch").hidden = true;
  element("progress").textContent = "";
  element("files").tBodies[0].replaceChildren();
  entries = [];
  opened = null;
}

/** @returns {string} a line for each file: the name, a tab and the number */
export function batchText() {
  return entries.map(({ file, outcome }) => `${file.name}\t${numberOf(outcome, " ")}\n`).join("");
}

/** Yield groups of files that fit into a request. A file that can't be copied is in its group, with its error. */
async function* groups(entries, limits) {
  let [group, bytes] = [[], 0];
  for (const entry of entries) {
    await copyFile(entry.file, limits).then(
      (image) => (entry.image = image),
      (error) => (entry.outcome = toFailure(error)),
    );
    const size = entry.image?.size ?? 0;
    if (group.length === GROUP_FILES || bytes + size > limits.bytes) {
      yield group;
      [group, bytes] = [[], 0];
    }
    group.push(entry);
    bytes += size;
  }
  yield group;
}

async function readGroup(group, signal) {
  const sent = group.filter((entry) => entry.image);
  if (!sent.length) return;
  const outcomes = await readAll(sent.map((entry) => entry.image), signal).catch((error) =>
    sent.map(() => toFailure(error)),
  );
  for (const [i, entry] of sent.entries()) entry.outcome = outcomes[i];
}

function newRow(file) {
  const row = element("file-row").content.firstElementChild.cloneNode(true);
  row.querySelector("button").textContent = file.name;
  row.querySelector("img").src = URL.createObjectURL(file);
  row.querySelector("img").onerror = ({ target }) => (target.hidden = true); // few browsers show HEIC and TIFF
  return row;
}

function showOutcome({ row, outcome }) {
  const cell = row.querySelector(".read");
  cell.textContent = isFailure(outcome) ? outcome.error : numberOf(outcome, " / ");
  cell.classList.toggle("failed", isFailure(outcome));
  const doubtful = outcome.lines?.some((line) => line.digits.some((digit) => digit.uncertain));
  row.querySelector(".sure").textContent = doubtful ? "? not sure" : "";
}

function numberOf(outcome, separator) {
  return outcome?.text?.replaceAll("\n", separator) ?? "";
}

function showProgress() {
  const done = entries.filter((entry) => entry.outcome).length;
  element("progress").textContent = done < entries.length ? `${done} of ${entries.length} read` : `${done} files read`;
}
