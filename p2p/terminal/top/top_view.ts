/**
 * The picture that `top` shows in a terminal: servers, links, users and events, as much as fits into the window. Owns
 * what has priority. Does not know where the figures come from.
 *
 * @module
 */
import {
  bold,
  clip,
  type Column,
  cyan,
  dim,
  displayWidth,
  green,
  oneLine,
  red,
  table,
  type TerminalSize,
  yellow,
} from "@netlab/terminal";
import type { NetworkRound, WatchedEvent, WatchedServer } from "../../client.ts";
import { eventText, troubleText } from "./event_text.ts";
import { clock, count, duration, milliseconds, shortNames, size } from "./figures.ts";

/** What is shown. */
export interface TopPicture {
  /** The last round. */
  readonly round: NetworkRound;
  /** The events of this and earlier rounds, with the time at which each was; the newest last. */
  readonly events: readonly { readonly time: Date; readonly event: WatchedEvent }[];
  /** Why there is no newer round; `undefined` if there is. */
  readonly trouble: string | undefined;
  /** Returns the name of a server, by its id. */
  readonly nameOf: (server: string) => string;
}

/** Returns the lines of the picture, at most as many as the window has rows without the last one. */
export function topView(picture: TopPicture, { columns, rows }: TerminalSize): string[] {
  const width = Math.max(1, columns - 1);
  const all = Math.max(1, rows - 1);
  const head = headLines(picture, width);
  const servers = serverLines(picture, width);
  const links = linkLines(picture);
  // Of what the head and the users leave, events get what servers and links do not need, and three lines at least.
  const room = Math.max(0, all - head.length - 1);
  const shownServers = cut(servers, Math.max(4, Math.floor(room * 0.5)), "servers");
  const left = room - shownServers.length - 2;
  const shownLinks = cut(links, Math.max(3, Math.floor(left * 0.5)), "links");
  const lines = [
    ...head,
    ...shownServers,
    ...links.length > 1 ? ["", ...shownLinks] : [],
    "",
    userLine(picture),
  ];
  lines.push("", ...eventLines(picture, all - lines.length - 1));
  return lines.slice(0, all).map((line) => clip(line, width));
}

function headLines({ round, trouble }: TopPicture, width: number): string[] {
  const { servers, time, via, userCount } = round;
  const network = servers.find(({ status }) => status)?.status?.network ?? "";
  const isNamed = !/^[0-9a-f-]{36}$/.test(network);
  const title = [
    bold(isNamed ? oneLine(network) : "netlab"),
    plural(servers.length, "server"),
    plural(userCount, "user"),
    dim(`via ${via}`),
  ].join("  ");
  const right = trouble === undefined ? dim(clock(time)) : red(clock(time));
  const gap = width - displayWidth(title) - displayWidth(right);
  const sum = (read: (server: WatchedServer) => number | undefined) =>
    servers.reduce((total, server) => total + (read(server) ?? 0), 0);
  const figures = [
    `${count(sum(({ rates }) => rates?.messagesReceived))} in/s`,
    `${count(sum(({ rates }) => rates?.messagesDelivered))} delivered/s`,
    `${count(sum(({ status }) => status?.mailbox.messages))} stored`,
    `${size(sum(({ rates }) => rates?.bytesWritten))}B/s`,
  ];
  const refused = sum(({ rates }) => rates?.messagesRefused);
  if (refused > 0) figures.push(yellow(`${count(refused)} refused/s`));
  return [
    gap >= 2 ? `${title}${" ".repeat(gap)}${right}` : title,
    trouble === undefined ? figures.join("  ") : red(oneLine(trouble)),
    "",
  ];
}

/** A column of the table of servers. */
interface ServerColumn extends Column {
  /** Columns with the highest number are left out first when the window is narrow. */
  readonly rank: number;
  readonly cell: (server: WatchedServer) => string;
}

const NUMBERS: readonly ServerColumn[] = [
  number("up", 4, ({ status }) => status && duration(status.uptimeMs)),
  number("users", 0, ({ status }) => status && count(status.users)),
  number("in/s", 1, ({ rates }) => rates && count(rates.messagesReceived)),
  number("out/s", 2, ({ rates }) => rates && count(rates.messagesDelivered)),
  number("fwd/s", 5, ({ rates }) => rates && count(rates.messagesForwarded)),
  number("stored", 3, ({ status }) => status && count(status.mailbox.messages)),
  number("net/s", 6, ({ rates }) => rates && size(rates.bytesRead + rates.bytesWritten)),
  number("mem", 7, ({ status }) => status && size(status.memory.rssBytes)),
];

function number(
  title: string,
  rank: number,
  cell: (server: WatchedServer) => string | undefined,
): ServerColumn {
  return { title, align: "right", rank, cell: (server) => cell(server) ?? "" };
}

function serverLines({ round, nameOf }: TopPicture, width: number): string[] {
  const named: ServerColumn = {
    title: "server",
    rank: -1,
    cell: ({ id, status }) => status ? bold(nameOf(id)) : red(nameOf(id)),
  };
  const state: ServerColumn = { title: "", rank: -1, cell: stateOf };
  for (let most = 8;; most--) {
    const columns = [named, ...NUMBERS.filter(({ rank }) => rank < most), state];
    const lines = table(
      columns,
      round.servers.map((server) => columns.map(({ cell }) => cell(server))),
    );
    const isNarrow = Math.max(...lines.map(displayWidth)) > width;
    if (most === 0 || !isNarrow) return lines;
  }
}

function stateOf({ status, trouble }: WatchedServer): string {
  if (trouble) return red(troubleText(trouble));
  if (!status) return "";
  if (status.isDraining) return yellow("leaving");
  const hit = status.limitsHit.reduce((sum, { count }) => sum + count, 0);
  return hit > 0 ? yellow(`${count(hit)} limits hit`) : green("ok");
}

/** A link, as both of its ends see it. */
interface Link {
  readonly ends: readonly [string, string];
  rttMs: number | undefined;
  queuedBytes: number;
  upMs: number;
}

function linkLines({ round, nameOf }: TopPicture): string[] {
  const links = new Map<string, Link>();
  for (const { id, status } of round.servers) {
    for (const { server, rttMs, queuedBytes, upMs } of status?.links ?? []) {
      const [a, b] = id < server ? [id, server] : [server, id];
      const known = links.get(a + b);
      if (!known) links.set(a + b, { ends: [a, b], rttMs, queuedBytes, upMs });
      else {
        known.rttMs = Math.min(known.rttMs ?? Infinity, rttMs ?? Infinity);
        if (known.rttMs === Infinity) known.rttMs = undefined;
        known.queuedBytes += queuedBytes;
        known.upMs = Math.min(known.upMs, upMs);
      }
    }
  }
  // The slowest links are the most interesting ones.
  const sorted = [...links.values()].sort((a, b) =>
    (b.rttMs ?? 0) - (a.rttMs ?? 0) || b.queuedBytes - a.queuedBytes
  );
  const right = (title: string): Column => ({ title, align: "right" });
  return table(
    [{ title: "link" }, right("round trip"), right("queued"), right("up")],
    sorted.map(({ ends, rttMs, queuedBytes, upMs }) => [
      ends.map(nameOf).sort(byNumber).join(" – "),
      rttMs === undefined ? dim("not measured") : milliseconds(rttMs),
      queuedBytes > 0 ? yellow(size(queuedBytes)) : "0",
      duration(upMs),
    ]),
  );
}

const byNumber = new Intl.Collator("en", { numeric: true }).compare;

function userLine({ round, nameOf }: TopPicture): string {
  const { users, userCount } = round;
  const names = users.map(({ name, server }) => `${oneLine(name)} ${dim(nameOf(server))}`);
  return `${bold("users")}  ${userCount === 0 ? dim("none") : names.join(", ")}`;
}

function eventLines({ events, nameOf }: TopPicture, room: number): string[] {
  if (room < 1) return [];
  const shown = events.slice(-room + 1 || events.length);
  const none = events.length === 0 ? [dim("none so far")] : [];
  return [
    bold("events"),
    ...room > 1
      ? shown.reverse().map(({ time, event }) => {
        const text = eventText(event, nameOf);
        const isBad = event.kind === "refused" || event.kind === "linkDown";
        return `${dim(clock(time))}  ${cyan(nameOf(event.at))}  ${isBad ? yellow(text) : text}`;
      })
      : [],
    ...none,
  ];
}

/** Shortens a list of lines, of which the first one is a title. */
function cut(lines: string[], most: number, what: string): string[] {
  if (lines.length <= most) return lines;
  const more = lines.length - most + 1;
  return [...lines.slice(0, most - 1), dim(`… ${more} more ${what}`)];
}

function plural(number: number, what: string): string {
  return `${number.toLocaleString("en-US")} ${what}${number === 1 ? "" : "s"}`;
}

/** Returns the names of servers, by id. Those that are gone keep their names. */
export class ServerNames {
  readonly #addresses = new Map<string, string>();
  #shorten: (address: string) => string = (address) => address;

  /** Learns the addresses of the servers of a round, and of those that they mention. */
  learn({ servers, events }: NetworkRound): void {
    for (const { id, address, status } of servers) {
      this.#addresses.set(id, address);
      for (const { server, address } of status?.links ?? []) this.#addresses.set(server, address);
    }
    for (const event of events) {
      if ("address" in event) this.#addresses.set(event.server, event.address);
    }
    this.#shorten = shortNames(servers.map(({ address }) => address));
  }

  /** Returns the name of a server. */
  readonly of = (id: string): string => {
    const address = this.#addresses.get(id);
    return address === undefined ? id.slice(0, 8) : this.#shorten(address);
  };
}
