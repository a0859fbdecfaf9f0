/**
 * Local times, as they are shown before messages. Must not know the time: the caller passes it.
 *
 * @module
 */

/** Returns the local time of day: `09:05`. */
export function timeOfDay(time: Date): string {
  return `${two(time.getHours())}:${two(time.getMinutes())}`;
}

/** Returns the local day: `Monday, 30 November 2026`. */
export function dayOf(time: Date): string {
  return time.toLocaleDateString("en-GB", {
    weekday: "long",
    day: "numeric",
    month: "long",
    year: "numeric",
  });
}

/** Returns the local time with its distance from UTC, as in RFC 3339: `2026-11-30T09:05:00+01:00`. */
export function timeForPrograms(time: Date): string {
  const offset = -time.getTimezoneOffset();
  const local = new Date(time.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  return `${local}${offset < 0 ? "-" : "+"}${two(hours)}:${two(minutes)}`;
}

/** Returns how long something has lasted, in its largest unit: `25 minutes`. */
export function durationOf(ms: number): string {
  const units = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]] as const;
  const [unit, size] = units.find(([, size]) => ms >= size) ?? ["second", 1_000];
  const count = Math.floor(Math.max(0, ms) / size);
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
