/* Helpers for DOM nodes. */

/** The nodes below this one, by their data-part. */
export function parts(node) {
  return Object.fromEntries([...node.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
}

/** Set a node's text, unless it is the same already. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
