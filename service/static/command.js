/** The curl command of the same call, and the file it sends where the disk has none yet. */

const element = (id) => document.getElementById(id);

/**
 * @param {string} name of the picture's file
 * @param {boolean} downloadable whether the file is one that the disk doesn't have
 */
export function showCommand(name, downloadable) {
  element("command").textContent = `curl -F ${quote(`image=@${formName(name)}`)} ${new URL("predict", document.baseURI)}`;
  element("download").hidden = !downloadable;
  element("download").download = name;
  element("download").textContent = `Download ${name}`;
}

/** Give the download link its file. @param {Blob} picture */
export function offerDownload(picture) {
  URL.revokeObjectURL(element("download").href);
  element("download").href = URL.createObjectURL(picture);
}

export async function copyCommand() {
  const code = element("command");
  getSelection().selectAllChildren(code);
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    document.execCommand("copy"); // a page from a plain http:// address has no clipboard
  }
}

/** Quote a file's name where curl's -F would read its , or ; as the start of something else. */
function formName(name) {
  return /[,;"\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name;
}

/** Quote a word for the shell. */
function quote(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
