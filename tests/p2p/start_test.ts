import { assertEquals } from "@std/assert";
import { FrameWriter, MessageKind, writeLegacyRegistration, writeMessage } from "@netlab/protocol";
import { P2pServer } from "@netlab/p2p/server";
import { freePorts } from "../processes.ts";
import { socketTest as test, within } from "./network.ts";

/** Notes which files set timers, tests left out, until it is disposed of. */
function watchTimers(): { readonly setBy: string[] } & Disposable {
  const { setTimeout, setInterval, setImmediate } = globalThis;
  const setBy: string[] = [];
  const watched = (name: string, set: (...args: never[]) => unknown) => (...args: never[]) => {
    const caller = new Error().stack!.split("\n")[2]!;
    if (!caller.includes("/tests/")) setBy.push(`${name} ${caller.trim()}`);
    return set(...args);
  };
  Object.assign(globalThis, {
    setTimeout: watched("setTimeout", setTimeout),
    setInterval: watched("setInterval", setInterval),
    setImmediate: watched("setImmediate", setImmediate),
  });
  return {
    setBy,
    [Symbol.dispose]: () => Object.assign(globalThis, { setTimeout, setInterval, setImmediate }),
  };
}

test("p2p server sets no timer before its first message: Deno needs 20 ms for the first", async () => {
  const bytes = new FrameWriter();
  writeLegacyRegistration(bytes, "Alice");
  const message = { id: crypto.randomUUID(), sender: "Alice", recipient: "Alice", text: "Hello" };
  writeMessage(bytes, message, MessageKind.Ephemeral);

  using timers = watchTimers();
  const [nobody] = freePorts(1);
  await using server = await P2pServer.listen({ peers: [`127.0.0.1:${nobody}`] });
  const connect = () => Deno.connect({ hostname: "127.0.0.1", port: server.port });
  // Somebody who only looks whether it is there.
  const visitor = await connect();
  await visitor.closeWrite();
  assertEquals(await within("the end", visitor.read(new Uint8Array(1))), null);
  visitor.close();
  using alice = await connect();
  await alice.write(bytes.take());
  const received = new Uint8Array(100);
  const count = await within("the message", alice.read(received));
  assertEquals(new TextDecoder().decode(received.subarray(0, count!)), "Alice: Hello");
  assertEquals(timers.setBy, []);
});
