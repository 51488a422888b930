import { useEffect, useReducer } from "preact/hooks";
import type { App } from "../app";
import type { ChromeState } from "./state";

/** Render again whenever the app's state changes. */
export function useApp(app: App): ChromeState {
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => app.store.listen(() => again(undefined)), [app]);
  return app.store.value;
}
