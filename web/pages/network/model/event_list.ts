/**
 * What has happened in the network, the newest first. Owns how many events are kept, their wording and their groups.
 * Does not know how they are shown.
 *
 * @module
 */
import type { ServerEvent } from "@netlab/protocol/codec";
import type { Trace } from "./traces.ts";
import { searchable } from "./users.ts";

/** The most events that are kept. */
const MAX_EVENTS = 2_000;

/** The groups of events among which a person chooses. */
export const GROUPS = ["users", "servers", "links", "refused", "messages"] as const;

/** One of the groups of events. */
export type EventGroup = typeof GROUPS[number];

/** A part of a sentence: words, the name of a user, or the id of a server. */
export type Part = string | { readonly user: string } | { readonly server: string };

/** An event that is shown. */
export interface ShownEvent {
  /** A number that no other event has. */
  readonly key: number;
  /** When it was: milliseconds since 1970. */
  readonly time: number;
  /** The id of the server where it was. */
  readonly at: string;
  /** Its group. */
  readonly group: EventGroup;
  /** Whether it is bad news. */
  readonly isBad: boolean;
  /** What has happened. */
  readonly parts: readonly Part[];
}

/** What a person wants to see. */
export interface EventFilter {
  /** The groups. */
  readonly groups: ReadonlySet<EventGroup>;
  /** The id of a server; `undefined` for all. */
  readonly server: string | undefined;
  /** A text that the sentences contain. */
  readonly text: string;
}

/** The last events of a network. */
export class EventList {
  /** Grows with every event. */
  version = 0;
  /** The oldest first. */
  readonly #events: ShownEvent[] = [];

  /** Adds an event. */
  add(event: Omit<ShownEvent, "key">): void {
    this.version++;
    // Servers answer one after the other, so an event may be older than those that are known.
    let at = this.#events.length;
    while (at > 0 && this.#events[at - 1]!.time > event.time) at--;
    this.#events.splice(at, 0, { key: this.version, ...event });
    if (this.#events.length > MAX_EVENTS) this.#events.shift();
  }

  /** How many events are kept. */
  get size(): number {
    return this.#events.length;
  }

  /**
   * Returns the newest events that a person wants to see, the newest first.
   *
   * @param max The most events that are wanted.
   * @param nameOf Returns the name of a server, by its id.
   */
  newest(filter: EventFilter, max: number, nameOf: (server: string) => string): ShownEvent[] {
    const text = searchable(filter.text);
    const found: ShownEvent[] = [];
    for (let at = this.#events.length - 1; at >= 0 && found.length < max; at--) {
      const event = this.#events[at]!;
      const isWanted = filter.groups.has(event.group) &&
        (filter.server === undefined || isAbout(event, filter.server)) &&
        (text === "" || searchable(sentence(event, nameOf)).includes(text));
      if (isWanted) found.push(event);
    }
    return found;
  }
}

/** Returns an event as text. */
export function sentence({ at, parts }: ShownEvent, nameOf: (server: string) => string): string {
  const words = parts.map((part) =>
    typeof part === "string" ? part : "user" in part ? part.user : nameOf(part.server)
  );
  return `${nameOf(at)} ${words.join("")}`;
}

/** Returns the group of an event and what has happened; `undefined` for messages, which are shown as traces. */
export function describe(
  event: ServerEvent,
): Pick<ShownEvent, "group" | "isBad" | "parts"> | undefined {
  switch (event.kind) {
    case "joined":
      return news("users", [{ user: event.user }, " joined"]);
    case "left":
      return news("users", [
        { user: event.user },
        event.reason === "" ? " left" : ` left: ${event.reason}`,
      ]);
    case "moved":
      return news("users", [{ user: event.user }, " moved to ", { server: event.server }]);
    case "linkUp":
      return news("links", ["linked to ", { server: event.server }]);
    case "linkDown":
      return news("links", ["lost the link to ", { server: event.server }], true);
    case "routeChanged": {
      const { server, nextHop, costMs } = event;
      if (nextHop === undefined) return news("links", ["has no route to ", { server }], true);
      const via: Part[] = nextHop === server ? [" is direct"] : [" leads over ", {
        server: nextHop,
      }];
      const cost = costMs === undefined ? "" : `, ${costMs.toFixed(costMs < 10 ? 1 : 0)} ms`;
      return news("links", ["route to ", { server }, ...via, cost]);
    }
    case "refused":
      return news("refused", ["refused ", { user: event.who }, `: ${event.reason}`], true);
    case "draining":
      return news("servers", ["is about to leave"]);
    case "message":
      return undefined;
  }
}

/** Returns the path of a message as a sentence. */
export function describeTrace({ stops, bytes, count, recipient }: Trace): Part[] {
  const path = stops.flatMap((stop, at): Part[] => at === 0 ? [stop] : [" → ", stop]);
  const many = count === 1 ? "" : `${count} messages, `;
  const isWaiting = stops.length > 1 && "server" in stops.at(-1)!;
  const end: Part[] = isWaiting ? [", for ", { user: recipient }] : [];
  return [...path, ...end, `, ${many}${bytes} bytes`];
}

function news(
  group: EventGroup,
  parts: Part[],
  isBad = false,
): Pick<ShownEvent, "group" | "isBad" | "parts"> {
  return { group, parts, isBad };
}

function isAbout({ at, parts }: ShownEvent, server: string): boolean {
  return at === server ||
    parts.some((part) => typeof part === "object" && "server" in part && part.server === server);
}
