/** What the server's own history says of a token, each figure with how much of its time is recorded. */
import * as format from "../format/number";
import { moment } from "../format/time";
import { trend } from "../table/cells";
import type { OwnChange, OwnCoverage, OwnFigures } from "./detail";

export function Own({ figures }: { figures: OwnFigures }) {
  const { price_change_7d: week, price_change_30d: month, highest_market_cap: high } = figures;
  return (
    <dl class="stats own-figures">
      {week !== undefined && <Change name="Change 7d" change={week} />}
      {month !== undefined && <Change name="Change 30d" change={month} />}
      {high !== undefined && (
        <div title={`Sampled on ${moment(high.at_ms)}; ${recorded(high.coverage)}`}>
          <dt>Highest cap</dt>
          <dd>{format.amount(high.value)}</dd>
        </div>
      )}
    </dl>
  );
}

/** A source's own figure goes before ours. */
function Change({ name, change: { value, preferred, coverage } }: { name: string; change: OwnChange }) {
  const shown = preferred ?? value;
  const words = preferred === undefined ? `Sampled; ${recorded(coverage)}` : `By a source; our samples say ${format.percent(value)}`;
  return (
    <div title={words}>
      <dt>{name}</dt>
      <dd data-trend={trend(shown)}>{format.percent(shown)}</dd>
    </div>
  );
}

function recorded({ share, from_ms }: OwnCoverage): string {
  return `recorded since ${moment(from_ms)}, with fresh prices for ${Math.round(share * 100)}% of the time`;
}
