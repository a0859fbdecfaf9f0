/**
 * Asks a server for information, over a connection of its own. A client needs this before it is
 * connected, and at a legacy server, whose connection to a user carries text instead of frames.
 *
 * @module
 */
import {
  dial,
  ErrorCode,
  FrameType,
  Information,
  NetlabError,
  readCapabilities,
  readError,
  readInformationPart,
  readNetwork,
  readServers,
  readUsers,
  type TrustFile,
  writeInformationRequest,
} from "@netlab/protocol";
import type { HomeNetwork } from "./home_network.ts";

/** The longest list that is read: bytes. The names of a million users need less. */
const MAX_LIST_BYTES = 64 * 1024 * 1024;
/** How many bytes of requests may wait for a server that asks for a lot and reads nothing. */
const MAX_REPLY_BYTES = 64 * 1024;
/** How long the server may take to answer: milliseconds. */
const ANSWER_MS = 3_000;

/**
 * The addresses of the servers that the server at `address` knows, including its own.
 *
 * @param trust The certificate authorities that are trusted besides those that Deno trusts.
 * @throws {NetlabError} {@linkcode ErrorCode.ConnectionLost} when it cannot be reached,
 *   {@linkcode ErrorCode.TimedOut} when it does not answer within three seconds,
 *   {@linkcode ErrorCode.OtherNetwork} when it does not belong to `network`.
 * @throws {unknown} The reason of `stop` when it aborts.
 */
export async function askServers(
  address: string,
  network: HomeNetwork | undefined,
  stop: AbortSignal,
  trust?: TrustFile,
): Promise<string[]> {
  const lists = await ask(
    address,
    Information.AllServers,
    Information.Servers,
    network,
    stop,
    trust,
  );
  return [...new Set(lists.flatMap(readServers))];
}

/** The names of the users that the server at `address` knows. Throws the errors of {@linkcode askServers}. */
export async function askUsers(
  address: string,
  network: HomeNetwork | undefined,
  stop: AbortSignal,
  trust?: TrustFile,
): Promise<string[]> {
  const lists = await ask(address, Information.AllUsers, Information.Users, network, stop, trust);
  return lists.flatMap(readUsers);
}

/**
 * Asks for a list in parts, and then for as much as fits into one frame if the server does not know the first
 * request. Returns the parts.
 */
async function ask(
  address: string,
  all: number,
  some: number,
  network: HomeNetwork | undefined,
  stop: AbortSignal,
  trust?: TrustFile,
): Promise<Uint8Array[]> {
  const connection = await dial(address, stop, { trust });
  const giveUp = () => connection.abort(stop.reason);
  stop.addEventListener("abort", giveUp);
  // The answers come in this order.
  writeInformationRequest(connection.out, Information.Capabilities);
  writeInformationRequest(connection.out, all);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  let isComplete = false;
  const timer = setTimeout(() =>
    connection.abort(
      new NetlabError(ErrorCode.TimedOut, `Cannot ask ${address}: no answer`, { fatal: true }),
    ), ANSWER_MS);
  try {
    await connection.run({
      maxReplyBytes: () => MAX_REPLY_BYTES,
      frame(frame) {
        bytes += frame.end - frame.start;
        if (bytes > MAX_LIST_BYTES) {
          const message = `Cannot ask ${address}: the list is longer than ${MAX_LIST_BYTES} bytes`;
          throw new NetlabError(ErrorCode.FrameTooLong, message, { fatal: true });
        }
        if (frame.type === FrameType.Error) throw readError(frame);
        if (frame.type !== FrameType.InformationResponse) return;
        if (frame.subtype === Information.Capabilities) {
          network?.check(address, readNetwork(readCapabilities(frame.payload)));
        } else if (frame.subtype === some) {
          parts.push(frame.payload.slice());
          isComplete = true;
        } else if (frame.subtype === all) {
          if (frame.payload.length === 0) return writeInformationRequest(connection.out, some);
          const part = readInformationPart(frame.payload.slice());
          parts.push(part.list);
          isComplete = part.isLast;
        }
        if (isComplete) void connection.close();
      },
    });
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", giveUp);
  }
  if (!isComplete) {
    throw new NetlabError(
      ErrorCode.ConnectionLost,
      `Cannot ask ${address}: it closed the connection`,
      { fatal: true },
    );
  }
  return parts;
}
