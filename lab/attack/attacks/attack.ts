/**
 * What an attack gets, and the steps that many attacks have in common. Knows no single attack.
 *
 * @module
 */
import {
  FrameType,
  FrameWriter,
  HEADER_BYTES,
  Information,
  readCapabilities,
  readNetwork,
  writeInformationRequest,
  writePeerRegistration,
  writeSessionRegistration,
} from "@netlab/protocol";
import { type Random, randomUuid } from "../../random.ts";
import { type Allowance, RawConnection } from "./raw_connection.ts";

/** What an attack gets. */
export interface AttackContext {
  /** The addresses of the servers, `host:port`. */
  readonly servers: readonly string[];
  /** A free port for attacks that listen. */
  readonly port: number;
  /** How long an attack that begins like an honest server remains one: milliseconds. */
  readonly delayMs: number;
  /** The time and the bytes that the attack may use. */
  readonly allowance: Allowance;
  /** Whether to attack with the numbers that a real attacker would use, instead of a tenth of them. */
  readonly full: boolean;
  /** The share of one processor that `burn` uses, from 0 to 1. */
  readonly share: number;
  /** Random numbers from the seed of the attack. */
  readonly random: Random;
}

/** An attack. It ends early when it can do no more; the time of the allowance ends it in any case. */
export type Attack = (context: AttackContext) => Promise<void>;

/** Writes frames and returns their bytes. */
export function bytesOf(write: (out: FrameWriter) => void): Uint8Array {
  const out = new FrameWriter();
  write(out);
  return out.take();
}

/** Returns the same bytes so many times in a row. */
export function repeated(bytes: Uint8Array, times: number): Uint8Array {
  const all = new Uint8Array(bytes.length * times);
  for (let n = 0; n < times; n++) all.set(bytes, n * bytes.length);
  return all;
}

/**
 * Lets several attackers work side by side, each again and again until the time is over. One whose
 * connection ends begins anew, as a real attacker does.
 *
 * @param work One attempt. It may fail at any time.
 */
export async function together(
  { allowance }: AttackContext,
  attackers: number,
  work: (attacker: number) => Promise<void>,
): Promise<void> {
  const attack = async (attacker: number) => {
    while (!allowance.over.aborted) {
      try {
        await work(attacker);
      } catch {
        // A server that closes connections must not make this loop busier than an attack is.
        await allowance.pause(5);
      }
    }
  };
  await Promise.all(Array.from({ length: attackers }, (_, attacker) => attack(attacker)));
}

/** Connects to a server as a user. What the server sends is not read. */
export async function connectUser(
  context: AttackContext,
  name: string,
  server = context.servers[0]!,
): Promise<RawConnection> {
  const connection = await RawConnection.connect(server, context.allowance);
  await connection.send(
    bytesOf((out) =>
      writeSessionRegistration(out, { session: randomUuid(context.random), name, abilities: 3 })
    ),
  );
  return connection;
}

/**
 * Connects to a server as another server of its network, and waits until the link is up. What the server
 * sends after that is not read.
 *
 * @param address The address that the attacker states as its own: `host:port`.
 */
export async function connectPeer(
  context: AttackContext,
  address: string,
  { server = context.servers[0]!, id = randomUuid(context.random) } = {},
): Promise<{ connection: RawConnection; id: string }> {
  const connection = await RawConnection.connect(server, context.allowance);
  await connection.send(bytesOf((out) => writeInformationRequest(out, Information.Capabilities)));
  const answer = await connection.readFrameOf(
    FrameType.InformationResponse,
    Information.Capabilities,
  );
  const network = readNetwork(readCapabilities(answer.subarray(HEADER_BYTES)));
  await connection.send(
    bytesOf((out) =>
      writePeerRegistration(out, { server: id, address, ...network !== undefined && { network } })
    ),
  );
  return { connection, id };
}

/** Returns an address of this machine at which nobody listens, most likely: `host:port`. */
export function inventedAddress(number: number): string {
  return `127.0.0.1:${33_000 + number % 32_000}`;
}
