/** The curl command of the same call, and the file it sends where the disk has none yet. */

import { ROOT } from "./service.js";

const element = (id) => document.getElementById(id);

/**
 * @param {string[]} names of the pictures' files
 * @param {boolean} downloadable whether the file is one that the disk doesn't have
 */
export function showCommand(names, downloadable) {
  const address = new URL(names.length > 1 ? "read/batch" : "read", ROOT);
  const files = names.map((name) => `-F ${quote(`image=@${formName(name)}`)}`);
  element("command").textContent = ["curl", ...files, address].join(" ");
  element("download").hidden = !downloadable;
  element("download").download = names[0];
  element("download").textContent = `Download ${names[0]}`;
}

/** Give the download link its file. @param {Blob} picture */
export function offerDownload(picture) {
  URL.revokeObjectURL(element("download").href);
  element("download").href = URL.createObjectURL(picture);
}

/** Quote a file's name where curl's -F would read its , or ; as the start of something else. */
function formName(name) {
  return /[,;"\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name;
}

/** Quote a word for the shell. */
function quote(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
