/**
 * The form to sign in.
 *
 * @module
 */
/// <reference lib="dom" />
import { useEffect, useRef, useState } from "preact/hooks";
import { isTokenError } from "@netlab/p2p/client";
import { ErrorCode, NetlabError } from "@netlab/protocol/codec";
import { html } from "../../common/view.ts";
import type { Account } from "../model/chat.ts";

/** What a {@linkcode SignIn} needs. */
export interface SignInProps {
  /** Who was signed in before. */
  readonly account: Account | undefined;
  /** Why that has ended. */
  readonly error: unknown;
  /** Signs a user in. */
  onSignIn(account: Account): Promise<void>;
}

/** Shows the form. */
export function SignIn({ account, error: before, onSignIn }: SignInProps): unknown {
  const [error, setError] = useState<unknown>(before);
  const [isBusy, setBusy] = useState(false);
  const name = useRef<HTMLInputElement>(null);
  useEffect(() => name.current?.focus(), []);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const data = new FormData(event.target as HTMLFormElement);
    const text = (key: string) => String(data.get(key) ?? "").trim();
    setBusy(true);
    try {
      await onSignIn({ name: text("name"), token: text("token") });
    } catch (error) {
      setError(error);
      setBusy(false);
      name.current?.focus();
    }
  };
  return html`
    <main class="center">
      <form class="card sign-in" onSubmit=${submit} aria-labelledby="sign-in-title">
        <img src="/favicon.svg" alt="" width="52" height="52" />
        <h1 id="sign-in-title">Chat</h1>
        <p class="muted">Write to anyone on the network, on whatever server they are.</p>
        <label class="field">
          <span>Name</span>
          <input
            ref=${name}
            name="name"
            required
            maxlength="255"
            autocomplete="nickname"
            autocapitalize="none"
            spellcheck=${false}
            defaultValue=${account?.name}
            aria-describedby=${error ? "sign-in-error" : undefined}
          />
        </label>
        <details open=${isTokenError(error) || Boolean(account?.token)}>
          <summary>My network has keys</summary>
          <label class="field">
            <span>Token</span>
            <input name="token" type="password" autocomplete="off" defaultValue=${account?.token} />
          </label>
        </details>
        ${error
          ? html`<p id="sign-in-error" class="error" role="alert">${explain(error)}</p>`
          : null}
        <button class="button" disabled=${isBusy}>${isBusy ? "Signing in…" : "Sign in"}</button>
      </form>
    </main>
  `;
}

/** Returns a sentence for a person at a page, who has no command line. */
function explain(error: unknown): string {
  if (!(error instanceof NetlabError)) {
    return error instanceof Error ? error.message : String(error);
  }
  if (error.code === ErrorCode.TokenRequired) {
    return "This network has keys: paste your token below.";
  }
  if (error.code === ErrorCode.Unsupported && isTokenError(error)) {
    return "This network takes no tokens.";
  }
  if (error.code === ErrorCode.NotEncrypted) {
    return "Others could read your token on the way: open this page with https.";
  }
  return `${error.message}.`;
}
