/** Chips in the DOM. What a chip says comes from chips.ts; here is how it is drawn. */
import { type Chip } from "./chips";
import { element, svg } from "./dom";

// Drawn on 12 by 12: a closed lock, an open one, a tick, a question mark.
const CLOSED = "M3 5.5h6v5H3zM4.3 5.5V3.8a1.7 1.7 0 0 1 3.4 0v1.7";
const OPEN = "M3 5.5h6v5H3zM4.3 5.5V3.3a1.7 1.7 0 0 1 3.3-.6";
const TICK = "M2.5 6.5 5 9l4.5-5.5";
const CROSS = "M3.2 3.2l5.6 5.6M8.8 3.2 3.2 8.8";
const QUESTION = "M4.2 4.2a1.8 1.8 0 1 1 2.6 1.7c-.5.3-.8.6-.8 1.2M6 9.3v.1";

/** The sign of a chip that has no figure, so that colour is not all that says it. */
function sign({ kind, tone }: Chip): string {
  if (kind === "mint" || kind === "freeze") return tone === "good" ? CLOSED : tone === "bad" ? OPEN : QUESTION;
  if (kind === "verified") return tone === "good" ? TICK : tone === "unknown" ? QUESTION : CROSS;
  return "";
}

export function drawChip(chip: Chip): HTMLElement {
  const node = element("span", "mark", {
    role: "img",
    "aria-label": chip.words,
    title: chip.words,
    "data-kind": chip.kind,
    "data-tone": chip.tone,
  });
  const path = sign(chip);
  if (path !== "") {
    const picture = node.appendChild(svg("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }));
    picture.append(svg("path", { d: path }));
  }
  node.appendChild(element("span", "label")).textContent = chip.label;
  if (chip.value !== "") node.appendChild(element("span", "value")).textContent = chip.value;
  if (chip.progress !== undefined) {
    const bar = node.appendChild(element("i", "progress"));
    bar.appendChild(element("i")).style.width = `${Math.min(100, Math.max(0, chip.progress))}%`;
  }
  return node;
}

/** Draw chips into a node, only when they differ from those that are there. */
export function chipPlace(node: HTMLElement): (chips: readonly Chip[]) => void {
  let drawn = "";
  return (chips) => {
    const key = chips.map(({ kind, tone, value, words }) => `${kind} ${tone} ${value} ${words}`).join("\n");
    if (key === drawn) return;
    drawn = key;
    node.replaceChildren(...chips.map(drawChip));
  };
}
