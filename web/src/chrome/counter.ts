/** How many tokens a query has, requested while it is still being made. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { App } from "../app";
import { Poller, type Problem } from "../model/poller";
import { wanted, type Query } from "../model/query";

const TYPING_MS = 180; // it is sent when the keys rest

export interface Count {
  total: number | null; // of the newest answer
  counting: boolean;
  problem: Problem | null;
}

export function useCount(app: App, query: Query): Count {
  const [count, setCount] = useState<Count>({ total: null, counting: true, problem: null });
  const poller = useRef<Poller | null>(null);
  useEffect(() => {
    const made = (poller.current = new Poller({
      onAnswer: ({ total }) => setCount({ total, counting: false, problem: null }),
      onProblem: (problem) => setCount({ total: null, counting: false, problem }),
    }));
    return () => made.stop();
  }, []);
  const { path } = wanted(query);
  // The watchlist is this browser's: the server knows nothing of it.
  const here = query.starred ? (app.market?.starredTotal(query) ?? null) : null;
  useEffect(() => {
    if (query.starred) {
      setCount({ total: here, counting: false, problem: null });
      return;
    }
    setCount((before) => ({ ...before, counting: true }));
    poller.current?.start({ path, rows: 1, everyMs: null }, TYPING_MS);
  }, [path, here, query.starred]);
  return count;
}
