/**
 * The colours of the drawing and the charts: those of the style sheet. Owns how it is noticed that they change.
 *
 * @module
 */
/// <reference lib="dom" />

/** The colours that are used, each a variable of the style sheet. */
const NAMES = [
  "surface",
  "surface-2",
  "border",
  "text",
  "muted",
  "accent",
  "accent-soft",
  "accent-text",
  "good",
  "warn",
  "bad",
  "link",
  "server",
  "server-text",
  "user",
  "message",
] as const;

/** The colours by their names. */
export type Palette = Readonly<Record<typeof NAMES[number], string>>;

/** Returns the present colours. */
export function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const entries = NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]);
  return Object.fromEntries(entries) as Palette;
}

/** Calls `changed` when the colours are others. Returns a function that ends this. */
export function onPaletteChange(changed: () => void): () => void {
  const media = matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  media.addEventListener("change", changed);
  return () => {
    observer.disconnect();
    media.removeEventListener("change", changed);
  };
}
