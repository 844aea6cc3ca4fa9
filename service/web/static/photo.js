/** Shows an image file on the paper. */

const MAX_PIXELATED_PX = 200; // wide: a smaller image is shown with sharp pixels
const MAX_PAPER_RATIO = 2.5; // of width to height

const element = (id) => document.getElementById(id);
const photo = element("photo");

/** @param {File} file */
export function showPhoto(file) {
  hidePhoto();
  photo.src = URL.createObjectURL(file);
  photo.alt = `Your picture, ${file.name}`;
  photo.hidden = false;
  element("photo-name").textContent = file.name;
  photo.onload = fitPaper;
  photo.onerror = showName;
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

/** Make the paper as wide as the image, within bounds. */
function fitPaper() {
  const { naturalWidth: width, naturalHeight: height } = photo;
  photo.classList.toggle("small", width < MAX_PIXELATED_PX);
  element("paper").style.setProperty("--ratio", Math.min(Math.max(width / height, 1), MAX_PAPER_RATIO));
}

// Few browsers show HEIC, TIFF and PPM, which the service reads: show the file's name instead.
function showName() {
  photo.hidden = true;
  element("photo-name").hidden = false;
}
