/**
 * Asks for a token, on a network with keys. Owns where this tab keeps it.
 *
 * @module
 */
/// <reference lib="dom" />
import { useState } from "preact/hooks";
import { html } from "../../common/view.ts";

/** Where this tab keeps the token, until it is closed. */
const KEY = "netlab watcher token";

/** Returns the token that was given in this tab; empty if none was. */
export function tokenOfThisTab(): string {
  return sessionStorage.getItem(KEY) ?? "";
}

/** Shows the form. */
export function TokenForm(
  { reason, onToken }: { reason: string; onToken: (token: string) => void },
): unknown {
  const [hasTried, setTried] = useState(tokenOfThisTab() !== "");
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const token = String(new FormData(event.target as HTMLFormElement).get("token") ?? "").trim();
    sessionStorage.setItem(KEY, token);
    setTried(true);
    onToken(token);
  };
  return html`
    <main class="center">
      <form class="card token" onSubmit=${submit} aria-labelledby="token-title">
        <img src="/favicon.svg" alt="" width="52" height="52" />
        <h1 id="token-title">This network has keys</h1>
        <p class="muted">
          Paste a token to watch it. Any token of the network will do; those for the role
          observer are for nothing else.
        </p>
        <label class="field">
          <span>Token</span>
          <input name="token" type="password" autocomplete="off" required
            aria-describedby=${hasTried ? "token-error" : undefined} />
        </label>
        ${hasTried ? html`<p id="token-error" class="error" role="alert">${reason}.</p>` : null}
        <button class="button">Watch</button>
      </form>
    </main>
  `;
}
