/** Which columns are shown, and in which order, as this browser keeps it. Pure. */

export interface Choice {
  order: readonly string[]; // every column
  shown: readonly string[];
}

/** A column that can be chosen; `usual`: shown until something else is chosen. */
export interface Choosable {
  key: string;
  usual: boolean;
}

export function usualChoice(known: readonly Choosable[]): Choice {
  return {
    order: known.map(({ key }) => key),
    shown: known.filter(({ usual }) => usual).map(({ key }) => key),
  };
}

/** Read what was kept. Columns that are gone are left out, new ones come where they usually are. */
export function readChoice(text: string | null, known: readonly Choosable[]): Choice {
  const kept = parsed(text);
  if (kept === null) return usualChoice(known);
  const keys = known.map(({ key }) => key);
  const order = [...new Set(kept.order)].filter((key) => keys.includes(key));
  const shown = new Set(kept.shown);
  known.forEach(({ key, usual }, at) => {
    if (order.includes(key)) return;
    order.splice(at === 0 ? 0 : order.indexOf(keys[at - 1]!) + 1, 0, key);
    if (usual) shown.add(key);
  });
  return { order, shown: order.filter((key) => shown.has(key)) };
}

export function toggled({ order, shown }: Choice, key: string): Choice {
  const now = shown.includes(key) ? shown.filter((each) => each !== key) : [...shown, key];
  return { order, shown: now };
}

/** Put a column before or after its neighbour, so many places on. */
export function movedBy(choice: Choice, key: string, by: number): Choice {
  const from = choice.order.indexOf(key);
  const to = Math.min(choice.order.length - 1, Math.max(0, from + by));
  const order = choice.order.filter((each) => each !== key);
  order.splice(to, 0, key);
  return { ...choice, order };
}

/** Put a column where another one is. */
export function movedTo(choice: Choice, key: string, target: string): Choice {
  return movedBy(choice, key, choice.order.indexOf(target) - choice.order.indexOf(key));
}

/** Move a column past the next one that is shown: what is not shown is not passed one by one. */
export function movedPast(choice: Choice, key: string, by: -1 | 1): Choice {
  const shown = choice.order.filter((each) => choice.shown.includes(each));
  const target = shown[shown.indexOf(key) + by];
  return target === undefined ? choice : movedTo(choice, key, target);
}

function parsed(text: string | null): Choice | null {
  try {
    const { order, shown } = JSON.parse(text ?? "null") as Record<string, unknown>;
    return isList(order) && isList(shown) ? { order, shown } : null;
  } catch {
    return null; // nothing kept, or not by us
  }
}

function isList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}
