/**
 * A plain program with nats.js: publishes messages to a stream with acknowledgement, while a consumer takes and
 * acknowledges them. What netlab over NATS is compared with.
 *
 * @module
 */
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { inFlight, latency, type Round } from "./main.ts";

const SUBJECT = "bench.messages";
const STREAM = "bench";
const TEXT = new TextEncoder().encode("x".repeat(100));

/** Measures one round. */
export async function plain(urls: readonly string[], messages: number): Promise<Round> {
  const sender = await connect({ servers: [...urls] });
  const receiver = await connect({ servers: [...urls] });
  try {
    const jsm = await untilReady(() => jetstreamManager(receiver));
    const stream = { name: STREAM, subjects: [SUBJECT], num_replicas: urls.length };
    await untilReady(() => jsm.streams.add(stream));
    await jsm.consumers.add(STREAM, { durable_name: "bench", ack_policy: AckPolicy.Explicit });
    const js = jetstream(sender);
    const send = async () => void await js.publish(SUBJECT, TEXT, { msgID: crypto.randomUUID() });
    const acceptedMs = await latency(send);
    await jsm.streams.purge(STREAM);
    const consumer = await jetstream(receiver).consumers.get(STREAM, "bench");
    const consuming = await consumer.consume({ max_messages: 1_000 });
    const taken = (async () => {
      let count = 0;
      for await (const message of consuming) {
        message.ack();
        if (++count === messages) break;
      }
      await receiver.flush();
    })();
    const start = performance.now();
    await inFlight(messages, send);
    await taken;
    return { perSecond: messages / (performance.now() - start) * 1_000, acceptedMs };
  } finally {
    await sender.close();
    await receiver.close();
  }
}

/** Tries until a cluster that has just started answers. */
async function untilReady<T>(run: () => Promise<T>): Promise<T> {
  for (const late = performance.now() + 15_000;;) {
    try {
      return await run();
    } catch (error) {
      if (performance.now() > late) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
