/** What keys do that are not typed into something. */
import type { App } from "../app";

/** Act on a key that is not typed into something; return whether it was one of ours. */
export function press(app: App, event: KeyboardEvent): boolean {
  if (/^[1-9]$/.test(event.key)) {
    app.presets.showNumber(Number(event.key));
    return true;
  }
  switch (event.key) {
    case "j":
    case "ArrowDown":
      app.step(1);
      return true;
    case "k":
    case "ArrowUp":
      app.step(-1);
      return true;
    case "ArrowRight":
    case "ArrowLeft":
      if (app.state.query.view !== "board") return false;
      app.stepColumn(event.key === "ArrowRight" ? 1 : -1);
      return true;
    case "b":
      app.ask({ view: app.state.query.view === "board" ? "list" : "board" });
      return true;
    case "Enter":
      if (app.selected === "") return false;
      app.ask({ token: app.selected });
      return true;
    case "p":
      app.hold.toggle();
      return true;
    case "c":
      void app.copyAddress(app.selected || app.state.query.token);
      return true;
    case "s":
      if (app.selected !== "") app.star(app.selected);
      return true;
    case "f":
      app.openSheet(app.state.query.view === "board" ? app.state.column : "list");
      return true;
    case "v":
      app.open("view");
      return true;
    case "t":
      app.open("time");
      return true;
    case "l":
      if (!app.isPast) return false;
      app.showTime(null);
      return true;
    case "?":
      app.open("help");
      return true;
    case "Escape":
      if (app.state.panel !== "") app.open("");
      else if (app.state.query.token !== "") app.ask({ token: "" });
      else if (app.isPast) app.showTime(null);
      else return false;
      return true;
    default:
      return false;
  }
}
