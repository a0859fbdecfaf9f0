/**
 * What is measured, and who takes part: the whole comparison as a table. Owns the words that people read
 * and the loads; runs nothing.
 *
 * @module
 */
import type { CrowdLoad, CrowdResult, Results } from "./load.ts";
import type { ProtocolName } from "./protocols/mod.ts";
import type { PRODUCTS, ServerName } from "./servers.ts";

/** What a figure is counted in. */
export type Unit = "messages/s" | "µs" | "ms" | "bytes" | "MiB";

/** One column of a scenario's table. */
export interface Figure {
  /** What it is called; empty when the scenario's title says it. */
  readonly name: string;
  readonly unit: Unit;
  /** Whether more is better, or less. */
  readonly better: "more" | "less";
  /**
   * Whether it is the one of its scenario that the chart shows.
   *
   * @default {false}
   */
  readonly charted?: boolean;
}

/** A server, the way it is spoken to, and what both are called. */
export interface Contender {
  readonly name: string;
  readonly product: keyof typeof PRODUCTS;
  readonly server: ServerName;
  readonly protocol: ProtocolName;
  /** Whether the client library makes the load, and not the generator. */
  readonly library?: boolean;
}

/** Who can take part. */
export const CONTENDERS = {
  netlab: { name: "netlab", product: "netlab", server: "netlab", protocol: "netlab-batch" },
  session: {
    name: "netlab, sessions",
    product: "netlab",
    server: "netlab",
    protocol: "netlab-batch",
  },
  frames: {
    name: "netlab, sessions, a frame a message",
    product: "netlab",
    server: "netlab",
    protocol: "netlab-session",
  },
  bare: { name: "netlab, bare text", product: "netlab", server: "netlab", protocol: "netlab-bare" },
  receipts: {
    name: "netlab, receipts",
    product: "netlab",
    server: "netlab",
    protocol: "netlab-receipts",
  },
  library: {
    name: "netlab, client library",
    product: "netlab",
    server: "netlab",
    protocol: "netlab-receipts",
    library: true,
  },
  post: {
    name: "netlab, client library, post",
    product: "netlab",
    server: "netlab",
    protocol: "netlab-batch",
    library: true,
  },
  disk: {
    name: "netlab, receipts, --data",
    product: "netlab",
    server: "netlab-data",
    protocol: "netlab-receipts",
  },
  kept: {
    name: "netlab, accepted, --data",
    product: "netlab",
    server: "netlab-data",
    protocol: "netlab-kept",
  },
  sessionTwo: {
    name: "netlab, sessions, two servers",
    product: "netlab",
    server: "netlab-two",
    protocol: "netlab-batch",
  },
  bareTwo: {
    name: "netlab, bare text, two servers",
    product: "netlab",
    server: "netlab-two",
    protocol: "netlab-bare",
  },
  nats: { name: "nats-server", product: "nats", server: "nats", protocol: "nats" },
  natsTwo: {
    name: "nats-server, cluster of two",
    product: "nats",
    server: "nats-two",
    protocol: "nats",
  },
  redis: { name: "redis pub/sub", product: "redis", server: "redis", protocol: "redis" },
  stream: {
    name: "redis streams, appendfsync always",
    product: "redis",
    server: "redis-append",
    protocol: "redis-stream",
  },
  echo: { name: "echo on Deno", product: "echo", server: "echo", protocol: "echo" },
  mosquitto: {
    name: "mosquitto, QoS 0",
    product: "mosquitto",
    server: "mosquitto",
    protocol: "mqtt-0",
  },
  mosquittoAcknowledged: {
    name: "mosquitto, QoS 1",
    product: "mosquitto",
    server: "mosquitto",
    protocol: "mqtt-1",
  },
} as const satisfies Record<string, Contender>;

/** What a load consists of besides where it goes. */
export type Work =
  | {
    readonly kind: "rate";
    readonly pairs: number;
    readonly window: number;
    readonly stalled: number;
  }
  | { readonly kind: "latency" }
  | { readonly kind: "idle"; readonly users: number }
  | Pick<CrowdLoad, "kind" | "what" | "users">
  | { readonly kind: "first" }
  | { readonly kind: "version" };

/** Something that is measured. */
export interface Scenario {
  /** What `--only` calls it. */
  readonly id: string;
  readonly title: string;
  /** How it is measured, in a sentence or two. */
  readonly about: string;
  readonly contenders: readonly (keyof typeof CONTENDERS)[];
  /** Bytes of text in a message. */
  readonly size: number;
  /** The same for two scenarios that show two sides of one measurement. */
  readonly work: Work;
  /** The columns; where none is to be in the chart, the first is. */
  readonly figures: readonly Figure[];
  /** What a result comes to, column by column. */
  readonly values: (result: AnyResult) => number[];
}

/** What any load comes to; of `version`, how long it took: milliseconds. */
export type AnyResult =
  & Partial<Results["rate"] & Results["latency"] & Results["idle"] & Results["crowd"]>
  & { ms?: number };

/** Messages for a second of the servers' CPU time: it stands still when others take the core. */
const PER_CPU: Figure = {
  name: "per second of CPU",
  unit: "messages/s",
  better: "more",
  charted: true,
};
const RATE: Figure = { name: "", unit: "messages/s", better: "more" };
const ALONE: Figure[] = [
  { name: "p50", unit: "µs", better: "less" },
  { name: "p99", unit: "µs", better: "less" },
];
/** One contender a product, where it makes no difference how its users speak. */
const PRODUCTS_ALONE = ["netlab", "nats", "redis", "mosquitto"] as const;
const ONE_SERVER = ["session", "bare", "nats", "redis", "mosquitto"] as const;

const WITH_ECHO = [...PRODUCTS_ALONE, "echo"] as const;

const rate = (pairs: number, window: number, stalled = 0) =>
  ({ kind: "rate", pairs, window, stalled }) as const;
const perSecond = {
  figures: [RATE, PER_CPU],
  values: ({ rate, serverCpu }: AnyResult) => [rate!, rate! / serverCpu!],
};
const microseconds = {
  figures: ALONE,
  values: ({ p50, p99 }: AnyResult) => [p50!, p99!],
};

/** How many users are there, one number behind the other. */
const CROWDS = [10, 100, 1_000, 10_000];
const MESSAGES = { kind: "crowd", what: "messages", users: CROWDS } as const;
const USERS = { kind: "crowd", what: "users", users: CROWDS } as const;
const micros = (name: string, charted = false): Figure =>
  ({ name, unit: "µs", better: "less", charted }) as const;
const byCrowd = (what: keyof CrowdResult) => ({
  figures: [
    // With all of them there, the chart says more than with few.
    ...CROWDS.map((users) => micros(`${users.toLocaleString("en")} users`, users === 10_000)),
    micros("10, by the clock"),
    micros("10,000, by the clock"),
  ],
  values: ({ [what]: costs = [] }: AnyResult) => [
    ...costs.map(({ cpu }) => cpu),
    costs[0]!.clock,
    costs.at(-1)!.clock,
  ],
});

/** All scenarios, in the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  {
    id: "pair",
    title: "1 pair, 64 B",
    about:
      "One user writes 64 bytes of text to another, again and again, with up to 8,192 messages " +
      "under way. The client library's two users share the generator's core.",
    contenders: ["session", "frames", "bare", "post", "nats", "redis", "mosquitto"],
    size: 64,
    work: rate(1, 8_192),
    ...perSecond,
  },
  {
    id: "pair-1k",
    title: "1 pair, 1 KiB",
    about: "The same with 1,024 bytes.",
    contenders: ONE_SERVER,
    size: 1_024,
    work: rate(1, 8_192),
    ...perSecond,
  },
  {
    id: "pairs",
    title: "50 pairs, 64 B, pipelined",
    about: "Fifty users write to fifty others, each with up to 1,024 messages under way.",
    contenders: ONE_SERVER,
    size: 64,
    work: rate(50, 1_024),
    ...perSecond,
  },
  {
    id: "pairs-one",
    title: "50 pairs, 64 B, one in flight each",
    about:
      "Fifty users write to fifty others; each waits until a message has arrived before it sends " +
      "the next.",
    contenders: ONE_SERVER,
    size: 64,
    work: rate(50, 1),
    ...perSecond,
  },
  {
    id: "alone",
    title: "One message alone",
    about: "From the sender's write until the receiver has all of it; nothing else is under way.",
    contenders: ONE_SERVER,
    size: 64,
    work: { kind: "latency" },
    ...microseconds,
  },
  {
    id: "relay",
    title: "Over two servers, 1 pair, 64 B",
    about:
      "The sender is at one server and the receiver at another, both servers on the same core.",
    contenders: ["sessionTwo", "bareTwo", "natsTwo"],
    size: 64,
    work: rate(1, 8_192),
    ...perSecond,
  },
  {
    id: "relay-alone",
    title: "Over two servers, one message alone",
    about: "The same with one message at a time.",
    contenders: ["sessionTwo", "bareTwo", "natsTwo"],
    size: 64,
    work: { kind: "latency" },
    ...microseconds,
  },
  {
    id: "receipts",
    title: "With receipts, 1 pair, 64 B",
    about:
      "The server keeps each message until the recipient has acknowledged it, and the sender hears " +
      "of it; up to 500 under way. The client library's two users share the generator's core.",
    contenders: ["receipts", "library", "disk", "mosquittoAcknowledged"],
    size: 64,
    work: rate(1, 500),
    ...perSecond,
  },
  {
    id: "durable",
    title: "On the disk before it is accepted, 10 senders, 64 B",
    about: "Messages for users who are away; each sender has up to 100 that are not accepted yet.",
    contenders: ["kept", "stream"],
    size: 64,
    work: rate(10, 100),
    ...perSecond,
  },
  {
    id: "idle",
    title: "10,000 idle users",
    about:
      "What each of 10,000 users who do nothing costs in memory. The heap is netlab's own figure, " +
      "after a garbage collection.",
    contenders: PRODUCTS_ALONE,
    size: 64,
    work: { kind: "idle", users: 10_000 },
    figures: [
      { name: "resident", unit: "bytes", better: "less" },
      { name: "heap", unit: "bytes", better: "less" },
    ],
    values: ({ residentBytes, heapBytes }) => [residentBytes!, heapBytes ?? NaN],
  },
  {
    id: "joining",
    title: "A user joins",
    about:
      "A thousand users join one after the other while so many are there, each when the one before " +
      "has been answered: the server's CPU time for one, and how long it takes.",
    contenders: PRODUCTS_ALONE,
    size: 64,
    work: USERS,
    ...byCrowd("join"),
  },
  {
    id: "leaving",
    title: "A user leaves",
    about:
      "The same users leave one after the other: each ends its half of the connection, and has left " +
      "when the server has ended the other.",
    contenders: PRODUCTS_ALONE,
    size: 64,
    work: USERS,
    ...byCrowd("leave"),
  },
  {
    id: "users-few",
    title: "A message of a few among many",
    about:
      "Four pairs write while so many users are there who do nothing, each with one message under " +
      "way: the server's CPU time for one, and how long it takes when four are under way.",
    contenders: WITH_ECHO,
    size: 64,
    work: MESSAGES,
    ...byCrowd("few"),
  },
  {
    id: "users-all",
    title: "A message when all write",
    about:
      "The same, but all of the users take turns. The server that echoes does nothing else: what " +
      "grows there is what a socket costs the kernel and the runtime that was not in use lately.",
    contenders: WITH_ECHO,
    size: 64,
    work: MESSAGES,
    ...byCrowd("all"),
  },
  {
    id: "slow-reader",
    title: "Beside a reader that does not read",
    about:
      "1 pair, 64 B as above, while somebody else writes as fast as they may to a user who never " +
      "reads; and the server's memory at the end.",
    contenders: ["netlab", "nats", "redis"],
    size: 64,
    work: rate(1, 8_192, 1),
    figures: [RATE, { name: "resident", unit: "MiB", better: "less" }],
    values: ({ rate, residentBytes }) => [rate!, residentBytes! / 2 ** 20],
  },
  {
    id: "start",
    title: "From the start to the first message",
    about: "From the moment the program is started until the first message has arrived.",
    contenders: WITH_ECHO,
    size: 64,
    work: { kind: "first" },
    figures: [{ name: "", unit: "ms", better: "less" }],
    values: ({ ms }) => [ms!],
  },
  {
    id: "version",
    title: "Showing the version",
    about: "From the moment the program is started until it has ended.",
    contenders: WITH_ECHO,
    size: 64,
    work: { kind: "version" },
    figures: [{ name: "", unit: "ms", better: "less" }],
    values: ({ ms }) => [ms!],
  },
];
