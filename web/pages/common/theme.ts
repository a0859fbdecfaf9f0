/**
 * The colours of the pages: as the system prefers, or as the person has chosen on any page. Owns where the choice is
 * kept.
 *
 * @module
 */
/// <reference lib="dom" />

/** The colours: those that the system prefers, or always the same. */
export type Theme = "system" | "light" | "dark";

const KEY = "netlab theme";
const ORDER: readonly Theme[] = ["system", "light", "dark"];

/** Returns the choice of the person. */
export function chosenTheme(): Theme {
  const chosen = localStorage.getItem(KEY);
  return ORDER.find((theme) => theme === chosen) ?? "system";
}

/** Keeps and uses another choice: the one after `theme`. Returns it. */
export function nextTheme(theme: Theme): Theme {
  const next = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length]!;
  localStorage.setItem(KEY, next);
  useTheme(next);
  return next;
}

function useTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
}

useTheme(chosenTheme());
