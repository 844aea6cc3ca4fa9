/** Shows a picture file on the paper. */

const element = (id) => document.getElementById(id);
const photo = element("photo");

/** @param {File} file */
export function showPhoto(file) {
  hidePhoto();
  photo.src = URL.createObjectURL(file);
  photo.alt = `Your picture, ${file.name}`;
  photo.hidden = false;
  element("photo-name").textContent = file.name;
}

export function hidePhoto() {
  URL.revokeObjectURL(photo.src);
  photo.removeAttribute("src");
  photo.hidden = element("photo-name").hidden = true;
}

photo.addEventListener("load", () => photo.classList.toggle("small", photo.naturalWidth < 200));
// TIFF and PPM, which the service reads, no browser shows: the name stands for them.
photo.addEventListener("error", () => {
  photo.hidden = true;
  element("photo-name").hidden = false;
});
