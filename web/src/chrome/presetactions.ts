/** What is done with presets, and with views as requests: shown, kept, renamed, removed, copied. */
import type { App } from "../app";
import { COLUMNS } from "../model/columns";
import { curl } from "../model/curl";
import { leftWords, pastQuery } from "../model/past";
import { Presets, queryOf, type Preset } from "../model/presets";
import { columnQuery, type Query } from "../model/query";

export class PresetActions {
  private readonly presets = new Presets();

  constructor(private readonly app: App) {}

  get all(): readonly Preset[] {
    return this.presets.all;
  }

  /** Show a preset; one that the history cannot answer is named instead. */
  show(preset: Preset): void {
    const query = queryOf(preset, this.app.state.query);
    const left = query.at === null ? "" : leftWords(pastQuery(query));
    if (left !== "") {
      this.app.say(`${preset.name}: ${left}`);
      return;
    }
    this.app.ask(query);
    this.app.say(preset.name);
  }

  /** Show the preset of a key, from 1. */
  showNumber(number: number): void {
    const preset = this.all[number - 1];
    if (preset !== undefined) this.show(preset);
  }

  /** Keep the view under a name; return whether it could be. */
  save(name: string): boolean {
    const saved = this.presets.save(name, this.app.state.query);
    this.app.say(saved ? `Saved as ${name.trim()}` : "There is no room for another preset");
    this.publish();
    return saved;
  }

  /** Return whether the name could be had. */
  rename(preset: Preset, name: string): boolean {
    const renamed = this.presets.rename(preset, name);
    if (!renamed) this.app.say("That name is taken or empty");
    this.publish();
    return renamed;
  }

  remove(preset: Preset): void {
    this.presets.remove(preset);
    this.publish();
  }

  /** Copy the requests for what a query shows, as commands. */
  async copyCurl(query: Query): Promise<void> {
    const queries = query.view === "board" ? COLUMNS.map((key) => columnQuery(query, key)) : [query];
    await this.app.copy(queries.map((each) => curl(location.origin, each)).join("\n"), "Copied as curl");
  }

  private publish(): void {
    this.app.store.set({ presets: this.all });
  }
}
