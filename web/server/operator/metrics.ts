/**
 * The status of a server as metrics for Prometheus. Owns their names and units. `docs/grafana.json` shows them. Does not
 * know how the status is found.
 *
 * @module
 */
import { Counter, Gauge, Registry } from "prom-client";
import { ErrorCode, type ServerStatus } from "@netlab/protocol/codec";

/** The name of each error, by its code. */
const ERROR_NAMES = new Map<number, string>(
  Object.entries(ErrorCode).map(([name, code]) => [code, name]),
);

type Read = (status: ServerStatus) => number;

/** Values that rise and fall. */
const GAUGES: readonly (readonly [string, string, Read])[] = [
  ["netlab_uptime_seconds", "For how long the server has been running.", (s) => s.uptimeMs / 1_000],
  ["netlab_draining", "Whether the server is about to leave.", (s) => Number(s.isDraining)],
  ["netlab_users", "The users of this server.", (s) => s.users],
  ["netlab_connections", "The connections of all kinds.", (s) => s.connections],
  ["netlab_links", "The links to other servers.", (s) => s.links.length],
  ["netlab_reachable_servers", "The other servers that can be reached.", (s) => s.routes.length],
  ["netlab_outgoing_bytes", "Bytes that wait to be sent.", (s) => s.queues.outgoingBytes],
  [
    "netlab_in_flight_messages",
    "Stored messages that were sent and are not acknowledged.",
    (s) => s.queues.inFlight,
  ],
  ["netlab_mailbox_messages", "Stored messages.", (s) => s.mailbox.messages],
  ["netlab_mailbox_bytes", "Bytes of stored messages.", (s) => s.mailbox.bytes],
  [
    "netlab_mailbox_recipients",
    "Users for whom messages are stored.",
    (s) => s.mailbox.recipients,
  ],
  [
    "netlab_mailbox_oldest_seconds",
    "The age of the oldest stored message.",
    (s) => s.mailbox.oldestMs / 1_000,
  ],
  [
    "process_resident_memory_bytes",
    "The memory that the system has given to the process.",
    (s) => s.memory.rssBytes,
  ],
  ["netlab_heap_bytes", "The memory that values use.", (s) => s.memory.heapBytes],
];

/** Values that only rise. */
const COUNTERS: readonly (readonly [string, string, Read])[] = [
  [
    "netlab_messages_received_total",
    "Messages that arrived, copies included.",
    (s) => s.totals.messagesReceived,
  ],
  [
    "netlab_messages_delivered_total",
    "Messages that were written to users of this server.",
    (s) => s.totals.messagesDelivered,
  ],
  [
    "netlab_messages_forwarded_total",
    "Messages that were written to other servers.",
    (s) => s.totals.messagesForwarded,
  ],
  [
    "netlab_messages_stored_total",
    "Messages that were stored until their recipients acknowledge them.",
    (s) => s.totals.messagesStored,
  ],
  [
    "netlab_messages_refused_total",
    "Messages that were refused.",
    (s) => s.totals.messagesRefused,
  ],
  [
    "netlab_messages_duplicate_total",
    "Copies of messages, which were dropped.",
    (s) => s.totals.duplicates,
  ],
  [
    "netlab_read_bytes_total",
    "Bytes that were read from all connections.",
    (s) => s.totals.bytesRead,
  ],
  [
    "netlab_written_bytes_total",
    "Bytes that were written to all connections.",
    (s) => s.totals.bytesWritten,
  ],
  [
    "netlab_requests_refused_total",
    "Frames that were refused with an error.",
    (s) => s.totals.requestsRefused,
  ],
];

/** The metrics of one server. */
export class Metrics {
  /** The media type of the text. */
  readonly type: string;
  readonly #registry = new Registry();
  readonly #gauges: readonly (readonly [Gauge, Read])[];
  readonly #counters: readonly (readonly [Counter, Read])[];
  readonly #info: Gauge;
  readonly #limits: Counter;
  readonly #roundTrip: Gauge;
  readonly #queued: Gauge;
  readonly #linkUptime: Gauge;

  /** Defines the metrics. */
  constructor() {
    const registers = [this.#registry];
    this.type = this.#registry.contentType;
    this.#info = new Gauge({
      name: "netlab_info",
      help: "The program and its network; always 1.",
      labelNames: ["version", "system", "server", "address", "network"],
      registers,
    });
    this.#gauges = GAUGES.map(([name, help, read]) => [new Gauge({ name, help, registers }), read]);
    this.#counters = COUNTERS.map((
      [name, help, read],
    ) => [new Counter({ name, help, registers }), read]);
    this.#limits = new Counter({
      name: "netlab_limit_hits_total",
      help: "How often each limit was hit, by the error that said so.",
      labelNames: ["code", "error"],
      registers,
    });
    const link = (name: string, help: string) =>
      new Gauge({ name, help, labelNames: ["peer"], registers });
    this.#roundTrip = link(
      "netlab_link_round_trip_seconds",
      "The lowest of the last round-trip times to a linked server.",
    );
    this.#queued = link("netlab_link_queued_bytes", "Bytes that wait to be sent over a link.");
    this.#linkUptime = link("netlab_link_uptime_seconds", "For how long a link has been up.");
  }

  /** Returns the metrics as text for Prometheus. */
  async text(status: ServerStatus): Promise<string> {
    const { version, system, server, address, network } = status;
    this.#info.reset();
    this.#info.set({ version, system, server, address, network }, 1);
    for (const [gauge, read] of this.#gauges) gauge.set(read(status));
    for (const [counter, read] of this.#counters) {
      counter.reset();
      counter.inc(read(status));
    }
    this.#limits.reset();
    for (const { code, count } of status.limitsHit) {
      this.#limits.inc({ code, error: ERROR_NAMES.get(code) ?? "" }, count);
    }
    for (const gauge of [this.#roundTrip, this.#queued, this.#linkUptime]) gauge.reset();
    for (const { address: peer, rttMs, queuedBytes, upMs } of status.links) {
      if (rttMs !== undefined) this.#roundTrip.set({ peer }, rttMs / 1_000);
      this.#queued.set({ peer }, queuedBytes);
      this.#linkUptime.set({ peer }, upMs / 1_000);
    }
    return await this.#registry.metrics();
  }
}
