/**
 * Makes frames of type 10 for the fuzzer: requests, and answers that nobody or somebody has asked for. Must not know
 * who gets them.
 *
 * @module
 */
import {
  ErrorCode,
  type FrameWriter,
  type Happening,
  NetlabError,
  writeEventsRequest,
  writeServerEvents,
  writeServerStatus,
  writeServerUsers,
  writeStatusFailure,
  writeStatusRequest,
  writeUsersRequest,
} from "@netlab/protocol";
import { between, pick, type Random } from "../random.ts";

/** The pools from which values come. */
export interface StatusPools {
  readonly random: Random;
  id(): string;
  name(): string;
  address(): string;
  text(): string;
}

/** Returns the writers of these frames. */
export function statusWriters(
  { random, id, name, address, text }: StatusPools,
): ((out: FrameWriter) => void)[] {
  // Few numbers, so that answers meet requests.
  const number = () => between(random, 0, 5);
  const hops = () => between(random, 0, 40);
  const request = () => ({ number: number(), target: id() });
  const happening = (): Happening =>
    pick<() => Happening>(random, [
      () => ({ kind: "joined", user: name() }),
      () => ({ kind: "left", user: name(), reason: text() }),
      () => ({ kind: "moved", user: name(), server: id() }),
      () => ({ kind: "linkUp", server: id(), address: address() }),
      () => ({ kind: "refused", who: name(), code: between(random, 0, 60), reason: text() }),
      () => ({ kind: "draining" }),
      () => ({
        kind: "message",
        id: id(),
        sender: name(),
        recipient: name(),
        count: 1,
        bytes: 5,
        from: id(),
        to: undefined,
        hop: 1,
      }),
    ])();
  return [
    (out) => writeStatusRequest(out, request(), hops()),
    (out) =>
      writeEventsRequest(
        out,
        { ...request(), since: between(random, 0, 2_000), max: between(random, 0, 0xffff) },
        hops(),
      ),
    (out) => {
      const after = random() < 0.5 ? "" : name();
      writeUsersRequest(out, { ...request(), scope: between(random, 0, 2), after }, hops());
    },
    (out) => {
      const link = { server: id(), address: address(), rttMs: 1, costMs: 1 };
      const links = [{ ...link, queuedBytes: 0, upMs: 1, nextHopFor: 1 }];
      const route = { server: id(), address: address(), nextHop: link.server };
      writeServerStatus(out, {
        number: number(),
        server: id(),
        address: address(),
        network: "fuzz",
        version: "1",
        system: "p2p",
        uptimeMs: 1,
        isDraining: random() < 0.5,
        users: 1,
        connections: 1,
        totals: {
          messagesReceived: 1,
          messagesDelivered: 1,
          messagesForwarded: 1,
          messagesStored: 1,
          messagesRefused: 1,
          duplicates: 1,
          bytesRead: 1,
          bytesWritten: 1,
          requestsRefused: 1,
        },
        queues: { outgoingBytes: 1, inFlight: 1 },
        mailbox: { messages: 1, bytes: 1, recipients: 1, oldestMs: 1 },
        limitsHit: [{ code: 20, count: 1 }],
        links,
        routes: [{ ...route, hops: 1, costMs: undefined }],
        leftOut: 0,
        memory: { rssBytes: 1, heapBytes: 1 },
        pages: random() < 0.5 ? "" : `http://${address()}`,
      }, hops());
    },
    (out) => {
      const events = Array.from(
        { length: between(random, 0, 5) },
        (_, sequence) => ({ sequence, agoMs: 1, ...happening() }),
      );
      writeServerEvents(out, { number: number(), server: id(), next: 6, lost: 0, events }, hops());
    },
    (out) => {
      const user = { name: name(), server: id(), kind: between(random, 0, 4), sinceMs: 1 };
      const page = { number: number(), server: id(), total: 1, next: name(), users: [user] };
      writeServerUsers(out, page, hops());
    },
    (out) => {
      const error = new NetlabError(pick(random, Object.values(ErrorCode)), text());
      writeStatusFailure(out, { number: number(), error }, hops());
    },
  ];
}
