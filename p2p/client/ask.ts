/**
 * Sends one information request to a server, over a connection of its own. A client needs this before it is
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
  readError,
  readServers,
  readUsers,
  writeInformationRequest,
} from "@netlab/protocol";

/** How long the server may take to answer: milliseconds. */
const ANSWER_MS = 3_000;

/**
 * The addresses of the servers that the server at `address` knows, `host:port` each, including its own.
 *
 * @throws {NetlabError} {@linkcode ErrorCode.ConnectionLost} when it cannot be reached,
 *   {@linkcode ErrorCode.TimedOut} when it does not answer within three seconds.
 */
export async function askServers(address: string): Promise<string[]> {
  return readServers(await ask(address, Information.Servers));
}

/** The names of the users that the server at `address` knows. Throws the errors of {@linkcode askServers}. */
export async function askUsers(address: string): Promise<string[]> {
  return readUsers(await ask(address, Information.Users));
}

async function ask(address: string, what: number): Promise<Uint8Array> {
  const connection = await dial(address);
  writeInformationRequest(connection.out, what);
  let answer: Uint8Array | undefined;
  const timer = setTimeout(() =>
    connection.abort(
      new NetlabError(ErrorCode.TimedOut, `Cannot ask ${address}: no answer`, { fatal: true }),
    ), ANSWER_MS);
  try {
    await connection.run({
      frame(frame) {
        if (frame.type === FrameType.Error) throw readError(frame);
        if (frame.type !== FrameType.InformationResponse || frame.subtype !== what) return;
        answer = frame.payload.slice();
        void connection.close();
      },
    });
  } finally {
    clearTimeout(timer);
  }
  if (answer === undefined) {
    throw new NetlabError(
      ErrorCode.ConnectionLost,
      `Cannot ask ${address}: it closed the connection`,
      { fatal: true },
    );
  }
  return answer;
}
