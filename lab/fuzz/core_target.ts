/**
 * Fuzzes the routing core on a virtual network: two linked servers with a user each, and strangers who send
 * frames to one of them. The core throws nothing and breaks no invariant. Both servers go on, and if no
 * stranger passes for a server, each message of the two users arrives once.
 *
 * @module
 */
import {
  servers,
  SessionClient,
  settle,
  type VirtualConnection,
  VirtualNetwork,
  type VirtualNode,
} from "../simulator/mod.ts";
import { between, seeded } from "../random.ts";
import { smallestFailing } from "../shrink.ts";
import { FrameSource } from "./frame_source.ts";
import type { Finding, FuzzTarget, Input, Round } from "./target.ts";

/** How many frames a round sends. */
const FRAMES = 2_000;
/** How many strangers are connected at a time. */
const STRANGERS = 6;
/** The mean number of frames that a stranger sends before it connects anew. */
const FRAMES_PER_STRANGER = 60;
/** How much time passes between two frames: milliseconds. */
const STEP_MS = 5;
/** How many attempts to spend on making a finding smaller. */
const SHRINK_TRIES = 100;

const ADDRESSES = ["10.0.0.1:5001", "10.0.0.2:5001", "10.0.9.1:5001", "10.0.9.2:5001"];

/** The routing core, in this process. Deterministic. */
export class CoreTarget implements FuzzTarget {
  async round(seed: number): Promise<Round> {
    const inputs = inputsOf(seed);
    const what = failureOf(seed, inputs);
    if (what === undefined) return { frames: inputs.length, findings: [] };
    const needed = await smallestFailing(
      inputs.length,
      (indexes) => failureOf(seed, indexes.map((index) => inputs[index]!)) !== undefined,
      { tries: SHRINK_TRIES },
    );
    const finding: Finding = { what, inputs: needed.map((index) => inputs[index]!) };
    return { frames: inputs.length, findings: [finding] };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** Makes the inputs of a round. In every second round, strangers also pass for servers. */
function inputsOf(seed: number): readonly Input[] {
  const source = new FrameSource(seed, ADDRESSES);
  const random = seeded(seed, 2);
  const connections = Array.from({ length: STRANGERS }, (_, n) => n);
  let next = STRANGERS;
  const fresh = new Set(connections);
  const inputs: Input[] = [];
  while (inputs.length < FRAMES) {
    const slot = between(random, 0, STRANGERS - 1);
    if (random() < 1 / FRAMES_PER_STRANGER) {
      fresh.add(next);
      connections[slot] = next++;
    }
    const connection = connections[slot]!;
    const bytes = fresh.delete(connection)
      ? source.registration({ asServer: seed % 2 === 0 })
      : source.next({ asServer: seed % 2 === 0 });
    if (bytes.length > 0) inputs.push({ connection, bytes });
  }
  return inputs;
}

/** Runs these inputs. Returns what went wrong, or `undefined`. */
export function failureOf(seed: number, inputs: readonly Input[]): string | undefined {
  const network = new VirtualNetwork(seed);
  const nodes = servers(network, 2);
  settle(network, nodes);
  const [target, other] = nodes as [VirtualNode, VirtualNode];
  const users = [
    new SessionClient(network, "Alice", [target.address]).moveTo(target),
    new SessionClient(network, "Bob", [other.address]).moveTo(other),
  ];
  network.run(1_000);
  const strangers = new Map<number, VirtualConnection>();
  let sent = 0;
  try {
    for (const [index, { connection, bytes }] of inputs.entries()) {
      const open = strangers.get(connection);
      if (open) send(open, bytes);
      else {connect(network, target, (opened) => {
          strangers.set(connection, opened);
          send(opened, bytes);
        });}
      network.run(STEP_MS);
      if (index % 100 === 0) {
        users[0]!.send("Bob", `${sent}`);
        users[1]!.send("Alice", `${sent}`);
        sent++;
      }
    }
    network.run(10_000);
  } catch (error) {
    return `The server throws ${error instanceof Error ? error.stack : error}`;
  }
  // Today, a stranger who passes for a server can also pass for its users.
  if (seed % 2 === 0) return undefined;
  const expected = Array.from({ length: sent }, (_, n) => `${n}`).join();
  const [alice, bob] = users as [SessionClient, SessionClient];
  for (const [user, from] of [[alice, "Bob"], [bob, "Alice"]] as const) {
    const seen = user.textsFrom(from).join();
    if (seen !== expected) return `${user.name} has seen ${seen} and not ${expected}`;
  }
  return undefined;
}

function connect(
  network: VirtualNetwork,
  { address }: VirtualNode,
  opened: (connection: VirtualConnection) => void,
): void {
  network.dial(`10.0.9.${between(network.random, 1, 3)}:999`, address, {
    connected(connection) {
      connection.start({ frame: () => {}, bytes: () => {} });
      opened(connection);
    },
    failed: () => {},
  });
}

function send(connection: VirtualConnection, bytes: Uint8Array): void {
  // A server that has closed the connection gets nothing.
  if (!connection.closed) connection.out.raw(bytes);
}
