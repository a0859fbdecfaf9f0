/**
 * Finds the port of a server program: a given one, the first free one, or one that a person picks from a
 * list. Owns the attempts and the error message when they fail. The caller starts the server.
 *
 * @module
 */
import { DEFAULT_PORTS, formatAddress } from "@netlab/protocol/address";
import { NetlabError } from "@netlab/protocol/errors";
import { addressesOf, listenOnAll } from "@netlab/protocol/listen";
import { green, red } from "../output/screen/colors.ts";
import { print } from "../output/print.ts";
import { table } from "../output/screen/table.ts";
import { ask } from "./prompt.ts";
import { unlessAborted } from "./signals.ts";

/**
 * Waits until the system has found the addresses of a host. A server looks them up itself when it listens, but not all
 * of that can be interrupted.
 *
 * @returns Whether they are found; not when `stop` aborts. The program should end then.
 * @throws {Error} When the host name is not known.
 */
export async function findHost(hostname: string, stop: AbortSignal): Promise<boolean> {
  try {
    await unlessAborted(addressesOf(hostname), stop);
    return true;
  } catch (cause) {
    if (stop.aborted && cause === stop.reason) return false;
    throw new Error(`Cannot listen on ${hostname}`, { cause });
  }
}

/** Starts a server on a port. */
export type Listen<S> = (port: number) => Promise<S>;

/**
 * Starts a server on `port` of `hostname`.
 *
 * @throws {Error} When it cannot listen there. The message names the address; the cause says why.
 */
export async function listenOn<S>(hostname: string, port: number, listen: Listen<S>): Promise<S> {
  try {
    return await listen(port);
  } catch (cause) {
    // Errors of the system name no address. An error in the options, one of netlab, or one that has a
    // cause, explains itself.
    if (cause instanceof TypeError || cause instanceof NetlabError) throw cause;
    if (cause instanceof Error && cause.cause !== undefined) throw cause;
    throw new Error(`Cannot listen on ${formatAddress({ hostname, port })}`, { cause });
  }
}

/**
 * Starts a server on the first default port that is free.
 *
 * @throws {Error} When all default ports are in use, or when listening fails for another reason.
 */
export async function listenOnFirstFree<S>(hostname: string, listen: Listen<S>): Promise<S> {
  for (const port of DEFAULT_PORTS) {
    try {
      return await listenOn(hostname, port, listen);
    } catch (error) {
      if (!(error instanceof Error && error.cause instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw noFreePort();
}

function noFreePort(): Error {
  return new Error(
    `Cannot find a free port: ${DEFAULT_PORTS.join(", ")} are in use; choose another with --port`,
  );
}

/** How long a question waits for the first key: seconds. */
const ASK_SECONDS = 5;

/**
 * Shows which default ports are free, and asks for the index of one. Enter takes the first free one, and so does
 * the end of a countdown, unless somebody types. A person must be at the terminal, as `isPersonThere` tells.
 *
 * @returns The port, `"first free"`, or `undefined` when there was no answer. The program should end then.
 * @throws {Error} When all default ports are in use, or when listening fails for another reason.
 */
export async function askForPort(
  hostname: string,
  signal: AbortSignal,
): Promise<number | "first free" | undefined> {
  const free = await Promise.all(DEFAULT_PORTS.map((port) => isFree(hostname, port)));
  const rows = DEFAULT_PORTS.map((port, index) => [
    String(index),
    String(port),
    free[index] ? green("free") : red("in use"),
  ]);
  for (const line of table([{ title: "Index" }, { title: "Port" }, { title: "" }], rows)) {
    print(line);
  }
  const first = free.indexOf(true);
  if (first < 0) throw noFreePort();
  const answer = await ask("Index", {
    default: String(first),
    seconds: ASK_SECONDS,
    signal,
    check: (text) => {
      const index = /^[0-9]$/.test(text) ? Number(text) : -1;
      if (DEFAULT_PORTS[index] === undefined) {
        return `${text} is not an index: type a number from 0 to ${DEFAULT_PORTS.length - 1}`;
      }
      return free[index] ? undefined : `Port ${DEFAULT_PORTS[index]} is in use: choose another`;
    },
  });
  if (answer === undefined) return undefined;
  // Another server may have taken that port during the countdown.
  return Number(answer) === first ? "first free" : DEFAULT_PORTS[Number(answer)]!;
}

async function isFree(hostname: string, port: number): Promise<boolean> {
  try {
    const { listeners } = await listenOnAll({ hostname, port });
    for (const listener of listeners) listener.close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw new Error(`Cannot listen on ${formatAddress({ hostname, port })}`, { cause: error });
  }
}
