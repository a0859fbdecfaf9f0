/**
 * Describes errors to people in one line: what is wrong, and what to do. Knows the errors of Deno and
 * netlab. Never shows a stack.
 *
 * @module
 */
import { NetlabError } from "@netlab/protocol/errors";
import { OutputError } from "./output.ts";
import { oneLine } from "./untrusted.ts";

/**
 * The command line is wrong, or its options exclude each other. `runProgram` ends the program with exit
 * code 2.
 */
export class UsageError extends Error {
  /** `UsageError`. */
  override name = "UsageError";
}

/** The errors of the system: what is wrong, and what a person can do. */
const ADVICE: [new (message: string) => Error, what: string, advice: string][] = [
  [
    Deno.errors.AddrInUse,
    "the address is in use",
    "choose another port, or end the program that listens there",
  ],
  [
    Deno.errors.AddrNotAvailable,
    "this machine does not have that address",
    "choose another host, such as 127.0.0.1",
  ],
  [Deno.errors.ConnectionRefused, "connection refused", "is a server running there?"],
  [Deno.errors.ConnectionReset, "the other side broke the connection", "try again"],
  [Deno.errors.TimedOut, "no answer in time", "check the address and the network"],
  [Deno.errors.NetworkUnreachable, "the network cannot be reached", "check the address"],
  [
    Deno.errors.PermissionDenied,
    "the system does not permit it",
    "ports below 1024 and files of others need more rights, so choose another",
  ],
];

/** The errors of the system that have no class in Deno, by code: what is wrong, and what to do. */
const ADVICE_BY_CODE = new Map(Object.entries({
  ENOSPC: "no space left on device; make room, or write elsewhere",
  EDQUOT: "the quota of the disk is used up; make room, or write elsewhere",
  EIO: "input/output error; has the terminal gone?",
}));

/** Matches the message for a host name that cannot be resolved. Deno has no class for that error. */
const LOOKUP_FAILED = /^failed to lookup address information/;

/**
 * Describes an error in one line. To add what the program was doing, wrap the error: `new Error("Cannot
 * listen on 127.0.0.1:5001", { cause: error })` becomes "Cannot listen on 127.0.0.1:5001: the address is
 * in use; choose another port, …".
 */
export function describeError(error: unknown): string {
  const denied = findCause(error, Deno.errors.NotCapable);
  return oneLine(denied ? describePermission(denied.message) : describe(error));
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof NetlabError) return error.message;
  if (error instanceof OutputError && error.nobodyReads) {
    return `${error.message}: its reader has gone`;
  }
  for (const [kind, what, advice] of ADVICE) {
    if (error instanceof kind) return `${what}; ${advice}`;
  }
  const { code } = error as { code?: unknown };
  const advice = typeof code === "string" ? ADVICE_BY_CODE.get(code) : undefined;
  if (advice !== undefined) return advice;
  if (LOOKUP_FAILED.test(error.message)) {
    return "the host name is not known; check its spelling, or use an IP address";
  }
  if (error instanceof AggregateError && error.errors.length > 0) {
    const parts = [...new Set(error.errors.map(describe))].join("; ");
    return error.message ? `${error.message}: ${parts}` : parts;
  }
  const message = error.message || error.name;
  return error.cause === undefined ? message : `${message}: ${describe(error.cause)}`;
}

/** Describes an error such as `Requires net access to "127.0.0.1:5001", run again with …`. */
function describePermission(message: string): string {
  const match = /^Requires (\w+) access(?: to (?:"([^"]*)"|([^,]+)))?/.exec(message);
  if (!match) return message;
  const [, access, quoted, bare] = match;
  const target = quoted ?? bare;
  return `No permission for ${access} access${target ? ` to ${target}` : ""}; ` +
    `add --allow-${access}${quoted && access !== "all" ? `=${quoted}` : ""} after "deno run"`;
}

function findCause<E extends Error>(
  error: unknown,
  kind: new (message: string) => E,
): E | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (at instanceof kind) return at;
    if (at instanceof AggregateError) {
      for (const part of at.errors) if (part instanceof kind) return part;
    }
  }
  return undefined;
}
