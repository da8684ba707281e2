//! Times for people. Pure: now is an argument.

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_557_600_000],
  ["month", 2_629_800_000],
  ["week", 7 * DAY_MS],
  ["day", DAY_MS],
  ["hour", HOUR_MS],
  ["minute", MINUTE_MS],
];

/** `just now`, `5 minutes ago`, `yesterday`. */
export function ago(at: number, now: number): string {
  const ms = Math.max(0, now - at);
  const unit = UNITS.find(([, length]) => ms >= length);
  if (!unit) return "just now";
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(-Math.floor(ms / unit[1]), unit[0]);
}

/** `in 3 days`, `in 5 hours`, `in 1 minute`: the largest unit of which there are two, so that no date of weeks ahead is vague.
 * Nothing of what is over. */
export function until(at: number, now: number): string | undefined {
  const ms = at - now;
  if (ms <= 0) return undefined;
  const amount = (length: number) => Math.round(ms / length);
  const told = new Intl.RelativeTimeFormat("en");
  if (amount(DAY_MS) >= 2) return told.format(amount(DAY_MS), "day");
  if (amount(HOUR_MS) >= 2) return told.format(amount(HOUR_MS), "hour");
  return told.format(Math.max(1, amount(MINUTE_MS)), "minute");
}

/** `12 s`, `5 min`, `3 h`, `2 d`: how long something is there. */
export function lasted(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** The whole date and time, in the person's own manner. */
export function exactly(at: number): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: "long", timeStyle: "short" });
}

/** The time alone of today, with its date on another day: `12:03`, `Nov 21, 12:03`. */
export function clock(at: number, now: number): string {
  const isToday = new Date(at).toDateString() === new Date(now).toDateString();
  const day: Intl.DateTimeFormatOptions = isToday ? {} : { month: "short", day: "numeric" };
  return new Date(at).toLocaleString(undefined, { ...day, hour: "2-digit", minute: "2-digit" });
}
