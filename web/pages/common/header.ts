/**
 * The header of every page: the name, the way to the other pages, and the choice of colours.
 *
 * @module
 */
import { type ComponentChildren, html } from "./view.ts";
import { useState } from "preact/hooks";
import { Icon } from "./icons.ts";
import { chosenTheme, nextTheme } from "./theme.ts";

const THEME_ICONS = { system: "contrast", light: "sun", dark: "moon" } as const;

/** What a {@linkcode Header} shows. */
export interface HeaderProps {
  /** The page on which it is. */
  readonly page: "network" | "chat";
  /** What the page adds at the right. */
  readonly children?: ComponentChildren;
}

/** Shows the header. */
export function Header({ page, children }: HeaderProps): unknown {
  const [theme, setTheme] = useState(chosenTheme());
  const current = (name: string) => name === page ? "page" : undefined;
  return html`
    <header class="header">
      <a class="brand" href="/" aria-label="netlab">
        <img src="/favicon.svg" alt="" width="26" height="26" />
        <span>netlab</span>
      </a>
      <nav class="pages" aria-label="Pages">
        <a href="/" aria-current=${current("network")}>Network</a>
        <a href="/chat" aria-current=${current("chat")}>Chat</a>
      </nav>
      <div class="header-end">
        ${children}
        <button
          type="button"
          class="icon-button"
          aria-label=${`Colours: ${theme}`}
          title=${`Colours: ${theme}`}
          onClick=${() => setTheme(nextTheme(theme))}
        >
          <${Icon} name=${THEME_ICONS[theme]} />
        </button>
      </div>
    </header>
  `;
}
