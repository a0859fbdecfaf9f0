/**
 * The chat page as a whole: the form to sign in, or the conversations. Owns who has signed in in this tab.
 *
 * @module
 */
/// <reference lib="dom" />
import { useEffect, useState } from "preact/hooks";
import { ErrorCode, NetlabError } from "@netlab/protocol/codec";
import { Header } from "../../common/header.ts";
import { Icon } from "../../common/icons.ts";
import { html } from "../../common/view.ts";
import type { Servers } from "../../common/connection/servers.ts";
import { type Account, Chat } from "../model/chat.ts";
import { ChatView } from "./chat_view.ts";
import { ConnectionStatus } from "./connection_status.ts";
import { SignIn } from "./sign_in.ts";

/** Where this tab keeps who has signed in, until it is closed. */
const KEY = "netlab account";
/** How long a page that is loaded again tries to get its name back, until the server has seen the last page end. */
const COME_BACK_MS = 5_000;
/** How often it tries: milliseconds. */
const TRY_MS = 250;

/** Shows the page. */
export function App({ servers }: { servers: Servers }): unknown {
  const [chat, setChat] = useState<Chat | undefined>();
  const [known] = useState(accountOfThisTab);
  const [isComingBack, setComingBack] = useState(known !== undefined);
  const [error, setError] = useState<unknown>();

  const enter = async (account: Account) => {
    const entered = await Chat.signIn(account, servers);
    sessionStorage.setItem(KEY, JSON.stringify(account));
    setError(undefined);
    setChat(entered);
  };
  const leave = async () => {
    sessionStorage.removeItem(KEY);
    setChat(undefined);
    await chat?.signOut();
  };
  const again = () => {
    setChat(undefined);
    void chat?.leave();
  };
  useEffect(() => {
    if (!known) return;
    comeBack(() => enter(known)).catch(setError).finally(() => setComingBack(false));
  }, []);
  if (chat) {
    return html`
      <${Header} page="chat">
        <${ConnectionStatus} chat=${chat} />
        <button type="button" class="icon-button" aria-label="Sign out" title="Sign out"
          onClick=${leave}>
          <${Icon} name="leave" />
        </button>
        <//>
        <${ChatView} chat=${chat} onLeave=${again} />
    `;
  }
  return html`
    <${Header} page="chat" />
    ${isComingBack
      ? html`
        <main class="center">
          <p role="status">Signing in as ${known!.name}…</p>
        </main>
      `
      : html`<${SignIn} account=${known} error=${error} onSignIn=${enter} />`}
  `;
}

function accountOfThisTab(): Account | undefined {
  const text = sessionStorage.getItem(KEY);
  return text === null ? undefined : JSON.parse(text);
}

/** Signs in; while the server still has the session of the last page, tries again. */
async function comeBack(enter: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + COME_BACK_MS;
  for (;;) {
    try {
      return await enter();
    } catch (error) {
      const isTaken = error instanceof NetlabError && error.code === ErrorCode.NameTaken;
      if (!isTaken || performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, TRY_MS));
    }
  }
}
