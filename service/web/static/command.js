/** The curl command that sends the same image, and a link to download the image if it is not on the disk. */

import { ROOT } from "./service.js";

const element = (id) => document.getElementById(id);

/**
 * @param {string[]} names of the image files
 * @param {boolean} downloadable whether the file is not on the disk
 */
export function showCommand(names, downloadable) {
  const address = new URL(names.length > 1 ? "read/batch" : "read", ROOT);
  const files = names.map((name) => `-F ${quote(`image=@${formName(name)}`)}`);
  element("command").textContent = ["curl", ...files, address].join(" ");
  element("download").hidden = !downloadable;
  element("download").download = names[0];
  element("download").textContent = `Download ${names[0]}`;
}

/** Link the image file for download. @param {Blob} image */
export function offerDownload(image) {
  URL.revokeObjectURL(element("download").href);
  element("download").href = URL.createObjectURL(image);
}

/** Quote a file name in which curl's -F would take , or ; for a separator. */
function formName(name) {
  return /[,;"\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name;
}

/** Quote a word for the shell. */
function quote(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
