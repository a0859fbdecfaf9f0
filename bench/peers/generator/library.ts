/**
 * A generator that uses the client library, as programs do: one client sends or posts, and another one in
 * the same process reads. It takes a load and prints the result like the generator in `main.ts`.
 *
 * @module
 */
import { P2pClient } from "@netlab/p2p/client";
import type { Load, Result } from "../load.ts";
import { text } from "../protocols/protocol.ts";
import { runGenerator } from "./main.ts";
import { residentBytes } from "./memory.ts";
import { startUsage } from "./rate.ts";

async function measure(load: Load<"rate">): Promise<Result> {
  const servers = [`127.0.0.1:${load.port}`];
  await using sender = await P2pClient.connect({ name: `s${load.tag}`, servers });
  await using receiver = await P2pClient.connect({ name: `r${load.tag}`, servers });
  const body = text(load.size);
  const posts = load.protocol === "netlab-batch";
  let sent = 0;
  let arrived = 0;
  let failure: unknown;
  let sending = true;

  const reading = (async () => {
    for await (const _message of receiver) arrived++;
  })();
  const send = async () => {
    while (sending && failure === undefined) {
      sent++;
      await (posts ? sender.post(receiver.name, body) : sender.send(receiver.name, body));
    }
  };
  // The library itself limits the messages that are posted, so one loop is enough.
  const loops = Array.from(
    { length: posts ? 1 : load.window },
    () => send().catch((error) => failure ??= error),
  );

  const pass = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await pass(load.warmMs);
  const before = arrived;
  const usage = startUsage(load.pids);
  await pass(load.ms);
  const { seconds, ...shares } = usage();
  const rate = (arrived - before) / seconds;

  sending = false;
  await Promise.all(loops);
  const deadline = performance.now() + load.lostMs;
  while (arrived < sent && performance.now() < deadline) await pass(10);
  if (failure !== undefined) throw failure;
  if (arrived !== sent) throw new Error(`${sent} messages were sent, ${arrived} arrived`);
  await receiver.close();
  await reading;
  return { rate, sent, ...shares, residentBytes: residentBytes(load.pids) };
}

if (import.meta.main) await runGenerator(measure);
