/** Why the row says what it says, in the server's words. */
import * as format from "../format/number";
import type { Explanation, Passed } from "./detail";

const FIRST: [string, string][] = [
  ["price", "Price"],
  ["market_cap", "Market cap"],
  ["liquidity", "Liquidity"],
  ["volume_24h", "Volume 24h"],
  ["transactions_24h", "Txns 24h"],
  ["mint_revoked", "Mint revoked"],
  ["freeze_revoked", "Freeze revoked"],
  ["top_holders_pct", "Top holders"],
  ["dev_pct", "Dev"],
  ["organic_score", "Organic score"],
  ["verified", "Verified"],
  ["stage", "Stage"],
  ["graduation_pct", "Graduation"],
];

export function Why({ explanation }: { explanation: Record<string, Explanation> }) {
  const first = FIRST.filter(([field]) => explanation[field] !== undefined);
  const rest = Object.keys(explanation)
    .filter((field) => !FIRST.some(([known]) => known === field))
    .map((field): [string, string] => [field, titled(field)]);
  if (first.length + rest.length === 0) return null;
  return (
    <section>
      <h3>Why these figures</h3>
      <Fields fields={first} explanation={explanation} />
      {rest.length > 0 && (
        <details>
          <summary>
            {rest.length} more {rest.length === 1 ? "field" : "fields"}
          </summary>
          <Fields fields={rest} explanation={explanation} />
        </details>
      )}
    </section>
  );
}

function Fields({ fields, explanation }: { fields: [string, string][]; explanation: Record<string, Explanation> }) {
  return (
    <dl class="why">
      {fields.map(([field, name]) => {
        const each = explanation[field]!;
        return (
          <div key={field} data-field={field}>
            <dt>{name}</dt>
            <dd>
              {each.source != null && <b>{each.source}</b>} {each.rule}
              {each.age_ms != null && <span class="muted"> · {format.age(each.age_ms)} ago</span>}
              {others(each).map((passed, index) => (
                <span class="passed muted" key={index}>
                  not {passed.source}
                  {written(field, passed.value)}
                  {passed.why !== undefined && `: ${passed.why}`}
                </span>
              ))}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

/** A field's name as people read it: `graduated_ms` is `Graduated`. */
function titled(field: string): string {
  const words = field.replace(/_(ms|pct)$/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const MONEY = /^(market_cap|fdv|liquidity|.*volume_\w+)$/;

function written(field: string, value: unknown): string {
  if (typeof value === "boolean") return ` (${value ? "yes" : "no"})`;
  if (typeof value !== "number") return "";
  if (field === "price") return ` (${format.price(value)})`;
  if (field.endsWith("_ms")) return ` (${new Date(value).toISOString()})`;
  if (field.endsWith("_pct") || field.startsWith("price_change")) return ` (${Number(value.toFixed(2))}%)`;
  return ` (${MONEY.test(field) ? format.amount(value) : format.count(value)})`;
}

/** What other sources gave and was passed over, one line each; smaller pools are listed below. */
function others(each: Explanation): Passed[] {
  const seen = new Set([each.source]);
  return (each.passed_over ?? []).filter(({ source }) => !seen.has(source) && seen.add(source));
}
