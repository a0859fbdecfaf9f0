/**
 * Times as people read them, in the language of the browser.
 *
 * @module
 */
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const shortDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** The time of the day. `at` is in milliseconds since 1970, as below. */
export function clockTime(at: number): string {
  return clock.format(at);
}

/** The day. */
export function dayOf(at: number): string {
  return isSameDay(at, Date.now()) ? "Today" : day.format(at);
}

/** The time of the day, or the day if it is another one. */
export function shortTime(at: number): string {
  return isSameDay(at, Date.now()) ? clock.format(at) : shortDay.format(at);
}

/** Whether two times are on the same day here. */
export function isSameDay(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}
