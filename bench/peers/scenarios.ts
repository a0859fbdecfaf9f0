/**
 * What is measured and who takes part: the comparison as a table. Must not run anything.
 *
 * @module
 */
import type { Result, Work, WorkOf } from "./load.ts";
import type { ProtocolName } from "./protocols/mod.ts";
import type { ProductName, ServerName } from "./servers.ts";

/** The unit of a figure. */
export type Unit = "messages/s" | "µs" | "ms" | "bytes" | "MiB";

/** One column in the table of a scenario. */
export interface Figure {
  /** Its name; empty if the title of the scenario says it. */
  readonly name: string;
  readonly unit: Unit;
  readonly better: "more" | "less";
  /**
   * Whether the chart shows this figure. Without such a figure, the chart shows the first one.
   *
   * @default {false}
   */
  readonly charted?: boolean;
}

/** A figure, and how to get it from a result. */
interface Measure extends Figure {
  readonly of: (result: Result) => number | undefined;
}

/** A server and the way its users talk to it. */
export interface Contender {
  readonly name: string;
  readonly server: ServerName;
  readonly protocol: ProtocolName;
  /** Whether the client library makes the load. */
  readonly library: boolean;
}

function contender(
  name: string,
  server: ServerName,
  protocol: ProtocolName,
  library = false,
): Contender {
  return { name, server, protocol, library };
}

/** All contenders. */
export const CONTENDERS = {
  netlab: contender("netlab", "netlab", "netlab-batch"),
  session: contender("netlab, sessions", "netlab", "netlab-batch"),
  frames: contender("netlab, sessions, a frame a message", "netlab", "netlab-frames"),
  legacy: contender("netlab, legacy text", "netlab", "netlab-legacy"),
  receipts: contender("netlab, receipts", "netlab", "netlab-receipts"),
  library: contender("netlab, client library", "netlab", "netlab-receipts", true),
  post: contender("netlab, client library, post", "netlab", "netlab-batch", true),
  data: contender("netlab, receipts, --data", "netlab-data", "netlab-receipts"),
  accepted: contender("netlab, accepted, --data", "netlab-data", "netlab-accepted"),
  sessionTwo: contender("netlab, sessions, two servers", "netlab-two", "netlab-batch"),
  legacyTwo: contender("netlab, legacy text, two servers", "netlab-two", "netlab-legacy"),
  nats: contender("nats-server", "nats", "nats"),
  natsTwo: contender("nats-server, cluster of two", "nats-two", "nats"),
  redis: contender("redis pub/sub", "redis", "redis"),
  stream: contender("redis streams, appendfsync always", "redis-append", "redis-stream"),
  echo: contender("echo on Deno", "echo", "echo"),
  mosquitto: contender("mosquitto, QoS 0", "mosquitto", "mqtt-0"),
  mosquittoOne: contender("mosquitto, QoS 1", "mosquitto", "mqtt-1"),
} as const satisfies Record<string, Contender>;

/** The product of a contender. */
export function productOf({ server }: Contender): ProductName {
  return server.split("-")[0] as ProductName;
}

/** Something that is measured. */
export interface Scenario {
  /** Its name for `--only`. */
  readonly id: string;
  readonly title: string;
  /** How it is measured, in a sentence or two. */
  readonly about: string;
  readonly contenders: readonly (keyof typeof CONTENDERS)[];
  /**
   * Bytes of text in a message.
   *
   * @default {64}
   */
  readonly size?: number;
  /** The load. Two scenarios that show two sides of one measurement share this object. */
  readonly work: Work | { readonly kind: "version" };
  /** The columns of the table. */
  readonly figures: readonly Measure[];
}

/** A contender for each product, where the way of talking makes no difference. */
const PRODUCTS_ALONE = ["netlab", "nats", "redis", "mosquitto"] as const;
const WITH_ECHO = [...PRODUCTS_ALONE, "echo"] as const;
const ONE_SERVER = ["session", "legacy", "nats", "redis", "mosquitto"] as const;
const TWO_SERVERS = ["sessionTwo", "legacyTwo", "natsTwo"] as const;

type Of = Measure["of"];
const rateOf = (of: Of, name = ""): Measure => ({ name, unit: "messages/s", better: "more", of });
const less = (unit: Unit, name: string, of: Of): Measure => ({ name, unit, better: "less", of });

const RATE = rateOf(({ rate }) => rate);
const THROUGHPUT: Measure[] = [
  RATE,
  // Other programs do not reduce it.
  { ...rateOf(({ rate, serverCpu }) => rate! / serverCpu!, "per second of CPU"), charted: true },
];
const LATENCY = [less("µs", "p50", ({ p50 }) => p50), less("µs", "p99", ({ p99 }) => p99)];
const TIME = [less("ms", "", ({ ms }) => ms)];

const rate = (pairs: number, window: number, stalled = 0): WorkOf<"rate"> => (
  { kind: "rate", pairs, window, stalled }
);

const CROWDS = [10, 100, 1_000, 10_000];
const MESSAGES: Work = { kind: "crowd", what: "messages", users: CROWDS };
const USERS: Work = { kind: "crowd", what: "users", users: CROWDS };
const byCrowd = (what: "few" | "all" | "join" | "leave"): Measure[] => [
  ...CROWDS.map((users, index) => ({
    ...less(
      "µs",
      `${users.toLocaleString("en")} users`,
      ({ [what]: costs }) => costs?.[index]?.cpu,
    ),
    ...users === 10_000 && { charted: true },
  })),
  less("µs", "10, by the clock", ({ [what]: costs }) => costs?.[0]?.clock),
  less("µs", "10,000, by the clock", ({ [what]: costs }) => costs?.at(-1)?.clock),
];

/** All scenarios, in the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  {
    id: "pair",
    title: "1 pair, 64 B",
    about:
      "One user writes texts of 64 bytes to another, with up to 8,192 messages in flight. The two " +
      "users of the client library share the generator's core.",
    contenders: ["session", "frames", "legacy", "post", "nats", "redis", "mosquitto"],
    work: rate(1, 8_192),
    figures: THROUGHPUT,
  },
  {
    id: "pair-1k",
    title: "1 pair, 1 KiB",
    about: "One user writes texts of 1,024 bytes to another, with up to 8,192 messages in flight.",
    contenders: ONE_SERVER,
    size: 1_024,
    work: rate(1, 8_192),
    figures: THROUGHPUT,
  },
  {
    id: "pairs",
    title: "50 pairs, 64 B, pipelined",
    about: "Fifty users write to fifty others, each with up to 1,024 messages in flight.",
    contenders: ONE_SERVER,
    work: rate(50, 1_024),
    figures: THROUGHPUT,
  },
  {
    id: "pairs-one",
    title: "50 pairs, 64 B, one in flight each",
    about:
      "Fifty users write to fifty others. Each waits until a message has arrived before it sends " +
      "the next.",
    contenders: ONE_SERVER,
    work: rate(50, 1),
    figures: THROUGHPUT,
  },
  {
    id: "alone",
    title: "One message alone",
    about: "From the sender's write until the receiver has the message; no other is in flight.",
    contenders: ONE_SERVER,
    work: { kind: "latency" },
    figures: LATENCY,
  },
  {
    id: "relay",
    title: "Over two servers, 1 pair, 64 B",
    about: "The sender is at one server and the receiver at another, both on the same core.",
    contenders: TWO_SERVERS,
    work: rate(1, 8_192),
    figures: THROUGHPUT,
  },
  {
    id: "relay-alone",
    title: "Over two servers, one message alone",
    about: "The sender is at one server and the receiver at another; one message is in flight.",
    contenders: TWO_SERVERS,
    work: { kind: "latency" },
    figures: LATENCY,
  },
  {
    id: "receipts",
    title: "With receipts, 1 pair, 64 B",
    about:
      "The server stores each message until the recipient has acknowledged it, and sends the sender " +
      "receipts. Up to 500 messages are in flight. The two users of the client library share the " +
      "generator's core.",
    contenders: ["receipts", "library", "data", "mosquittoOne"],
    work: rate(1, 500),
    figures: THROUGHPUT,
  },
  {
    id: "durable",
    title: "On the disk before it is accepted, 10 senders, 64 B",
    about: "Messages for offline users. Each sender has up to 100 that are not accepted yet.",
    contenders: ["accepted", "stream"],
    work: rate(10, 100),
    figures: THROUGHPUT,
  },
  {
    id: "idle",
    title: "10,000 idle users",
    about:
      "The memory that each of 10,000 idle users takes. The heap is netlab's own figure, after a " +
      "garbage collection.",
    contenders: PRODUCTS_ALONE,
    work: { kind: "idle", users: 10_000 },
    figures: [
      less("bytes", "resident", ({ residentBytes }) => residentBytes),
      less("bytes", "heap", ({ heapBytes }) => heapBytes),
    ],
  },
  {
    id: "joining",
    title: "A user joins",
    about:
      "A thousand users join one after the other while so many are connected: the server's CPU time " +
      "for one, and the time until it has answered.",
    contenders: PRODUCTS_ALONE,
    work: USERS,
    figures: byCrowd("join"),
  },
  {
    id: "leaving",
    title: "A user leaves",
    about:
      "The same users leave one after the other: each closes its half of the connection and waits " +
      "until the server has closed the other half.",
    contenders: PRODUCTS_ALONE,
    work: USERS,
    figures: byCrowd("leave"),
  },
  {
    id: "users-few",
    title: "A message of a few among many",
    about:
      "Four pairs write while so many other users are connected and idle, each with one message in " +
      "flight: the server's CPU time for one, and its share of the time with four in flight.",
    contenders: WITH_ECHO,
    work: MESSAGES,
    figures: byCrowd("few"),
  },
  {
    id: "users-all",
    title: "A message when all write",
    about:
      "All users take turns, with four messages in flight. The echo server does nothing but echo: " +
      "its growth is what the kernel and the runtime spend on sockets that were idle for a while.",
    contenders: WITH_ECHO,
    work: MESSAGES,
    figures: byCrowd("all"),
  },
  {
    id: "slow-reader",
    title: "Beside a reader that does not read",
    about:
      "1 pair, 64 B, while another user writes as fast as possible to a user who never reads; and " +
      "the server's memory at the end.",
    contenders: ["netlab", "nats", "redis"],
    work: rate(1, 8_192, 1),
    figures: [RATE, less("MiB", "resident", ({ residentBytes }) => residentBytes! / 2 ** 20)],
  },
  {
    id: "start",
    title: "From the start to the first message",
    about: "From the start of the program until the first message has arrived.",
    contenders: WITH_ECHO,
    work: { kind: "first" },
    figures: TIME,
  },
  {
    id: "version",
    title: "Showing the version",
    about: "From the start of the program until it has ended.",
    contenders: WITH_ECHO,
    work: { kind: "version" },
    figures: TIME,
  },
];
