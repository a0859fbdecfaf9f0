/**
 * Data folders with stored messages, to be damaged: what a server leaves behind that stopped, and one that was
 * killed. Owns which messages are in them and where.
 *
 * @module
 */
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { between, pick, type Random, seeded } from "../random.ts";

/** The recipients of stored messages. They are not connected when the folders are copied. */
export const RECIPIENTS = ["Bob", "Cid", "Zoë"] as const;
/** A user to whom messages were delivered before. */
const EARLIER = "Eve";
/** How many messages wait. */
const MESSAGES = 300;
/** How many messages were delivered to each recipient before. */
const DELIVERED = 20;

/** The state in which a server leaves its data folder. */
export type Ending = "stopped" | "killed" | "killed later";

/** A message that waits in a folder. */
export interface WaitingMessage {
  /** Its recipient. */
  readonly recipient: string;
  /** Its text: a word with its index in the list, many times. */
  readonly text: string;
}

/** The files of one data folder. */
export interface Template {
  /** How its server ended. */
  readonly ending: Ending;
  /** The contents of the files by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The messages that wait in it. */
  readonly waiting: readonly WaitingMessage[];
  /** The ids of the messages that were delivered before, by text: UUIDs. */
  readonly delivered: ReadonlyMap<string, string>;
}

/**
 * Lets a server store messages in the folder `path`, which must not exist, and returns what it leaves behind.
 *
 * @throws {NetlabError} When the server or its users fail.
 */
export async function makeTemplate(path: string, ending: Ending, seed: number): Promise<Template> {
  const random = seeded(seed);
  const waiting: WaitingMessage[] = [];
  const delivered = new Map<string, string>();
  let files: Map<string, Uint8Array> | undefined;
  const fill = async (messages: number) => {
    await using server = await P2pServer.listen({ data: path });
    await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
    if (waiting.length === 0) await deliverSome(server, alice, random, delivered);
    const sending: Promise<unknown>[] = [];
    for (let i = 0; i < messages; i++) {
      const message = makeMessage(random, waiting.length);
      waiting.push(message);
      sending.push(alice.send(message.recipient, message.text));
      // Some are stored together, and some alone.
      if (random() < 0.1) await Promise.all(sending);
    }
    await Promise.all(sending);
    if (ending !== "stopped") files = readFiles(path);
  };
  if (ending === "killed later") await fill(MESSAGES / 2);
  await fill(ending === "killed later" ? MESSAGES / 2 : MESSAGES);
  return { ending, files: files ?? readFiles(path), waiting, delivered };
}

/** Delivers some messages, so that their outcomes are stored and some of the messages of batches removed. */
async function deliverSome(
  server: P2pServer,
  alice: P2pClient,
  random: Random,
  delivered: Map<string, string>,
): Promise<void> {
  const recipients = [EARLIER, ...RECIPIENTS].flatMap((name) => Array(DELIVERED).fill(name));
  const sent = await Promise.all(recipients.map(async (name, index) => {
    const text = `<delivered ${index}>`.repeat(1 + lengthOf(random) / 10);
    const message = await alice.send(name, text);
    delivered.set(text, message.id);
    return message;
  }));
  for (const name of [EARLIER, ...RECIPIENTS]) {
    await using client = await P2pClient.connect({ name, servers: [server.address] });
    let left = DELIVERED;
    for await (const message of client) {
      client.take(message);
      if (--left === 0) break;
    }
  }
  await Promise.all(sent.map(({ delivered }) => delivered));
}

function makeMessage(random: Random, number: number): WaitingMessage {
  const times = lengthOf(random) / 10;
  return { recipient: pick(random, RECIPIENTS), text: `<waiting ${number}>`.repeat(1 + times) };
}

function lengthOf(random: Random): number {
  return random() < 0.9 ? between(random, 0, 300) : between(random, 1_000, 20_000);
}

function readFiles(path: string): Map<string, Uint8Array> {
  const names = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  return new Map(names.map((name) => [name, Deno.readFileSync(`${path}/${name}`)]));
}
