/**
 * The reader and writer of every payload layout, by the name that it has in the golden vectors. Tests of all
 * layouts iterate over it.
 *
 * @module
 */
import * as p from "@netlab/protocol/codec";

/** The reader and the writer of a layout. */
export interface Layout {
  type: number;
  /** The subtypes that have this layout. */
  subtypes: readonly number[];
  /** The payload as plain JSON. */
  read(frame: p.Frame): unknown;
  /** Writes one frame. */
  // deno-lint-ignore no-explicit-any
  write(out: p.FrameWriter, payload: any, subtype: number, reserved: number): void;
}

const { FrameType } = p;
const { Servers, Users, Capabilities, AllServers, AllUsers } = p.Information;

function list(subtype: number, read: (payload: Uint8Array) => Iterable<string>): Layout {
  return {
    type: FrameType.InformationResponse,
    subtypes: [subtype],
    read: (frame) => [...read(frame.payload)],
    write: (out, items) => p.writeInformationResponse(out, subtype, items),
  };
}

function parts(subtype: number, read: (payload: Uint8Array) => string[]): Layout {
  return {
    type: FrameType.InformationResponse,
    subtypes: [subtype],
    read(frame) {
      const { isLast, list } = p.readInformationPart(frame.payload);
      return { isLast, list: read(list) };
    },
    write(out, { isLast, list }) {
      if (isLast) return p.writeInformationParts(out, subtype, list);
      // All parts but the last one are full.
      out.begin(FrameType.InformationResponse, subtype);
      out.u8(1);
      out.text(list.join("\0"));
      out.end();
    },
  };
}

function empty(frame: p.Frame): null {
  if (frame.payload.length > 0) throw new Error("The payload is not empty");
  return null;
}

function protectedToJson({ key, signature, previous, ...record }: p.ProtectedName) {
  return {
    ...record,
    key: key.toHex(),
    signature: signature.toHex(),
    previous: previous.toHex(),
  };
}

// deno-lint-ignore no-explicit-any
function protectedFromJson({ key, signature, previous, ...record }: any): p.ProtectedName {
  return {
    ...record,
    key: Uint8Array.fromHex(key),
    signature: Uint8Array.fromHex(signature),
    previous: Uint8Array.fromHex(previous),
  };
}

/** Returns a value without the members that are undefined, which JSON does not have. */
function toJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function statementToJson({ key, to, signature, frames, ...rest }: p.Statement) {
  const bytes = { key: key.toHex(), signature: signature.toHex(), frames: frames.toHex() };
  return { ...rest, ...to !== undefined && { to }, ...bytes };
}

// deno-lint-ignore no-explicit-any
function statementFromJson({ key, to, signature, frames, ...rest }: any): p.Statement {
  return {
    ...rest,
    to,
    key: Uint8Array.fromHex(key),
    signature: Uint8Array.fromHex(signature),
    frames: Uint8Array.fromHex(frames),
  };
}

/** All layouts. */
export const layouts: Readonly<Record<string, Layout>> = {
  request: {
    type: FrameType.InformationRequest,
    subtypes: [Servers, Users, Capabilities, AllServers, AllUsers],
    read: empty,
    write: (out, _, subtype) => p.writeInformationRequest(out, subtype),
  },
  servers: list(Servers, p.readServers),
  users: list(Users, p.readUsers),
  allServers: parts(AllServers, p.readServers),
  allUsers: parts(AllUsers, p.readUsers),
  capabilities: list(Capabilities, p.readCapabilities),
  announcement: {
    type: FrameType.InformationResponse,
    subtypes: [Users],
    read: (frame) => p.readAnnouncement(frame.payload),
    write: (out, port) => p.writeAnnouncement(out, port),
  },
  legacyRegistration: {
    type: FrameType.Registration,
    subtypes: [p.Registration.LegacyUser],
    read: (frame) => p.readLegacyName(frame.payload),
    write: (out, name) => p.writeLegacyRegistration(out, name),
  },
  sessionRegistration: {
    type: FrameType.Registration,
    subtypes: [p.Registration.Session],
    read(frame) {
      const { signature, ...registration } = p.readSessionRegistration(frame.payload);
      return { ...registration, ...signature && { signature: signature.toHex() } };
    },
    write(out, { signature, ...registration }) {
      const bytes = signature === undefined ? {} : { signature: Uint8Array.fromHex(signature) };
      p.writeSessionRegistration(out, { ...registration, ...bytes });
    },
  },
  sessionWelcome: {
    type: FrameType.Registration,
    subtypes: [p.Registration.Session],
    read: (frame) => p.readSessionWelcome(frame.payload),
    write: (out, value) => p.writeSessionWelcome(out, value),
  },
  protection: {
    type: FrameType.Registration,
    subtypes: [p.Registration.Protect],
    read: (frame) => protectedToJson(p.readProtection(frame.payload)),
    write: (out, value) => p.writeProtection(out, protectedFromJson(value)),
  },
  peerRegistration: {
    type: FrameType.Registration,
    subtypes: [p.Registration.Peer],
    read: (frame) => p.readPeerRegistration(frame.payload),
    write: (out, value) => p.writePeerRegistration(out, value),
  },
  serverKey: {
    type: FrameType.Registration,
    subtypes: [p.Registration.ServerKey],
    read(frame) {
      const { key, startedAt, challenge, signature } = p.readServerKey(frame.payload);
      const proof = { key: key.toHex(), startedAt, challenge: challenge.toHex() };
      return { ...proof, ...signature && { signature: signature.toHex() } };
    },
    write(out, { key, startedAt, challenge, signature }) {
      p.writeServerKey(out, {
        key: Uint8Array.fromHex(key),
        startedAt,
        challenge: Uint8Array.fromHex(challenge),
        ...signature !== undefined && { signature: Uint8Array.fromHex(signature) },
      });
    },
  },
  token: {
    type: FrameType.Registration,
    subtypes: [p.Registration.Token],
    read: (frame) => p.readToken(frame.payload),
    write: (out, token) => p.writeToken(out, token),
  },
  message: {
    type: FrameType.Message,
    subtypes: [p.MessageKind.Ephemeral, p.MessageKind.Durable],
    read: (frame) => p.readMessage(frame.payload),
    write(out, value, subtype, reserved) {
      if (reserved === 0) return p.writeMessage(out, value, subtype);
      // Servers forward a message unchanged and only count its hops.
      const own = new p.FrameWriter();
      p.writeMessage(own, value, subtype);
      new p.FrameDecoder((frame) => out.forward(frame, reserved)).push(own.take());
    },
  },
  outboundMessage: {
    type: FrameType.Message,
    subtypes: [p.MessageKind.Outbound, p.MessageKind.HandedOff],
    read(frame) {
      const { message, ...ids } = p.readOutboundMessage(frame.payload);
      return { ...ids, message: p.readMessage(message) };
    },
    write(out, { message, ...ids }, subtype, hops) {
      const own = new p.FrameWriter();
      p.writeMessage(own, message, p.MessageKind.Durable);
      const encoded = { ...ids, message: own.take().subarray(p.HEADER_BYTES) };
      p.writeOutboundMessage(out, encoded, subtype, hops);
    },
  },
  batch: {
    type: FrameType.Message,
    subtypes: [p.MessageKind.Batch],
    read: (frame) => p.readBatch(frame.payload),
    write: (out, value, _, hops) => p.writeBatch(out, value, hops),
  },
  echo: {
    type: FrameType.Echo,
    subtypes: [0],
    read: (frame) => ({ hex: frame.payload.toHex() }),
    write: (out, { hex }) => out.frame(FrameType.Echo, 0, Uint8Array.fromHex(hex)),
  },
  disconnect: {
    type: FrameType.Disconnect,
    subtypes: [p.DisconnectKind.Leave, p.DisconnectKind.Move],
    read: (frame) => p.readLegacyName(frame.payload),
    write: (out, name, subtype) => p.writeDisconnect(out, name, subtype),
  },
  pleaseMove: {
    type: FrameType.Disconnect,
    subtypes: [p.DisconnectKind.MoveRequest],
    read: (frame) => p.readServers(frame.payload),
    write: (out, servers) => p.writeMoveRequest(out, servers),
  },
  serverReceipts: {
    type: FrameType.Receipt,
    subtypes: [p.ReceiptKind.ToServer],
    read: (frame) => p.readServerReceipts(frame.payload),
    write: (out, value, _, hops) => p.writeServerReceipts(out, value, hops),
  },
  receiptQuery: {
    type: FrameType.Receipt,
    subtypes: [p.ReceiptKind.Query],
    read: (frame) => p.readReceiptQuery(frame.payload),
    write: (out, value, _, hops) => p.writeReceiptQuery(out, value, hops),
  },
  receipts: {
    type: FrameType.Receipt,
    subtypes: [p.ReceiptKind.ToUser],
    read: (frame) => p.readReceipts(frame.payload),
    write: (out, receipts) => p.writeReceipts(out, receipts),
  },
  relayedReceipts: {
    type: FrameType.Receipt,
    subtypes: [p.ReceiptKind.Relayed],
    read: (frame) => p.readRelayedReceipts(frame.payload),
    write: (out, { user, receipts }, _, hops) => p.writeRelayedReceipts(out, user, receipts, hops),
  },
  error: {
    type: FrameType.Error,
    subtypes: [p.ErrorKind.Recoverable, p.ErrorKind.Fatal],
    read(frame) {
      const { code, message, fatal } = p.readError(frame);
      if (fatal !== (frame.subtype === p.ErrorKind.Fatal)) throw new Error("Not fatal or too much");
      return { code, message };
    },
    write: (out, { code, message }, subtype) =>
      p.writeError(out, new p.NetlabError(code, message, { fatal: subtype === 1 })),
  },
  presenceSnapshot: {
    type: FrameType.Presence,
    subtypes: [p.PresenceKind.Snapshot],
    read: (frame) => p.readPresenceSnapshot(frame.payload),
    write: (out, value) => p.writePresenceSnapshot(out, value),
  },
  presenceChanges: {
    type: FrameType.Presence,
    subtypes: [p.PresenceKind.Changes],
    read: (frame) => p.readPresenceChanges(frame.payload),
    write: (out, value) => p.writePresenceChanges(out, value),
  },
  presenceDigest: {
    type: FrameType.Presence,
    subtypes: [p.PresenceKind.Digest],
    read: (frame) => p.readPresenceDigest(frame.payload),
    write: (out, versions) => p.writePresenceDigest(out, versions),
  },
  nameClaim: {
    type: FrameType.Presence,
    subtypes: [p.PresenceKind.Claim, p.PresenceKind.Held],
    read(frame) {
      const { proof, ...claim } = p.readNameClaim(frame.payload);
      return { ...claim, ...proof && { proof: proof.toHex() } };
    },
    write(out, { proof, ...claim }, subtype, hops) {
      const bytes = proof === undefined ? {} : { proof: Uint8Array.fromHex(proof) };
      p.writeNameClaim(out, subtype, { ...claim, ...bytes }, hops);
    },
  },
  protectedNames: {
    type: FrameType.Presence,
    subtypes: [p.PresenceKind.Protected],
    read: (frame) => p.readProtectedNames(frame.payload).map(protectedToJson),
    write: (out, records) => p.writeProtectedNames(out, records.map(protectedFromJson)),
  },
  clock: {
    type: FrameType.Presence,
    subtypes: [p.PresenceKind.Clock],
    read: (frame) => p.readClock(frame.payload),
    write: (out, value) => p.writeClock(out, value),
  },
  presenceNames: {
    type: FrameType.Presence,
    subtypes: [p.PresenceKind.Names],
    read: (frame) => p.readPresenceNames(frame.payload),
    write: (out, names) => p.writePresenceNames(out, names),
  },
  unneededPresence: {
    type: FrameType.Presence,
    subtypes: [p.PresenceKind.Unneeded],
    read: (frame) => p.readUnneededPresence(frame.payload),
    write: (out, servers) => p.writeUnneededPresence(out, servers),
  },
  linkState: {
    type: FrameType.LinkState,
    subtypes: [p.LinkStateKind.Links],
    read: (frame) => p.readLinkState(frame.payload),
    write: (out, value, _, reserved) => p.writeLinkState(out, value, reserved),
  },
  statement: {
    type: FrameType.Statement,
    subtypes: [p.StatementKind.ForAll],
    read: (frame) => statementToJson(p.readStatement(frame.payload, false)),
    write: (out, value, _, age) => p.writeStatement(out, statementFromJson(value), age),
  },
  statementTo: {
    type: FrameType.Statement,
    subtypes: [p.StatementKind.ForOne],
    read: (frame) => statementToJson(p.readStatement(frame.payload, true)),
    write: (out, value, _, hops) => p.writeStatement(out, statementFromJson(value), hops),
  },
  alive: {
    type: FrameType.LinkState,
    subtypes: [p.LinkStateKind.Heartbeat],
    read: empty,
    write: (out) => p.writeHeartbeat(out),
  },
  statusRequest: {
    type: FrameType.Status,
    subtypes: [p.StatusKind.StatusRequest],
    read: (frame) => p.readStatusRequest(frame.payload),
    write: (out, value, _, hops) => p.writeStatusRequest(out, value, hops),
  },
  status: {
    type: FrameType.Status,
    subtypes: [p.StatusKind.StatusAnswer],
    read: (frame) => toJson(p.readServerStatus(frame.payload)),
    write: (out, value, _, hops) => p.writeServerStatus(out, value, hops),
  },
  eventsRequest: {
    type: FrameType.Status,
    subtypes: [p.StatusKind.EventsRequest],
    read: (frame) => p.readEventsRequest(frame.payload),
    write: (out, value, _, hops) => p.writeEventsRequest(out, value, hops),
  },
  events: {
    type: FrameType.Status,
    subtypes: [p.StatusKind.EventsAnswer],
    read: (frame) => toJson(p.readServerEvents(frame.payload)),
    write: (out, value, _, hops) => p.writeServerEvents(out, value, hops),
  },
  usersRequest: {
    type: FrameType.Status,
    subtypes: [p.StatusKind.UsersRequest],
    read: (frame) => p.readUsersRequest(frame.payload),
    write: (out, value, _, hops) => p.writeUsersRequest(out, value, hops),
  },
  serverUsers: {
    type: FrameType.Status,
    subtypes: [p.StatusKind.UsersAnswer],
    read: (frame) => p.readServerUsers(frame.payload),
    write: (out, value, _, hops) => p.writeServerUsers(out, value, hops),
  },
  statusFailure: {
    type: FrameType.Status,
    subtypes: [p.StatusKind.Failure],
    read(frame) {
      const { number, error: { code, message } } = p.readStatusFailure(frame.payload);
      return { number, code, message };
    },
    write: (out, { number, code, message }, _, hops) =>
      p.writeStatusFailure(out, { number, error: new p.NetlabError(code, message) }, hops),
  },
};

/** The layout of that name. */
export function layout(what: string): Layout {
  const found = layouts[what];
  if (!found) throw new Error(`No layout is called ${what}`);
  return found;
}

/** The frames in `bytes`, each with its own copy of the bytes. */
export function framesIn(bytes: Uint8Array): p.Frame[] {
  const frames: p.Frame[] = [];
  const decoder = new p.FrameDecoder((frame) => frames.push(frame.copy()));
  decoder.push(bytes);
  if (decoder.pendingBytes > 0) throw new Error(`${decoder.pendingBytes} bytes are left over`);
  return frames;
}
