/**
 * A generator that loads a netlab server through the client library, as programs do: two clients in this
 * process, one that sends or posts and one that takes. Started and answering as the other generator.
 *
 * @module
 */
import { describeError, print, printError } from "@netlab/terminal";
import { P2pClient } from "@netlab/p2p/client";
import type { RateLoad, RateResult } from "../load.ts";
import { text } from "../protocols/protocol.ts";
import { cpuSeconds } from "./libc.ts";
import { residentBytes } from "./memory.ts";

async function measure(load: RateLoad): Promise<RateResult> {
  const servers = [`127.0.0.1:${load.port}`];
  await using sender = await P2pClient.connect({ name: `s${load.tag}`, servers });
  await using receiver = await P2pClient.connect({ name: `r${load.tag}`, servers });
  const body = text(load.size);
  let sent = 0;
  let arrived = 0;
  let failed: unknown;
  let sending = true;

  const taking = (async () => {
    for await (const _message of receiver) arrived++;
  })();
  const posts = load.protocol === "netlab-batch";
  const sendOn = async () => {
    while (sending && failed === undefined) {
      sent++;
      await (posts ? sender.post(receiver.name, body) : sender.send(receiver.name, body));
    }
  };
  // So many messages are on their way to `accepted`; how many are posted, the library knows.
  const senders = Array.from({ length: posts ? 1 : load.window }, () =>
    sendOn().catch((error) => {
      failed ??= error;
    }));

  const pass = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await pass(load.warmMs);
  const before = arrived;
  const serverBefore = cpuSeconds(load.pids);
  const ownBefore = cpuSeconds([Deno.pid]);
  const start = performance.now();
  await pass(load.ms);
  const ms = performance.now() - start;
  const rate = (arrived - before) / ms * 1_000;
  const serverCpu = (cpuSeconds(load.pids) - serverBefore) / ms * 1_000;
  const generatorCpu = (cpuSeconds([Deno.pid]) - ownBefore) / ms * 1_000;

  sending = false;
  await Promise.all(senders);
  const deadline = performance.now() + load.lostMs;
  while (arrived < sent && performance.now() < deadline) await pass(10);
  if (failed !== undefined) throw failed;
  if (arrived !== sent) throw new Error(`${sent} messages were sent, ${arrived} arrived`);
  await receiver.close();
  await taking;
  return { rate, sent, serverCpu, generatorCpu, residentBytes: residentBytes(load.pids) };
}

if (import.meta.main) {
  try {
    print(JSON.stringify(await measure(JSON.parse(Deno.args[0]!))));
    Deno.exit(0);
  } catch (error) {
    printError(describeError(error));
    Deno.exit(1);
  }
}
