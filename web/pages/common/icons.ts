/**
 * The icons of the pages. They are decoration: what shows one also says it in words.
 *
 * @module
 */
import { html } from "./view.ts";

const PATHS = new Map([
  [
    "sun",
    "M12 4V2m0 20v-2M4 12H2m20 0h-2M5.6 5.6 4.2 4.2m15.6 15.6-1.4-1.4M5.6 18.4l-1.4 1.4M19.8 4.2l-1.4 1.4M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z",
  ],
  ["moon", "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z"],
  ["contrast", "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm0 0v18"],
  ["send", "m5 12-2-8 18 8-18 8 2-8Zm0 0h7"],
  ["back", "M15 5l-7 7 7 7"],
  ["search", "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14Zm5 12 4.5 4.5"],
  ["leave", "M14 4H6a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h8m-3-8h10m-4-4 4 4-4 4"],
  ["waiting", "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 4v4.2l2.8 1.8"],
  ["accepted", "m5 12.5 4.5 4.5L19 7.5"],
  ["delivered", "m2 12.5 4.5 4.5L16 7.5m-5 8 1.5 1.5L22 7.5"],
  ["failed", "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 4v5m0 3v.1"],
  ["retry", "M4 12a8 8 0 0 1 14-5.3L20 9m0-5v5h-5m5 3a8 8 0 0 1-14 5.3L4 15m0 5v-5h5"],
]);

/** Draws an icon. */
export function Icon({ name, size = 20 }: { name: string; size?: number }): unknown {
  return html`
    <svg
      class="icon"
      viewBox="0 0 24 24"
      width=${size}
      height=${size}
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d=${PATHS.get(name)} />
    </svg>
  `;
}
