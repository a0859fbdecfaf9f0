/**
 * Traces of messages, from real servers to a receiver of OpenTelemetry's protocol.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { freePorts, Process } from "../processes.ts";
import { eventually, processTest } from "./network.ts";
import { event, SERVER } from "./programs.ts";

/** What is looked at of a span, as JSON. */
interface Span {
  traceId: string;
  parentSpanId: string;
  name: string;
  attributes: { key: string; value: { stringValue?: string } }[];
}

/** Receives spans. */
class Receiver implements AsyncDisposable {
  /** The spans of netlab. */
  readonly spans: Span[] = [];
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => this.#received(request),
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** What the servers did with the messages of a trace, such as `forward 5001`, in any order. */
  steps(traceId: string): string[] {
    return this.spans.filter((span) => span.traceId === traceId).map((span) => {
      const read = (key: string) =>
        span.attributes.find((attribute) => attribute.key === key)?.value.stringValue ?? "";
      return `${read("messaging.operation.name")} ${read("netlab.server").split(":").at(-1)}`;
    }).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #received(request: Request): Promise<Response> {
    const body = await request.json();
    for (const { scopeSpans } of body.resourceSpans ?? []) {
      for (const { scope, spans } of scopeSpans) {
        if (scope.name === "netlab") this.spans.push(...spans);
      }
    }
    return Response.json({});
  }
}

processTest("with OTEL_DENO, one trace follows each message over three servers", async () => {
  await using receiver = new Receiver();
  const [a, b, c] = freePorts(3) as [number, number, number];
  const env = {
    OTEL_DENO: "true",
    OTEL_DENO_CONSOLE: "ignore",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_BSP_SCHEDULE_DELAY: "100",
  };
  const start = async (port: number, peer: number, ports: number[]) => {
    const args = ["--port", `${port}`, "--peer", `127.0.0.1:${peer}`, "--json"];
    // The first and the last server may not dial each other.
    const hosts = ports.map((port) => `127.0.0.1:${port}`).join(",");
    const server = Process.start(SERVER, args, { permissions: [`--allow-net=${hosts}`], env });
    await event(server, "listening");
    return server;
  };
  await using first = await start(a, b, [a, b]);
  await using _second = await start(b, a, [a, b, c]);
  await using _third = await start(c, b, [b, c]);
  await event(first, "server.found", `${c}`);
  await using alice = await P2pClient.connect({ name: "Alice", servers: [`127.0.0.1:${a}`] });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [`127.0.0.1:${c}`] });
  await eventually("Alice sees Bob", async () => (await alice.users()).includes("Bob"));
  const { id } = await alice.send("Bob", "durable");
  await Promise.all([alice.post("Bob", "one"), alice.post("Bob", "two")]);
  let left = 3;
  for await (const _ of bob) if (--left === 0) break;
  const trace = id.replaceAll("-", "");
  const steps = [`deliver ${c}`, `forward ${a}`, `forward ${b}`].sort();
  await eventually(
    "all spans",
    () =>
      new Set(receiver.spans.map(({ traceId }) => traceId)).size === 3 &&
      receiver.spans.length >= 9,
  );
  for (const traceId of new Set(receiver.spans.map(({ traceId }) => traceId))) {
    assertEquals([...new Set(receiver.steps(traceId))], steps);
  }
  assertEquals(receiver.steps(trace).length >= 3, true);
});
