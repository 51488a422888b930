/** How times are written: in UTC, as the history counts its intervals, wherever the reader is. */

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const two = (number: number) => String(number).padStart(2, "0");

/** A day: `27 Nov`, with its year where it is not this one. */
export function day(ms: number, nowMs = ms): string {
  const at = new Date(ms);
  const year = at.getUTCFullYear() === new Date(nowMs).getUTCFullYear() ? "" : ` ${at.getUTCFullYear()}`;
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}${year}`;
}

/** A time of day: `14:05`. */
export function clock(ms: number): string {
  const at = new Date(ms);
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
}

/** A time: `27 Nov 14:05 UTC`. */
export function moment(ms: number, nowMs = ms): string {
  return `${day(ms, nowMs)} ${clock(ms)} UTC`;
}

/** The begin of the step of time that a moment is in (ms). */
export function start(ms: number, step: number): number {
  return Math.floor(ms / step) * step;
}
