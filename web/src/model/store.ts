/** The page's state outside the table: one value, listeners that are called when it changed. */

export class Store<T extends object> {
  private readonly listeners = new Set<() => void>();

  constructor(public value: T) {}

  /** Change some fields; listeners are called only when one of them differs. */
  set(news: Partial<T>): void {
    const differs = (Object.keys(news) as (keyof T)[]).some((key) => news[key] !== this.value[key]);
    if (!differs) return;
    this.value = { ...this.value, ...news };
    for (const listener of this.listeners) listener();
  }

  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** A set of strings that this browser keeps; without storage it lasts as long as the page. */
export class KeptSet {
  readonly values: Set<string>;

  constructor(
    private readonly name: string,
    private readonly limit: number,
  ) {
    this.values = new Set(read(name));
  }

  /** Add what is not there, remove what is; return whether it is there now. */
  toggle(value: string): boolean {
    const added = !this.values.delete(value) && this.values.size < this.limit;
    if (added) this.values.add(value);
    keep(this.name, JSON.stringify([...this.values]));
    return added;
  }
}

export function kept(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // storage is switched off
  }
}

export function keep(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // storage is full or switched off: it lasts as long as the page
  }
}

function read(name: string): string[] {
  try {
    const stored: unknown = JSON.parse(kept(name) ?? "[]");
    return Array.isArray(stored) ? stored.filter((each) => typeof each === "string") : [];
  } catch {
    return [];
  }
}
