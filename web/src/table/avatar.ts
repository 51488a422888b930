/** A token's picture: two letters, and over them its image once that is there. */
import type { Row } from "../client";
import { element, hue, initials, setText } from "./dom";

export interface Avatar {
  node: HTMLElement;
  /** `images`: where the image service is; null while there is none. */
  update(row: Row, images: string | null): void;
}

// The first time the service may still be fetching an image (503 `pending`); then it is missing.
const RETRY_MS = [2_500, 300_000] as const;
const FAILED_MAX = 2_000;
const failed = new Map<string, Failure>(); // by address

interface Failure {
  once: boolean; // so far: it is requested a second time
  untilMs: number; // until then it is not requested
}

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
    image = node.appendChild(picture(address, say, retry));
  };
  const say = (address: string, there: boolean): void => {
    if (address === drawn) node.dataset["image"] = String(there);
  };
  const retry = (address: string): void => {
    if (address === drawn && node.isConnected) show(address);
  };
  return {
    node,
    update(row, images) {
      setText(letters, initials(row.token_ticker ?? row.token_name));
      node.dataset["hue"] = String(hue(row.id));
      const address = imageAddress(row, images);
      if (address === drawn) return;
      drawn = address;
      show(address !== null && isFailed(address) ? null : address);
    },
  };
}

/** An image that takes no room of its own: it lies over the letters, and nothing moves. */
function picture(
  address: string,
  say: (address: string, there: boolean) => void,
  retry: (address: string) => void,
): HTMLImageElement {
  const image = element("img", "", { alt: "", loading: "lazy", decoding: "async", draggable: "false" });
  image.addEventListener("load", () => {
    failed.delete(address);
    say(address, true);
  });
  image.addEventListener("error", () => {
    say(address, false);
    image.remove();
    if (noteFailure(address)) setTimeout(() => retry(address), RETRY_MS[0]);
  });
  image.src = address;
  return image;
}

function isFailed(address: string): boolean {
  return Date.now() < (failed.get(address)?.untilMs ?? 0);
}

/** Note that an image could not be had; return whether it is worth a second request. */
function noteFailure(address: string): boolean {
  const before = failed.get(address);
  if (before !== undefined && Date.now() < before.untilMs) return before.once; // of another avatar
  const once = !before?.once;
  failed.delete(address);
  if (failed.size >= FAILED_MAX) failed.delete(failed.keys().next().value!);
  failed.set(address, { once, untilMs: Date.now() + RETRY_MS[once ? 0 : 1] });
  return once;
}
