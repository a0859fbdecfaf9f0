/**
 * Networks of original Python servers (stand-ins) and netlab servers, in every mixture and start
 * order, whose users write to each other. It also checks that docs/legacy.md names existing tests.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { LegacyClient, LegacyServer } from "../legacy.ts";
import { ignoreUnless } from "../permissions.ts";
import { freePorts } from "../processes.ts";
import { eventually, Inbox, onPort, socketTest as test } from "./network.ts";

/** A user of either kind. */
interface User extends AsyncDisposable {
  readonly name: string;
  send(recipient: string, text: string): void;
  /** How often a text from this sender has arrived. */
  count(sender: string, text: string): number;
}

async function legacyUser(name: string, port: number): Promise<User> {
  const client = await LegacyClient.connect(name, { port });
  return {
    name,
    send: (recipient, text) => client.send(recipient, text),
    count: (sender, text) => client.text.split(`${sender}: ${text}`).length - 1,
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

async function netlabUser(name: string, port: number): Promise<User> {
  const client = await P2pClient.connect({ name, servers: [`127.0.0.1:${port}`] });
  const inbox = new Inbox(client);
  return {
    name,
    send: (recipient, text) => void client.send(recipient, text),
    // At a legacy server texts that arrive together are one: nothing tells where the next one begins.
    count: (sender, text) => inbox.lines.join("").split(`${sender}: ${text}`).length - 1,
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** Starts servers one after the other, of the kinds in `layout`: `L` for legacy, `N` for netlab. */
async function start(
  stack: AsyncDisposableStack,
  layout: string,
): Promise<{ ports: number[]; servers: (LegacyServer | P2pServer)[] }> {
  const ports = freePorts(layout.length);
  const servers: (LegacyServer | P2pServer)[] = [];
  for (const [index, kind] of [...layout].entries()) {
    const port = ports[index]!;
    // Each looks for all the others, as on the default ports.
    const siblings = ports.filter((other) => other !== port);
    const peers = siblings.map((other) => `127.0.0.1:${other}`);
    const server = await onPort<LegacyServer | P2pServer>(() =>
      kind === "L" ? new LegacyServer({ port, siblings }) : P2pServer.listen({ port, peers })
    );
    servers.push(stack.use(server));
  }
  await eventually(
    "all servers know each other",
    () =>
      servers.every((server) =>
        server instanceof LegacyServer
          ? ports.every((port) => server.known.has(port))
          : server.peers().length === [...layout].filter((kind) => kind === "N").length - 1
      ),
  );
  return { ports, servers };
}

const LAYOUTS = ["LN", "NL", "LLN", "LNL", "NLL", "LNN", "NLN", "NNL"];
const USERS = [[legacyUser, legacyUser], [legacyUser, netlabUser], [
  netlabUser,
  netlabUser,
]] as const;

for (const layout of LAYOUTS) {
  test(`users of all servers write to each other once where servers start as ${layout}`, async () => {
    for (const kinds of USERS) {
      await using stack = new AsyncDisposableStack();
      const { ports, servers } = await start(stack, layout);
      // One user of each kind on each two servers, in both directions.
      const users: User[] = [];
      for (const [index, port] of ports.entries()) {
        for (const [which, connect] of kinds.entries()) {
          users.push(stack.use(await connect(`User ${index}${which}`, port)));
        }
      }
      const pairs = users.flatMap((from) =>
        users.filter((to) => to !== from).map((to) => ({ from, to, text: `<to ${to.name}>` }))
      );
      // netlab servers ask legacy servers for their users every second, and know none of them before.
      await eventually(
        "all users are known",
        () =>
          servers.every((server) =>
            server instanceof LegacyServer
              ? server.users.size === kinds.length
              : server.users().length === users.length
          ),
      );
      const open = new Set(pairs);
      for (const { from, to, text } of pairs) from.send(to.name, text);
      await eventually("all has come", () => {
        for (const pair of open) {
          const { from, to, text } = pair;
          if (to.count(from.name, text) > 0) open.delete(pair);
        }
        return open.size === 0;
      }).catch((cause) => {
        const missing = [...open].map(({ from, to }) => `${from.name} to ${to.name}`);
        throw new Error(`Missing: ${missing.join(", ")}`, { cause });
      });
      for (const { from, to, text } of pairs) assertEquals(to.count(from.name, text), 1);
    }
  });
}

Deno.test({
  name: "the page about the legacy programs names tests that exist",
  ignore: ignoreUnless.read,
  async fn() {
    const root = new URL("../../", import.meta.url);
    const page = await Deno.readTextFile(new URL("docs/legacy.md", root));
    const rows = page.split("\n").filter((line) =>
      /^\| .* \|$/.test(line) && /\btests\//.test(line)
    );
    assert(rows.length > 20, `${rows.length} rows`);
    for (const row of rows) {
      const [path, name] = row.split("|").at(-2)!.trim().split(": ") as [string, string];
      const source = await Deno.readTextFile(new URL(path, root));
      const names = [...source.matchAll(/(?:\btest|Test|name:)\(?\s*(["`])([^]*?)\1/g)];
      assert(names.some(([, , each]) => each!.includes(name)), `${path} has no test "${name}"`);
    }
  },
});
