/** Why the row says what it says, in the server's words. */
import * as format from "../format/number";
import type { Explanation, Passed } from "./detail";

const EXPLAINED: [string, string][] = [
  ["price", "Price"],
  ["market_cap", "Market cap"],
  ["liquidity", "Liquidity"],
  ["volume_24h", "Volume 24h"],
  ["transactions_24h", "Txns 24h"],
];

export function Why({ explanation }: { explanation: Record<string, Explanation> }) {
  const known = EXPLAINED.filter(([field]) => explanation[field] !== undefined);
  if (known.length === 0) return null;
  return (
    <section>
      <h3>Why these figures</h3>
      <dl class="why">
        {known.map(([field, name]) => {
          const each = explanation[field]!;
          return (
            <div key={field}>
              <dt>{name}</dt>
              <dd>
                {each.source != null && <b>{each.source}</b>} {each.rule}
                {each.age_ms != null && <span class="muted"> · {format.age(each.age_ms)} ago</span>}
                {others(each).map((passed, index) => (
                  <span class="passed muted" key={index}>
                    not {passed.source}
                    {typeof passed.value === "number" && ` (${field === "price" ? format.price(passed.value) : format.amount(passed.value)})`}
                    {passed.why !== undefined && `: ${passed.why}`}
                  </span>
                ))}
              </dd>
            </div>
          );
        })}
      </dl>
    </section>
  );
}

/** What other sources gave and was passed over, one line each; smaller pools are listed below. */
function others(each: Explanation): Passed[] {
  const seen = new Set([each.source]);
  return (each.passed_over ?? []).filter(({ source }) => !seen.has(source) && seen.add(source));
}
