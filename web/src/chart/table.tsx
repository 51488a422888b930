/** The newest candles as a table, for those who read rather than look. */
import { useState } from "preact/hooks";
import { amount, price } from "../format/number";
import { moment } from "../format/time";
import { slotLines, type Mark, type Slot } from "../model/candles";

interface Props {
  slots: readonly Slot[];
  marks: readonly Mark[];
  title(source: string): string;
}

const SHOWN = 48;

export function CandleTable({ slots, marks, title }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {open && (
        <div class="windows" tabIndex={0} role="region" aria-label="Candles as a table">
          <table>
            <thead>
              <tr>
                {["Time", "Open", "High", "Low", "Close", "Volume", "Notes"].map((head) => (
                  <th key={head} scope="col">
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {slots
                .slice(-SHOWN)
                .reverse()
                .map((slot) => (
                  <Entry key={slot.t} slot={slot} marks={marks.filter(({ t }) => t === slot.t)} title={title} />
                ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}

function Entry({ slot, marks, title }: { slot: Slot; marks: readonly Mark[]; title: Props["title"] }) {
  const { t, candle } = slot;
  const lines = slotLines(slot, marks, title).map(({ words }) => words);
  return (
    <tr>
      <th scope="row">{moment(t).replace(" UTC", "")}</th>
      {candle === null ? (
        <td colSpan={6}>{lines.join("; ")}</td>
      ) : (
        <>
          <td>{price(candle.o)}</td>
          <td>{price(candle.h)}</td>
          <td>{price(candle.l)}</td>
          <td>{price(candle.c)}</td>
          <td>{amount(candle.volume)}</td>
          <td>{lines.slice(2).filter((line) => !line.startsWith("volume")).join("; ")}</td>
        </>
      )}
    </tr>
  );
}
