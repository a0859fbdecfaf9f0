/**
 * Fuzzes the codec: readers get payloads of their own and of other types. A reader returns a value or throws
 * a `NetlabError`. The decoder finds the same frames however the bytes are cut.
 *
 * @module
 */
import {
  type Frame,
  FrameDecoder,
  FrameWriter,
  NetlabError,
  parseAddress,
  readAnnouncement,
  readBatch,
  readCapabilities,
  readError,
  readEventsRequest,
  readLegacyName,
  readLinkState,
  readLinkStateVersion,
  readLoad,
  readMessage,
  readOutboundMessage,
  readPeerRegistration,
  readPresenceChanges,
  readPresenceDigest,
  readPresenceSnapshot,
  readReceiptQuery,
  readReceipts,
  readRelayedReceipts,
  readServerEvents,
  readServerKey,
  readServerReceipts,
  readServers,
  readServerStatus,
  readServerUsers,
  readSessionRegistration,
  readSessionWelcome,
  readStatement,
  readStatusFailure,
  readStatusRequest,
  readUncheckedItems,
  readUsers,
  readUsersRequest,
} from "@netlab/protocol";
import { between, pick, seeded } from "../random.ts";
import { FrameSource } from "./frame_source.ts";
import type { Finding, FuzzTarget, Round } from "./target.ts";

/** How many frames a round reads. */
const FRAMES = 2_000;
/** How many readers get each payload. */
const READS_PER_FRAME = 3;
const ADDRESSES = ["127.0.0.1:5001", "[::1]:5002", "example.org:5003"];

type Reader = (frame: Frame) => unknown;

/** All readers by name. */
export const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ["announcement", ({ payload }) => readAnnouncement(payload)],
  ["batch", ({ payload }) => readBatch(payload)],
  ["capabilities", ({ payload }) => readLoad(readCapabilities(payload))],
  ["error", (frame) => readError(frame)],
  ["legacy name", ({ payload }) => readLegacyName(payload)],
  ["events", ({ payload }) => readServerEvents(payload)],
  ["events request", ({ payload }) => readEventsRequest(payload)],
  ["link state", ({ payload }) => readLinkState(payload)],
  ["link state version", ({ payload }) => readLinkStateVersion(payload)],
  ["message", ({ payload }) => readMessage(payload)],
  ["outbound message", ({ payload }) => readMessage(readOutboundMessage(payload).message)],
  ["peer registration", ({ payload }) => readPeerRegistration(payload)],
  ["presence changes", ({ payload }) => readPresenceChanges(payload)],
  ["presence digest", ({ payload }) => readPresenceDigest(payload)],
  ["presence snapshot", ({ payload }) => readPresenceSnapshot(payload)],
  ["receipt query", ({ payload }) => readReceiptQuery(payload)],
  ["receipts", ({ payload }) => readReceipts(payload)],
  ["relayed receipts", ({ payload }) => readRelayedReceipts(payload)],
  ["server receipts", ({ payload }) => readServerReceipts(payload)],
  ["server key", ({ payload }) => readServerKey(payload)],
  ["servers", ({ payload }) => readServers(payload).map(parseAddress)],
  ["session registration", ({ payload }) => readSessionRegistration(payload)],
  ["session welcome", ({ payload }) => readSessionWelcome(payload)],
  ["statement", (frame) => readStatement(frame.payload, frame.subtype === 1)],
  ["server users", ({ payload }) => readServerUsers(payload)],
  ["status", ({ payload }) => readServerStatus(payload)],
  ["status failure", ({ payload }) => readStatusFailure(payload)],
  ["status request", ({ payload }) => readStatusRequest(payload)],
  ["unchecked items", ({ payload }) => readUncheckedItems(payload)],
  ["users", ({ payload }) => readUsers(payload)],
  ["users request", ({ payload }) => readUsersRequest(payload)],
]);

const readers = [...READERS];

/** The codec, in this process. */
export class CodecTarget implements FuzzTarget {
  round(seed: number): Promise<Round> {
    const source = new FrameSource(seed, ADDRESSES);
    const random = seeded(seed, 1);
    const findings: Finding[] = [];
    const stream = new FrameWriter();
    const whole: string[] = [];
    const decoder = new FrameDecoder((frame) => {
      whole.push(digest(frame));
      // A failed read costs the trace of an error, so not every reader reads every payload.
      for (let n = 0; n < READS_PER_FRAME; n++) {
        const [name, read] = pick(random, readers);
        try {
          read(frame);
        } catch (error) {
          if (error instanceof NetlabError) continue;
          const inputs = [{ connection: 0, bytes: frame.payload.slice() }];
          findings.push({ what: `The reader of ${name} throws ${error}`, inputs });
        }
      }
    });
    for (let n = 0; n < FRAMES; n++) {
      const bytes = source.next();
      stream.raw(bytes);
      decoder.push(bytes);
    }
    const bytes = stream.take();
    const cut: string[] = [];
    const other = new FrameDecoder((frame) => cut.push(digest(frame)));
    for (let at = 0; at < bytes.length;) {
      const until = Math.min(bytes.length, at + between(random, 1, 200));
      other.push(bytes.subarray(at, until));
      at = until;
    }
    if (whole.join() !== cut.join()) {
      findings.push({ what: "The decoder finds other frames when the bytes are cut differently" });
    }
    return Promise.resolve({ frames: FRAMES, findings });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function digest({ type, subtype, reserved, payload }: Frame): string {
  let sum = 0;
  for (const byte of payload) sum = (31 * sum + byte) | 0;
  return `${type}/${subtype}/${reserved}/${payload.length}/${sum}`;
}
