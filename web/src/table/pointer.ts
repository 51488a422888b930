/** What clicks and a resting pointer do to rows of the list and cards of the board. */

export interface RowActions {
  onOpen(id: string): void;
  onStar(id: string): void;
  onCopy(id: string): void;
  onHover(resting: boolean): void;
}

export function listenToRows(body: HTMLElement, actions: RowActions): void {
  body.addEventListener("click", (event) => {
    const target = event.target as HTMLElement;
    const id = target.closest<HTMLElement>("[data-id]")?.dataset["id"];
    if (id === undefined || target.closest("a") !== null) return;
    const action = target.closest<HTMLElement>("[data-action]")?.dataset["action"];
    if (action === "star") actions.onStar(id);
    else if (action === "copy") actions.onCopy(id);
    else actions.onOpen(id);
  });
  // A mouse that rests is about to click; a finger is not over anything.
  body.addEventListener("pointerenter", (event) => {
    if (event.pointerType === "mouse") actions.onHover(true);
  });
  body.addEventListener("pointerleave", (event) => {
    // The button that says what moved lies over the rows: it must not leave under the pointer.
    const over = event.relatedTarget;
    if (over instanceof Element && over.closest(".moved") !== null) return;
    actions.onHover(false);
  });
}
