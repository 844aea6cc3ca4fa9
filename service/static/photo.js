/** Shows a picture file on the paper. */

const element = (id) => document.getElementById(id);
const photo = element("photo");
/** @type {Promise<{width: number, height: number} | null>} */
let size = Promise.resolve(null);

/** @param {File} file */
export function showPhoto(file) {
  hidePhoto();
  photo.src = URL.createObjectURL(file);
  photo.alt = `Your picture, ${file.name}`;
  photo.hidden = false;
  element("photo-name").textContent = file.name;
  size = new Promise((resolve) => {
    photo.onload = () => resolve(fit());
    photo.onerror = () => resolve(showName());
  });
}

export function hidePhoto() {
  photo.onload = photo.onerror = null;
  URL.revokeObjectURL(photo.src);
  photo.removeAttribute("src");
  photo.hidden = element("photo-name").hidden = true;
  element("paper").style.removeProperty("--ratio");
}

export function isPhotoShown() {
  return !photo.hidden || !element("photo-name").hidden;
}

/** @returns the upright picture's size, null where the browser shows none */
export function photoSize() {
  return size;
}

/** Give a wide picture a wide paper. */
function fit() {
  const { naturalWidth: width, naturalHeight: height } = photo;
  photo.classList.toggle("small", width < 200);
  element("paper").style.setProperty("--ratio", Math.min(Math.max(width / height, 1), 2.5));
  return { width, height };
}

// TIFF and PPM, which the service reads, no browser shows: the name stands for them.
function showName() {
  photo.hidden = true;
  element("photo-name").hidden = false;
  return null;
}
