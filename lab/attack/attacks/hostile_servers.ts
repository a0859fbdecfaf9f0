/**
 * Attacks on clients and servers by a server that looks real at first. It becomes a member of the network, so
 * that others hear of it and connect.
 *
 * @module
 */
import {
  Capability,
  DEFAULT_HOST,
  ErrorCode,
  formatNetwork,
  FrameType,
  HEADER_BYTES,
  Information,
  MessageKind,
  NetlabError,
  readCapabilities,
  readNetwork,
  readSessionRegistration,
  Registration,
  writeError,
  writeInformationRequest,
  writeInformationResponse,
  writeMessage,
  writeMoveRequest,
  writePeerRegistration,
  writeSessionWelcome,
} from "@netlab/protocol";
import { randomUuid } from "../../random.ts";
import {
  type Attack,
  type AttackContext,
  bytesOf,
  connectPeer,
  inventedAddress,
} from "./attack.ts";
import { RawConnection } from "./raw_connection.ts";

/** How many invented addresses are in a list. */
const LISTED = 3_000;

/** A server that clients and servers learn of, and that floods whoever connects. */
export const hostileServer: Attack = async (context) => {
  const { allowance, servers, port, random, delayMs } = context;
  const floodAt = performance.now() + delayMs;
  using listener = Deno.listen({ hostname: DEFAULT_HOST, port });
  const close = () => {
    try {
      listener.close();
    } catch {
      // It is closed already.
    }
  };
  allowance.over.addEventListener("abort", close);
  const id = randomUuid(random);
  const network = await networkOf(context);
  const join = async () => {
    while (!allowance.over.aborted) {
      try {
        const { connection } = await connectPeer(context, `${DEFAULT_HOST}:${port}`, { id });
        using _ = connection;
        await connection.drain();
      } catch {
        // The server refuses it for now.
      }
      await allowance.pause(200);
    }
  };
  const serving: Promise<void>[] = servers.length === 0 ? [] : [join()];
  let count = 0;
  try {
    for await (const conn of listener) {
      const connection = RawConnection.accepted(conn, allowance);
      const server = { id, address: `${DEFAULT_HOST}:${port}`, network };
      serving.push(serve(context, connection, { ...server, floodAt }, count++).catch(() => {}));
    }
  } catch {
    // The attack is over.
  }
  await Promise.all(serving);
};

/** Asks the first server for the id of its network. */
async function networkOf({ servers, allowance }: AttackContext): Promise<string | undefined> {
  if (servers.length === 0) return undefined;
  using connection = await RawConnection.connect(servers[0]!, allowance);
  await connection.send(bytesOf((out) => writeInformationRequest(out, Information.Capabilities)));
  const answer = await connection.readFrameOf(FrameType.InformationResponse, 2);
  return readNetwork(readCapabilities(answer.subarray(HEADER_BYTES)));
}

/** Answers the first requests as a server does, and floods the connection when a user has registered. */
async function serve(
  context: AttackContext,
  connection: RawConnection,
  server: { id: string; address: string; network: string | undefined; floodAt: number },
  number: number,
): Promise<void> {
  using _ = connection;
  const invented = (n: number) => inventedAddress(n + Math.floor(1e6 * context.random()));
  const { id, address, network, floodAt } = server;
  for (;;) {
    const frame = await connection.readFrame();
    const [type, subtype] = frame;
    if (type === FrameType.InformationRequest && subtype === Information.Capabilities) {
      const words = Object.values(Capability).filter((word) =>
        word !== Capability.Load && word !== Capability.Network
      );
      if (network !== undefined) words.push(formatNetwork(network) as typeof words[number]);
      await connection.send(bytesOf((out) => writeInformationResponse(out, 2, words)));
    } else if (type === FrameType.InformationRequest) {
      const list = [address, ...Array.from({ length: LISTED }, (_, n) => invented(n))];
      await connection.send(bytesOf((out) => writeInformationResponse(out, subtype!, list)));
    } else if (type === FrameType.Echo) {
      // Slow, so that no user of rtt prefers this server.
      await context.allowance.pause(300);
      await connection.send(frame);
    } else if (type === FrameType.Registration && subtype === Registration.Peer) {
      await connection.send(
        bytesOf((out) =>
          writePeerRegistration(out, {
            server: id,
            address,
            ...network !== undefined && { network },
          })
        ),
      );
    } else if (type === FrameType.Registration && subtype === Registration.Session) {
      const { name } = readSessionRegistration(frame.subarray(HEADER_BYTES));
      await connection.send(
        bytesOf((out) => writeSessionWelcome(out, { server: id, address, name })),
      );
      void connection.drain();
      await context.allowance.pause(Math.max(0, floodAt - performance.now()));
      return await flood(context, connection, name, number);
    }
  }
}

/** Sends a user what no user can want, and reads nothing more. */
async function flood(
  { random, allowance }: AttackContext,
  connection: RawConnection,
  recipient: string,
  number: number,
): Promise<void> {
  for (;;) {
    await connection.send(bytesOf((out) => {
      for (let n = 0; n < 20; n++) {
        const message = {
          id: randomUuid(random),
          sender: "mallory",
          recipient,
          text: "x".repeat(1_000),
        };
        writeMessage(out, message, n % 2 === 0 ? MessageKind.Durable : MessageKind.Ephemeral);
        writeError(out, new NetlabError(ErrorCode.Malformed, "x".repeat(500), { fatal: false }));
        writeMoveRequest(out, [inventedAddress(n), inventedAddress(n + number)]);
        writeInformationRequest(out, Information.Capabilities);
      }
    }));
    if (number % 2 === 0) await allowance.pause(10);
  }
}
