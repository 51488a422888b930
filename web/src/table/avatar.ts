/** A token's picture: two letters, and over them its image once that is there. */
import type { Row } from "../client";
import { element, hue, initials, setText } from "./dom";

export interface Avatar {
  node: HTMLElement;
  /** `images`: where the image service is; null while there is none. */
  update(row: Row, images: string | null): void;
}

const MISSING_MS = 300_000; // how long an image that could not be had is not requested again
const MISSING_MAX = 2_000;
const missing = new Map<string, number>(); // address → when

/**
 * Return the address of a row's image, on the image service: what the sources name is never
 * loaded by the page. None for a row without an image.
 */
export function imageAddress(row: Row, images: string | null): string | null {
  if (images === null || row.image === undefined) return null;
  const { chain, token_address: address } = row;
  if (chain === undefined || address === undefined) return null;
  return `${images.replace(/\/$/, "")}/${encodeURIComponent(chain)}/${encodeURIComponent(address)}`;
}

export function makeAvatar(): Avatar {
  const node = element("span", "avatar", { "aria-hidden": "true" });
  const letters = node.appendChild(element("span", "letters"));
  let image: HTMLImageElement | null = null;
  let drawn: string | null = null;
  const show = (address: string | null): void => {
    image?.remove();
    image = null;
    delete node.dataset["image"];
    if (address === null) return;
    image = node.appendChild(picture(address, (there) => (node.dataset["image"] = there)));
  };
  return {
    node,
    update(row, images) {
      setText(letters, initials(row.token_ticker ?? row.token_name));
      node.dataset["hue"] = String(hue(row.id));
      const address = imageAddress(row, images);
      if (address === drawn) return;
      drawn = address;
      show(address !== null && isMissing(address) ? null : address);
    },
  };
}

/** An image that takes no room of its own: it lies over the letters, and nothing moves. */
function picture(address: string, say: (there: "true" | "false") => void): HTMLImageElement {
  const image = element("img", "", { alt: "", loading: "lazy", decoding: "async", draggable: "false" });
  image.addEventListener("load", () => say("true"));
  image.addEventListener("error", () => {
    say("false");
    image.remove();
    note(address);
  });
  image.src = address;
  return image;
}

function isMissing(address: string): boolean {
  const since = missing.get(address);
  if (since === undefined) return false;
  if (Date.now() - since < MISSING_MS) return true;
  missing.delete(address);
  return false;
}

function note(address: string): void {
  if (missing.size >= MISSING_MAX) missing.delete(missing.keys().next().value!);
  missing.set(address, Date.now());
}
