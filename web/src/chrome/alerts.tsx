import type { App } from "../app";
import { age, percent, price } from "../format/number";
import { chainName } from "./filters";
import type { ChromeState, SeenAlert } from "./state";

export function Alerts({ app, state }: { app: App; state: ChromeState }) {
  return (
    <aside class="side" aria-label="Alerts">
      <header>
        <h2>Alerts</h2>
        <label class="check">
          <input type="checkbox" checked={state.sound} onChange={(event) => app.looks.setSound(event.currentTarget.checked)} />
          Sound
        </label>
        <button type="button" class="close" aria-label="Close the alerts" onClick={() => app.open("")}>
          ×
        </button>
      </header>
      <div class="scroll" tabIndex={0} role="log" aria-label="Newest alerts first">
        {state.alerts.length === 0 ? (
          <p class="muted empty">Nothing yet. Strong moves of price and volume, and graduations, appear here as they happen.</p>
        ) : (
          <AlertList app={app} alerts={state.alerts} named />
        )}
      </div>
    </aside>
  );
}

interface ListProps {
  app: App;
  alerts: SeenAlert[];
  named?: boolean;
}

export function AlertList({ app, alerts, named = false }: ListProps) {
  const nowMs = Date.now();
  return (
    <ul class="alerts">
      {alerts.map((alert) => (
        <li key={alert.i}>
          <button type="button" data-level={alert.lvl ?? 1} onClick={() => app.ask({ token: alert.id })}>
            <span class="what">
              {named && <Who alert={alert} />} {alert.type} {alert.w ?? ""}
            </span>
            {alert.chg !== undefined && (
              <span class="figure" data-trend={alert.dir === "down" ? "down" : "up"}>
                {percent(alert.chg)}
              </span>
            )}
            <span class="muted">
              {alert.type === "price" && `${price(alert.from)} → ${price(alert.to)}`}
            </span>
            <span class="muted when">{age(nowMs - alert.seenMs)} ago</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

/** The token's ticker and name; its chain while neither is known. */
function Who({ alert }: { alert: SeenAlert }) {
  if (alert.ticker === "" && alert.name === "") {
    return <b title={alert.id}>A token on {chainName(alert.id.slice(0, alert.id.indexOf(":")))}</b>;
  }
  return (
    <>
      <b class="ticker" title={alert.id}>
        {alert.ticker || alert.name}
      </b>{" "}
      {alert.ticker !== "" && alert.name !== alert.ticker && <span class="muted name">{alert.name}</span>}
    </>
  );
}
