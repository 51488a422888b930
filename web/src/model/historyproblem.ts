/** Why the history cannot be had, in plain words. */

export interface HistoryProblem {
  code: string;
  words: string;
  again: boolean; // whether another request may help
}

/** Read the refusal of an answer; null: there was no answer. */
export async function problemOf(answer: Response | null): Promise<HistoryProblem> {
  if (answer === null) return { code: "", words: "The server does not answer; trying again.", again: true };
  const body = (await answer.json().catch(() => ({}))) as { code?: string; detail?: string };
  const { code = "", detail = "" } = body;
  return { code, words: explained(code, detail, answer.status), again: isPassing(answer.status) && code !== "history_off" };
}

/** Whether a refusal is of this moment: the server has trouble, or too many requests. */
function isPassing(status: number): boolean {
  return status >= 500 || status === 429;
}

function explained(code: string, detail: string, status: number): string {
  if (code === "history_off") return "This server keeps no history (HISTORY=off).";
  if (code === "history_down") return `The history is not available now${detail === "" ? "" : `: ${detail}`}. Trying again.`;
  if (status === 429) return "Too many requests; trying again.";
  if (code === "not_found" || status === 404) return detail === "" ? "Nothing is recorded of this token." : sentence(detail);
  return detail === "" ? `The server answered ${status}.` : sentence(detail);
}

/** A problem's detail as a sentence. */
export function sentence(detail: string): string {
  return `${detail.charAt(0).toUpperCase()}${detail.slice(1).replace(/\.$/, "")}.`;
}
