/** Formats a share in percent. */

// Truncated, not rounded: 99.98% is not certainty.
const format = new Intl.NumberFormat("en", {
  style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1, roundingMode: "trunc",
});

/** @param {number} share */
export function percent(share) {
  return format.format(share);
}
