/**
 * Fuzzes the client's session on a virtual network: a hostile server accepts a user and sends frames. The
 * session throws nothing, breaks no invariant, and shows no message twice.
 *
 * @module
 */
import { FrameType, FrameWriter, writeSessionWelcome } from "@netlab/protocol";
import { SessionClient, type VirtualConnection, VirtualNetwork } from "../simulator/mod.ts";
import { randomUuid, seeded } from "../random.ts";
import { FrameSource, FUZZ_NAMES } from "./frame_source.ts";
import type { FuzzTarget, Input, Round } from "./target.ts";

/** How many frames a round sends. */
const FRAMES = 2_000;
/** How much time passes between two frames: milliseconds. */
const STEP_MS = 5;
const ADDRESS = "10.0.0.1:5001";

/** The session of a client, in this process. Deterministic. */
export class SessionTarget implements FuzzTarget {
  round(seed: number): Promise<Round> {
    const source = new FrameSource(seed, [ADDRESS]);
    const random = seeded(seed, 5);
    const network = new VirtualNetwork(seed);
    const user = FUZZ_NAMES[0]!;
    const inputs: Input[] = [];
    let current: VirtualConnection | undefined;
    network.listen(ADDRESS, (connection) => {
      connection.start({
        frame: ({ type }) => {
          if (type !== FrameType.Registration) return;
          const out = new FrameWriter();
          writeSessionWelcome(out, { server: randomUuid(random), address: ADDRESS, name: user });
          connection.out.raw(out.take());
        },
      });
      current = connection;
    });
    const client = new SessionClient(network, user, [ADDRESS]).moveTo({ address: ADDRESS });
    try {
      network.run(100);
      while (inputs.length < FRAMES) {
        if (inputs.length % 20 === 0) client.send(FUZZ_NAMES[1]!, "Hello");
        const bytes = source.next();
        inputs.push({ connection: 0, bytes });
        if (current && !current.closed) current.out.raw(bytes);
        network.run(STEP_MS);
      }
      network.run(60_000);
    } catch (error) {
      const what = `The client throws ${error instanceof Error ? error.stack : error}`;
      return Promise.resolve({ frames: inputs.length, findings: [{ what, inputs }] });
    }
    // Different senders may use one id: they are different messages.
    const shown = client.messages.map(({ sender, id }) => `${id} from ${sender}`);
    const twice = shown.find((message, n) => shown.indexOf(message) !== n);
    const findings = twice === undefined
      ? []
      : [{ what: `The client shows message ${twice} twice`, inputs }];
    return Promise.resolve({ frames: inputs.length, findings });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
