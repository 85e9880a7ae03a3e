/** Times and numbers as the person chose under Your account, else as the browser shows them. */
export interface Formats {
  time_zone: string;
  language: string;
}

const KEY = "muster.formats";
let chosen = kept();
let made = make(chosen);

function kept(): Formats {
  try {
    return { time_zone: "", language: "", ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return { time_zone: "", language: "" };
  }
}

function make({ time_zone, language }: Formats) {
  const locale = language || undefined;
  const zone = time_zone ? { timeZone: time_zone } : {};
  const time = (how: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, { ...how, ...zone });
  return {
    number: new Intl.NumberFormat(locale),
    brief: new Intl.NumberFormat(locale, { maximumSignificantDigits: 2 }),
    tenths: new Intl.NumberFormat(locale, { maximumFractionDigits: 1 }),
    percent: new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 2 }),
    minute: time({ hour: "2-digit", minute: "2-digit" }),
    when: time({ dateStyle: "medium", timeStyle: "short" }),
    exactly: time({ dateStyle: "full", timeStyle: "long" }),
    short: time({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }),
    day: time({ year: "numeric", month: "short", day: "numeric" }),
    year: time({ year: "numeric" }),
    clock: new Intl.DateTimeFormat("en-US", {
      ...zone,
      ...{ year: "numeric", month: "numeric", day: "numeric" },
      ...{ hour: "numeric", minute: "numeric", second: "numeric", hourCycle: "h23" },
    }),
  };
}

/** Shows times and numbers this way from now on, and at the next start; whether that is a change. */
export function setFormats({ time_zone, language }: Formats): boolean {
  if (time_zone === chosen.time_zone && language === chosen.language) return false;
  const next = { time_zone, language };
  try {
    made = make(next);
  } catch {
    return false; // a zone or a language that this browser does not know: as it was
  }
  chosen = next;
  try {
    localStorage.setItem(KEY, JSON.stringify(next));
  } catch {
    // Storage is switched off: until the page is closed.
  }
  return true;
}

export const n = (value: number) => made.number.format(value);
/** At most two digits that matter. */
export const brief = (value: number) => made.brief.format(value);
export const tenths = (value: number) => made.tenths.format(value);
export const percent = (share: number) => made.percent.format(share);
/** The time of day alone. */
export const atMinute = (iso: string) => made.minute.format(new Date(iso));
/** The time zone in which times are shown. */
export const timeZone = () => made.minute.resolvedOptions().timeZone;
export const when = (iso: string) => made.when.format(new Date(iso));
export const exactly = (iso: string) => `${made.exactly.format(new Date(iso))} (${iso})`;

/** For a narrow column: the minute this year, the day before. */
export const shortly = (iso: string) => {
  const date = new Date(iso);
  const thisYear = made.year.format(date) === made.year.format(new Date());
  return (thisYear ? made.short : made.day).format(date);
};

/** The day alone. */
export const onDay = (iso: string) => made.day.format(new Date(iso));

/** What a clock on the wall shows at this moment, as if it were UTC. */
function wall(at: number): number {
  const part = Object.fromEntries(
    made.clock.formatToParts(at).map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day = 1, hour, minute, second } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

const DAY_MS = 86_400_000;

/** When the day began that is the first of the last so many, today among them; so the same filter is the same query all day. */
export function sinceOf(days: string, now = Date.now()): string {
  const midnight = Math.floor(wall(now) / DAY_MS) * DAY_MS - (Number(days) - 1) * DAY_MS;
  const offset = (at: number) => wall(at) - at;
  // Clocks may have been changed between midnight and what is midnight in UTC: look at the offset there once more.
  return new Date(midnight - offset(midnight - offset(midnight))).toISOString();
}
