import { timestamp } from "../core/timestamp.ts";

/** What needs no reading. Days that not every month has are left to be checked. */
const OURS =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
const OURS_LENGTH = "2026-01-02T03:04:05.678Z".length;
const ANY =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?\s?(?:([Zz])|([+-])(\d\d):?(\d\d))?$/;

/**
 * Reads the timestamp of a peer's message: any number of fraction digits, any
 * zone, or none (then UTC). Year 1, which Go writes for a time never set,
 * counts as absent and becomes now.
 *
 * @returns RFC 3339 in UTC with milliseconds, or `undefined` if it is not a date.
 */
export function readTimestamp(value: string): string | undefined {
  if (value.startsWith("0001-")) return timestamp();
  if (OURS.test(value)) return value;
  const parts = ANY.exec(value);
  if (parts === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", , sign, zoneHour, zoneMinute] =
    parts;
  const ms = Number(fraction.slice(0, 3).padEnd(3, "0"));
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second), ms);
  // A date such as February 31 rolls over; it was none.
  if (
    Number(zoneHour ?? 0) > 23 || Number(zoneMinute ?? 0) > 59 ||
    date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day) ||
    date.getUTCMinutes() !== Number(minute)
  ) return undefined;
  const offset = sign === undefined ? 0 : Number(zoneHour) * 60 + Number(zoneMinute);
  const utc = timestamp(date.getTime() - (sign === "-" ? -offset : offset) * 60_000);
  // Years before 0 and after 9999 are written with a sign, which no peer reads.
  return utc.length === OURS_LENGTH ? utc : undefined;
}
