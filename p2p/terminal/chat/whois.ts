/**
 * What `/whois` shows about a user: the server, since when, the route and the times to there. Asks the client's
 * server. What nobody knows is called unknown. Must not know the screen.
 *
 * @module
 */
import {
  ErrorCode,
  NetlabError,
  normalizeName,
  type ServerStatus,
  shorten,
  UserKind,
  UserScope,
  type UserStatus,
} from "@netlab/protocol";
import { bold, dim, oneLine } from "@netlab/terminal";
import type { P2pClient, StatusQueries } from "../../client.ts";
import { dayOf, durationOf, timeOfDay } from "./clock.ts";
import { nearName, similarName } from "./names.ts";

/** What is known of a user who is connected. */
interface Found {
  readonly user: UserStatus;
  /** The status of the client's server. */
  readonly own: ServerStatus;
  /** The round-trip time to that server: milliseconds. */
  readonly ownMs: number;
}

/** How a user is registered. */
const SESSIONS = new Map<number, string>([
  [UserKind.Session, "a netlab client, which confirms messages"],
  [UserKind.LegacyClient, "a legacy client, which confirms nothing"],
  [UserKind.OnLegacyServer, "at a legacy server, which confirms nothing"],
]);

/**
 * Returns what to show about a user.
 *
 * @param argument The name as it was typed; empty for the person themself.
 * @throws {NetlabError} The errors of `P2pClient.users`.
 */
export async function whois(client: P2pClient, argument: string): Promise<string[]> {
  const name = argument === "" ? client.name : nameOf(argument);
  const found = await find(client, name);
  if (found === "old") {
    const names = await client.users();
    return names.includes(name)
      ? [
        ...heading(client, name),
        dim("  server, time and route are unknown: your server is too old"),
      ]
      : absent(name, names);
  }
  if (!found) return absent(name, await client.users());
  return [...heading(client, name), ...describe(found, new Date())];
}

/** Reads a name as people type it: `Bob`, `@Bob`, `"Mary Ann"`. */
function nameOf(argument: string): string {
  return normalizeName(/^"([^"]+)"?$/.exec(argument)?.[1] ?? argument.replace(/^@/, ""));
}

/** Asks the client's server. Returns `undefined` if nobody has the name, and `old` if the server cannot tell. */
async function find(client: P2pClient, name: string): Promise<Found | "old" | undefined> {
  try {
    await using connection = await client.watch();
    const start = performance.now();
    const own = await connection.queries.status();
    const ownMs = performance.now() - start;
    const user = await findUser(connection.queries, name);
    return user && { user, own, ownMs };
  } catch (error) {
    if (error instanceof NetlabError && error.code === ErrorCode.Unsupported) return "old";
    throw error;
  }
}

async function findUser(queries: StatusQueries, name: string): Promise<UserStatus | undefined> {
  let next = "";
  do {
    const page = await queries.users(undefined, UserScope.All, next);
    const user = page.users.find((each) => each.name === name);
    if (user) return user;
    next = page.next;
  } while (next !== "");
  return undefined;
}

function heading(client: P2pClient, name: string): string[] {
  return [bold(oneLine(name)) + (name === client.name ? dim(" (you)") : "")];
}

function absent(name: string, names: readonly string[]): string[] {
  const shown = oneLine(shorten(name));
  const near = nearName(name, names) ?? similarName(name, names);
  const meant = near === undefined ? "" : `. Did you mean ${oneLine(near)}?`;
  return [`${shown} is not connected; a message to ${shown} waits until they are${meant}`];
}

function describe({ user, own, ownMs }: Found, now: Date): string[] {
  const isHere = user.server === own.server;
  const route = own.routes.find(({ server }) => server === user.server);
  const address = isHere ? own.address : route?.address;
  const next = own.links.find(({ server }) => server === route?.nextHop);
  const facts: [what: string, fact: string][] = [
    ["server", address ?? "unknown: no route leads there now"],
    ["since", sinceOf(user.sinceMs, now)],
    ["session", SESSIONS.get(user.kind) ?? "of a kind that this client does not know"],
  ];
  if (!isHere && route) {
    const over = route.hops === 1
      ? "a direct link"
      : `${route.hops} links, the first to ${next?.address ?? "an unknown server"}`;
    facts.push(["route", `from your server ${own.address} over ${over}`]);
  }
  const times = [`${figure(ownMs)} to your server`];
  if (!isHere) times.push(`${figure(route?.costMs)} from there to ${address ?? "theirs"}`);
  facts.push(["time", [...times, "unknown from there to the user"].join(", ")]);
  return facts.map(([what, fact]) => `  ${dim(what.padEnd(8))} ${oneLine(fact)}`);
}

/** Says since when the user has had the name. */
function sinceOf(ms: number, now: Date): string {
  const then = new Date(now.getTime() - ms);
  const day = dayOf(then) === dayOf(now) ? "" : `${dayOf(then)}, `;
  return `${day}${timeOfDay(then)} (${durationOf(ms)})`;
}

function figure(ms: number | undefined): string {
  return ms === undefined ? "unknown" : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}
