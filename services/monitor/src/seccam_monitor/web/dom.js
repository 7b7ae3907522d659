/* Two things that every part of the page does with its nodes. */

/** The nodes below this one by their data-part. */
export function parts(node) {
  return Object.fromEntries([...node.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
}

/** Set a text that may be the same as before: then nothing is touched. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
