/** Small helpers over the DOM. Text of the market is hostile: it is only ever set as text. */

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  attributes: Record<string, string> = {},
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Set a text node's text only when it differs: writing is what costs. */
export function setText(node: Node, text: string): boolean {
  if (node.textContent === text) return false;
  node.textContent = text;
  return true;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag: string, attributes: Record<string, string>): SVGElement {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Two letters that stand for a token without a logo. */
export function initials(text: string | undefined): string {
  const letters = [...(text ?? "").replace(/[^\p{L}\p{N}]/gu, "")];
  return letters.slice(0, 2).join("").toUpperCase() || "?";
}

/** A hue for a token, the same each time. */
export function hue(id: string): number {
  let hash = 0;
  for (let at = 0; at < id.length; at++) hash = (hash * 31 + id.charCodeAt(at)) | 0;
  return Math.abs(hash) % 12;
}
