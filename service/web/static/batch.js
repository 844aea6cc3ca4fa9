/** Several files: a table of what is read in each. */

/** @import { Limits } from "./reduction.js" */
/** @import { Failure, Reading } from "./service.js" */
/** @typedef {{file: File, row: HTMLTableRowElement, picture: Blob | null, outcome: Reading | Failure | null}} Entry */

import { copyFile } from "./files.js";
import { isFailure, readAll, sentence } from "./service.js";

const GROUP = 8; // files in a request, so that answers come in soon
const ROOM = 0.95; // of what a request may hold, for files; the rest is the form's

const element = (id) => document.getElementById(id);
/** @type {Entry[]} */
let entries = [];
/** @type {Entry | null} */
let opened = null;
let abort = new AbortController();

/**
 * @param {File[]} files
 * @param {Limits} limits
 * @param {(entry: Entry) => void} open shows an entry, and again when its answer is here
 */
export async function readBatch(files, limits, open) {
  closeBatch();
  const { signal } = abort;
  entries = files.map((file) => ({ file, row: newRow(file), picture: null, outcome: null }));
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
  for await (const group of groups(entries, { ...limits, bytes: limits.bytes * ROOM })) {
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
  for (const image of element("files").querySelectorAll("img")) URL.revokeObjectURL(image.src);
  element("batch").hidden = true;
  element("progress").textContent = "";
  element("files").tBodies[0].replaceChildren();
  entries = [];
  opened = null;
}

/** @returns {string} a line for each file: its name, a tab and its number */
export function batchText() {
  return entries.map(({ file, outcome }) => `${file.name}\t${numberOf(outcome, " ")}\n`).join("");
}

/** Group files that fit in a request. A file that can't be copied is in a group with its error. */
async function* groups(entries, limits) {
  let [group, bytes] = [[], 0];
  for (const entry of entries) {
    await copyFile(entry.file, limits).then(
      (picture) => (entry.picture = picture),
      (error) => (entry.outcome = { error: sentence(error) }),
    );
    const size = entry.picture?.size ?? 0;
    if (group.length === GROUP || bytes + size > limits.bytes) {
      yield group;
      [group, bytes] = [[], 0];
    }
    group.push(entry);
    bytes += size;
  }
  yield group;
}

async function readGroup(group, signal) {
  const sent = group.filter((entry) => entry.picture);
  if (!sent.length) return;
  const outcomes = await readAll(sent.map((entry) => entry.picture), signal).catch((error) =>
    sent.map(() => ({ error: sentence(error) })),
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

function numberOf(outcome, between) {
  return outcome?.text?.replaceAll("\n", between) ?? "";
}

function showProgress() {
  const done = entries.filter((entry) => entry.outcome).length;
  element("progress").textContent = done < entries.length ? `${done} of ${entries.length} read` : `${done} files read`;
}
