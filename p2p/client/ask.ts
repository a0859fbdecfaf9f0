/**
 * Asks a server for information, over a connection of its own. A client needs this before it is
 * connected, and at a legacy server, whose connection to a user carries text instead of frames.
 *
 * @module
 */
import {
  ErrorCode,
  FrameType,
  hostOf,
  type HostReach,
  Information,
  NetlabError,
  reachOf,
  readCapabilities,
  readError,
  readInformationPart,
  readNetwork,
  readServers,
  readUsers,
  Registration,
  writeInformationRequest,
  writeToken,
} from "@netlab/protocol/codec";
import { Dialler } from "./connection/dialler.ts";
import type { HomeNetwork } from "./home_network.ts";
import { OwnToken } from "./own_token.ts";

const NO_TOKEN = new OwnToken(undefined);
const SOCKETS = new Dialler();

/** The longest list that is read: bytes. The names of a million users need less. */
const MAX_LIST_BYTES = 64 * 1024 * 1024;
/** How many bytes of requests may wait for a server that asks for a lot and reads nothing. */
const MAX_REPLY_BYTES = 64 * 1024;
/** How long the server may take to answer: milliseconds. */
const ANSWER_MS = 3_000;

/**
 * The addresses of the servers that the server at `address` knows, including its own, without those that it may not
 * name to this client.
 *
 * @param token The token of the user, or none.
 * @param dialler Opens the connection.
 * @throws {NetlabError} {@linkcode ErrorCode.ConnectionLost} when it cannot be reached,
 *   {@linkcode ErrorCode.TimedOut} when it does not answer within three seconds,
 *   {@linkcode ErrorCode.OtherNetwork} when it does not belong to `network`. Also the errors of
 *   {@linkcode OwnToken.for}, and those with which a server refuses a token.
 * @throws {unknown} The reason of `stop` when it aborts.
 */
export async function askServers(
  address: string,
  network: HomeNetwork | undefined,
  stop: AbortSignal,
  token: OwnToken = NO_TOKEN,
  dialler: Dialler = SOCKETS,
): Promise<string[]> {
  const { AllServers, Servers } = Information;
  const { parts, by } = await ask(address, AllServers, Servers, network, stop, token, dialler);
  const servers = [...new Set(parts.flatMap(readServers))];
  return network?.listed(servers, by) ?? servers;
}

/** The names of the users that the server at `address` knows. Throws the errors of {@linkcode askServers}. */
export async function askUsers(
  address: string,
  network: HomeNetwork | undefined,
  stop: AbortSignal,
  token: OwnToken = NO_TOKEN,
  dialler: Dialler = SOCKETS,
): Promise<string[]> {
  const { AllUsers, Users } = Information;
  const { parts } = await ask(address, AllUsers, Users, network, stop, token, dialler);
  return parts.flatMap(readUsers);
}

/**
 * Asks for a list in parts, and then for as much as fits into one frame if the server does not know the first
 * request. Returns the parts, and from where the server can be reached.
 */
async function ask(
  address: string,
  all: number,
  some: number,
  network: HomeNetwork | undefined,
  stop: AbortSignal,
  own: OwnToken,
  dialler: Dialler,
): Promise<{ parts: Uint8Array[]; by: HostReach }> {
  const connection = await dialler.dial(address, stop, network?.namerOf(address));
  const giveUp = () => connection.abort(stop.reason);
  stop.addEventListener("abort", giveUp);
  // The answers come in this order.
  writeInformationRequest(connection.out, Information.Capabilities);
  if (!own.isGiven) writeInformationRequest(connection.out, all);
  const introduce = async (capabilities: ReadonlySet<string>) => {
    try {
      writeToken(connection.out, await own.for(address, connection, capabilities));
    } catch (error) {
      connection.abort(error);
    }
  };
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
        if (frame.type === FrameType.Registration && frame.subtype === Registration.Token) {
          return writeInformationRequest(connection.out, all);
        }
        if (frame.type !== FrameType.InformationResponse) return;
        if (frame.subtype === Information.Capabilities) {
          const capabilities = readCapabilities(frame.payload);
          network?.check(address, readNetwork(capabilities));
          if (own.isGiven) void introduce(capabilities);
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
  return { parts, by: reachOf(connection.ip ?? hostOf(address)) };
}
