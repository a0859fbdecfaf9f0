/**
 * Events and troubles in words. Owns the wording.
 *
 * @module
 */
import { oneLine } from "@netlab/terminal";
import { ErrorCode, type NetlabError } from "@netlab/protocol";
import type { WatchedEvent } from "../../client.ts";
import { milliseconds } from "./figures.ts";

/**
 * Returns what has happened, without when and where.
 *
 * @param nameOf Returns the name of a server, by its id.
 */
export function eventText(event: WatchedEvent, nameOf: (server: string) => string): string {
  switch (event.kind) {
    case "joined":
      return `${oneLine(event.user)} joined`;
    case "left":
      return `${oneLine(event.user)} left${event.reason && `: ${oneLine(event.reason)}`}`;
    case "moved":
      return `${oneLine(event.user)} moved to ${nameOf(event.server)}`;
    case "linkUp":
      return `linked to ${nameOf(event.server)}`;
    case "linkDown":
      return `lost the link to ${nameOf(event.server)}`;
    case "routeChanged": {
      const { server, nextHop, costMs } = event;
      if (nextHop === undefined) return `no route to ${nameOf(server)}`;
      const how = nextHop === server ? "direct" : `via ${nameOf(nextHop)}`;
      const cost = costMs === undefined ? "" : `, ${milliseconds(costMs)}`;
      return `route to ${nameOf(server)}: ${how}${cost}`;
    }
    case "refused":
      return `refused ${oneLine(event.who)}: ${oneLine(event.reason)} (${event.code})`;
    case "draining":
      return "is leaving the network";
    case "message": {
      const { sender, recipient, count, bytes, to } = event;
      const many = count === 1 ? "" : `, ${count} messages`;
      const where = to === undefined ? "" : `, to ${nameOf(to)}`;
      return `${oneLine(sender)} to ${oneLine(recipient)}${many}, ${bytes} bytes${where}`;
    }
  }
}

/** Returns why a server has told nothing. */
export function troubleText({ code }: NetlabError): string {
  switch (code) {
    case ErrorCode.Unsupported:
      return "too old to tell";
    case ErrorCode.TooManyRequests:
      return "asked too often";
    default:
      return "does not answer";
  }
}
