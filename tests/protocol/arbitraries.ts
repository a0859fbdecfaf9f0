/**
 * Random values for every payload layout, for property tests. Owns what is valid; knows nothing of
 * bytes.
 *
 * @module
 */
import { type Layout, layouts } from "./layouts.ts";
import {
  type Batch,
  canonicalAddress,
  invalidNameReason,
  MAX_NAME_BYTES,
  NIL_UUID,
} from "@netlab/protocol";
import fc from "fast-check";

const encoder = new TextEncoder();

/** The length of a string in bytes of UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** Any well-formed text: every plane of Unicode, controls and NULs. */
export function anyText(maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit: "binary", maxLength });
}

/** Letters from one to four bytes long, and spaces. */
const letter = fc.constantFrom("a", "Z", "0", " ", "-", ":", "é", "ß", "李", "€", "🦊", "𝒳");

/** Any valid user name. */
export const anyName: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: letter, minLength: 1, maxLength: 40 }),
  fc.string({ unit: "binary", minLength: 1, maxLength: 60 }),
  fc.constantFrom("x".repeat(MAX_NAME_BYTES), "é".repeat(127), "李".repeat(85), "🦊".repeat(63)),
).filter((name) => invalidNameReason(name) === undefined);

/** A UUID of any version, in lower-case text. */
export const anyUuid: fc.Arbitrary<string> = fc.oneof(
  fc.uuid(),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) =>
    bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
  ),
);

const port = fc.integer({ min: 1, max: 65_535 });

/** An address as text, in its canonical spelling. */
export const anyAddress: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(fc.ipV4(), port).map(([host, port]) => `${host}:${port}`),
  fc.tuple(fc.ipV6(), port).map(([host, port]) => `[${host}]:${port}`),
  fc.tuple(fc.domain({ size: "small" }), port).map(([host, port]) => `${host}:${port}`),
).map((address) => canonicalAddress(address) ?? "localhost:5001").filter(({ length }) =>
  length <= 255
);

/** Addresses as text, each once. */
const anyAddresses = fc.uniqueArray(anyAddress, { maxLength: 20 });

const u16 = fc.nat(0xffff);
const u64 = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1));

const receipt = fc.record({
  id: anyUuid,
  state: fc.nat(255),
  code: u16,
  reason: anyText(400).filter((text) => byteLength(text) <= 255),
});
const receipts = fc.array(receipt, { maxLength: 8 });

const user = fc.record({ name: anyName, kind: fc.nat(255), session: anyUuid, since: u64 });
const users = fc.array(user, { maxLength: 8 });

const version = fc.record({ server: anyUuid, version: u64 });
const link = fc.record({ server: anyUuid, cost: fc.integer({ min: 1, max: 0xffff_ffff }) });

function nonEmpty(text: string): boolean {
  return text !== "" && !text.includes("\0");
}

const message = fc.record({
  id: anyUuid,
  sender: anyName,
  recipient: anyName,
  text: anyText(300),
});

/** A sequence id that has at least so many higher numbers left. */
function countedId(higher: number): fc.Arbitrary<string> {
  const number = fc.oneof(fc.nat(0xffff_ffff - higher), fc.constant(0xffff_ffff - higher));
  return fc.tuple(fc.uint8Array({ minLength: 12, maxLength: 12 }), number).map(
    ([bytes, number]) => {
      bytes[6] = 0x80 | (bytes[6]! & 0x0f);
      bytes[8] = 0x80 | (bytes[8]! & 0x3f);
      const digits = bytes.toHex() + number.toString(16).padStart(8, "0");
      return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    },
  );
}

/** Any batch that fits into a frame. */
export const batch: fc.Arbitrary<Batch> = fc.array(
  fc.oneof(anyText(60), fc.string({ maxLength: 100 })),
  { minLength: 1, maxLength: 40 },
).chain((texts) =>
  fc.record({
    id: countedId(texts.length - 1),
    sender: anyName,
    recipient: anyName,
    texts: fc.constant(texts),
  })
);

function hex(bytes: number): fc.Arbitrary<string> {
  return fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((all) => all.toHex());
}

const protection = fc.record({
  name: anyName,
  version: u64,
  key: hex(32),
  signature: hex(64),
  previous: hex(64),
});

/** What all statements have. */
const signed = {
  key: hex(32),
  startedAt: u64,
  number: u64,
  signature: hex(64),
  frames: fc.uint8Array({ maxLength: 300 }).map((bytes) => bytes.toHex()),
};

const u32 = fc.nat(0xffff_ffff);
/** A time in milliseconds that is a whole number of microseconds. */
const ms = fc.integer({ min: 1, max: 0xffff_ffff }).map((us) => us / 1_000);
const shortText = anyText(120).filter((text) => byteLength(text) <= 255);
const asked = { number: u32, target: anyUuid };

/** A status whose routes all start with one of its links. */
const status = fc.uniqueArray(anyUuid, { maxLength: 6 }).chain((servers) =>
  fc.record({
    number: u32,
    server: anyUuid,
    address: anyAddress,
    network: shortText,
    version: shortText,
    system: fc.constantFrom("p2p", "rtt", "nats"),
    uptimeMs: u64,
    isDraining: fc.boolean(),
    users: u32,
    connections: u32,
    totals: fc.record({
      messagesReceived: u64,
      messagesDelivered: u64,
      messagesForwarded: u64,
      messagesStored: u64,
      messagesRefused: u64,
      duplicates: u64,
      bytesRead: u64,
      bytesWritten: u64,
      requestsRefused: u64,
    }),
    queues: fc.record({ outgoingBytes: u64, inFlight: u32 }),
    mailbox: fc.record({ messages: u32, bytes: u64, recipients: u32, oldestMs: u64 }),
    limitsHit: fc.array(fc.record({ code: u16, count: u64 }), { maxLength: 4 }),
    links: fc.tuple(...servers.map((server) =>
      fc.record(
        {
          server: fc.constant(server),
          address: anyAddress,
          rttMs: ms,
          costMs: ms,
          queuedBytes: u32,
          upMs: u64,
          nextHopFor: u16,
        },
        { requiredKeys: ["server", "address", "queuedBytes", "upMs", "nextHopFor"] },
      )
    )),
    routes: servers.length === 0 ? fc.constant([]) : fc.array(
      fc.record(
        {
          server: anyUuid,
          address: anyAddress,
          nextHop: fc.constantFrom(...servers),
          hops: u16,
          costMs: ms,
        },
        { requiredKeys: ["server", "address", "nextHop", "hops"] },
      ),
      { maxLength: 6 },
    ),
    leftOut: u16,
    memory: fc.record({ rssBytes: u64, heapBytes: u64 }),
    pages: shortText,
  })
);

const other = fc.record({ server: anyUuid, address: anyAddress });
const notNil = anyUuid.filter((id) => id !== NIL_UUID);
const happening = fc.oneof(
  fc.record({ kind: fc.constant("joined"), user: anyName }),
  fc.record({ kind: fc.constant("left"), user: anyName, reason: shortText }),
  fc.record({ kind: fc.constant("moved"), user: anyName, server: anyUuid }),
  fc.tuple(fc.constantFrom("linkUp", "linkDown"), other).map(([kind, all]) => ({ kind, ...all })),
  fc.record(
    {
      kind: fc.constant("routeChanged"),
      server: anyUuid,
      address: anyAddress,
      nextHop: notNil,
      costMs: ms,
    },
    { requiredKeys: ["kind", "server", "address"] },
  ),
  fc.record({ kind: fc.constant("refused"), who: shortText, code: u16, reason: shortText }),
  fc.record({ kind: fc.constant("draining") }),
  fc.record(
    {
      kind: fc.constant("message"),
      id: anyUuid,
      sender: anyName,
      recipient: anyName,
      count: u16,
      bytes: u32,
      from: notNil,
      to: notNil,
      hop: u16,
    },
    { requiredKeys: ["kind", "id", "sender", "recipient", "count", "bytes", "hop"] },
  ),
);

const payloads: Record<keyof typeof layouts, fc.Arbitrary<unknown>> = {
  request: fc.constant(null),
  servers: anyAddresses,
  users: fc.array(anyName, { maxLength: 20 }),
  allServers: fc.record({ isLast: fc.constant(true), list: anyAddresses }),
  allUsers: fc.record({
    isLast: fc.constant(true),
    list: fc.array(anyName, { maxLength: 20 }),
  }),
  capabilities: fc.uniqueArray(anyText(20).filter(nonEmpty), { maxLength: 10 }),
  announcement: port,
  legacyRegistration: anyName,
  sessionRegistration: fc.record(
    { session: anyUuid, name: anyName, abilities: fc.nat(255), signature: hex(64) },
    { requiredKeys: ["session", "name", "abilities"] },
  ),
  protection,
  sessionWelcome: fc.record({ server: anyUuid, address: anyAddress, name: anyName }),
  peerRegistration: fc.record(
    {
      server: anyUuid,
      address: anyAddress,
      network: fc.oneof(anyUuid, fc.constantFrom("office", "a", `x${"-._Z9".repeat(12)}`)),
      abilities: fc.nat(255),
    },
    { requiredKeys: ["server", "address"] },
    // Abilities follow the network.
  ).filter(({ network, abilities }) => abilities === undefined || network !== undefined),
  serverKey: fc.record(
    { key: hex(32), startedAt: u64, challenge: hex(16), signature: hex(64) },
    { requiredKeys: ["key", "startedAt", "challenge"] },
  ),
  token: fc.stringMatching(/^[A-Za-z0-9_.-]{0,300}$/),
  message,
  outboundMessage: fc.record({ origin: anyUuid, destination: anyUuid, previous: anyUuid, message }),
  batch,
  echo: fc.uint8Array({ maxLength: 300 }).map((bytes) => ({ hex: bytes.toHex() })),
  disconnect: anyName,
  pleaseMove: anyAddresses,
  receipts,
  serverReceipts: fc.record({ to: anyUuid, from: anyUuid, receipts }),
  receiptQuery: fc.record({
    to: anyUuid,
    user: anyName,
    ids: fc.array(anyUuid, { maxLength: 20 }),
  }),
  relayedReceipts: fc.record({ user: anyName, receipts }),
  error: fc.record({ code: u16, message: anyText(300) }),
  presenceSnapshot: fc.tuple(
    fc.record({ server: anyUuid, version: u64, users }),
    fc.uniqueArray(u16, { minLength: 2, maxLength: 2 }),
  ).map(([snapshot, two]) => ({ ...snapshot, part: Math.min(...two), parts: Math.max(...two) })),
  presenceChanges: fc.record({ server: anyUuid, version: u64, changes: users }),
  presenceDigest: fc.array(version, { maxLength: 20 }),
  nameClaim: fc.record(
    {
      to: anyUuid,
      from: anyUuid,
      name: anyName,
      proof: hex(16),
    },
    { requiredKeys: ["to", "from", "name"] },
  ),
  clock: u64,
  protectedNames: fc.array(protection, { maxLength: 5 }),
  presenceNames: fc.array(anyName, { maxLength: 20 }),
  unneededPresence: fc.array(anyUuid, { maxLength: 20 }),
  linkState: fc.record({
    server: anyUuid,
    version: u64,
    address: anyAddress,
    links: fc.array(link, { maxLength: 20 }),
  }),
  statement: fc.record(signed),
  statementTo: fc.record({ ...signed, to: anyUuid }),
  alive: fc.constant(null),
  statusRequest: fc.record(asked),
  status,
  eventsRequest: fc.record({ ...asked, since: u64, max: u16 }),
  events: fc.record({
    number: u32,
    server: anyUuid,
    next: u64,
    lost: u64,
    events: fc.array(
      fc.tuple(fc.record({ sequence: u64, agoMs: u32 }), happening)
        .map(([when, what]) => ({ ...when, ...what })),
      { maxLength: 6 },
    ),
  }),
  usersRequest: fc.record({ ...asked, scope: fc.nat(255), after: shortText }),
  serverUsers: fc.record({
    number: u32,
    server: anyUuid,
    total: u32,
    next: shortText,
    users: fc.array(
      fc.record({ name: anyName, server: anyUuid, kind: fc.nat(255), sinceMs: u64 }),
      { maxLength: 6 },
    ),
  }),
  statusFailure: fc.record({ number: u32, code: u16, message: anyText(300) }),
};

/** A layout by its name, with random payloads and one of its subtypes. */
export interface Case {
  what: string;
  layout: Layout;
  value: fc.Arbitrary<{ subtype: number; payload: unknown }>;
}

/** Every layout with its values; a layout without values is an error. */
export const cases: readonly Case[] = Object.entries(layouts).map(([what, layout]) => {
  const payload = payloads[what];
  if (!payload) throw new Error(`No random values for ${what}`);
  return {
    what,
    layout,
    value: fc.record({ subtype: fc.constantFrom(...layout.subtypes), payload }),
  };
});
